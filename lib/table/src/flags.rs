//! How a table is opened: flags and access mode (tables §1.3).

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// A set of open flags. The bit values are those of the proxymap protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flags(u32);

impl Flags {
    /// No flags: a duplicate entry is fatal.
    pub const NONE: Self = Flags(0);
    /// Duplicates: warn, and keep the first.
    pub const WARN_DUP: Self = Flags(1);
    /// Duplicates: keep the first.
    pub const IGNORE_DUP: Self = Flags(1 << 1);
    /// Keys and values may be stored without a trailing NUL.
    pub const TRY_WITHOUT_NUL: Self = Flags(1 << 2);
    /// Keys and values may be stored with a trailing NUL.
    pub const TRY_WITH_NUL: Self = Flags(1 << 3);
    /// Keys are fixed strings; set by the table.
    pub const FIXED: Self = Flags(1 << 4);
    /// Keys are patterns; set by the table.
    pub const PATTERN: Self = Flags(1 << 5);
    /// Lock around every access.
    pub const LOCK: Self = Flags(1 << 6);
    /// Duplicates: keep the last.
    pub const REPLACE: Self = Flags(1 << 7);
    /// Make every update durable.
    pub const SYNC_UPDATE: Self = Flags(1 << 8);
    /// Log accesses.
    pub const DEBUG: Self = Flags(1 << 9);
    /// Refuse `$number` in the results of pattern tables.
    pub const NO_REGSUB: Self = Flags(1 << 11);
    /// `proxy:` opens the table directly.
    pub const NO_PROXY: Self = Flags(1 << 12);
    /// Refuse unauthenticated sources.
    pub const NO_UNAUTH: Self = Flags(1 << 13);
    /// Fold the key, if keys are fixed strings.
    pub const FOLD_FIX: Self = Flags(1 << 14);
    /// Fold the key, if keys are patterns.
    pub const FOLD_MUL: Self = Flags(1 << 15);
    /// An exclusive lock for as long as the table is open.
    pub const OPEN_LOCK: Self = Flags(1 << 16);
    /// A table is being built.
    pub const BULK_UPDATE: Self = Flags(1 << 17);
    /// Several processes may write; set by the table.
    pub const MULTI_WRITER: Self = Flags(1 << 18);
    /// UTF-8 checks are wanted.
    pub const UTF8_REQUEST: Self = Flags(1 << 19);
    /// UTF-8 checks are in force; set by the table.
    pub const UTF8_ACTIVE: Self = Flags(1 << 20);
    /// Values are contents of the files that the source names.
    pub const SRC_RHS_IS_FILE: Self = Flags(1 << 21);
    /// For tables that decide about rights (tables §1.4): no substitution, no proxy, no unauthenticated source.
    pub const PARANOID: Self = Flags(1 << 11 | 1 << 12 | 1 << 13);
    /// What daemons use for the tables of a list parameter.
    pub const LIST: Self = Flags(1 << 6 | 1 << 14 | 1 << 19);

    const NAMES: [(Self, &'static str); 21] = [
        (Self::WARN_DUP, "warn_dup"),
        (Self::IGNORE_DUP, "ignore_dup"),
        (Self::TRY_WITHOUT_NUL, "try0null"),
        (Self::TRY_WITH_NUL, "try1null"),
        (Self::FIXED, "fixed"),
        (Self::PATTERN, "pattern"),
        (Self::LOCK, "lock"),
        (Self::REPLACE, "replace"),
        (Self::SYNC_UPDATE, "sync_update"),
        (Self::DEBUG, "debug"),
        (Self::NO_REGSUB, "no_regsub"),
        (Self::NO_PROXY, "no_proxy"),
        (Self::NO_UNAUTH, "no_unauth"),
        (Self::FOLD_FIX, "fold_fix"),
        (Self::FOLD_MUL, "fold_mul"),
        (Self::OPEN_LOCK, "open_lock"),
        (Self::BULK_UPDATE, "bulk_update"),
        (Self::MULTI_WRITER, "multi_writer"),
        (Self::UTF8_REQUEST, "utf8_request"),
        (Self::UTF8_ACTIVE, "utf8_active"),
        (Self::SRC_RHS_IS_FILE, "src_rhs_is_file"),
    ];

    /// The set with this bit pattern, as a proxymap client sends it; unknown bits are kept.
    pub const fn from_bits(bits: u32) -> Self {
        Flags(bits)
    }

    /// The bit pattern.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of these are in the set.
    pub const fn has(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// The set without these.
    pub const fn without(self, flags: Flags) -> Self {
        Flags(self.0 & !flags.0)
    }

    /// What happens to a duplicate key.
    pub const fn duplicates(self) -> Duplicates {
        if self.has(Self::REPLACE) {
            Duplicates::Replace
        } else if self.has(Self::IGNORE_DUP) {
            Duplicates::Ignore
        } else if self.has(Self::WARN_DUP) {
            Duplicates::Warn
        } else {
            Duplicates::Fatal
        }
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Flags(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The names, joined by `|`, as they are in the text of a changed table.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut separator = "";
        for (flag, name) in Self::NAMES.iter().filter(|(flag, _)| self.has(*flag)) {
            write!(f, "{separator}{name}")?;
            separator = "|";
            rest &= !flag.0;
        }
        if rest != 0 {
            write!(f, "{separator}0x{rest:x}")?;
        }
        Ok(())
    }
}

/// What happens when an entry is stored whose key exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// It is an error that ends the program.
    Fatal,
    /// The first wins, with a warning.
    Warn,
    /// The first wins.
    Ignore,
    /// The last wins.
    Replace,
}

/// How the file of a table is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Lookups only.
    ReadOnly,
    /// The file must exist.
    ReadWrite,
    /// The file is created if it does not exist: caches.
    Create,
    /// The file is created or emptied: a table is built.
    Truncate,
}

impl Mode {
    /// The flags of open(2) in octal, as they are in the text of a changed table.
    pub fn octal(self) -> &'static str {
        match self {
            Mode::ReadOnly => "0",
            Mode::ReadWrite => "2",
            Mode::Create => "102",
            Mode::Truncate => "1102",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_joined() {
        assert_eq!(Flags::LIST.to_string(), "lock|fold_fix|utf8_request");
        assert_eq!(Flags::LIST.bits(), 540_736);
        assert_eq!(Flags::NONE.to_string(), "");
        assert!(Flags::PARANOID.has(Flags::NO_PROXY));
    }
}
