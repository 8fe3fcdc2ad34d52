//! Where a recipient goes (qmgr-bounce §2.9).

use address::{Class, Resolver, Rewriter};
use bstr::{BStr, BString, ByteSlice};
use config::{Config, params};
use ipc::bounce::Recipient;
use ipc::delivery::flag;
use ipc::rewrite::resolved;
use logging::fatal;
use text::address::{Delimiter, split_domain};

use crate::message::Message;

/// What is decided about a recipient, before transports and destinations are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To this transport and next hop; the recipient's address has been replaced.
    To { transport: BString, nexthop: BString },
    /// A notice to the postmaster that could not be delivered: it ends here.
    DoubleBounce,
}

/// The parameters that routing depends on.
#[derive(Clone, Debug)]
pub struct Rules {
    error_service: BString,
    retry_service: BString,
    filter_nexthop: BString,
    myhostname: BString,
    double_bounce: BString,
    defer_transports: Vec<BString>,
    delimiter: BString,
    owner_request_special: bool,
}

impl Rules {
    pub fn new(config: &Config) -> Self {
        let transports = text::list::split(config.get(params::DEFER_TRANSPORTS), b", \t\r\n");
        Self {
            error_service: config.get(params::ERROR_SERVICE_NAME).into(),
            retry_service: deliver::RETRY_SERVICE.into(),
            filter_nexthop: config.get(params::DEFAULT_FILTER_NEXTHOP).into(),
            myhostname: config.get(params::MYHOSTNAME).into(),
            double_bounce: config.get(params::DOUBLE_BOUNCE_SENDER).into(),
            defer_transports: transports.map(BString::from).collect(),
            delimiter: config.get(params::RECIPIENT_DELIMITER).into(),
            owner_request_special: config.get(params::OWNER_REQUEST_SPECIAL),
        }
    }

    /// Steps 1 to 8 of §2.9. `too_many_probes`: the active queue has more than enough of them.
    pub fn route(
        &self,
        message: &Message,
        recipient: &mut Recipient,
        resolver: &mut (impl Resolver + Rewriter),
        too_many_probes: bool,
    ) -> Route {
        let (mut transport, mut nexthop, flags) = self.resolve(message, recipient, resolver);
        let deferred_transport = self.defer_transports.contains(&transport);
        let mut divert = |service: &BString, text: &str| {
            transport = service.clone();
            nexthop = text.into();
        };
        if recipient.address.is_empty() {
            divert(&self.error_service, "5.1.3 null recipient address");
        } else if message.force_expire {
            divert(&self.retry_service, "4.7.0 message is administratively expired");
        } else if flags & resolved::LOCAL != 0 && self.is_double_bounce(&recipient.address) {
            return Route::DoubleBounce;
        } else if !message.scan.ignore_deferred_transports && !message.unthrottle && deferred_transport {
            divert(&self.retry_service, "4.3.2 deferred transport");
        } else if message.trace_flags & flag::MTA_VERIFY != 0 && too_many_probes {
            divert(&self.retry_service, "4.3.2 Too many address verification requests");
        }
        Route::To { transport, nexthop }
    }

    fn resolve(
        &self,
        message: &Message,
        recipient: &mut Recipient,
        resolver: &mut (impl Resolver + Rewriter),
    ) -> (BString, BString, i32) {
        if let Some(redirect) = &message.redirect {
            recipient.address = resolver.rewrite_internal("local", redirect).unwrap_or_else(|error| fatal!("{error}"));
        } else if let Some(filter) = message.filter.as_ref().filter(|_| !message.is_probe()) {
            let (transport, nexthop) = filter.split_once_str(":").unwrap_or((filter.as_slice(), b""));
            return (transport.into(), self.filter_nexthop(nexthop, &recipient.address), 0);
        }
        let probe = message.trace_flags & flag::MTA_VERIFY != 0;
        let class = if probe { Class::Verify } else { Class::Resolve };
        let reply =
            resolver.resolve(class, message.sender(), &recipient.address).unwrap_or_else(|error| fatal!("{error}"));
        recipient.address = reply.recipient;
        if reply.flags & resolved::FAIL != 0 {
            return (self.retry_service.clone(), "4.3.0 address resolver failure".into(), 0);
        }
        if reply.flags & resolved::ERROR != 0 {
            return (self.error_service.clone(), "5.1.3 bad address syntax".into(), 0);
        }
        (reply.transport, reply.nexthop, reply.flags)
    }

    fn filter_nexthop(&self, nexthop: &[u8], address: &[u8]) -> BString {
        let domain = split_domain(address).1.unwrap_or_default();
        let candidates: [&[u8]; 4] = [nexthop, &self.filter_nexthop, domain, &self.myhostname];
        candidates.into_iter().find(|candidate| !candidate.is_empty()).unwrap_or_default().into()
    }

    fn is_double_bounce(&self, address: &[u8]) -> bool {
        split_domain(address).0.eq_ignore_ascii_case(&self.double_bounce)
    }

