//! STARTTLS, and whether TLS is used at all (smtpd §1.1, §5.4). There is no TLS library in this program. Where TLS may be
//! used, STARTTLS is not announced: a client that is told of it, and then refused, may not come back without it. Where TLS must be used, it is
//! announced and answered with a temporary failure, and nothing goes in the clear.

use config::{Config, params};
use smtp_protocol::server::ehlo::Feature;
use smtp_protocol::server::reply::{Class, Refusal};

use crate::session::{End, Outcome, Session};

/// Whether TLS may or must be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsMode {
    /// It is offered.
    pub offered: bool,
    /// Nothing goes without.
    pub enforced: bool,
    /// The session begins with it.
    pub wrapped: bool,
}

impl TlsMode {
    /// Reads `smtpd_tls_security_level`, and what was before it.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn from_config(config: &Config) -> Result<Self, String> {
        let level = config.get(params::SMTPD_TLS_SECURITY_LEVEL);
        let wrapped = config.get(params::SMTPD_TLS_WRAPPERMODE);
        let (offered, enforced) = if wrapped || level.is_empty() {
            (config.get(params::SMTPD_USE_TLS), config.get(params::SMTPD_ENFORCE_TLS))
        } else {
            match level.to_ascii_lowercase().as_slice() {
                b"none" => (false, false),
                b"may" => (true, false),
                b"encrypt" => (true, true),
                b"fingerprint" | b"verify" | b"secure" => {
                    let level = text::show(level);
                    log::warn!("smtpd_tls_security_level: unsupported TLS level \"{level}\", using \"encrypt\"");
                    (true, true)
                }
                _ => return Err(format!("Invalid TLS level \"{}\"", text::show(level))),
            }
        };
        let enforced = enforced || wrapped;
        if offered || enforced {
            log::warn!("TLS has been selected, but TLS support is not compiled in");
        }
        Ok(Self { offered: enforced, enforced, wrapped })
    }
}

impl Session<'_> {
    /// STARTTLS.
    pub fn starttls(&mut self, arguments: usize) -> Result<Outcome, End> {
        let refusal = if arguments > 0 {
            Refusal::protocol("501 5.5.4 Syntax: STARTTLS")
        } else if !self.tls.offered || self.discarded.has(Feature::Starttls) {
            Refusal::protocol("502 5.5.1 Error: command not implemented")
        } else {
            Refusal { class: Some(Class::Software), text: "454 4.7.0 TLS not available due to local problem".into() }
        };
        self.refuse(refusal)
    }

    /// A session that should begin with TLS ends at once.
    pub fn drop_wrapped(&self) {
        log::warn!(
            "Wrapper-mode request dropped from {} for service {}. TLS context initialization failed. For details see earlier warnings \
             in your logs.",
            text::show(&self.peer.namaddr),
            self.service
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(settings: &[(&str, &str)]) -> Result<(bool, bool), String> {
        TlsMode::from_config(&Config::for_tests(settings)).map(|mode| (mode.offered, mode.enforced))
    }

    #[test]
    fn levels_and_what_was_before_them() {
        assert_eq!(mode(&[]), Ok((false, false)));
        assert_eq!(mode(&[("smtpd_tls_security_level", "May")]), Ok((false, false)));
        assert_eq!(mode(&[("smtpd_tls_security_level", "secure")]), Ok((true, true)));
        assert_eq!(mode(&[("smtpd_enforce_tls", "yes")]), Ok((true, true)));
        assert_eq!(mode(&[("smtpd_tls_wrappermode", "yes")]), Ok((true, true)));
        assert_eq!(mode(&[("smtpd_tls_security_level", "dane")]), Err("Invalid TLS level \"dane\"".into()));
    }
}
