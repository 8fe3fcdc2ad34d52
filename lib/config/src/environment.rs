//! import_environment and export_environment (config §4.2).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use bstr::BString;
use text::{NameValueError, list, split_name_value};

use crate::directory::is_unsafe;
use crate::error::Error;

/// One element of an environment list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// `NAME`: the variable keeps its value, if it has one.
    Keep(BString),
    /// `NAME=value`: the variable gets this value.
    Set(BString, BString),
}

/// What an environment list is for, which decides how its errors are worded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The listed variables are all that is left.
    Clean,
    /// The listed assignments are made, and nothing is removed.
    Update,
}

/// Reads an environment list; `parameter` is its name in messages.
///
/// # Errors
/// When braces do not match, or an assignment has no name.
pub fn parse(parameter: &str, value: &[u8], purpose: Purpose) -> Result<Vec<Element>, Error> {
    list::split_braced(value, list::SEPARATORS).map(|word| element(parameter, word, purpose)).collect()
}

fn element(parameter: &str, word: &[u8], purpose: Purpose) -> Result<Element, Error> {
    let text = match word.first() {
        Some(b'{') => list::unbrace(word).map_err(|problem| Error::Braces { name: parameter.to_owned(), problem })?,
        _ => word,
    };
    match split_name_value(text) {
        Ok((name, value)) => Ok(Element::Set(name.into(), value.into())),
        Err(NameValueError::MissingEquals) if !text.contains(&b'=') => Ok(Element::Keep(text.into())),
        Err(problem) => {
            let function = match purpose {
                Purpose::Clean => "clean_env",
                Purpose::Update => "update_env",
            };
            Err(Error::Environment { function, problem, element: text.into() })
        }
    }
}

/// The variables that are left of an environment; `current` gives the values that may be kept.
pub fn select(elements: &[Element], current: impl Fn(&[u8]) -> Option<BString>) -> Vec<(BString, BString)> {
    let keep = |element: &Element| match element {
        Element::Keep(name) => Some((name.clone(), current(name)?)),
        Element::Set(name, value) => Some((name.clone(), value.clone())),
    };
    elements.iter().filter_map(keep).collect()
}

/// A variable of this process, unless the process runs with other rights than its caller's (config §4.1).
pub fn safe_variable(name: &[u8]) -> Option<BString> {
    if is_unsafe() {
        return None;
    }
    std::env::var_os(OsStr::from_bytes(name)).map(|value| value.into_vec().into())
}

/// Carries a list out on this process's own environment. Call it before there is a second thread.
pub fn apply(elements: &[Element], purpose: Purpose) {
    match purpose {
        Purpose::Clean => {
            let left = select(elements, safe_variable);
            let os = |text: BString| OsString::from_vec(text.into());
            sys::environment::replace(left.into_iter().map(|(name, value)| (os(name), os(value))));
        }
        Purpose::Update => {
            for element in elements {
                if let Element::Set(name, value) = element {
                    sys::environment::set(OsStr::from_bytes(name), OsStr::from_bytes(value));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_keep_or_set() {
        let found = parse("p", b"TZ, LANG=C {PATH = /a b} NONE", Purpose::Clean).unwrap();
        assert_eq!(found[2], Element::Set("PATH".into(), "/a b".into()));
        let left = select(&found, |name| (name == b"TZ").then(|| "UTC".into()));
        let left: Vec<String> = left.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(left, ["TZ=UTC", "LANG=C", "PATH=/a b"]);
    }

    #[test]
    fn errors() {
        let error = |list: &str| parse("import_environment", list.as_bytes(), Purpose::Clean).unwrap_err().to_string();
        assert_eq!(error("{a"), "import_environment: missing '}' in \"{a\"");
        assert_eq!(error("{a}b"), "import_environment: syntax error after '}' in \"{a}b\"");
        assert_eq!(error("=b"), "clean_env: missing attribute name in: =b");
    }
}
