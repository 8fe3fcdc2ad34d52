//! `inline:{key=value, { key = text with spaces }}` (tables §4.6).

use text::list::{SEPARATORS, split_braced, unbrace};
use text::space::{trim, trim_end, trim_start};

use super::Request;
use super::memory::Memory;
use crate::error::open_error;
use crate::map::{Map, Owner};
use crate::source::key_length;
use crate::{Flags, OpenError};

pub(super) fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    request.read_only()?;
    let bad_syntax = || request.bad_syntax("name=value");
    let inner = braced_body(request.name).ok_or_else(bad_syntax)?;
    let explain =
        |reason: String| open_error!("{reason}: \"{}\"; need \"inline:{{name=value...}}\"", request.full_name());
    let mut table = Memory::new(Owner::Trusted, request.full_name());
    for element in split_braced(inner, SEPARATORS) {
        let (key, value) = parse(element).map_err(explain)?;
        if request.flags.has(Flags::UTF8_ACTIVE)
            && (std::str::from_utf8(key).is_err() || std::str::from_utf8(value).is_err())
        {
            let shown = text::show(element);
            log::warn!("{}: non-UTF-8 input \"{shown}\" -- ignoring this entry", request.full_name());
            continue;
        }
        table.set(request.fold(key), value.into());
    }
    Ok(Box::new(table))
}

/// What is between the outer braces, if it is more than white space.
pub(super) fn braced_body(name: &[u8]) -> Option<&[u8]> {
    let inner = name.strip_prefix(b"{")?.strip_suffix(b"}")?;
    (!trim(inner).is_empty() && split_braced(inner, SEPARATORS).next().is_some()).then_some(inner)
}

/// The key reaches to white space or `=` outside quotes.
fn parse(element: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let text = if element.starts_with(b"{") { unbrace(element).map_err(|error| error.to_string())? } else { element };
    let length = key_length(text, |byte| byte == b'=').ok_or("unbalanced '\"'")?;
    let (key, rest) = text.split_at(length);
    if key.is_empty() {
        return Err("no key found; expected format: key = value".into());
    }
    match trim_start(rest) {
        [b'=', value @ ..] => Ok((key, trim_end(trim_start(value)))),
        _ => Err("missing '=' after attribute name".into()),
    }
}
