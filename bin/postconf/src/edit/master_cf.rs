//! Changing master.cf: `-M`, `-F`, `-P` with `-e`, `-X`, `-#` (config §8.12).

use bstr::{BString, ByteSlice};
use logging::fatal;
use text::{list, show};

use super::{Line, Request, Wording, lines, requests};
use crate::entry::{Entry, FIELDS, Problem, check_field};
use crate::files;
use crate::options::{Edit, Mode, Options};
use crate::pattern::{Pattern, check_field_name};

const WORDING: Wording =
    Wording { options: "-Me, -Fe, -Pe, -X, or -# accept", blank: None, value: "-X or -# requires names without value" };

/// A change to entries.
struct Change {
    /// The argument, for messages.
    text: BString,
    pattern: Pattern,
    action: Action,
    /// How many entries it was made to.
    count: usize,
}

enum Action {
    /// Put this entry in the place of the first that is meant, or at the end.
    Replace(Box<Entry>),
    /// Drop the lines of the entry.
    Remove,
    /// Put `#` before the lines of the entry.
    CommentOut,
    /// Give a field a value.
    Field(usize, BString),
    /// Give a parameter a value.
    Parameter(BString, BString),
    /// Remove a parameter.
    RemoveParameter(BString),
}

/// Carries out what the command line asks for.
pub fn edit(options: &Options, edit: Edit) {
    let requests = requests(&options.operands, edit, &WORDING);
    let mut changes: Vec<Change> = requests.into_iter().map(|request| change(request, options.mode, edit)).collect();
    let path = files::path(config::master::FILE_NAME);
    command::replace(&path, |old| match options.mode {
        Mode::Entries => edit_lines(&path, old, &mut changes),
        _ => edit_entries(&path, old, &mut changes),
    });
    if options.mode != Mode::Entries {
        for change in changes.iter().filter(|change| change.count == 0) {
            log::warn!("unmatched service_name/type: \"{}\"", show(&change.text));
        }
    }
}

/// Understands a request, or ends the program.
fn change(request: Request, mode: Mode, edit: Edit) -> Change {
    let Request { text, name, value } = request;
    let (pattern, action) = match mode {
        Mode::Entries => {
            let pattern = pattern(&name, 2, "-Me, -MX or -M# requires service_name/type");
            let action = match edit {
                Edit::Set => Action::Replace(Box::new(new_entry(&value, &text))),
                Edit::Remove => Action::Remove,
                Edit::CommentOut => Action::CommentOut,
            };
            (pattern, action)
        }
        Mode::Fields => {
            let pattern = pattern(&name, 3, "-Fe or -FX requires service_name/type/field_name");
            check_field_name(&pattern);
            let action = field_change(&pattern, value);
            (pattern, action)
        }
        _ => {
            let pattern = pattern(&name, 3, "-Pe or -PX requires service_name/type/parameter");
            let action = parameter_change(&pattern, value, edit);
            (pattern, action)
        }
    };
    Change { text, pattern, action, count: 0 }
}

fn pattern(name: &[u8], parts: usize, problem: &str) -> Pattern {
    match Pattern::parse(name, parts) {
        Some(pattern) if name.split_str("/").count() == parts => pattern,
        _ => fatal!("{problem}"),
    }
}

fn new_entry(value: &[u8], argument: &[u8]) -> Entry {
    match Entry::parse(value) {
        Ok(entry) => entry,
        Err(Problem::FieldCount) => fatal!("bad field count: \"{}\"", show(argument)),
        Err(Problem::Field(problem)) => fatal!("{problem}"),
    }
}

fn field_change(pattern: &Pattern, value: BString) -> Action {
    let Some(name) = &pattern.third else {
        fatal!("-Fe does not accept wild-card field name");
    };
    let index = FIELDS.iter().position(|field| name == field).unwrap_or_default();
    if index + 1 != FIELDS.len() && has_blanks(&value) {
        fatal!("-Fe does not accept whitespace in non-command field");
    }
    Action::Field(index, value)
}

