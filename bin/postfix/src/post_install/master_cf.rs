//! Bringing master.cf up to date: services that came with later releases, and fields that changed with them (config §10.3).

use bstr::{BString, ByteSlice};
use text::list;

/// A line that is added, and what it is called.
struct Addition {
    note: &'static str,
    /// Whether a line that is there makes it needless; without the `#` of a comment.
    is_like: fn(&[&[u8]]) -> bool,
    /// Whether a comment counts, too.
    comments: bool,
    line: &'static str,
}

/// What becomes of a field.
type Edit = fn(&[u8]) -> BString;

/// An entry in which fields get other values.
struct Change {
    note: &'static str,
    applies: fn(&[&[u8]]) -> bool,
    /// Fields, by their position.
    edits: &'static [(usize, Edit)],
}

enum Step {
    Add(Addition),
    Change(Change),
}

const TYPE: usize = 1;
const PRIVATE: usize = 2;
const UNPRIVILEGED: usize = 3;
const WAKEUP: usize = 5;
const LIMIT: usize = 6;
const COMMAND: usize = 7;

macro_rules! service {
    ($note:literal, $name:literal, $line:literal) => {
        Step::Add(Addition {
            note: concat!("adding missing entry for ", $note),
            is_like: |fields| fields[0] == $name,
            comments: false,
            line: $line,
        })
    };
}

macro_rules! example {
    ($note:literal, $is_like:expr, $line:literal) => {
        Step::Add(Addition {
            note: concat!("adding missing entry for ", $note),
            is_like: $is_like,
            comments: true,
            line: $line,
        })
    };
}

macro_rules! change {
    ($note:literal, $applies:expr, $($field:ident: $edit:expr),+) => {
        Step::Change(Change { note: $note, applies: $applies, edits: &[$(($field, $edit)),+] })
    };
}

/// In the order in which they are made.
static STEPS: [Step; 21] = [
    service!("relay service", b"relay", "relay     unix  -       -       n       -       -       smtp"),
    service!("flush service", b"flush", "flush     unix  n       -       n       1000?   0       flush"),
    service!("trace service", b"trace", "trace     unix  -       -       n       -       0       bounce"),
    service!("verify service", b"verify", "verify    unix  -       -       n       -       1       verify"),
    change!("setting verify process limit to 1", |fields| is(fields, 0, b"verify") && is(fields, LIMIT, b"0"),
        LIMIT: |_| "1".into()),
    change!("making the pickup service unprivileged",
        |fields| is(fields, 0, b"pickup") && is(fields, TYPE, b"fifo") && is(fields, UNPRIVILEGED, b"n"),
        UNPRIVILEGED: |_| "-".into()),
    change!("making the cleanup service public", |fields| is(fields, 0, b"cleanup") && is_private(fields),
        PRIVATE: |_| "n".into()),
    change!("making the flush service public", |fields| is(fields, 0, b"flush") && is_private(fields),
        PRIVATE: |_| "n".into()),
    service!("proxymap service", b"proxymap", "proxymap  unix  -       -       n       -       -       proxymap"),
    service!("anvil service", b"anvil", "anvil     unix  -       -       n       -       1       anvil"),
    service!("scache service", b"scache", "scache    unix  -       -       n       -       1       scache"),
    service!("discard service", b"discard", "discard   unix  -       -       n       -       -       discard"),
    change!("updating the tlsmgr from fifo to unix service",
        |fields| is(fields, 0, b"tlsmgr") && is(fields, TYPE, b"fifo"), TYPE: |_| "unix".into(), WAKEUP: if_used),
    service!("tlsmgr service", b"tlsmgr", "tlsmgr    unix  -       -       n       1000?   1       tlsmgr"),
    service!("retry service", b"retry", "retry     unix  -       -       n       -       -       error"),
    change!("setting proxywrite process limit to 1",
        |fields| is(fields, 0, b"proxywrite") && is(fields, LIMIT, b"-"), LIMIT: |_| "1".into()),
    service!("proxywrite service", b"proxywrite", "proxywrite unix -       -       n       -       1       proxymap"),
    example!(
        "postscreen TCP service",
        |fields| is(fields, COMMAND, b"postscreen"),
        "#smtp      inet  n       -       n       -       1       postscreen"
    ),
    example!(
        "smtpd unix-domain service",
        |fields| is(fields, 0, b"smtpd") && is(fields, TYPE, b"pass"),
        "#smtpd     pass  -       -       n       -       -       smtpd"
    ),
    example!(
        "dnsblog unix-domain service",
        |fields| is(fields, 0, b"dnsblog"),
        "#dnsblog   unix  -       -       n       -       0       dnsblog"
    ),
    example!(
        "tlsproxy unix-domain service",
        |fields| is(fields, 0, b"tlsproxy"),
        "#tlsproxy  unix  -       -       n       -       0       tlsproxy"
    ),
];

