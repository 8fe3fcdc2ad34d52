//! Looking things up in access tables (access-milter-postscreen §4.1 to §4.3, §4.6).

use address::parents;
use bstr::BString;
use ipc::rewrite::Resolved;
use table::{Error, Maps};
use text::address::{quote, quote_local, split_domain};

use crate::certificate::Property;
use crate::evaluate::Subject;
use crate::names::is_address;
use crate::reply::Class;
use crate::rule::{Rule, Target};
use crate::run::{Outcome, Run, Step, Stop};

/// What counts as the result when a table cannot be searched.
const FAILED: &[u8] = b"451 4.3.5 Server configuration error";

/// A key that is looked up. A partial one is a part of what is wanted: it makes no sense in a table of patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LookupKey {
    text: BString,
    is_partial: bool,
}

impl LookupKey {
    pub fn full(text: impl Into<BString>) -> Self {
        LookupKey { text: text.into(), is_partial: false }
    }

    fn partial(text: impl Into<BString>) -> Self {
        LookupKey { text: text.into(), is_partial: true }
    }
}

/// The keys of a host: its name, and the domains that it is in.
pub(crate) fn domain_keys(name: &[u8], plain_parents: bool) -> Vec<LookupKey> {
    let mut keys = vec![LookupKey::full(name)];
    if !is_address(name) {
        keys.extend(parents(name, plain_parents).map(LookupKey::partial));
    }
    keys
}

/// The keys of a network address: it, and the networks that it is in.
pub(crate) fn address_keys(address: &[u8]) -> Vec<LookupKey> {
    let separator = if address.contains(&b':') { b':' } else { b'.' };
    let mut keys = vec![LookupKey::full(address)];
    let mut rest = address;
    while let Some(end) = rest.iter().rposition(|&byte| byte == separator) {
        rest = &rest[..end];
        keys.push(LookupKey::partial(rest));
    }
    keys
}

/// What was found.
pub(crate) struct Found {
    key: BString,
    value: BString,
}

