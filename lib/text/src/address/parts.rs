//! The parts of an address: local part, extension, domain (cleanup-rewrite §1, §6.1, delivery-agents §1.9).

use bstr::ByteSlice;

/// Local part and domain: what is before and behind the last `@`.
pub fn split_domain(address: &[u8]) -> (&[u8], Option<&[u8]>) {
    match address.rfind_byte(b'@') {
        Some(at) => (&address[..at], Some(&address[at + 1..])),
        None => (address, None),
    }
}

/// How local parts are split into user and extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiter<'a> {
    /// `recipient_delimiter`: a set of characters. Empty: there are no extensions.
    pub characters: &'a [u8],
    /// `double_bounce_sender`, which is never split.
    pub double_bounce_sender: &'a [u8],
    /// `owner_request_special`: `owner-list` and `list-request` are not split at `-`.
    pub owner_request_special: bool,
}

impl Delimiter<'_> {
    /// User and extension without the delimiter; `None` when there is nothing to split. The extension can be empty.
    ///
    /// ```
    /// let plus = text::address::Delimiter { characters: b"+", double_bounce_sender: b"x", owner_request_special: true };
    /// assert_eq!(plus.split(b"joe+ext+more"), Some((&b"joe"[..], &b"ext+more"[..])));
    /// assert_eq!(plus.split(b"+joe"), None);
    /// ```
    pub fn split<'l>(&self, local: &'l [u8]) -> Option<(&'l [u8], &'l [u8])> {
        self.position(local).map(|at| (&local[..at], &local[at + 1..]))
    }

    /// Where the extension with its delimiter starts.
    pub fn position(&self, local: &[u8]) -> Option<usize> {
        let at = local.find_byteset(self.characters).filter(|&at| at > 0)?;
        (!self.is_exempt(local)).then_some(at)
    }

    fn is_exempt(&self, local: &[u8]) -> bool {
        [&b"postmaster"[..], b"mailer-daemon", self.double_bounce_sender]
            .iter()
            .any(|name| local.eq_ignore_ascii_case(name))
            || (self.owner_request_special && self.characters.contains(&b'-') && is_owner_or_request(local))
    }
}

fn is_owner_or_request(local: &[u8]) -> bool {
    const OWNER: &[u8] = b"owner-";
    const REQUEST: &[u8] = b"-request";
    let has_start = local.len() >= OWNER.len() && local[..OWNER.len()].eq_ignore_ascii_case(OWNER);
    let has_end = local.len() > REQUEST.len() && local[local.len() - REQUEST.len()..].eq_ignore_ascii_case(REQUEST);
    has_start || has_end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split<'l>(characters: &str, local: &'l str) -> Option<(&'l [u8], &'l [u8])> {
        let delimiter = Delimiter {
            characters: characters.as_bytes(),
            double_bounce_sender: b"double-bounce",
            owner_request_special: true,
        };
        delimiter.split(local.as_bytes())
    }

    #[test]
    fn extensions() {
        assert_eq!(split("+-", "foo-ext"), Some((&b"foo"[..], &b"ext"[..])));
        assert_eq!(split("+", "foo bar+ext"), Some((&b"foo bar"[..], &b"ext"[..])));
        assert_eq!(split("+", "joe+"), Some((&b"joe"[..], &b""[..])));
        assert_eq!(split("", "joe+x"), None);
        assert_eq!(split("+", "+joe"), None);
        assert_eq!(split("-", "Double-Bounce"), None);
        assert_eq!(split("-", "mailer-daemon"), None);
        assert_eq!(split("-", "Owner-list"), None);
        assert_eq!(split("-", "list-request"), None);
        assert_eq!(split("-", "-request"), None);
        assert_eq!(split("+", "owner-x+y"), Some((&b"owner-x"[..], &b"y"[..])));
    }

    #[test]
    fn domains() {
        assert_eq!(split_domain(b"a@b@c"), (&b"a@b"[..], Some(&b"c"[..])));
        assert_eq!(split_domain(b"a"), (&b"a"[..], None));
    }
}
