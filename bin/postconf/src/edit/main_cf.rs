//! Changing main.cf: `-e`, `-X`, `-#` (config §8.11).

use bstr::{BString, ByteSlice};
use text::show;
use text::space::is_space;

use super::{Line, Request, Wording, lines, requests};
use crate::files;
use crate::options::{Edit, Options};

const WORDING: Wording = Wording {
    options: "-e, -X, or -# accepts",
    blank: Some("-X or -# requires non-blank parameter names"),
    value: "-X or -# requires parameter names without value",
};

/// Carries out what the command line asks for.
pub fn edit(options: &Options, edit: Edit) {
    let wanted = last_of_each(requests(&options.operands, edit, &WORDING), edit);
    let path = files::path("main.cf");
    command::replace(&path, |old| change(&path, old, wanted, edit));
}

/// Of requests for one name the last counts.
fn last_of_each(requests: Vec<Request>, edit: Edit) -> Vec<Request> {
    let mut wanted: Vec<Request> = Vec::new();
    for request in requests {
        match wanted.iter_mut().find(|earlier| earlier.name == request.name) {
            Some(earlier) => {
                if edit == Edit::Set {
                    let (name, value) = (show(&earlier.name), show(&earlier.value));
                    log::warn!("ignoring earlier request: '{name} = {value}'");
                }
                *earlier = request;
            }
            None => wanted.push(request),
        }
    }
    wanted
}

/// The changed text of a file.
fn change(path: &str, old: &[u8], wanted: Vec<Request>, edit: Edit) -> BString {
    let mut wanted: Vec<(Request, usize)> = wanted.into_iter().map(|request| (request, 0)).collect();
    let mut new = BString::default();
    let mut edited = false;
    for (kind, line) in lines(old) {
        match kind {
            Line::Comment => new.extend_from_slice(&line),
            Line::Continuation if !edited => new.extend_from_slice(&line),
            Line::Continuation => comment_out(&line, edit, &mut new),
            Line::Start => {
                let end = line.iter().position(|&byte| byte == b'=' || is_space(byte)).unwrap_or(line.len());
                let found = wanted.iter_mut().find(|(request, _)| request.name == line[..end]);
                edited = found.is_some();
                match found {
                    None => new.extend_from_slice(&line),
                    Some((request, count)) => {
                        *count += 1;
                        if *count == 2 {
                            log::warn!("{path}: multiple entries for \"{}\"", show(&request.name));
                        }
                        if edit == Edit::Set {
                            assign(request, &mut new);
                        }
                        comment_out(&line, edit, &mut new);
                    }
                }
            }
        }
    }
    if edit == Edit::Set {
        for (request, _) in wanted.iter().filter(|(_, count)| *count == 0) {
            assign(request, &mut new);
        }
    }
    new
}

fn assign(request: &Request, new: &mut BString) {
    new.extend_from_slice(&[request.name.as_bytes(), b" = ", &request.value, b"\n"].concat());
}

/// A line of an entry that is commented out; with the other edits it is dropped.
fn comment_out(line: &[u8], edit: Edit, new: &mut BString) {
    if edit == Edit::CommentOut {
        new.push(b'#');
        new.extend_from_slice(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(old: &str, arguments: &[&str], edit: Edit) -> String {
        let arguments: Vec<BString> = arguments.iter().map(|&argument| argument.into()).collect();
        let wanted = last_of_each(requests(&arguments, edit, &WORDING), edit);
        change("main.cf", old.as_bytes(), wanted, edit).to_string()
    }

    #[test]
    fn entries_are_replaced_and_appended() {
        let old = "a = 1\n  # in\n  cont\n\nb=2\n";
        assert_eq!(changed(old, &["a = 9", "c=3"], Edit::Set), "a = 9\n  # in\n\nb=2\nc = 3\n");
        assert_eq!(changed("a=1\nx", &["a=2", "b="], Edit::Set), "a = 2\nx\nb = \n");
    }

    #[test]
    fn entries_are_removed_and_commented_out() {
        let old = "a = 1\n# in\n cont\nb=2\na=3\n";
        assert_eq!(changed(old, &["a"], Edit::Remove), "# in\nb=2\n");
        assert_eq!(changed(old, &["a"], Edit::CommentOut), "#a = 1\n# in\n# cont\nb=2\n#a=3\n");
    }
}
