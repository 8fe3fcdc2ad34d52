//! Changing main.cf and master.cf in place (config §8.11, §8.12).

pub mod main_cf;
pub mod master_cf;

use bstr::{BString, ByteSlice};
use logging::fatal;
use text::space::{is_space, trim_start};
use text::{show, split_name_value};

use crate::options::Edit;

/// A change that an argument asks for: a name (or pattern), and the value with [`Edit::Set`].
#[derive(Clone, Debug, PartialEq, Eq)]
struct Request {
    /// The argument.
    text: BString,
    name: BString,
    value: BString,
}

/// How the errors of arguments are worded for one of the two files.
struct Wording {
    /// The options that take no multi-line and no comment input, and the verb for these.
    options: &'static str,
    /// What is missing in an empty argument, if that is not found out later.
    blank: Option<&'static str>,
    /// Why an argument may have no `=`.
    value: &'static str,
}

/// Reads an argument, or gives the reason why it is none.
fn request(argument: &[u8], edit: Edit, wording: &Wording) -> Result<Request, String> {
    if argument.contains(&b'\n') {
        return Err(format!("{} no multi-line input", wording.options));
    }
    let text = trim_start(argument);
    if text.starts_with(b"#") {
        return Err(format!("{} no comment input", wording.options));
    }
    if edit == Edit::Set {
        let (name, value) = split_name_value(text).map_err(|error| format!("{error}: \"{}\"", show(text)))?;
        return Ok(Request { text: text.into(), name: name.into(), value: value.into() });
    }
    if let Some(problem) = wording.blank.filter(|_| text.is_empty()) {
        return Err(problem.into());
    }
    if text.contains(&b'=') {
        return Err(wording.value.into());
    }
    Ok(Request { text: text.into(), name: text.into(), value: BString::default() })
}

/// Reads the arguments of a command, or ends the program.
fn requests(arguments: &[BString], edit: Edit, wording: &Wording) -> Vec<Request> {
    let read = |argument: &BString| request(argument, edit, wording).unwrap_or_else(|problem| fatal!("{problem}"));
    arguments.iter().map(read).collect()
}

/// What a line of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Blank, or a comment.
    Comment,
    /// More of the entry before it.
    Continuation,
    /// The beginning of an entry.
    Start,
}

/// The lines of a file, each with its newline; one is added to a last line without.
fn lines(file: &[u8]) -> impl Iterator<Item = (Line, BString)> {
    file.lines_with_terminator().map(|line| {
        let mut owned = BString::from(line);
        if !line.ends_with(b"\n") {
            owned.push(b'\n');
        }
        (kind(line), owned)
    })
}

fn kind(line: &[u8]) -> Line {
    match trim_start(line).first() {
        None | Some(b'#') => Line::Comment,
        Some(_) if is_space(line[0]) => Line::Continuation,
        Some(_) => Line::Start,
    }
}
