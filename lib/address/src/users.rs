//! Which users may submit mail or look at the queue (queue-files §9.4, §12.2).

use config::{Config, Key, Str};
use table::{Settings, Tables};

use crate::MatchList;

/// The real user of this process, as `name(uid)`, if the list of users in the parameter does not let it in. A user
/// without an account is `unknown`. A list that begins with `static:` lets everybody in.
///
/// # Errors
/// The text of the fatal error, for a list that cannot be read or searched.
pub fn refused_user(config: &Config, list: Key<Str>) -> Result<Option<String>, String> {
    let users = config.get(list);
    if users.starts_with(b"static:") {
        return Ok(None);
    }
    let uid = sys::privilege::real_uid();
    let account = sys::privilege::account_of(uid)
        .map_err(|error| format!("unable to look up user ID {uid}: {}", sys::reason(&error)))?;
    let name = account.map_or_else(|| "unknown".to_owned(), |account| account.name);
    let users = MatchList::new(&Tables::new(Settings::from(config)), list.name(), users)?;
    let is_listed = users.matches(name.as_bytes()).map_err(|_| format!("{}: table lookup problem", list.name()))?;
    Ok((!is_listed).then(|| format!("{name}({uid})")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::params;

    fn refused(list: &str) -> Option<String> {
        let config = Config::for_tests(&[("authorized_submit_users", list)]);
        refused_user(&config, params::AUTHORIZED_SUBMIT_USERS).unwrap()
    }

    #[test]
    fn listed_users_pass() {
        let uid = sys::privilege::real_uid();
        let name = sys::privilege::account_of(uid).unwrap().map_or("unknown".to_owned(), |account| account.name);
        assert_eq!(refused("static:anyone"), None);
        assert_eq!(refused(&format!("nobody-else, {name}")), None);
        assert_eq!(refused(&format!("!{name}, static:all")), Some(format!("{name}({uid})")));
        let config = Config::for_tests(&[("authorized_submit_users", "fail:x")]);
        assert!(refused_user(&config, params::AUTHORIZED_SUBMIT_USERS).is_err());
        assert_eq!(refused(""), Some(format!("{name}({uid})")));
    }
}
