//! Bytes and their meaning: address tokens, quoting, headers, xtext, DSN codes, macros (floor 1).
//!
//! Nothing here does I/O, and nothing here fails on bytes that are not UTF-8: mail is bytes.
#![forbid(unsafe_code)]

pub mod getopt;
mod printable;

pub use printable::{Show, printable, printable_except, show};
