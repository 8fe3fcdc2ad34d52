//! What a table of content checks wants done (cleanup-rewrite §15.2): the results of header_checks, body_checks and their kin.

use crate::header::is_header;
use crate::show;
use crate::space::{is_space, trim_start};

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A header with all of its lines.
    Header,
    /// A line of a body, or a piece of a long one.
    Body,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Refuse the message; the text may begin with an enhanced status code, and may be empty.
    Reject(&'a [u8]),
    /// Log a warning.
    Warn(&'a [u8]),
    /// Log.
    Info(&'a [u8]),
    /// Send the message through a content filter, `transport:destination`.
    Filter(&'a [u8]),
    /// Look at nothing further.
    Pass(&'a [u8]),
    /// Throw the message away, as if it had been delivered.
    Discard(&'a [u8]),
    /// Put the message on hold.
    Hold(&'a [u8]),
    /// Put a line in front.
    Prepend(&'a [u8]),
    /// Put another line in its place.
    Replace(&'a [u8]),
    /// Deliver to this address instead of the recipients.
    Redirect(&'a [u8]),
    /// Deliver a copy to this address.
    Bcc(&'a [u8]),
    /// Leave the line out.
    Strip(&'a [u8]),
    /// Leave the line out, and say nothing.
    Ignore,
    /// Nothing.
    Dunno,
}

impl Action<'_> {
    /// The word in the log; `None`: the action is not logged.
    pub fn log_word(&self) -> Option<&'static str> {
        Some(match self {
            Action::Reject(_) => "reject",
            Action::Warn(_) => "warning",
            Action::Info(_) => "info",
            Action::Filter(_) => "filter",
            Action::Pass(_) => "pass",
            Action::Discard(_) => "discard",
            Action::Hold(_) => "hold",
            Action::Prepend(_) => "prepend",
            Action::Replace(_) => "replace",
            Action::Redirect(_) => "redirect",
            Action::Bcc(_) => "bcc",
            Action::Strip(_) => "strip",
            Action::Ignore | Action::Dunno => return None,
        })
    }
}

/// Reads a result of the tables of this parameter.
///
/// # Errors
/// A text for a warning: the result makes no sense, and nothing is to be done.
pub fn parse<'a>(parameter: &str, subject: Subject, result: &'a [u8]) -> Result<Action<'a>, String> {
    let end = result.iter().position(|&byte| is_space(byte)).unwrap_or(result.len());
    let (name, text) = (result[..end].to_ascii_uppercase(), trim_start(&result[end..]));
    let is_line = subject == Subject::Body || is_header(text);
    match name.as_slice() {
        b"REJECT" => Ok(Action::Reject(text)),
        b"WARN" => Ok(Action::Warn(text)),
        b"INFO" => Ok(Action::Info(text)),
        b"FILTER" if text.is_empty() => Err(format!("missing FILTER command argument in {parameter} map")),
        b"FILTER" if !text.contains(&b':') => {
            Err(format!("bad FILTER command {} in {parameter} -- need transport:destination", show(text)))
        }
        b"FILTER" => Ok(Action::Filter(text)),
        b"PASS" => Ok(Action::Pass(text)),
        b"DISCARD" => Ok(Action::Discard(text)),
        b"HOLD" => Ok(Action::Hold(text)),
        b"PREPEND" | b"REPLACE" if text.is_empty() => {
            Err(format!("{} action without text in {parameter} map", show(&name)))
        }
        b"PREPEND" | b"REPLACE" if !is_line => {
            let (name, text) = (show(&name), show(text));
            Err(format!("bad {name} header text \"{text}\" in {parameter} map -- need \"headername: headervalue\""))
        }
        b"PREPEND" => Ok(Action::Prepend(text)),
        b"REPLACE" => Ok(Action::Replace(text)),
        b"REDIRECT" if !text.contains(&b'@') => {
            Err(format!("bad REDIRECT target \"{}\" in {parameter} map -- need user@domain", show(text)))
        }
        b"REDIRECT" => Ok(Action::Redirect(text)),
        b"BCC" if !text.contains(&b'@') => {
            Err(format!("bad BCC address \"{}\" in {parameter} map -- need user@domain", show(text)))
        }
        b"BCC" => Ok(Action::Bcc(text)),
        b"STRIP" => Ok(Action::Strip(text)),
        b"IGNORE" => Ok(Action::Ignore),
        b"DUNNO" | b"OK" => Ok(Action::Dunno),
        _ => Err(format!("unknown command in {parameter} map: {}", show(result))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(result: &str) -> Result<Action<'_>, String> {
        parse("header_checks", Subject::Header, result.as_bytes())
    }

    #[test]
    fn names_and_texts() {
        assert_eq!(header("reject   4.7.1 x y"), Ok(Action::Reject(b"4.7.1 x y")));
        assert_eq!(header("Ignore"), Ok(Action::Ignore));
        assert_eq!(header("PREPEND X: y"), Ok(Action::Prepend(b"X: y")));
        assert_eq!(parse("body_checks", Subject::Body, b"REPLACE x"), Ok(Action::Replace(b"x")));
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let need = "need \"headername: headervalue\"";
        assert_eq!(header("FILTER"), Err("missing FILTER command argument in header_checks map".into()));
        assert_eq!(
            header("FILTER x"),
            Err("bad FILTER command x in header_checks -- need transport:destination".into())
        );
        assert_eq!(header("REPLACE x"), Err(format!("bad REPLACE header text \"x\" in header_checks map -- {need}")));
        assert_eq!(header("prepend"), Err("PREPEND action without text in header_checks map".into()));
        assert_eq!(header("bcc a"), Err("bad BCC address \"a\" in header_checks map -- need user@domain".into()));
        assert_eq!(header("x y"), Err("unknown command in header_checks map: x y".into()));
    }

    proptest::proptest! {
        #[test]
        fn any_result_is_read(result: Vec<u8>) {
            let _ = parse("body_checks", Subject::Body, &result);
        }
    }
}
