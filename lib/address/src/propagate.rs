//! `propagate_unmatched_extensions` (cleanup-rewrite §6.5).

use text::list::{SEPARATORS, split};

/// Which features carry an address extension that was not matched over to their results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the name in the list")]
pub struct Propagate {
    pub canonical: bool,
    pub virtual_alias: bool,
    pub alias: bool,
    pub forward: bool,
    pub include: bool,
    pub generic: bool,
}

impl Propagate {
    /// Reads the parameter.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn parse(value: &[u8]) -> Result<Self, String> {
        let mut found = Propagate::default();
        for name in split(value, SEPARATORS) {
            match name.to_ascii_lowercase().as_slice() {
                b"canonical" => found.canonical = true,
                b"virtual" => found.virtual_alias = true,
                b"alias" => found.alias = true,
                b"forward" => found.forward = true,
                b"include" => found.include = true,
                b"generic" => found.generic = true,
                _ => {
                    let (name, value) = (text::show(name), text::show(value));
                    return Err(format!("unknown propagate_unmatched_extensions value \"{name}\" in \"{value}\""));
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let expected = Propagate { canonical: true, virtual_alias: true, ..Propagate::default() };
        assert_eq!(Propagate::parse(b"canonical, virtual"), Ok(expected));
        let error = "unknown propagate_unmatched_extensions value \"x\" in \"alias x\"";
        assert_eq!(Propagate::parse(b"alias x"), Err(error.into()));
    }
}
