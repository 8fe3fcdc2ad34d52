//! Restrictions on the client (access-milter-postscreen §3.2, §4.4).

use std::net::IpAddr;

use bstr::BString;

use crate::facts::NameStatus;
use crate::names::address;
use crate::reply::Class;
use crate::rule::Rule;
use crate::run::{Outcome, Run, Step, Stop};

impl Run<'_> {
    /// A restriction on the client.
    pub fn check_client_host(&mut self, rule: Rule, word: &[u8]) -> Outcome {
        let facts = self.facts;
        let client = &facts.client;
        let is_permitted = match rule {
            Rule::PermitInetInterfaces => self.is_own_address(),
            Rule::PermitMynetworks => self.is_in_mynetworks()?,
            Rule::PermitSaslAuthenticated => self.rules.settings.sasl && facts.login().is_some(),
            Rule::PermitTlsClientcerts | Rule::PermitTlsAllClientcerts => self.is_known_certificate(rule, word)?,
            Rule::RejectUnknownClientHostname if client.name_status == NameStatus::Known => false,
            Rule::RejectUnknownClientHostname => {
                let text = [b"Client host rejected: cannot find your hostname, [", client.address.as_slice(), b"]"];
                let code = self.unknown_client_code(client.name_status);
                return Ok(self.reject(code, b"4.7.25", text.concat()));
            }
            _ if client.reverse_name_status == NameStatus::Known => false,
            _ => {
                let text =
                    [b"Client host rejected: cannot find your reverse hostname, [", client.address.as_slice(), b"]"];
                let code = self.unknown_client_code(client.reverse_name_status);
                return Ok(self.reject(code, b"4.7.1", text.concat()));
            }
        };
        match is_permitted {
            true => self.permit(word, &client.namaddr, Class::Client, None),
            false => Ok(Step::Dunno),
        }
    }

    fn unknown_client_code(&self, status: NameStatus) -> i64 {
        match status {
            NameStatus::Temporary => 450,
            _ => self.rules.settings.codes.unknown_client_reject,
        }
    }

    fn client_address(&self) -> Option<IpAddr> {
        address(&self.facts.client.address)
    }

    /// Whether the client is this machine.
    pub fn is_own_address(&self) -> bool {
        self.client_address().is_some_and(|address| self.rules.own_addresses.contains(&address))
    }

    /// Whether the client is in `mynetworks`. An old default that makes the difference is told.
    pub fn is_in_mynetworks(&mut self) -> Result<bool, Stop> {
        let client = &self.facts.client;
        match self.rules.mynetworks.matches_host(&client.name, &client.address) {
            Ok(true) => {
                if self.rules.settings.legacy.mynetworks_style && !self.is_own_address() {
                    log::info!(
                        "using backwards-compatible default setting mynetworks_style=subnet to permit request from client \"{}\"",
                        text::show(&client.namaddr)
                    );
                }
                Ok(true)
            }
            Ok(false) => Ok(false),
            Err(error) => Err(self.list_error(&error)),
        }
    }

    /// Whether the client has shown a certificate that lets it in.
    pub fn is_known_certificate(&mut self, rule: Rule, word: &[u8]) -> Result<bool, Stop> {
        if self.facts.tls.is_none() {
            return Ok(false);
        }
        let Some(certificate) = self.facts.certificate() else {
            if !self.rules.settings.asks_certificates {
                log::warn!("{} is requested, but \"smtpd_tls_ask_ccert = no\"", text::show(word));
            }
            return Ok(false);
        };
        if rule == Rule::PermitTlsAllClientcerts && certificate.is_trusted {
            return Ok(true);
        }
        if self.rules.settings.legacy.smtpd_tls_fingerprint_digest {
            log::info!(
                "using backwards-compatible default setting smtpd_tls_fingerprint_digest=md5 to compute certificate fingerprints"
            );
        }
        let keys = [&certificate.fingerprint, &certificate.public_key_fingerprint];
        self.is_listed_fingerprint(keys)
    }

    fn is_listed_fingerprint(&mut self, keys: [&BString; 2]) -> Result<bool, Stop> {
        for key in keys {
            match self.rules.client_certificates.find(key) {
                Ok(Some(_)) => return Ok(true),
                Ok(None) => {}
                Err(error) => {
                    let [certificate, public_key] = keys.map(|key| text::show(key));
                    log::warn!(
                        "relay_clientcerts: lookup error for fingerprint '{certificate}', pkey fingerprint {public_key}"
                    );
                    return Err(self.list_error(&error));
                }
            }
        }
        Ok(false)
    }
}
