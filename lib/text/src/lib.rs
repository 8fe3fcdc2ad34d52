//! Bytes and their meaning: address tokens, quoting, headers, xtext, DSN codes, macros (floor 1).
//!
//! Nothing here does I/O, and nothing here fails on bytes that are not UTF-8: mail is bytes.
#![forbid(unsafe_code)]

pub mod date;
pub mod expand;
pub mod getopt;
pub mod hostname;
pub mod level;
pub mod lines;
pub mod list;
mod name_value;
mod printable;
pub mod space;

pub use name_value::{NameValueError, split_name_value};
pub use printable::{Show, printable, printable_except, show};