fn parameter_change(pattern: &Pattern, value: BString, edit: Edit) -> Action {
    match (&pattern.third, edit) {
        (None, _) => fatal!("-Pe does not accept wild-card parameter name"),
        (Some(_), Edit::Set) if has_blanks(&value) => fatal!("-Pe does not accept whitespace in parameter value"),
        (Some(name), Edit::Set) => Action::Parameter(name.clone(), value),
        (Some(name), _) => Action::RemoveParameter(name.clone()),
    }
}

fn has_blanks(text: &[u8]) -> bool {
    text.iter().any(|byte| list::BLANKS.contains(byte))
}

/// Changes whole entries, line by line: the fate of an entry is decided by its first line.
fn edit_lines(path: &str, old: &[u8], changes: &mut [Change]) -> BString {
    let mut new = BString::default();
    let mut fate: fn(&[u8]) -> BString = keep;
    for (number, (kind, line)) in lines(old).enumerate() {
        match kind {
            Line::Comment => new.extend_from_slice(&line),
            Line::Continuation => new.extend_from_slice(&fate(&line)),
            Line::Start => {
                let head = head(path, number + 1, &line);
                fate = fate_of(&head, changes, &mut new);
                new.extend_from_slice(&fate(&line));
            }
        }
    }
    for change in changes.iter().filter(|change| change.count == 0) {
        if let Action::Replace(entry) = &change.action {
            write_entry(entry, &mut new);
        }
    }
    new
}

/// What becomes of the lines of an entry. If it is replaced, the new one is written; the last request for it counts.
fn fate_of(head: &Entry, changes: &mut [Change], new: &mut BString) -> fn(&[u8]) -> BString {
    let mut fate: fn(&[u8]) -> BString = keep;
    let mut replacement = None;
    for change in changes.iter_mut().filter(|change| change.is_for(head)) {
        change.count += 1;
        fate = if matches!(change.action, Action::CommentOut) { comment_out } else { drop_line };
        if let (Action::Replace(entry), 1) = (&change.action, change.count) {
            replacement = Some(entry);
        }
    }
    if let Some(entry) = replacement {
        write_entry(entry, new);
    }
    fate
}

fn write_entry(entry: &Entry, new: &mut BString) {
    new.extend_from_slice(&entry.text(true));
    new.push(b'\n');
}

fn keep(line: &[u8]) -> BString {
    line.into()
}

fn drop_line(_: &[u8]) -> BString {
    BString::default()
}

fn comment_out(line: &[u8]) -> BString {
    [b"#", line].concat().into()
}

/// An entry of which only service and type are known, from its first line.
fn head(path: &str, line: usize, text: &[u8]) -> Entry {
    let mut words = list::split(text, list::BLANKS);
    let (Some(service), Some(transport)) = (words.next(), words.next()) else {
        fatal!("file {path}: line {line}: specify service name and type on the same line");
    };
    let unsupported = |what: &str, text: &[u8]| -> ! {
        let text = show(text);
        fatal!(
            "file {path}: line {line}: service {what} syntax \"{text}\" is unsupported with -Me, -Fe, -Pe, -X, or -#"
        )
    };
    if service.contains(&b'=') {
        unsupported("name", service);
    }
    if transport.contains(&b'=') || transport.contains(&b'/') {
        unsupported("type", transport);
    }
    let mut entry = Entry::default();
    entry.fields[0] = service.into();
    entry.fields[1] = transport.into();
    entry
}

impl Change {
    fn is_for(&self, entry: &Entry) -> bool {
        let own = |new: &Entry| new.service() == entry.service() && new.transport() == entry.transport();
        self.pattern.matches(entry) || matches!(&self.action, Action::Replace(new) if own(new))
    }

    fn apply(&self, entry: &mut Entry) {
        match &self.action {
            Action::Field(index, value) => match check_field(*index, value, value) {
                Ok(()) if index + 1 == FIELDS.len() => entry.set_command(value),
                Ok(()) => entry.fields[*index] = value.clone(),
                Err(problem) => fatal!("{problem}"),
            },
            Action::Parameter(name, value) => entry.set_parameter(name, value),
            Action::RemoveParameter(name) => entry.remove_parameter(name),
            Action::Replace(_) | Action::Remove | Action::CommentOut => {}
        }
    }
}

