//! Quoting and unquoting whole addresses (cleanup-rewrite §5).

use bstr::{BString, ByteSlice};

use super::split_domain;

/// Internal to external form, as in message headers. A source route in front stays as it is.
pub fn quote(address: &[u8]) -> BString {
    let (route, rest) = split_route(address);
    let mut text = BString::from(route);
    let (local, domain) = split_domain(rest);
    write_local(&mut text, local, b"\"\\\r");
    write_domain(&mut text, domain);
    text
}

/// Internal to external form of a local part without a domain: an `@` in it is text. A source route in front stays as it is.
pub fn quote_local(local: &[u8]) -> BString {
    let (route, rest) = split_route(local);
    let mut text = BString::from(route);
    write_local(&mut text, rest, b"\"\\\r");
    text
}

/// Internal to external form, as in SMTP commands (§5.2): no source routes, and a line feed is escaped too.
pub fn quote_smtp(address: &[u8]) -> BString {
    let mut text = BString::default();
    let (local, domain) = split_domain(address);
    write_local(&mut text, local, b"\"\\\r\n");
    write_domain(&mut text, domain);
    text
}

/// External to internal form. A source route in front and the domain stay as they are.
pub fn unquote(address: &[u8]) -> BString {
    let (route, rest) = split_route(address);
    let mut text = BString::from(route);
    let (local, domain) = rest.split_at(domain_start(rest));
    let mut bytes = local.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {}
            b'\\' => text.extend(bytes.next()),
            _ => text.push(byte),
        }
    }
    text.extend_from_slice(domain);
    text
}

/// Where the last `@` outside quotes is; the length of the text when there is none.
fn domain_start(text: &[u8]) -> usize {
    let mut start = text.len();
    let mut quoted = false;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'"' => quoted = !quoted,
            b'\\' => at += 1,
            b'@' if !quoted => start = at,
            _ => {}
        }
        at += 1;
    }
    start
}

/// A source route, `@a,@b:`, and the rest.
fn split_route(address: &[u8]) -> (&[u8], &[u8]) {
    match address.find_byte(b':') {
        Some(end) if address.starts_with(b"@") => address.split_at(end + 1),
        _ => (b"", address),
    }
}

fn write_domain(text: &mut BString, domain: Option<&[u8]>) {
    if let Some(domain) = domain {
        text.push(b'@');
        text.extend_from_slice(domain);
    }
}

fn write_local(text: &mut BString, local: &[u8], escaped: &[u8]) {
    if is_dot_string(local) {
        return text.extend_from_slice(local);
    }
    text.push(b'"');
    for &byte in local {
        if escaped.contains(&byte) {
            text.push(b'\\');
        }
        text.push(byte);
    }
    text.push(b'"');
}

/// Text that needs no quotes: not empty, each dot between other characters, nothing special. 8-bit text is not special.
fn is_dot_string(local: &[u8]) -> bool {
    let special = |byte: &u8| *byte == b' ' || byte.is_ascii_control() || b"()<>@,;:\\\"[]".contains(byte);
    let dots_stand_alone = !local.starts_with(b".") && !local.ends_with(b".") && !local.contains_str("..");
    !local.is_empty() && dots_stand_alone && !local.iter().any(special)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quoting() {
        let cases = [
            ("", "\"\""),
            ("a@b@c@d", "\"a@b@c\"@d"),
            ("joe user@x", "\"joe user\"@x"),
            ("joe.@x", "\"joe.\"@x"),
            ("@x", "\"\"@x"),
            ("@r1,@r2:joe user@x", "@r1,@r2:\"joe user\"@x"),
            ("a\"b@x", "\"a\\\"b\"@x"),
            ("a%b!c@x", "a%b!c@x"),
            ("jürgen@x", "jürgen@x"),
        ];
        for (internal, external) in cases {
            assert_eq!(quote(internal.as_bytes()), external, "{internal}");
        }
        assert_eq!(quote_smtp(b"@r:joe user@x"), "\"@r:joe user\"@x");
        assert_eq!(quote_smtp(b"a\nb@x"), "\"a\\\nb\"@x");
        assert_eq!(quote_local(b"a@b"), "\"a@b\"");
    }

    #[test]
    fn unquoting() {
        let cases = [
            ("\"a@b@c\"@d", "a@b@c@d"),
            ("\"a@b@c\"", "a@b@c"),
            ("\"a@b@c\"@d@e", "a@b@c@d@e"),
            ("a\\ b@c", "a b@c"),
            ("a\\", "a"),
            ("@r:\"a b\"@c", "@r:a b@c"),
        ];
        for (external, internal) in cases {
            assert_eq!(unquote(external.as_bytes()), internal, "{external}");
        }
    }

    proptest! {
        #[test]
        fn unquoting_undoes_quoting(address in r#"[a@.:"\\ \r\n\t(<é]{0,20}"#) {
            prop_assert_eq!(unquote(&quote(address.as_bytes())), address);
        }

        #[test]
        fn any_bytes_are_quoted_and_unquoted(address: Vec<u8>) {
            prop_assert_eq!(unquote(&quote(&address)), &address[..]);
            quote_smtp(&address);
            unquote(&address);
        }
    }
}
