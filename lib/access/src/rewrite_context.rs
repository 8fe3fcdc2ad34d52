//! How the headers of a client's mail are completed (access-milter-postscreen §2.11).

use table::Error;

use crate::reply::Cause;
use crate::rule::Rule;
use crate::run::{Run, Stop};

/// The rules by which addresses in headers are completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// With our own domain.
    Local,
    /// As `remote_header_rewrite_domain` says.
    Remote,
}

impl Run<'_> {
    /// The first word of `local_header_rewrite_clients` that fits the client makes it local.
    pub fn find_rewrite_context(&mut self) -> Result<Context, Stop> {
        let rules = self.rules;
        let mut words = rules.rewrite_clients.iter();
        while let Some(word) = words.next() {
            let table = match word.eq_ignore_ascii_case(b"check_address_map") {
                true => words.next(),
                false => Some(word).filter(|word| word.contains(&b':')),
            };
            let is_local = match table {
                Some(table) => self.is_in_address_map(table)?,
                None => match Rule::named(word) {
                    Some(Rule::PermitInetInterfaces) => self.is_own_address(),
                    Some(Rule::PermitMynetworks) => self.is_in_mynetworks()?,
                    Some(Rule::PermitSaslAuthenticated) => rules.settings.sasl && self.facts.login().is_some(),
                    Some(rule @ (Rule::PermitTlsClientcerts | Rule::PermitTlsAllClientcerts)) => {
                        self.is_known_certificate(rule, word)?
                    }
                    _ => {
                        let word = text::show(word);
                        log::warn!("parameter local_header_rewrite_clients: invalid request: {word}");
                        false
                    }
                },
            };
            if is_local {
                return Ok(Context::Local);
            }
        }
        Ok(Context::Remote)
    }

    fn is_in_address_map(&mut self, table: &bstr::BString) -> Result<bool, Stop> {
        let Some(open) = self.rules.tables.get(table) else { return Ok(false) };
        match open.find(&self.facts.client.address) {
            Ok(found) => Ok(found.is_some()),
            Err(Error::Fatal(text)) => Err(Stop::Fatal(text)),
            Err(Error::Retry { .. }) => Err(self.stop(Cause::Resource, 451, "4.3.0", "Temporary lookup error")),
            Err(Error::Config) => Err(self.server_error()),
        }
    }
}