/// An entry that a change is for: its lines, and where it began.
struct Pending {
    number: usize,
    head: Entry,
    text: BString,
}

/// Changes fields and parameters. An entry that is changed is read up to the next one, so that comments in and after it
/// come to stand before it.
fn edit_entries(path: &str, old: &[u8], changes: &mut [Change]) -> BString {
    let mut new = BString::default();
    let mut pending: Option<Pending> = None;
    for (number, (kind, line)) in lines(old).enumerate() {
        match (kind, &mut pending) {
            (Line::Start, _) => {
                finish(path, pending.take(), changes, &mut new);
                let head = head(path, number + 1, &line);
                match changes.iter().any(|change| change.is_for(&head)) {
                    true => pending = Some(Pending { number: number + 1, head, text: line }),
                    false => new.extend_from_slice(&line),
                }
            }
            (Line::Continuation, Some(pending)) => pending.text.extend_from_slice(&line),
            (Line::Continuation | Line::Comment, _) => new.extend_from_slice(&line),
        }
    }
    finish(path, pending, changes, &mut new);
    new
}

/// Writes an entry, changed by all changes that are for it.
fn finish(path: &str, pending: Option<Pending>, changes: &mut [Change], new: &mut BString) {
    let Some(Pending { number, head, text }) = pending else {
        return;
    };
    let mut entry = match Entry::parse(&text) {
        Ok(entry) => entry,
        Err(Problem::FieldCount) => fatal!("file {path}: line {number}: bad field count"),
        Err(Problem::Field(problem)) => fatal!("{problem}"),
    };
    for change in changes.iter_mut().filter(|change| change.is_for(&head)) {
        change.count += 1;
        change.apply(&mut entry);
    }
    write_entry(&entry, new);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(mode: Mode, edit: Edit, arguments: &[&str], old: &str) -> String {
        let arguments: Vec<BString> = arguments.iter().map(|&argument| argument.into()).collect();
        let requests = requests(&arguments, edit, &WORDING);
        let mut changes: Vec<Change> = requests.into_iter().map(|request| change(request, mode, edit)).collect();
        let new = match mode {
            Mode::Entries => edit_lines("master.cf", old.as_bytes(), &mut changes),
            _ => edit_entries("master.cf", old.as_bytes(), &mut changes),
        };
        new.to_string()
    }

    const A: &str = "a unix - - n - - x\n# c\n -o p=1\nb unix - - n - - y\n";
    const SHOWN: &str = "-       -       n       -       -      ";

    #[test]
    fn whole_entries() {
        let new = "c/unix=a unix - - n - - z";
        assert_eq!(
            edited(Mode::Entries, Edit::Set, &[new], A),
            format!("a          unix  {SHOWN} z\n# c\nb unix - - n - - y\n")
        );
        assert_eq!(edited(Mode::Entries, Edit::Remove, &["a/*"], A), "# c\nb unix - - n - - y\n");
        assert_eq!(
            edited(Mode::Entries, Edit::CommentOut, &["*/unix"], A),
            "#a unix - - n - - x\n# c\n# -o p=1\n#b unix - - n - - y\n"
        );
        let appended = edited(Mode::Entries, Edit::Set, &["d/unix=d unix - - n - - z"], A);
        assert_eq!(appended, format!("{A}d          unix  {SHOWN} z\n"));
    }

    #[test]
    fn fields_and_parameters() {
        let new = edited(Mode::Fields, Edit::Set, &["a/unix/command=z"], A);
        assert_eq!(new, format!("# c\na          unix  {SHOWN} z\nb unix - - n - - y\n"));
        let new = edited(Mode::ServiceParameters, Edit::Set, &["a/unix/p=2", "a/unix/q=3"], A);
        assert_eq!(new, format!("# c\na          unix  {SHOWN} x\n    -o p=2\n    -o q=3\nb unix - - n - - y\n"));
        let new = edited(Mode::ServiceParameters, Edit::Remove, &["a/unix/p"], A);
        assert_eq!(new, format!("# c\na          unix  {SHOWN} x\nb unix - - n - - y\n"));
    }
}
