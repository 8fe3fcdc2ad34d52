//! The domain name system and the hosts file, with Postfix's rules (floor 3; smtp-client §21).
//!
//! A [`Resolver`] asks the name servers of /etc/resolv.conf. What a reply means (invalid names, chains of CNAME records, null MX, which of
//! several failures counts) is decided here and not by a resolver library, because mail is bounced or kept by these rules: hickory-proto reads
//! and writes the names and messages, and the rest is our own. [`hosts`] asks the system's resolver, which knows /etc/hosts.
//!
//! Code that looks names up takes a `&dyn Resolve`; [`Zone`] is one for tests.
//!
//! ```
//! use dns::{Data, ErrorKind, Options, Resolve, Type, Zone};
//!
//! let zone = Zone::default().mx("example.com", 10, "mx.example.com").a("mx.example.com", "192.0.2.1");
//! let found = zone.lookup(b"example.com", &[Type::MX], Options::default()).unwrap();
//! assert!(matches!(&found[0].data, Data::Mx { preference: 10, host } if host == "mx.example.com"));
//! let error = zone.lookup(b"other.example", &[Type::A, Type::AAAA], Options::default()).unwrap_err();
//! assert_eq!(error.kind, ErrorKind::NotFound);
//! ```
#![forbid(unsafe_code)]

mod answer;
mod error;
mod fake;
pub mod hosts;
mod name;
mod probe;
mod record;
mod resolv_conf;
mod resolver;
mod search;
mod transport;
mod wire;

pub use answer::read_reply;
pub use error::{Error, ErrorKind};
pub use fake::Zone;
pub use probe::Probe;
pub use record::{Data, Record, Type};
pub use resolv_conf::ResolvConf;
pub use resolver::{Options, ReplyFilter, Resolve, Resolver, Verdict};

/// The most records of a list, also of one that is merged from several replies. What exceeds it is dropped with a warning.
pub const RECORD_LIMIT: usize = 100;
