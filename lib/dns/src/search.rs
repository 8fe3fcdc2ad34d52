//! Which names a question is put for, when search lists are wanted, and which of several failures counts (res_search(3)).

use bstr::BString;

use crate::error::{Error, ErrorKind};
use crate::resolv_conf::ResolvConf;
use crate::resolver::Options;

/// The names to try for one: with and without the domains of the search list.
pub(crate) fn candidates(conf: &ResolvConf, name: &[u8], options: Options) -> Vec<BString> {
    let dots = name.iter().filter(|byte| **byte == b'.').count();
    let mut names: Vec<BString> = Vec::new();
    let first = dots >= conf.ndots;
    if first {
        names.push(name.into());
    }
    let wanted = if dots == 0 { options.default_names } else { options.search };
    if wanted {
        let count = if options.search { conf.search.len() } else { 1 };
        names.extend(conf.search.iter().take(count).map(|domain| [name, b".", domain].concat().into()));
    }
    if !first {
        names.push(name.into());
    }
    names
}

/// Keeps the failure that counts: that of the name as it is, unless another name has data of another type, or a server failed.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    as_it_is: Option<Error>,
    other: Option<Error>,
}

impl Failures {
    /// Remembers a failure. True: further names make no sense.
    pub fn add(&mut self, error: Error, as_it_is: bool) -> bool {
        let end = error.kind == ErrorKind::TryAgain && error.rcode.is_none();
        let matters = error.kind != ErrorKind::NotFound || error.rcode == Some(0);
        if as_it_is {
            self.as_it_is = Some(error);
        } else if matters || self.other.is_none() {
            self.other = Some(error);
        }
        end
    }

    /// The failure that counts.
    pub fn result(self) -> Option<Error> {
        self.as_it_is.or(self.other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(name: &str, options: Options) -> Vec<String> {
        let conf = ResolvConf { search: vec!["x.example".into(), "y.example".into()], ..ResolvConf::default() };
        candidates(&conf, name.as_bytes(), options).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn search_lists_are_used_when_asked_for() {
        assert_eq!(names("host", Options::default()), ["host"]);
        assert_eq!(names("a.host", Options::default()), ["a.host"]);
        let defaults = Options { default_names: true, ..Options::default() };
        assert_eq!(names("host", defaults), ["host.x.example", "host"]);
        assert_eq!(names("a.host", defaults), ["a.host"]);
        let search = Options { default_names: true, search: true, ..Options::default() };
        assert_eq!(names("host", search), ["host.x.example", "host.y.example", "host"]);
        assert_eq!(names("a.host", search), ["a.host", "a.host.x.example", "a.host.y.example"]);
    }
}
