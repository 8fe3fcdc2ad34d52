//! Lookup tables that databases and directories answer (floor 5; tables §5).
//!
//! proxymap, postmap and postalias have this library; most others reach such tables through proxymap. local and virtual
//! have it too: tables that decide about rights are asked without help (tables §1.4).
#![forbid(unsafe_code)]

mod line;
mod memcache;
mod parameters;
mod redis;
mod results;
mod sqlite;
mod statement;
mod template;

use table::Kind;

/// The types, for [`table::Tables::with_kinds`].
pub const KINDS: &[Kind] = &[("memcache", memcache::open), ("redis", redis::open), ("sqlite", sqlite::open)];
