//! Source files of tables that are built (tables §2).

mod aliases;
mod entries;

pub use aliases::{AliasEntries, AliasProblem};
pub(crate) use entries::key_length;
pub use entries::{Entries, Problem, files_value};
