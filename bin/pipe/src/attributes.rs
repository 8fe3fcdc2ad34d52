//! The arguments of the service in master.cf (delivery-agents §4.1).

use bstr::{BString, ByteSlice};
use config::params;
use server::Context;
use sys::privilege::Unknown;

/// The letters that `flags=` may have.
const FLAGS: &[u8] = b"BDFORXhqu.>";

/// The letters of `flags=`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags(BString);

impl Flags {
    /// Whether a letter is among them.
    pub fn has(&self, letter: u8) -> bool {
        self.0.contains(&letter)
    }
}

/// What the service's arguments say, before names are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// How the message and the addresses look.
    pub flags: Flags,
    /// `name` or `name:group`.
    user: BString,
    /// The working directory.
    pub directory: Option<BString>,
    /// The root directory of the command.
    pub jail: Option<BString>,
    /// The end of each line.
    pub eol: BString,
    /// What stands for the null sender.
    pub null_sender: BString,
    /// The largest message, in bytes; 0 is no limit.
    pub size_limit: i64,
    /// The command and its arguments, before expansion.
    pub command: Vec<BString>,
}

impl Attributes {
    /// Reads the arguments.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn parse(arguments: &[BString]) -> Result<Self, String> {
        let mut attributes = Self {
            flags: Flags::default(),
            user: BString::default(),
            directory: None,
            jail: None,
            eol: "\n".into(),
            null_sender: "MAILER-DAEMON".into(),
            size_limit: 0,
            command: Vec::new(),
        };
        for (index, argument) in arguments.iter().enumerate() {
            let Some((name, value)) = argument.split_once_str("=") else {
                return Err(unknown(argument));
            };
            match name.to_ascii_lowercase().as_slice() {
                b"flags" => attributes.add_flags(value)?,
                b"user" => attributes.user = value.into(),
                b"directory" => attributes.directory = Some(value.into()),
                b"chroot" => attributes.jail = Some(value.into()),
                b"eol" => attributes.eol = text::unescape(value).into(),
                b"null_sender" => attributes.null_sender = value.into(),
                b"size" => attributes.size_limit = size(value)?,
                b"argv" => {
                    attributes.command = vec![value.into()];
                    attributes.command.extend_from_slice(&arguments[index + 1..]);
                    break;
                }
                _ => return Err(unknown(argument)),
            }
        }
        attributes.checked()
    }

    fn checked(self) -> Result<Self, String> {
        let missing = |name| Err(format!("missing {name}= command-line attribute"));
        match (self.user.is_empty(), self.command.is_empty()) {
            (true, _) => missing("user"),
            (_, true) => missing("argv"),
            _ => Ok(self),
        }
    }

    fn add_flags(&mut self, letters: &[u8]) -> Result<(), String> {
        match letters.iter().find(|letter| !FLAGS.contains(letter)) {
            Some(letter) => Err(format!("unknown flag: {} (ignored)", text::show(&[*letter]))),
            None => {
                self.flags.0.extend_from_slice(letters);
                Ok(())
            }
        }
    }

    /// User and group ID of the command: never root's, and never the mail system's own.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn rights(&self, context: &Context) -> Result<(u32, u32), String> {
        let (uid, gid) =
            sys::privilege::user_and_group(&self.user.to_str_lossy()).map_err(|unknown| match unknown {
                Unknown::User(name) => format!("get_service_attr: unknown username: {name}"),
                Unknown::Group(name) => format!("get_service_attr: unknown group: {name}"),
            })?;
        let (owner, account) = (text::show(context.config.get(params::MAIL_OWNER)), context.mail_owner());
        let group = context.config.get(params::SETGID_GROUP);
        let submitters = sys::privilege::group(&group.to_str_lossy()).ok().flatten();
        let problem = if uid == 0 {
            "root privileges".to_owned()
        } else if uid == account.uid {
            format!("mail system owner {owner}")
        } else if gid == 0 {
            "privileged group id 0".to_owned()
        } else if gid == account.gid {
            format!("mail system owner {owner} group id {gid}")
        } else if Some(gid) == submitters {
            format!("mail system {} group id {gid}", text::show(group))
        } else {
            return Ok((uid, gid));
        };
        Err(format!("user= command-line attribute specifies {problem}"))
    }
}

fn unknown(argument: &BString) -> String {
    format!("unknown attribute name: {}", text::show(argument))
}

fn size(value: &[u8]) -> Result<i64, String> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let number = value.to_str().ok().and_then(|text| text.parse().ok()).filter(|_| digits);
    number.ok_or_else(|| format!("get_service_attr: bad size= value: {}", text::show(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Attributes, String> {
        Attributes::parse(&arguments.iter().map(|text| BString::from(*text)).collect::<Vec<_>>())
    }

    #[test]
    fn everything_after_argv_is_the_command() {
        let all = ["flags=DR", "USER=a:b", "size=10", "eol=\\r\\n", "null_sender=", "chroot=/c", "directory=/d"];
        let attributes = parsed(&[&all[..], &["flags=.", "argv=/x", "user=y"]].concat()).unwrap();
        assert!(attributes.flags.has(b'D') && attributes.flags.has(b'.') && !attributes.flags.has(b'q'));
        assert_eq!((attributes.user, attributes.size_limit), ("a:b".into(), 10));
        assert_eq!((attributes.eol, attributes.null_sender), ("\r\n".into(), "".into()));
        assert_eq!((attributes.jail, attributes.directory), (Some("/c".into()), Some("/d".into())));
        assert_eq!(attributes.command, ["/x", "user=y"]);
    }

    #[test]
    fn mistakes_are_named() {
        let error = |arguments| parsed(arguments).unwrap_err();
        assert_eq!(error(&["flags=Z"]), "unknown flag: Z (ignored)");
        assert_eq!(error(&["size=1k", "argv=x"]), "get_service_attr: bad size= value: 1k");
        assert_eq!(error(&["users=x"]), "unknown attribute name: users=x");
        assert_eq!(error(&["user"]), "unknown attribute name: user");
        assert_eq!(error(&["argv=x"]), "missing user= command-line attribute");
        assert_eq!(error(&["user=x"]), "missing argv= command-line attribute");
    }
}
