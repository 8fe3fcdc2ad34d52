//! The arguments of the service in master.cf (delivery-agents §5).

use bstr::{BString, ByteSlice};
use sys::privilege::{Account, Unknown};

/// What the service's arguments say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// `name` or `name:group`.
    user: BString,
    /// The command and its arguments: at least one word.
    pub command: Vec<BString>,
}

impl Attributes {
    /// Reads the arguments.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn parse(arguments: &[BString]) -> Result<Self, String> {
        let (mut user, mut command) = (BString::default(), Vec::new());
        for (index, argument) in arguments.iter().enumerate() {
            match argument.split_once_str("=") {
                Some((name, value)) if name.eq_ignore_ascii_case(b"user") => user = value.into(),
                Some((name, value)) if name.eq_ignore_ascii_case(b"argv") => {
                    command.push(value.into());
                    command.extend_from_slice(&arguments[index + 1..]);
                    break;
                }
                _ => return Err(format!("unknown attribute name: {}", text::show(argument))),
            }
        }
        match (user.is_empty(), command.is_empty()) {
            (true, _) => Err("missing user= attribute".into()),
            (_, true) => Err("missing argv= attribute".into()),
            _ => Ok(Self { user, command }),
        }
    }

    /// User and group ID of the command: never root's, and never those of the mail system's owner.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn rights(&self, owner: &Account) -> Result<(u32, u32), String> {
        let (uid, gid) =
            sys::privilege::user_and_group(&self.user.to_str_lossy()).map_err(|unknown| match unknown {
                Unknown::User(name) => format!("unknown user name: {name}"),
                Unknown::Group(name) => format!("unknown group name: {name}"),
            })?;
        let problem = match (uid, gid) {
            (0, _) => "request to deliver as root".into(),
            (uid, _) if uid == owner.uid => "request to deliver as mail system owner".into(),
            (_, 0) => "request to use privileged group id 0".into(),
            (_, gid) if gid == owner.gid => format!("request to use mail system owner group id {gid}"),
            (u32::MAX, _) => "user must not have user ID -1".into(),
            (_, u32::MAX) => "user must not have group ID -1".into(),
            rights => return Ok(rights),
        };
        Err(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Attributes, String> {
        Attributes::parse(&arguments.iter().map(|text| BString::from(*text)).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_and_their_mistakes() {
        let attributes = parsed(&["user=nobody", "ARGV=/x", "user=y"]).unwrap();
        assert_eq!(
            (attributes.user.as_slice(), &attributes.command[..]),
            (&b"nobody"[..], &["/x".into(), "user=y".into()][..])
        );
        assert_eq!(parsed(&["argv=x"]).unwrap_err(), "missing user= attribute");
        assert_eq!(parsed(&["user=x"]).unwrap_err(), "missing argv= attribute");
        assert_eq!(parsed(&["user=x", "flags=R"]).unwrap_err(), "unknown attribute name: flags=R");
    }

    #[test]
    fn some_rights_are_not_given() {
        let owner = Account { uid: 77, gid: 78, ..sys::privilege::account("root").unwrap().unwrap() };
        let rights = |user: &str| parsed(&[&format!("user={user}"), "argv=x"]).unwrap().rights(&owner);
        assert_eq!(rights("root").unwrap_err(), "request to deliver as root");
        assert_eq!(rights("nobody:root").unwrap_err(), "request to use privileged group id 0");
        assert_eq!(rights("no-such").unwrap_err(), "unknown user name: no-such");
        assert_eq!(rights("nobody:no-such").unwrap_err(), "unknown group name: no-such");
        assert!(rights("nobody").is_ok());
    }
}
