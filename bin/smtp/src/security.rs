//! Where TLS and SASL are demanded (smtp-client §10, §11; tls §2).
//!
//! Neither is built into this program. Mail that may go in the clear does so, and mail that may not waits: [`Security`] finds out which is which.

use address::{Form, Keys};
use bstr::{BString, ByteSlice};
use config::{Config, Key, Str, params};
use ipc::bounce::Dsn;
use logging::fatal;
use smtp_protocol::client::{Features, feature};
use table::{Flags, Maps, Tables};
use text::hostname::check_hostname;

use crate::mode::Mode;
use crate::site::Site;

/// How much TLS a destination needs; the numbers are those of the connection cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are those of smtp_tls_security_level")]
pub enum Level {
    None = 0,
    May = 1,
    Encrypt = 2,
    Fingerprint = 3,
    Dane = 5,
    DaneOnly = 6,
    Verify = 7,
    Secure = 8,
}

impl Level {
    fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_slice() {
            b"none" => Self::None,
            b"may" => Self::May,
            b"encrypt" => Self::Encrypt,
            b"fingerprint" => Self::Fingerprint,
            b"dane" => Self::Dane,
            b"dane-only" => Self::DaneOnly,
            b"verify" => Self::Verify,
            b"secure" => Self::Secure,
            _ => return None,
        })
    }
}

/// Policies about TLS, and passwords.
pub struct Security {
    level: Level,
    policy_maps: Maps,
    per_site: Maps,
    wrapper_mode: bool,
    sasl: bool,
    passwords: Maps,
    by_sender: bool,
}

impl Security {
    /// Reads the parameters and opens the tables.
    pub fn open(mode: Mode, config: &Config, tables: &Tables) -> Self {
        let maps = |smtp: Key<Str>, lmtp: Key<Str>| {
            let key = mode.pick(smtp, lmtp);
            tables.maps(key.name(), config.get(key), Flags::LIST)
        };
        let sasl = mode.get(config, params::SMTP_SASL_AUTH_ENABLE, params::LMTP_SASL_AUTH_ENABLE);
        let passwords = maps(params::SMTP_SASL_PASSWORD_MAPS, params::LMTP_SASL_PASSWORD_MAPS);
        if sasl && passwords.is_empty() {
            let name = passwords.title();
            fatal!("specify a password table via the `{name}' configuration parameter");
        }
        Security {
            level: global_level(mode, config),
            policy_maps: maps(params::SMTP_TLS_POLICY_MAPS, params::LMTP_TLS_POLICY_MAPS),
            per_site: maps(params::SMTP_TLS_PER_SITE, params::LMTP_TLS_PER_SITE),
            wrapper_mode: mode.get(config, params::SMTP_TLS_WRAPPERMODE, params::LMTP_TLS_WRAPPERMODE),
            sasl,
            passwords,
            by_sender: !mode.is_lmtp() && config.get(params::SMTP_SENDER_DEPENDENT_AUTHENTICATION),
        }
    }

    /// Whether connections may go out under a sender's name or another: then the cache must tell senders apart.
    pub fn depends_on_sender(&self) -> bool {
        self.by_sender && self.has_passwords()
    }

    /// Whether there are passwords: then the cache must tell servers apart.
    pub fn has_passwords(&self) -> bool {
        !self.passwords.is_empty()
    }

    /// Whether MAIL may say AUTH=<>.
    pub fn uses_sasl(&self) -> bool {
        self.sasl
    }

    /// How much TLS a server needs, for a next hop as written.
    ///
    /// # Errors
    /// The policy cannot be had: the server is skipped for this reason.
    pub fn level(&self, dest: &[u8], host: &[u8]) -> Result<Level, Box<Dsn>> {
        let level = if !self.policy_maps.is_empty() {
            self.policy(dest)?.unwrap_or(self.level)
        } else if !self.per_site.is_empty() {
            self.site_policy(dest, host)?
        } else {
            self.level
        };
        Ok(level)
    }

    /// A server that must be spoken to through TLS from the start.
    pub fn needs_wrapper(&self) -> bool {
        self.wrapper_mode
    }

    fn policy(&self, dest: &[u8]) -> Result<Option<Level>, Box<Dsn>> {
        let bad = || Box::new(Dsn::new("4.7.5", "client TLS configuration problem"));
        let place = |key: &[u8]| format!("{}, next-hop destination \"{}\"", self.policy_maps.title(), text::show(key));
        for key in policy_keys(dest) {
            let value = self.policy_maps.find(key).map_err(|_| {
                log::warn!("{}: policy table lookup error", place(key));
                bad()
            })?;
            let Some(value) = value else { continue };
            let word = text::list::split(&value, text::list::SEPARATORS).next().unwrap_or_default();
            return match Level::from_name(word) {
                Some(level) => Ok(Some(level)),
                None => {
                    log::warn!("{}: invalid security level \"{}\"", place(key), text::show(word));
                    Err(bad())
                }
            };
        }
        Ok(None)
    }

