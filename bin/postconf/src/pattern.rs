//! `service/type/name` arguments (config §8.7).

use bstr::BString;
use logging::fatal;
use text::{list, show};

use crate::entry::{Entry, FIELDS};
use crate::options::{Mode, Options};

/// Which entries, and what of them; nothing stands for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    /// As it was given.
    pub text: BString,
    pub service: Option<BString>,
    pub transport: Option<BString>,
    /// The name of a field or parameter.
    pub third: Option<BString>,
}

impl Pattern {
    /// Reads a pattern of at most `parts` parts; nothing if it is none.
    pub fn parse(text: &[u8], parts: usize) -> Option<Self> {
        let mut found: Vec<Option<BString>> = Vec::new();
        if text.is_empty() || text.starts_with(b"/") {
            return None;
        }
        for part in list::split(text, b"/") {
            match part {
                b"*" => found.push(None),
                part if part.contains(&b'*') => return None,
                part => found.push(Some(part.into())),
            }
        }
        if found.len() > parts {
            return None;
        }
        let mut found = found.into_iter();
        let mut next = || found.next().flatten();
        Some(Pattern { text: text.into(), service: next(), transport: next(), third: next() })
    }

    /// Whether an entry is meant.
    pub fn matches(&self, entry: &Entry) -> bool {
        let is = |wanted: &Option<BString>, found: &[u8]| wanted.as_ref().is_none_or(|wanted| wanted == found);
        is(&self.service, entry.service()) && is(&self.transport, entry.transport())
    }

    /// Whether a field or parameter is meant.
    pub fn names(&self, name: &[u8]) -> bool {
        self.third.as_ref().is_none_or(|third| third == name)
    }
}

/// The patterns of a command that shows master.cf; a bad one ends the program.
pub fn parse_patterns(options: &Options) -> Vec<Pattern> {
    let (parts, problem) = match options.mode {
        Mode::Entries => (2, "-M option requires service_name[/type]"),
        Mode::Fields => (3, "-F option requires service_name[/type[/field]]"),
        Mode::ServiceParameters => (3, "-P option requires service_name[/type[/parameter]]"),
        _ => return Vec::new(),
    };
    let parse = |text: &BString| {
        let pattern = Pattern::parse(text, parts).unwrap_or_else(|| fatal!("{problem}"));
        if options.mode == Mode::Fields {
            check_field_name(&pattern);
        }
        pattern
    };
    options.operands.iter().map(parse).collect()
}

/// Ends the program if a pattern names a field that there is not.
pub fn check_field_name(pattern: &Pattern) {
    match &pattern.third {
        Some(name) if !FIELDS.iter().any(|field| name == field) => {
            fatal!("invalid service attribute name: \"{}\"", show(name))
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_parts_and_stars_mean_everything() {
        let pattern = Pattern::parse(b"a/*/x", 3).unwrap();
        assert_eq!((pattern.service, pattern.transport, pattern.third), (Some("a".into()), None, Some("x".into())));
        for bad in ["", "/", "/a", "a*", "a/b/c/d"] {
            assert_eq!(Pattern::parse(bad.as_bytes(), 3), None, "{bad}");
        }
        assert_eq!(Pattern::parse(b"a/b/c", 2), None);
    }
}
