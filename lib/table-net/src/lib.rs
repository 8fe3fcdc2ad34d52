//! Lookup tables that databases and directories answer (floor 5; tables §5).
//!
//! proxymap, postmap and postalias have this library; most others reach such tables through proxymap. local and virtual
//! have it too: tables that decide about rights are asked without help (tables §1.4).
#![forbid(unsafe_code)]

mod hosts;
mod ldap;
mod line;
mod memcache;
mod mongodb;
mod mysql;
mod parameters;
mod percent;
mod pgsql;
mod redis;
mod results;
mod sqlite;
mod statement;
mod template;
mod tls;
mod wire;

use table::Kind;

/// The types, for [`table::Tables::with_kinds`].
pub const KINDS: &[Kind] = &[
    ("ldap", ldap::open),
    ("memcache", memcache::open),
    ("mongodb", mongodb::open),
    ("mysql", mysql::open),
    ("pgsql", pgsql::open),
    ("redis", redis::open),
    ("sqlite", sqlite::open),
];