impl Run<'_> {
    /// The first key that a table has. A table that fails has an error for all keys.
    pub fn find(&mut self, function: &str, table: &BString, keys: &[LookupKey]) -> Result<Option<Found>, Stop> {
        let Some(open) = self.rules.tables.get(table) else {
            log::warn!("{function}: unexpected dictionary: {}", text::show(table));
            return Ok(Some(Found { key: BString::default(), value: FAILED.into() }));
        };
        for key in keys {
            let value = match open.find_in(&key.text, key.is_partial) {
                Ok(None) => continue,
                Ok(Some((value, _))) => value,
                Err(Error::Fatal(text)) => return Err(Stop::Fatal(text)),
                Err(_) => FAILED.into(),
            };
            return Ok(Some(Found { key: key.text.clone(), value }));
        }
        Ok(None)
    }

    /// Does what was found says.
    pub fn act_on(&mut self, table: &[u8], found: Option<Found>, subject: Subject<'_>) -> Outcome {
        match found {
            Some(Found { key, value }) => self.act(table, &key, &value, subject),
            None => Ok(Step::Dunno),
        }
    }

    /// A restriction with a table.
    pub fn check_table(&mut self, rule: Rule, word: &[u8], table: &BString) -> Outcome {
        match rule {
            Rule::CheckAccess(target) => self.check_access(target, word, table),
            Rule::CheckServerAccess(target, servers) => self.check_server_access(target, servers, word, table),
            Rule::CheckCcertAccess => self.check_certificate(table),
            _ => self.check_login(word, table),
        }
    }

    fn check_access(&mut self, target: Target, word: &[u8], table: &BString) -> Outcome {
        let facts = self.facts;
        let client = &facts.client;
        match target {
            Target::Client => {
                let subject = Subject::of(&client.namaddr, Class::Client);
                self.check_host(table, &client.name, subject)
            }
            Target::ReverseClient => {
                let subject = Subject::of(&client.reverse_name, Class::UnverifiedClient);
                let outcome = self.check_host(table, &client.reverse_name, subject)?;
                self.forbid_permit(outcome, word, &client.reverse_name)
            }
            Target::Helo => match &facts.helo {
                Some(helo) => self.check_domain(table, helo, Subject::of(helo, Class::Helo)),
                None => Ok(Step::Dunno),
            },
            Target::Etrn => match &facts.etrn_domain {
                Some(domain) => self.check_domain(table, domain, Subject::of(domain, Class::Etrn)),
                None => Ok(Step::Dunno),
            },
            Target::Sender | Target::Recipient => match self.address_of(target) {
                Some(address) => {
                    let class = if target == Target::Sender { Class::Sender } else { Class::Recipient };
                    self.check_mail(table, target, Subject::of(address, class))
                }
                None => Ok(Step::Dunno),
            },
        }
    }

    /// A client: by name, then by address.
    fn check_host(&mut self, table: &BString, name: &[u8], subject: Subject<'_>) -> Outcome {
        let mut found = self.find("check_domain_access", table, &domain_keys(name, self.rules.plain_parents))?;
        if found.is_none() {
            found = self.find("check_addr_access", table, &address_keys(&self.facts.client.address))?;
        }
        self.act_on(table, found, subject)
    }

    fn check_domain(&mut self, table: &BString, name: &[u8], subject: Subject<'_>) -> Outcome {
        let found = self.find("check_domain_access", table, &domain_keys(name, self.rules.plain_parents))?;
        self.act_on(table, found, subject)
    }

    fn check_mail(&mut self, table: &BString, target: Target, subject: Subject<'_>) -> Outcome {
        if subject.name.is_empty() {
            let key = LookupKey::full(self.rules.settings.null_access_lookup_key.clone());
            let found = self.find("check_access", table, &[key])?;
            return self.act_on(table, found, subject);
        }
        let resolved = self.resolve(target, subject.name)?;
        let (local_part, domain) = split_domain(&resolved.recipient);
        let Some(domain) = domain else {
            log::warn!("check_mail_access: no @domain in address: {}", text::show(&resolved.recipient));
            return Ok(Step::Dunno);
        };
        let keys = self.mail_keys(&resolved, local_part, domain);
        let found = self.find("check_mail_access", table, &keys)?;
        let step = self.act_on(table, found, subject)?;
        let untrusted = target == Target::Recipient && self.is_untrusted(&resolved);
        Ok(if step == Step::Permit && untrusted && !self.state.effects.discard { Step::Dunno } else { step })
    }

    /// Whether an address has routing that we do not carry out for anybody.
    pub fn is_untrusted(&self, resolved: &Resolved) -> bool {
        !self.rules.settings.allow_untrusted_routing && resolved.flags & ipc::rewrite::resolved::ROUTED != 0
    }

    fn mail_keys(&self, resolved: &Resolved, local_part: &[u8], domain: &[u8]) -> Vec<LookupKey> {
        let plain = self.rules.finder.delimiter().position(local_part).map(|at| &local_part[..at]);
        let mut keys = Vec::new();
        let mut add = |external: BString, internal: BString, is_partial: bool| {
            let differs = external != internal;
            keys.push(LookupKey { text: external, is_partial });
            if differs {
                keys.push(LookupKey { text: internal, is_partial });
            }
        };
        add(quote(&resolved.recipient), resolved.recipient.clone(), false);
        if let Some(plain) = plain {
            let address = [plain, b"@", domain].concat();
            add(quote(&address), address.into(), true);
        }
        let mut locals = Vec::new();
        for part in std::iter::once(local_part).chain(plain) {
            let at = |text: &[u8]| LookupKey::partial([text, b"@"].concat());
            let (external, internal) = (at(&quote_local(part)), at(part));
            let differs = external != internal;
            locals.push(external);
            locals.extend(differs.then_some(internal));
        }
        keys.push(LookupKey::partial(domain));
        keys.extend(parents(domain, self.rules.plain_parents).map(LookupKey::partial));
        keys.extend(locals);
        keys
    }

    /// The client's certificate.
    fn check_certificate(&mut self, table: &BString) -> Outcome {
        let Some(search) = self.rules.certificate_tables.get(table).cloned() else {
            log::warn!("See earlier parsing error messages for '{}", text::show(table));
            return Err(self.server_error());
        };
        let Some(certificate) = self.facts.certificate() else {
            if !self.rules.settings.asks_certificates {
                log::warn!("check_ccert_access is requested, but \"smtpd_tls_ask_ccert = no\"");
            }
            return Ok(Step::Dunno);
        };
        let subject = Subject::of(&certificate.subject, Class::Certificate);
        for property in &search.search {
            let key = match property {
                Property::Fingerprint => &certificate.fingerprint,
                Property::PublicKeyFingerprint => &certificate.public_key_fingerprint,
                Property::IssuerName | Property::SubjectName => {
                    let (name, spec) = (property.name(), text::show(table));
                    log::warn!("check_ccert_access: unexpected action '{name}' in '{spec}'");
                    return Err(self.server_error());
                }
            };
            let found = self.find_in(&search.maps, key)?;
            let step = self.act_on(search.maps.title().as_bytes(), found, subject)?;
            if step != Step::Dunno {
                return Ok(step);
            }
        }
        Ok(Step::Dunno)
    }

    /// One full key, in a table that is at hand.
    fn find_in(&self, maps: &Maps, key: &BString) -> Result<Option<Found>, Stop> {
        match maps.find(key) {
            Ok(value) => Ok(value.map(|value| Found { key: key.clone(), value })),
            Err(Error::Fatal(text)) => Err(Stop::Fatal(text)),
            Err(_) => Ok(Some(Found { key: key.clone(), value: FAILED.into() })),
        }
    }

    /// The client's login.
    fn check_login(&mut self, word: &[u8], table: &BString) -> Outcome {
        if !self.rules.settings.sasl {
            log::warn!("restriction `{}' ignored: no SASL support", text::show(word));
            return Ok(Step::Dunno);
        }
        let Some(sasl) = self.facts.sasl.as_ref().filter(|sasl| !sasl.username.is_empty()) else {
            return Ok(Step::Dunno);
        };
        let found = self.find("check_access", table, &[LookupKey::full(sasl.username.clone())])?;
        let name = text::printable_except(&sasl.username, self.rules.settings.utf8, b'_', |_| false).into_owned();
        self.act_on(table, found, Subject::of(&name, Class::Login))
    }

    /// Names that others choose must not open the door.
    pub fn forbid_permit(&mut self, step: Step, word: &[u8], target: &[u8]) -> Outcome {
        if step != Step::Permit || self.state.effects.discard {
            return Ok(step);
        }
        log::warn!("restriction {} returns OK for {}", text::show(word), text::show(target));
        log::warn!("this is not allowed for security reasons");
        log::warn!("use DUNNO instead of OK if you want to make an exception");
        Err(self.server_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(keys: &[LookupKey]) -> Vec<String> {
        keys.iter().map(|key| key.text.to_string()).collect()
    }

    #[test]
    fn hosts_and_networks() {
        assert_eq!(shown(&domain_keys(b"mail.h.example", true)), ["mail.h.example", "h.example", "example"]);
        assert_eq!(shown(&domain_keys(b"mail.h.example", false)), ["mail.h.example", ".h.example", ".example"]);
        assert_eq!(shown(&domain_keys(b"192.0.2.7", true)), ["192.0.2.7"]);
        assert_eq!(shown(&address_keys(b"192.0.2.7")), ["192.0.2.7", "192.0.2", "192.0", "192"]);
        assert_eq!(shown(&address_keys(b"2001:db8::7")), ["2001:db8::7", "2001:db8:", "2001:db8", "2001"]);
    }
}
