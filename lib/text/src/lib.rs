//! Bytes and their meaning: address tokens, quoting, headers, xtext, DSN codes, macros (floor 1).
//!
//! Nothing here does I/O, and nothing here fails on bytes that are not UTF-8: mail is bytes.
#![forbid(unsafe_code)]

pub mod address;
pub mod checks;
pub mod cidr;
pub mod date;
pub mod dsn;
pub mod encoded_word;
mod escape;
pub mod expand;
mod fold;
pub mod getopt;
pub mod header;
pub mod hostaddr;
pub mod hostname;
pub mod idn;
pub mod inbox;
pub mod json;
pub mod level;
pub mod lines;
pub mod list;
pub mod literal;
pub mod mime;
mod name_value;
mod printable;
pub mod space;
pub mod xtext;
mod zone;

pub use escape::{escape, unescape};
pub use fold::fold;
pub use name_value::{NameValueError, split_name_value};
pub use printable::{Show, printable, printable_except, show};
