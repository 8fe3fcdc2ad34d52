//! Every parameter of main.cf: one row each, in `registry/*.tsv` (name, type, default, minimum, maximum, programs).
//!
//! Minimum and maximum are numbers of bytes for texts, values for numbers, seconds for times; none means unchecked. A row
//! without programs is read by all of them.
//! `build.rs` makes a table of them.

use std::cmp::Ordering;

/// How the text of a parameter is understood (config §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text, expanded.
    Str,
    /// Text, never expanded.
    Raw,
    /// `yes` or `no`.
    Bool,
    /// As [`Type::Bool`], with a default that is expanded.
    NBool,
    /// A number of 32 bits.
    Int,
    /// As [`Type::Int`], with a default that is expanded.
    NInt,
    /// A number of 64 bits.
    Long,
    /// A time with a unit.
    Time,
}

impl Type {
    /// What the documentation calls it.
    pub fn describe(self) -> &'static str {
        match self {
            Type::Str => "text",
            Type::Raw => "text, not expanded",
            Type::Bool | Type::NBool => "yes or no",
            Type::Int | Type::NInt | Type::Long => "number",
            Type::Time => "time",
        }
    }
}

/// Who may set a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary parameter.
    Builtin,
    /// Set by the program itself; what main.cf says is overwritten.
    ReadOnly,
    /// An obsolete name, which counts through the default of its successor.
    Legacy,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// Who may set it.
    pub kind: Kind,
    /// How its text is understood.
    pub ty: Type,
    /// The built-in default, unexpanded; empty where it is computed.
    pub default: &'static str,
    /// The minimum; 0 means unchecked.
    pub min: i64,
    /// The maximum; 0 means unchecked.
    pub max: i64,
    /// The programs that read it; `all` for every program.
    programs: &'static [&'static str],
}

impl Row {
    /// Whether `program` reads this parameter.
    pub fn is_read_by(&self, program: &str) -> bool {
        self.programs.iter().any(|&reader| reader == program || reader == "all")
    }

    /// Whether every program reads this parameter.
    pub fn is_common(&self) -> bool {
        self.programs.contains(&"all")
    }

    /// The programs that read this parameter; `all` for every program.
    pub fn programs(&self) -> impl Iterator<Item = &'static str> {
        self.programs.iter().copied()
    }
}

// Defines `ROWS`.
include!(concat!(env!("OUT_DIR"), "/rows.rs"));

/// All parameters, by name.
pub fn rows() -> &'static [Row] {
    &ROWS
}

/// The position of a parameter in [`rows`].
pub fn index(name: &[u8]) -> Option<usize> {
    ROWS.binary_search_by_key(&name, |row| row.name.as_bytes()).ok()
}

/// The row of a parameter.
pub fn row(name: &[u8]) -> Option<&'static Row> {
    Some(&ROWS[index(name)?])
}

/// The position in [`rows`] of a parameter that a constant names.
///
/// # Panics
/// When there is no such parameter: the program is not compiled then.
pub(crate) const fn constant_index(name: &str) -> usize {
    let (mut low, mut high) = (0, ROWS.len());
    while low < high {
        let middle = low + (high - low) / 2;
        match compare(ROWS[middle].name.as_bytes(), name.as_bytes()) {
            Ordering::Equal => return middle,
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
        }
    }
    panic!("a key without a row in src/registry/*.tsv")
}

const fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let mut at = 0;
    while at < a.len() && at < b.len() {
        if a[at] != b[at] {
            return if a[at] < b[at] { Ordering::Less } else { Ordering::Greater };
        }
        at += 1;
    }
    if a.len() == b.len() {
        Ordering::Equal
    } else if a.len() < b.len() {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order() {
        assert!(rows().windows(2).all(|pair| pair[0].name < pair[1].name));
        for (at, row) in rows().iter().enumerate() {
            assert_eq!((constant_index(row.name), index(row.name.as_bytes())), (at, Some(at)));
        }
        assert_eq!(index(b"nosuch"), None);
        // Those of 3.7, those of later releases, and ours.
        assert_eq!(rows().iter().filter(|row| row.kind != Kind::Legacy).count(), 831 + 80 + 1);
    }

    #[test]
    fn every_ordinary_row_has_a_reader() {
        let orphans: Vec<_> = rows().iter().filter(|row| row.kind != Kind::Legacy && row.programs.is_empty()).collect();
        assert!(orphans.is_empty(), "{orphans:?}");
    }
}