/// The last addition: without it nothing is logged to a file.
const POSTLOG: Step = service!(
    "postlog unix-domain datagram service",
    b"postlog",
    "postlog   unix-dgram n  -       n       -       1       postlogd"
);

fn is(fields: &[&[u8]], index: usize, value: &[u8]) -> bool {
    fields.get(index).is_some_and(|field| *field == value)
}

fn is_private(fields: &[&[u8]]) -> bool {
    is(fields, TYPE, b"unix") && (is(fields, PRIVATE, b"-") || is(fields, PRIVATE, b"y"))
}

/// A wake-up time that counts once the service has been used.
fn if_used(wakeup: &[u8]) -> BString {
    if wakeup.ends_with(b"?") { wakeup.into() } else { [wakeup, b"?"].concat().into() }
}

/// What the file should be, and what was done to it. Everything else stays as it is, byte for byte.
pub fn upgraded(text: &[u8]) -> (BString, Vec<&'static str>) {
    let mut lines: Vec<BString> = text.lines().map(Into::into).collect();
    let notes = STEPS.iter().chain([&POSTLOG]).filter_map(|step| apply(step, &mut lines)).collect();
    let mut new = BString::default();
    for line in &lines {
        new.extend_from_slice(line);
        new.push(b'\n');
    }
    (new, notes)
}

/// Carries out a step; says what was done, if anything was.
fn apply(step: &Step, lines: &mut Vec<BString>) -> Option<&'static str> {
    match step {
        Step::Add(addition) => {
            if lines.iter().any(|line| addition.is_there(line)) {
                return None;
            }
            lines.push(addition.line.into());
            Some(addition.note)
        }
        Step::Change(change) => {
            let mut changed = false;
            for line in lines.iter_mut() {
                if begins_entry(line) && (change.applies)(&fields(line)) {
                    for (index, edit) in change.edits {
                        *line = with_field(line, *index, edit);
                    }
                    changed = true;
                }
            }
            changed.then_some(change.note)
        }
    }
}

impl Addition {
    fn is_there(&self, line: &[u8]) -> bool {
        let line = if self.comments { line.strip_prefix(b"#").unwrap_or(line) } else { line };
        begins_entry(line) && (self.is_like)(&fields(line))
    }
}

/// Whether a line is the first of an entry.
fn begins_entry(line: &[u8]) -> bool {
    line.first().is_some_and(|byte| !list::BLANKS.contains(byte) && *byte != b'#') && !fields(line).is_empty()
}

fn fields(line: &[u8]) -> Vec<&[u8]> {
    list::split(line, list::BLANKS).collect()
}

/// The line with one field changed, and all blanks as they were.
fn with_field(line: &[u8], index: usize, edit: &Edit) -> BString {
    let Some(field) = fields(line).get(index).copied() else { return line.into() };
    let start = field.as_ptr().addr() - line.as_ptr().addr();
    [&line[..start], &edit(field), &line[start + field.len()..]].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_services_are_added_and_old_fields_changed() {
        let old = "# x\npickup  fifo n n n 60 1 pickup\ncleanup unix - - n - 0 cleanup\n  -v\nverify unix - - n - 0 verify\n\
                   proxywrite unix - - n - - proxymap\ntlsmgr fifo - - n 300 1 tlsmgr\n#smtp inet n - n - 1 postscreen -v\nq";
        let (new, notes) = upgraded(old.as_bytes());
        let text = new.to_string();
        let begin = "# x\npickup  fifo n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\n  -v\nverify unix - - n - 1 verify\n\
                     proxywrite unix - - n - 1 proxymap\ntlsmgr unix - - n 300? 1 tlsmgr\n#smtp inet n - n - 1 postscreen -v\nq\nrelay ";
        assert!(text.starts_with(begin), "{text}");
        assert!(text.ends_with("\npostlog   unix-dgram n  -       n       -       1       postlogd\n"), "{text}");
        assert_eq!(text.matches("postscreen").count(), 1);
        assert_eq!(notes.first(), Some(&"adding missing entry for relay service"));
        assert!(notes.contains(&"making the pickup service unprivileged"), "{notes:?}");
        assert!(!notes.contains(&"adding missing entry for tlsmgr service"), "{notes:?}");
    }

    proptest::proptest! {
        #[test]
        fn a_second_run_changes_nothing(text in "([#a-z]{0,7}( fifo| unix| pass)?( [-n]){0,4} [0-9?]{0,2}[ \t]{0,2}\n?){0,6}") {
            let (once, _) = upgraded(text.as_bytes());
            let (twice, notes) = upgraded(&once);
            proptest::prop_assert_eq!(once, twice);
            proptest::prop_assert!(notes.is_empty());
        }
    }
}
