//! Who submits, and which sender addresses that user may use (queue-files §10.3).

use bstr::{BStr, BString};
use config::{Config, params};
use ipc::cleanup::{Reply, status};
use table::{Flags, Maps, Settings, Tables};
use text::address::{Delimiter, split_domain};
use text::list;

/// Ends the program when the user may not submit mail at all.
pub fn require_submitter(config: &Config) {
    match address::refused_user(config, params::AUTHORIZED_SUBMIT_USERS) {
        Ok(None) => {}
        Ok(Some(user)) => logging::fatal!("User {user} is not allowed to submit mail"),
        Err(error) => logging::fatal!("{error}"),
    }
}

/// A setting that permits every sender, so that nothing needs to be looked up.
const ANY_SENDER: &str = "static:*";

/// The user who submits.
pub struct Submitter {
    /// Real user ID.
    pub uid: u32,
    senders: Option<Senders>,
}

/// The rules for senders.
struct Senders {
    /// Login name, or `uid:` and the user ID.
    key: BString,
    maps: Maps,
    list: BString,
    /// The pattern that stands for the null sender.
    null_sender: BString,
    delimiter: BString,
    double_bounce_sender: BString,
    owner_request_special: bool,
}

impl Submitter {
    /// The user of this process. Opens the tables that say which senders are allowed.
    pub fn of_process(config: &Config) -> Submitter {
        let uid = sys::privilege::real_uid();
        let list = config.get(params::LOCAL_LOGIN_SENDER_MAPS);
        Submitter { uid, senders: (list != ANY_SENDER).then(|| Senders::open(config, list, uid)) }
    }

    /// May the user send mail from this address?
    ///
    /// # Errors
    /// The reply, when not, or when that cannot be found out.
    pub fn check_sender(&self, sender: &[u8]) -> Result<(), Reply> {
        if sender.contains(&0) {
            return Err(Reply { status: status::BAD, reason: "NUL in FROM record".into() });
        }
        match &self.senders {
            Some(senders) => senders.check(sender),
            None => Ok(()),
        }
    }
}

impl Senders {
    fn open(config: &Config, list: &BStr, uid: u32) -> Senders {
        let tables = Tables::new(Settings::from(config));
        Senders {
            key: command::login_name(uid).unwrap_or_else(|| format!("uid:{uid}")).into(),
            maps: tables.maps(params::LOCAL_LOGIN_SENDER_MAPS.name(), list, Flags::LIST),
            list: list.to_owned(),
            null_sender: config.get(params::EMPTY_ADDRESS_LOCAL_LOGIN_SENDER_MAPS_LOOKUP_KEY).to_owned(),
            delimiter: config.get(params::RECIPIENT_DELIMITER).to_owned(),
            double_bounce_sender: config.get(params::DOUBLE_BOUNCE_SENDER).to_owned(),
            owner_request_special: config.get(params::OWNER_REQUEST_SPECIAL),
        }
    }

    fn check(&self, sender: &[u8]) -> Result<(), Reply> {
        let patterns = match self.maps.find(&self.key) {
            Ok(patterns) => patterns.unwrap_or_default(),
            Err(_) => {
                let reason = [b"local_login_sender_maps table lookup error for '", self.list.as_slice(), b"'"].concat();
                return Err(Reply { status: status::WRITE, reason: reason.into() });
            }
        };
        if list::split(&patterns, list::SEPARATORS).any(|pattern| self.matches(pattern, sender)) {
            return Ok(());
        }
        let reason = [b"not authorized to use sender='", sender, b"'"].concat();
        Err(Reply { status: status::NOPERM, reason: reason.into() })
    }

    fn matches(&self, pattern: &[u8], sender: &[u8]) -> bool {
        let (local, domain) = split_domain(sender);
        if pattern == b"*" {
            return true;
        }
        if sender.is_empty() {
            return pattern.eq_ignore_ascii_case(&self.null_sender);
        }
        if let Some(wanted) = pattern.strip_prefix(b"@") {
            return domain.is_some_and(|domain| domain.eq_ignore_ascii_case(wanted));
        }
        let delimiter = Delimiter {
            characters: &self.delimiter,
            double_bounce_sender: &self.double_bounce_sender,
            owner_request_special: self.owner_request_special,
        };
        // The extension of the sender does not matter; that of a pattern would never match.
        let user = delimiter.split(local).map_or(local, |(user, _)| user);
        let stripped = match domain {
            Some(domain) => [user, b"@", domain].concat(),
            None => user.to_vec(),
        };
        pattern.eq_ignore_ascii_case(&stripped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, sender: &str) -> i32 {
        let config = Config::for_tests(&[("local_login_sender_maps", list), ("recipient_delimiter", "+")]);
        let senders = Senders { key: "ann".into(), ..Senders::open(&config, list.into(), 0) };
        senders.check(sender.as_bytes()).map_or_else(|reply| reply.status, |()| 0)
    }

    #[test]
    fn patterns() {
        let list = "inline:{ { ann = ann@example.com, @example.org <> } }";
        for allowed in ["ann@example.com", "Ann+list@Example.com", "anybody@example.org", ""] {
            assert_eq!(check(list, allowed), 0, "{allowed}");
        }
        for denied in ["ann", "bob@example.com", "x@sub.example.org"] {
            assert_eq!(check(list, denied), status::NOPERM, "{denied}");
        }
        assert_eq!(check("inline:{bob=*}", "bob"), status::NOPERM);
        assert_eq!(check("static:*", "bob"), 0);
    }

    #[test]
    fn a_table_that_fails_is_a_temporary_error() {
        assert_eq!(check("fail:x", "ann"), status::WRITE);
    }
}
