//! Lookup tables that other machines answer (floor 5): memcache and redis (tables §5).
//!
//! Only proxymap, postmap and postalias have this library; other programs reach such tables through proxymap.
#![forbid(unsafe_code)]

mod line;
mod memcache;
mod parameters;
mod redis;
mod template;

use table::Kind;

/// The types, for [`table::Tables::with_kinds`].
pub const KINDS: &[Kind] = &[("memcache", memcache::open), ("redis", redis::open)];
