//! Replies in their final form (smtpd §5.3): footer, soft bounce, lines.

use bstr::{BString, ByteSlice};

/// What an error is about, for notices to the postmaster (smtpd §12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the word of notify_classes")]
pub enum Class {
    Bounce,
    Data,
    Policy,
    Protocol,
    Resource,
    Software,
}

/// A negative reply, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it is about; some refusals are of no interest to the postmaster.
    pub class: Option<Class>,
    /// The reply.
    pub text: BString,
}

impl Refusal {
    /// The client does not keep to the protocol.
    pub fn protocol(text: impl Into<BString>) -> Self {
        Self { class: Some(Class::Protocol), text: text.into() }
    }

    /// The client keeps to the protocol, and not to our policy.
    pub fn policy(text: impl Into<BString>) -> Self {
        Self { class: Some(Class::Policy), text: text.into() }
    }

    /// Of no interest to the postmaster.
    pub fn plain(text: impl Into<BString>) -> Self {
        Self { class: None, text: text.into() }
    }
}

/// Adds a footer to a reply. `\n` in the footer separates lines, `\c` at its start goes on with the last line of the reply. Nothing for a reply that
/// has no code.
pub fn with_footer(reply: &[u8], footer: &[u8]) -> Option<BString> {
    let reply = reply.strip_suffix(b"\r\n").unwrap_or(reply);
    let last_start = reply.rfind(b"\r\n").map_or(0, |at| at + 2);
    let last = &reply[last_start..];
    if !has_code(last) {
        return None;
    }
    let code = &last[..3];
    let enhanced = last.get(4..).and_then(text::dsn::split_status).map(|(status, _)| status);
    let (continued, footer) = match footer.strip_prefix(b"\\c") {
        Some(rest) => (true, rest),
        None => (false, footer),
    };
    let mut lines: Vec<&[u8]> = footer.split_str("\\n").collect();
    if lines.last() == Some(&b"".as_slice()) && lines.len() > 1 {
        lines.pop();
    }
    let mut out = BString::from(reply);
    let mut separator_at = last_start + 3;
    let mut lines = lines.into_iter();
    if continued && let Some(first) = lines.next() {
        out.extend_from_slice(first);
    }
    for line in lines {
        if separator_at < out.len() {
            out[separator_at] = b'-';
        }
        out.extend_from_slice(b"\r\n");
        let start = out.len();
        out.extend_from_slice(code);
        separator_at = start + 3;
        out.push(b' ');
        if let Some(enhanced) = enhanced {
            out.extend_from_slice(enhanced);
            out.push(b' ');
        }
        out.extend_from_slice(line);
    }
    Some(out)
}

/// Whether a line begins with a code of three digits, and a blank, a hyphen, or nothing.
pub fn has_code(line: &[u8]) -> bool {
    line.len() >= 3
        && (b'2'..=b'5').contains(&line[0])
        && line[1..3].iter().all(u8::is_ascii_digit)
        && matches!(line.get(3), None | Some(b' ' | b'-'))
}

/// The lines of a reply as they are sent: all but the last have a hyphen behind the code, and `soft_bounce` makes permanent errors temporary.
pub fn lines(reply: &[u8], soft_bounce: bool) -> Vec<BString> {
    let reply = reply.strip_suffix(b"\r\n").unwrap_or(reply);
    let mut lines: Vec<BString> = reply.split_str("\r\n").map(BString::from).collect();
    let last = lines.len() - 1;
    for (at, line) in lines.iter_mut().enumerate() {
        if soft_bounce && line.first() == Some(&b'5') {
            line[0] = b'4';
            if line.get(4) == Some(&b'5') {
                line[4] = b'4';
            }
        }
        if at < last && line.len() > 3 {
            line[3] = b'-';
        }
    }
    lines
}

/// Whether a client that got this reply is hung up on.
pub fn hangs_up(first_line: &[u8]) -> bool {
    first_line.starts_with(b"421") || first_line.starts_with(b"521")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footed(reply: &str, footer: &str) -> Option<String> {
        with_footer(reply.as_bytes(), footer.as_bytes()).map(|text| text.to_string())
    }

    #[test]
    fn footers_repeat_the_codes() {
        assert_eq!(
            footed("550 5.1.1 <a@b>: No", r"\c. For help, call 555-0100.\nSee https://example.com/").unwrap(),
            "550-5.1.1 <a@b>: No. For help, call 555-0100.\r\n550 5.1.1 See https://example.com/"
        );
        assert_eq!(footed("501 Syntax", "x").unwrap(), "501-Syntax\r\n501 x");
        assert_eq!(footed("550-5.0.0 a\r\n550 5.0.0 b", "c").unwrap(), "550-5.0.0 a\r\n550-5.0.0 b\r\n550 5.0.0 c");
        assert_eq!(footed("nonsense", "c"), None);
    }

    #[test]
    fn lines_have_hyphens_and_soft_bounces() {
        assert_eq!(lines(b"550 5.1.1 a\r\n550 5.1.1 b\r\n", true), ["450-4.1.1 a", "450 4.1.1 b"]);
        assert_eq!(lines(b"250 2.0.0 Ok", true), ["250 2.0.0 Ok"]);
        assert!(hangs_up(b"421 4.7.0 x") && !hangs_up(b"221 2.0.0 Bye"));
    }

    proptest::proptest! {
        #[test]
        fn any_reply_takes_any_footer(reply: Vec<u8>, footer: Vec<u8>) {
            let _ = with_footer(&reply, &footer);
            proptest::prop_assert!(!lines(&reply, true).is_empty());
        }
    }
}