    /// The name of the destination: the next hop, or, when each request has one recipient, user and next hop. In lower case.
    pub fn destination_name(
        &self,
        transport: &BStr,
        nexthop: &BStr,
        recipient: &[u8],
        recipient_limit: usize,
    ) -> BString {
        let fixed = transport == self.error_service || transport == self.retry_service;
        if recipient_limit != 1 || fixed {
            return text::fold(nexthop, true);
        }
        let (local, _) = split_domain(recipient);
        let delimiter = Delimiter {
            characters: &self.delimiter,
            double_bounce_sender: &self.double_bounce,
            owner_request_special: self.owner_request_special,
        };
        let user = delimiter.split(local).map_or(local, |(user, _)| user);
        text::fold(&[user, b"@", nexthop].concat(), true)
    }
}

/// The order in which recipients are resolved: by domain, then by address; those without a domain last.
pub fn sort_by_domain(recipients: &mut [Recipient]) {
    recipients.sort_by_cached_key(|recipient| {
        let domain = split_domain(&recipient.address).1.map(|domain| domain.to_ascii_lowercase());
        (domain.is_none(), domain, recipient.address.clone())
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::ScanFlags;
    use ipc::Unreachable;
    use ipc::rewrite::Resolved;
    use queue::QueueId;

    #[derive(Debug)]
    struct Fixed(i32);

    impl Resolver for Fixed {
        fn resolve(&mut self, class: Class, _sender: &[u8], address: &[u8]) -> Result<Resolved, Unreachable> {
            let transport = if class == Class::Verify { "verified" } else { "smtp" };
            Ok(Resolved {
                transport: transport.into(),
                nexthop: "Hop".into(),
                recipient: address.into(),
                flags: self.0,
                ..Resolved::default()
            })
        }
    }

    impl Rewriter for Fixed {
        fn rewrite(&mut self, _rule: &str, address: &[u8]) -> Result<BString, Unreachable> {
            Ok([address, b"@rewritten"].concat().into())
        }
    }

    fn rules(pairs: &[(&str, &str)]) -> Rules {
        Rules::new(&Config::for_tests(pairs))
    }

    fn message() -> Message {
        Message::new(QueueId::parse("1").unwrap(), ScanFlags::default())
    }

    fn route(rules: &Rules, message: &Message, address: &str, flags: i32) -> (String, String, String) {
        let mut recipient = Recipient { address: address.into(), ..Recipient::default() };
        match rules.route(message, &mut recipient, &mut Fixed(flags), false) {
            Route::To { transport, nexthop } => {
                (transport.to_string(), nexthop.to_string(), recipient.address.to_string())
            }
            Route::DoubleBounce => ("double".into(), String::new(), String::new()),
        }
    }

    fn strings(transport: &str, nexthop: &str, address: &str) -> (String, String, String) {
        (transport.into(), nexthop.into(), address.into())
    }

    #[test]
    fn the_ordinary_way_and_its_failures() {
        let rules = rules(&[]);
        assert_eq!(route(&rules, &message(), "a@b", resolved::DEFAULT), strings("smtp", "Hop", "a@b"));
        assert_eq!(route(&rules, &message(), "a@b", resolved::FAIL).1, "4.3.0 address resolver failure");
        assert_eq!(
            route(&rules, &message(), "a@b", resolved::ERROR),
            strings("error", "5.1.3 bad address syntax", "a@b")
        );
        assert_eq!(route(&rules, &message(), "", resolved::DEFAULT).1, "5.1.3 null recipient address");
        assert_eq!(route(&rules, &message(), "double-bounce@here", resolved::LOCAL).0, "double");
    }

    #[test]
    fn filters_redirects_and_deferred_transports() {
        let deferring = rules(&[("defer_transports", "lmtp, smtp")]);
        assert_eq!(route(&deferring, &message(), "a@b", 0).1, "4.3.2 deferred transport");
        let mut flushed = message();
        flushed.scan.ignore_deferred_transports = true;
        assert_eq!(route(&deferring, &flushed, "a@b", 0).0, "smtp");
        let filtered = Message { filter: Some("scan:".into()), ..message() };
        assert_eq!(route(&rules(&[]), &filtered, "a@b", 0), strings("scan", "b", "a@b"));
        let redirected = Message { redirect: Some("r".into()), ..message() };
        assert_eq!(route(&rules(&[]), &redirected, "a@b", 0), strings("smtp", "Hop", "r@rewritten"));
        let expired = Message { force_expire: true, ..message() };
        assert_eq!(route(&rules(&[]), &expired, "a@b", 0).1, "4.7.0 message is administratively expired");
    }

    #[test]
    fn destinations_have_names() {
        let rules = rules(&[("recipient_delimiter", "+")]);
        let name = |transport: &str, limit| {
            rules.destination_name(transport.into(), "Host".into(), b"U+x@d", limit).to_string()
        };
        assert_eq!(name("smtp", 50), "host");
        assert_eq!(name("local", 1), "u@host");
        assert_eq!(name("retry", 1), "host");
    }

    #[test]
    fn recipients_are_sorted_by_domain() {
        let mut recipients: Vec<_> = ["z", "b@B", "a@c", "a@b"]
            .map(|address| Recipient { address: address.into(), ..Recipient::default() })
            .into();
        sort_by_domain(&mut recipients);
        let order: Vec<_> = recipients.iter().map(|recipient| recipient.address.to_string()).collect();
        assert_eq!(order, ["a@b", "b@B", "a@c", "z"]);
    }
}
