//! What follows a recipient down the tree of expansions, by value (delivery-agents §2.2).

use bstr::{BStr, BString};
use ipc::bounce::Recipient;
use sys::privilege::Account;
use text::address::{Delimiter, split_domain};

use crate::settings::{Settings, Source};

/// The parts of a case-folded recipient address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Left of the last `@`.
    pub local: BString,
    /// The local part without its extension.
    pub user: BString,
    /// The extension without its delimiter; it can be empty.
    pub extension: Option<BString>,
    /// The character between user and extension.
    pub delimiter: Option<u8>,
    /// Right of the last `@`.
    pub domain: Option<BString>,
}

impl Parts {
    /// Takes an address apart. An extension with a slash could name a file elsewhere: it is dropped, and the result says so.
    pub fn of(address: &[u8], settings: &Settings) -> (Self, bool) {
        let folded = text::fold(address, settings.utf8);
        let (local, domain) = split_domain(&folded);
        let delimiter = Delimiter {
            characters: &settings.delimiter,
            double_bounce_sender: &settings.double_bounce,
            owner_request_special: settings.owner_request_special,
        };
        let mut parts =
            Self { local: local.into(), user: local.into(), domain: domain.map(BString::from), ..Self::default() };
        let Some((user, extension)) = delimiter.split(local) else { return (parts, false) };
        parts.user = user.into();
        if extension.contains(&b'/') {
            parts.local = user.into();
            return (parts, true);
        }
        parts.delimiter = local.get(user.len()).copied();
        parts.extension = Some(extension.into());
        (parts, false)
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct State {
    /// Whom a notification goes to, and whom forwarded mail comes from.
    pub sender: BString,
    /// An owner- alias made the sender: DSN envelope ID and RET do not apply any more.
    pub has_owner_sender: bool,
    pub recipient: Recipient,
    pub parts: Parts,
    /// The extension, with its delimiter, that addresses of an expansion get.
    pub unmatched: Option<BString>,
    /// Who is responsible for the expansion: local recipients of others are forwarded to.
    pub owner: Option<BString>,
    /// The Delivered-To: address.
    pub delivered: Option<BString>,
    /// Where the current text came from.
    pub source: Option<Source>,
    /// In whose expansion this is.
    pub expanding: Option<BString>,
    /// With whose rights; none: nobody's in particular.
    pub rights: Option<Account>,
    pub level: u32,
}

impl State {
    /// At the top of the tree.
    pub fn new(sender: &BStr, recipient: &Recipient) -> Self {
        Self {
            sender: sender.into(),
            has_owner_sender: false,
            recipient: recipient.clone(),
            parts: Parts::default(),
            unmatched: None,
            owner: None,
            delivered: None,
            source: None,
            expanding: None,
            rights: None,
            level: 0,
        }
    }

    /// One step further down.
    #[must_use]
    pub fn deeper(&self) -> Self {
        Self { level: self.level + 1, ..self.clone() }
    }

    /// The Delivered-To: address.
    pub fn delivered(&self) -> &BStr {
        self.delivered.as_ref().unwrap_or(&self.recipient.address).as_ref()
    }

    /// The effective user, 0 when there are no rights.
    pub fn uid(&self) -> u32 {
        self.rights.as_ref().map_or(0, |account| account.uid)
    }

    /// User and group to act with: each that is root's, or unset, is that of `default_privs`.
    pub fn safe_ids(&self, settings: &Settings) -> (u32, u32) {
        let or_default = |id: Option<u32>, default: u32| id.filter(|id| *id != 0).unwrap_or(default);
        (
            or_default(self.rights.as_ref().map(|account| account.uid), settings.default_privs.uid),
            or_default(self.rights.as_ref().map(|account| account.gid), settings.default_privs.gid),
        )
    }

    /// The extension with its delimiter, as addresses get it.
    pub fn extension_to_propagate(&self) -> Option<BString> {
        let extension = self.parts.extension.as_ref()?;
        Some([&[self.parts.delimiter?][..], extension].concat().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Config;

    fn parts(address: &str) -> (Parts, bool) {
        let config = Config::for_tests(&[("recipient_delimiter", "+"), ("mail_owner", "root")]);
        Parts::of(address.as_bytes(), &Settings::new(&config))
    }

    #[test]
    fn addresses_come_apart() {
        let (found, illegal) = parts("Ann+X@Host.test");
        assert!(!illegal);
        assert_eq!((found.local.as_slice(), found.user.as_slice()), (&b"ann+x"[..], &b"ann"[..]));
        assert_eq!(
            (found.extension, found.delimiter, found.domain),
            (Some("x".into()), Some(b'+'), Some("host.test".into()))
        );
        assert_eq!(parts("+x@host").0.user, "+x");
        assert_eq!(parts("foo+@host").0.extension, Some("".into()));
    }

    #[test]
    fn an_extension_with_a_slash_is_dropped() {
        let (found, illegal) = parts("u+y/z@host");
        assert!(illegal);
        assert_eq!((found.local.as_slice(), found.extension), (&b"u"[..], None));
    }
}
