//! The reply to what a DNS list lists: a template (access-milter-postscreen §3.7).

use bstr::{BString, ByteSlice};
use text::address::split_domain;
use text::expand::{Options, expand};
use text::space::trim_start;

use super::{List, Listed, Listing};
use crate::run::{Outcome, Run, Stop};

/// The status code of a reply that has none of its own.
const DEFAULT_STATUS: &str = "4.7.1";
const UNAVAILABLE: &[u8] = b"Service unavailable";

impl Run<'_> {
    /// Rejects what a list lists.
    pub(super) fn reject_by_list(&mut self, list: &List<'_>, listing: &Listing, listed: &Listed<'_>) -> Outcome {
        let text = self.expand_reply(list, listing, listed)?;
        let code = match text.as_slice() {
            [class @ (b'4' | b'5'), tens @ b'0'..=b'9', ones @ b'0'..=b'9', b' ' | b'\t', ..] => {
                let digit = |byte: &u8| i64::from(byte - b'0');
                digit(class) * 100 + digit(tens) * 10 + digit(ones)
            }
            _ => {
                log::warn!("rbl response code configuration error: {}", text::show(&text));
                return Ok(self.reject(450, DEFAULT_STATUS.as_bytes(), UNAVAILABLE));
            }
        };
        let (status, reason) = listed.class.split(DEFAULT_STATUS, trim_start(&text[4..]));
        Ok(self.reject(code, &status, if reason.is_empty() { UNAVAILABLE } else { reason }))
    }

    /// The template of the list, or the one for all.
    fn expand_reply(&mut self, list: &List<'_>, listing: &Listing, listed: &Listed<'_>) -> Result<BString, Stop> {
        let own = match self.rules.rbl_reply.find(list.argument) {
            Ok(own) => own,
            Err(table::Error::Fatal(text)) => return Err(Stop::Fatal(text)),
            Err(_) => return Err(self.server_error()),
        };
        if let Some(template) = own {
            if let Some(text) = self.expand_template(&template, list, listing, listed) {
                return Ok(text);
            }
            let (argument, template) = (text::show(list.argument), text::show(&template));
            log::warn!("rbl_reject_reply: bad rbl reply template for domain {argument}: {template}");
        }
        let template = &self.rules.settings.default_rbl_reply;
        self.expand_template(template, list, listing, listed).ok_or_else(|| {
            Stop::Fatal(format!("rbl_reject_reply: bad default rbl reply template: {}", text::show(template)))
        })
    }

    /// `None`: the template has a mistake, which has been logged.
    fn expand_template(
        &self,
        template: &[u8],
        list: &List<'_>,
        listing: &Listing,
        listed: &Listed<'_>,
    ) -> Option<BString> {
        let mut is_good = true;
        let mut value = |name: &[u8]| {
            let value = self.macro_value(name, list, listing, listed);
            if value.is_none() {
                log::warn!("unknown macro name \"{}\" in expansion request", text::show(name));
                is_good = false;
            }
            value
        };
        let options = Options { recursive: false, filter: Some(&self.rules.settings.expansion_filter) };
        let expanded = expand(template, &options, &mut value);
        match expanded {
            Ok(expanded) if is_good => Some(expanded.text),
            Ok(_) => None,
            Err(error) => {
                log::warn!("{error}");
                None
            }
        }
    }

    fn macro_value(&self, name: &[u8], list: &List<'_>, listing: &Listing, listed: &Listed<'_>) -> Option<BString> {
        let (facts, client) = (self.facts, &self.facts.client);
        let (sender, recipient) = (facts.sender.as_ref(), self.recipient);
        Some(match name {
            b"rbl_code" => self.rules.settings.codes.maps_rbl_reject.to_string().into(),
            b"rbl_domain" => list.domain.into(),
            b"rbl_reason" | b"rbl_txt" => listing.text.clone(),
            b"rbl_what" => listed.what.into(),
            b"rbl_class" => listed.class.text().into(),
            b"client" => client.namaddr.clone(),
            b"client_address" => client.address.clone(),
            b"client_name" => client.name.clone(),
            b"client_port" => client.port.clone(),
            b"reverse_client_name" => client.reverse_name.clone(),
            b"helo_name" => facts.helo.clone().unwrap_or_default(),
            b"sender" => whole(sender),
            b"sender_name" => local_part(sender),
            b"sender_domain" => domain(sender),
            b"recipient" => whole(recipient),
            b"recipient_name" => local_part(recipient),
            b"recipient_domain" => domain(recipient),
            b"server_name" => self.rules.settings.myhostname.clone(),
            b"localtime" => text::date::local_format(self.doors.clock.now(), "%b %d %H:%M:%S").into(),
            _ => return None,
        })
    }
}

fn whole(address: Option<&BString>) -> BString {
    match address {
        None => BString::default(),
        Some(address) if address.is_empty() => "<>".into(),
        Some(address) => address.clone(),
    }
}

fn local_part(address: Option<&BString>) -> BString {
    match address {
        Some(address) if !address.is_empty() => split_domain(address).0.into(),
        address => whole(address),
    }
}

fn domain(address: Option<&BString>) -> BString {
    address.and_then(|address| split_domain(address).1).map(|domain| domain.as_bstr().to_owned()).unwrap_or_default()
}
