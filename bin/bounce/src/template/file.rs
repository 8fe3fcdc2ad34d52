//! The syntax of template files (qmgr-bounce §11.6): `name = <<MARKER`, lines of text, `MARKER`.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use bstr::{BStr, BString, ByteSlice};
use text::space::{is_space, trim, trim_start};

use super::{Class, Source};

/// A file that changed this recently may be changing still.
const SETTLED: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(300);

/// Reads a template file, waiting until nobody is writing to it.
///
/// # Errors
/// The text of the fatal error.
pub fn read(path: &BStr) -> Result<Source, String> {
    let failed = |error: std::io::Error| format!("open {}: {}", text::show(path), sys::reason(&error));
    loop {
        let mut file = File::open(OsStr::from_bytes(path)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let modified = file.metadata().and_then(|metadata| metadata.modified()).map_err(failed)?;
        if !is_fresh(modified, SystemTime::now()) {
            return parse(path, &bytes);
        }
        sleep(PAUSE);
    }
}

/// A time stamp of the future says nothing about who is writing now.
fn is_fresh(modified: SystemTime, now: SystemTime) -> bool {
    now.duration_since(modified).is_ok_and(|age| age <= SETTLED)
}

/// Takes a template file apart. `name` is the file's, for messages.
///
/// # Errors
/// The text of the fatal error.
pub fn parse(name: &BStr, bytes: &[u8]) -> Result<Source, String> {
    let mut source = Source { name: name.to_owned(), ..Source::default() };
    let mut lines = Lines { rest: bytes, number: 1 };
    while let Some(line) = lines.next() {
        if matches!(trim_start(line).first(), None | Some(b'#')) {
            continue;
        }
        let place = || format!("{}, line {}", text::show(name), lines.number);
        let (template, value) =
            text::split_name_value(line).map_err(|error| format!("{}: {error}: \"{}\"", place(), text::show(line)))?;
        let text = match value.strip_prefix(b"<<") {
            Some(marker) => {
                let marker = check_marker(trim(marker)).map_err(|problem| format!("{}: {problem}", place()))?;
                lines.until(marker, name)
            }
            None => vec![value.into()],
        };
        match Class::from_template_name(template) {
            Some(class) => source.texts[class as usize] = Some(text),
            None => log::warn!(
                "{}, line {}: unknown template name: {} -- ignoring this template",
                text::show(name),
                lines.number,
                text::show(template)
            ),
        }
    }
    Ok(source)
}

fn check_marker(marker: &[u8]) -> Result<&[u8], &'static str> {
    match marker.first() {
        None => Err("missing end marker after <<"),
        Some(byte) if !byte.is_ascii_alphanumeric() => Err("malformed end marker after <<"),
        Some(_) => Ok(marker),
    }
}

/// The lines of a file, and the number of the next one: what messages call the present line.
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    /// The next line, without the newline.
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let (line, rest) = self.rest.split_once_str("\n").unwrap_or((self.rest, b""));
        self.rest = rest;
        Some(line)
    }

    /// The lines in front of the end marker.
    fn until(&mut self, marker: &[u8], name: &BStr) -> Vec<BString> {
        let mut text = Vec::new();
        while let Some(line) = self.next() {
            if line == marker {
                return text;
            }
            text.push(line.into());
        }
        let (name, marker) = (text::show(name), text::show(marker));
        log::warn!("{name}, line {}: missing \"{marker}\" end marker", self.number);
        text
    }
}

/// Whether a line has nothing on it.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|&byte| is_space(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_of(file: &str, class: Class) -> Option<Vec<BString>> {
        parse("t.cf".into(), file.as_bytes()).unwrap().texts[class as usize].clone()
    }

    #[test]
    fn texts_stand_between_markers() {
        let file = " # x\n \n delay_template = << EOF bar \nCharset: utf-8\n\n EOF bar\nEOF bar \nEOF bar\n";
        let text = text_of(file, Class::Delay).unwrap();
        assert_eq!(text, ["Charset: utf-8", "", " EOF bar", "EOF bar "]);
        assert_eq!(text_of("delay_template = one line\n", Class::Delay).unwrap(), ["one line"]);
        let twice = "delay_template = <<A\n1\nA\ndelay_template=<<A\n2\nA\nwhat = 1\n";
        assert_eq!(text_of(twice, Class::Delay).unwrap(), ["2"]);
        assert_eq!(text_of(twice, Class::Failure), None);
        assert_eq!(text_of("delay_template = <<A\n1\n2", Class::Delay).unwrap(), ["1", "2"]);
    }

    #[test]
    fn errors_name_the_line_after() {
        let error = |file: &str| parse("t.cf".into(), file.as_bytes()).unwrap_err();
        assert_eq!(error("delay_template = <<\n"), "t.cf, line 2: missing end marker after <<");
        assert_eq!(error("\ndelay_template = << -\n"), "t.cf, line 3: malformed end marker after <<");
        assert_eq!(error("delay \n"), "t.cf, line 2: missing '=' after attribute name: \"delay \"");
    }

    #[test]
    fn a_file_that_is_being_written_is_not_read_yet() {
        let now = SystemTime::now();
        assert!(is_fresh(now, now));
        assert!(!is_fresh(now - Duration::from_secs(3), now));
        assert!(!is_fresh(now + Duration::from_secs(3000), now));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = parse("x".into(), &bytes);
        }
    }
}