    fn site_policy(&self, dest: &[u8], host: &[u8]) -> Result<Level, Box<Dsn>> {
        let mut found: Option<Level> = None;
        let names = [("next-hop destination", dest), ("server hostname", host)];
        let count = if dest.eq_ignore_ascii_case(host) { 1 } else { 2 };
        for (class, name) in names.into_iter().take(count) {
            let title = self.per_site.title();
            let value = self.per_site.find(name).map_err(|_| {
                log::warn!("{title}: {class} \"{}\": per-site table lookup error", text::show(name));
                Box::new(Dsn::new("4.3.0", "Temporary lookup error"))
            })?;
            let Some(value) = value else { continue };
            let new = match value.to_ascii_uppercase().as_slice() {
                b"NONE" if found.is_none_or(|level| level <= Level::May) => Level::None,
                b"MAY" if found.is_none() => Level::May,
                b"NONE" | b"MAY" => continue,
                b"MUST_NOPEERMATCH" => found.unwrap_or(Level::None).max(Level::Encrypt),
                b"MUST" => found.unwrap_or(Level::None).max(Level::Verify),
                _ => {
                    let (value, name) = (text::show(&value), text::show(name));
                    log::warn!("{title}: unknown TLS policy '{value}' for {class} {name}");
                    return Err(Box::new(Dsn::new("4.7.5", "client TLS configuration problem")));
                }
            };
            found = Some(new);
        }
        Ok(match found {
            Some(Level::May) => self.level.max(Level::May),
            Some(level) => level,
            None => self.level,
        })
    }

    /// Why mail must not be given to a server that said this in its EHLO reply: nothing when it may.
    pub fn objection(&self, level: Level, features: &Features, namaddr: &str) -> Option<Dsn> {
        if level <= Level::May {
            return None;
        }
        Some(match features.has(feature::STARTTLS) {
            true => Dsn::new("4.7.5", "TLS is required, but our TLS engine is unavailable"),
            false => Dsn::new("4.7.4", format!("TLS is required, but was not offered by host {namaddr}")),
        })
    }

    /// Whether there is a password for this server: by sender, then by server, then by next hop.
    ///
    /// # Errors
    /// A table failed, which has been logged.
    pub fn has_password(&self, site: &Site, sender: &[u8], host: &[u8], dest: &[u8]) -> Result<bool, table::Error> {
        if self.by_sender && !sender.is_empty() {
            let found = site.finder.find(&self.passwords, sender, Keys::ADDRESS, Form::External)?;
            if found.is_some() {
                return Ok(true);
            }
        }
        Ok(self.passwords.find(host)?.is_some() || self.passwords.find(dest)?.is_some())
    }
}

/// The keys of a policy lookup: a domain's parents too, but a host with a port or in brackets stands for itself.
fn policy_keys(dest: &[u8]) -> Vec<&[u8]> {
    let mut keys = vec![dest];
    if check_hostname(dest).is_ok() {
        keys.extend(dest.find_iter(".").map(|at| &dest[at..]));
    }
    keys
}

fn global_level(mode: Mode, config: &Config) -> Level {
    let name: BString = mode.get(config, params::SMTP_TLS_SECURITY_LEVEL, params::LMTP_TLS_SECURITY_LEVEL).into();
    if !name.is_empty() {
        let level = Level::from_name(&name);
        return level.unwrap_or_else(|| fatal!("Invalid TLS level \"{}\"", text::show(&name)));
    }
    if mode.get(config, params::SMTP_ENFORCE_TLS, params::LMTP_ENFORCE_TLS) {
        return Level::Encrypt;
    }
    if mode.get(config, params::SMTP_USE_TLS, params::LMTP_USE_TLS) { Level::May } else { Level::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(pairs: &[(&str, &str)], dest: &str, host: &str) -> Result<Level, String> {
        let tables = Tables::new(table::Settings::default());
        let security = Security::open(Mode::Smtp, &Config::for_tests(pairs), &tables);
        security.level(dest.as_bytes(), host.as_bytes()).map_err(|dsn| dsn.status.to_string())
    }

    #[test]
    fn policies_are_looked_up_by_next_hop() {
        let pairs = [
            ("smtp_tls_security_level", "may"),
            ("smtp_tls_policy_maps", "inline:{.a.example=secure, [b.example]=none, c.example=bogus}"),
        ];
        assert_eq!(level(&pairs, "x.a.example", "h"), Ok(Level::Secure));
        assert_eq!(level(&pairs, "a.example", "h"), Ok(Level::May));
        assert_eq!(level(&pairs, "[x.a.example]", "h"), Ok(Level::May));
        assert_eq!(level(&pairs, "[b.example]", "h"), Ok(Level::None));
        assert_eq!(level(&pairs, "c.example", "h"), Err("4.7.5".into()));
    }

    #[test]
    fn obsolete_parameters() {
        assert_eq!(level(&[("smtp_enforce_tls", "yes")], "x", "h"), Ok(Level::Encrypt));
        assert_eq!(level(&[("smtp_use_tls", "yes")], "x", "h"), Ok(Level::May));
        let pairs = [("smtp_tls_per_site", "inline:{x=MAY, h=MUST}")];
        assert_eq!(level(&pairs, "x", "h"), Ok(Level::Verify));
        assert_eq!(level(&pairs, "x", "other"), Ok(Level::May));
    }
}
