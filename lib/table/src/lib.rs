//! Lookup tables that live in files or in memory (floor 3).
//!
//! A table is named `type:name`. [`Tables`] holds what a process has open; [`Table`] is one of them; [`Maps`] are those of a
//! list parameter, searched in order. [`source`] reads the files that tables are built from.
//!
//! ```
//! use table::{Flags, Mode, Settings, Tables};
//!
//! let tables = Tables::new(Settings::default());
//! let maps = tables.maps("example_maps", b"inline:{a=b}, static:c", Flags::LIST);
//! assert_eq!(maps.find(b"A").unwrap().unwrap(), "b");
//! assert_eq!(maps.find(b"x").unwrap().unwrap(), "c");
//! ```
#![forbid(unsafe_code)]

mod berkeley;
mod cache;
pub mod client;
mod error;
mod flags;
mod kinds;
mod map;
mod maps;
mod settings;
pub mod source;
mod table;
mod tables;
pub mod tool;

pub use cache::{Cache, CacheError};
pub use error::{Error, Lookup, OpenError};
pub use flags::{Duplicates, Flags, Mode};
pub use kinds::{Kind, Opener, Request, is_remote, kinds};
pub use map::{Change, Facts, Map, Operation, Owner};
pub use maps::Maps;
pub use settings::Settings;
pub use table::Table;
pub use tables::{KeptFile, Tables};
