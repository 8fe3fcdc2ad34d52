//! Restrictions on a sender or recipient address (access-milter-postscreen §3.4 to §3.6).

use bstr::{BString, ByteSlice};
use dns::{ErrorKind, Type};
use ipc::rewrite::resolved;
use text::address::split_domain;

use crate::names::{is_hostname, without_final_dot};
use crate::reply::{Class, rejected};
use crate::rule::{Rule, Target};
use crate::run::{Deferral, Outcome, Run, Step, Stop};

/// What an address is to a reply.
pub(crate) fn class_of(target: Target) -> Class {
    if target == Target::Sender { Class::Sender } else { Class::Recipient }
}

/// Which of two depends on what the address is.
pub(crate) fn by_target<T>(target: Target, sender: T, recipient: T) -> T {
    if target == Target::Sender { sender } else { recipient }
}

impl Run<'_> {
    /// A restriction on an address, which is not empty.
    pub fn check_address(&mut self, rule: Rule, target: Target, address: &BString) -> Outcome {
        match rule {
            Rule::RejectUnknownDomain(_) => self.check_domain_exists(target, address),
            Rule::RejectNonFqdn(_) => Ok(self.check_is_qualified(target, address)),
            Rule::RejectUnverified(_) => self.check_verified(target, address),
            _ => self.check_listed(target, address),
        }
    }

    fn check_is_qualified(&mut self, target: Target, address: &BString) -> Step {
        let domain = address.rsplit_once_str("@").map_or(b"".as_slice(), |(_, domain)| domain);
        let name = without_final_dot(domain);
        let is_good = domain.starts_with(b"[")
            || (!name.is_empty() && is_hostname(name, self.rules.settings.utf8) && name.contains(&b'.'));
        if is_good {
            return Step::Dunno;
        }
        let code = self.rules.settings.codes.non_fqdn_reject;
        self.reject_as(code, "5.5.2", (address, class_of(target)), "need fully-qualified address")
    }

    fn check_domain_exists(&mut self, target: Target, address: &BString) -> Result<Step, Stop> {
        const OURS: i32 = resolved::LOCAL | resolved::ALIAS | resolved::VIRTUAL;
        let resolved = self.resolve(target, address)?;
        let (_, domain) = split_domain(&resolved.recipient);
        let Some(domain) = domain.filter(|domain| !domain.starts_with(b"[")) else { return Ok(Step::Dunno) };
        if resolved.flags & OURS != 0 {
            return Ok(Step::Dunno);
        }
        let Some(trouble) = self.find_host(domain, &[Type::MX, Type::A, Type::AAAA]) else {
            return Ok(Step::Dunno);
        };
        let class = class_of(target);
        let code = self.rules.settings.codes.unknown_address_reject;
        let status = by_target(target, "4.1.8", "4.1.2");
        Ok(match trouble {
            ErrorKind::NullMx => {
                let (code, status) = by_target(target, (550, "5.7.27"), (556, "5.1.10"));
                let why = [b"Domain ", domain, b" does not accept mail (nullMX)"].concat();
                self.reject(code, status.as_bytes(), rejected(address, class, why))
            }
            ErrorKind::NotFound | ErrorKind::Fail | ErrorKind::NullSrv => {
                self.reject_as(code, status, (address, class), "Domain not found")
            }
            ErrorKind::Invalid => self.reject_as(code, status, (address, class), "Malformed DNS server reply"),
            ErrorKind::Filtered => {
                let domain = text::show(domain);
                log::warn!("{domain}: MX or address lookup error: DNS reply filter drops all results");
                Step::Dunno
            }
            ErrorKind::TryAgain => {
                let text = rejected(address, class, "Domain not found");
                let action = self.rules.settings.unknown_address_tempfail;
                self.defer_if_permit(action, Deferral::new(450, status, text))
            }
        })
    }
}
