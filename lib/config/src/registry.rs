//! Every parameter of main.cf: one row each, in `registry/*.tsv` (name, type, default, minimum, maximum, programs).
//!
//! Minimum and maximum are numbers of bytes for texts, values for numbers, seconds for times; none means unchecked. A row
//! without programs is read by all of them.

use std::sync::LazyLock;

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

    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "str" => Type::Str,
            "raw" => Type::Raw,
            "bool" => Type::Bool,
            "nbool" => Type::NBool,
            "int" => Type::Int,
            "nint" => Type::NInt,
            "long" => Type::Long,
            "time" => Type::Time,
            _ => return None,
        })
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
    /// The programs that read it, separated by blanks; `all` for every program.
    programs: &'static str,
}

impl Row {
    /// Whether `program` reads this parameter.
    pub fn is_read_by(&self, program: &str) -> bool {
        self.is_common() || self.programs.split(' ').any(|reader| reader == program)
    }

    /// Whether every program reads this parameter.
    pub fn is_common(&self) -> bool {
        self.programs.split(' ').any(|reader| reader == "all")
    }

    /// The programs that read this parameter; `all` for every program.
    pub fn programs(&self) -> impl Iterator<Item = &'static str> {
        self.programs.split(' ').filter(|program| !program.is_empty())
    }

    fn parse(line: &'static str, kind: Kind) -> Option<Self> {
        let mut fields = line.split('\t');
        let mut next = || fields.next();
        let (name, ty, default, min, max, programs) = (next()?, next()?, next()?, next()?, next()?, next()?);
        let limit = |text: &str| if text.is_empty() { Some(0) } else { text.parse().ok() };
        Some(Row { name, kind, ty: Type::parse(ty)?, default, min: limit(min)?, max: limit(max)?, programs })
    }
}

static FILES: [(Kind, &str); 12] = [
    (Kind::Builtin, include_str!("registry/common.tsv")),
    (Kind::Builtin, include_str!("registry/delivery.tsv")),
    (Kind::Builtin, include_str!("registry/lmtp.tsv")),
    (Kind::Builtin, include_str!("registry/postscreen.tsv")),
    (Kind::Builtin, include_str!("registry/queue.tsv")),
    (Kind::Builtin, include_str!("registry/rewriting.tsv")),
    (Kind::Builtin, include_str!("registry/services.tsv")),
    (Kind::Builtin, include_str!("registry/smtp.tsv")),
    (Kind::Builtin, include_str!("registry/smtpd.tsv")),
    (Kind::Builtin, include_str!("registry/tls.tsv")),
    (Kind::ReadOnly, include_str!("registry/readonly.tsv")),
    (Kind::Legacy, include_str!("registry/legacy.tsv")),
];

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let lines = FILES.iter().flat_map(|&(kind, file)| file.lines().map(move |line| (kind, line)));
    let mut rows: Vec<Row> = lines.filter_map(|(kind, line)| Row::parse(line, kind)).collect();
    rows.sort_by_key(|row| row.name);
    rows
});

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_row_and_no_name_comes_twice() {
        let lines: usize = FILES.iter().map(|(_, file)| file.lines().count()).sum();
        assert_eq!(rows().len(), lines);
        assert!(rows().windows(2).all(|pair| pair[0].name < pair[1].name));
        assert_eq!(rows().iter().filter(|row| row.kind != Kind::Legacy).count(), 831);
    }

    #[test]
    fn every_ordinary_row_has_a_reader() {
        let orphans: Vec<_> = rows().iter().filter(|row| row.kind != Kind::Legacy && row.programs.is_empty()).collect();
        assert!(orphans.is_empty(), "{orphans:?}");
    }
}
