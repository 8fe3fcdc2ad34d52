//! Variable envelope return paths: a sender that names the recipient.

use bstr::BString;

use super::split_domain;

/// `prefix+user=domain@origin` for sender `prefix@origin`, recipient `user@domain` and delimiters `+=`.
pub fn verp_sender(sender: &[u8], recipient: &[u8], delimiters: [u8; 2]) -> BString {
    let (prefix, origin) = split_domain(sender);
    let (user, domain) = split_domain(recipient);
    let mut verp = BString::from(prefix);
    verp.push(delimiters[0]);
    verp.extend_from_slice(user);
    if let Some(domain) = domain {
        verp.push(delimiters[1]);
        verp.extend_from_slice(domain);
    }
    if let Some(origin) = origin {
        verp.push(b'@');
        verp.extend_from_slice(origin);
    }
    verp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipient_is_in_the_sender() {
        assert_eq!(verp_sender(b"prefix@origin", b"user@domain", *b"+="), "prefix+user=domain@origin");
        assert_eq!(verp_sender(b"prefix@origin", b"user", *b"+="), "prefix+user@origin");
    }
}
