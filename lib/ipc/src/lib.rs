//! The attribute protocol, and every internal service's request and reply as a type (floor 2).
//!
//! A protocol is written once: the type that a client sends is the type that the server receives. The wire level is that of
//! Postfix 3.7 (master-ipc §10-13). Encoding and decoding do no I/O ([`attr`]); [`Stream`] is the thin blocking shell around them.
#![forbid(unsafe_code)]

pub mod anvil;
pub mod attr;
pub mod bounce;
pub mod cleanup;
pub mod delivery;
pub mod flush;
pub mod master;
mod persistent;
pub mod proxymap;
pub mod rewrite;
pub mod scache;
pub mod showq;
mod stats;
mod stream;
pub mod trigger;
pub mod verify;

pub use attr::{Encoding, Error, Message};
pub use persistent::{PersistentClient, Unreachable};
pub use stats::{Stamp, Stats};
pub use stream::{CallError, Stream, call, connect};

/// What each service says first on a new connection (master-ipc §11.1).
pub mod protocol {
    /// `private/anvil`, in the plain encoding.
    pub const ANVIL: &str = "anvil_protocol";
    /// `private/bounce`, `private/defer`, `private/trace`.
    pub const BOUNCE: &str = "delivery_status_protocol";
    /// `public/cleanup`.
    pub const CLEANUP: &str = "cleanup_protocol";
    /// Delivery agents.
    pub const DELIVERY: &str = "delivery_request_protocol";
    /// `public/flush`.
    pub const FLUSH: &str = "queue_flush_protocol";
    /// `private/proxymap`, `private/proxywrite`.
    pub const PROXYMAP: &str = "proxymap_protocol";
    /// `private/scache`.
    pub const SCACHE: &str = "connection_cache_protocol";
    /// `public/showq`.
    pub const SHOWQ: &str = "mail_queue_list_protocol";
    /// `private/tlsmgr`.
    pub const TLSMGR: &str = "tlsmgr_protocol";
    /// `private/tlsproxy`.
    pub const TLSPROXY: &str = "tlsproxy_protocol";
    /// `private/rewrite`.
    pub const REWRITE: &str = "trivial_rewrite_protocol";
    /// `private/verify`; the spelling is the wire's.
    pub const VERIFY: &str = "address_verification_prrotocol";
    /// postdrop's standard output.
    pub const POSTDROP: &str = "postdrop_protocol";
}

/// A reply that is a single number: what bounce, flush, trace and verify updates answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub i32);

impl Message for Status {
    fn write(&self, to: &mut attr::Writer) {
        to.int("status", self.0);
    }

    fn read(from: &mut attr::Reader<'_>) -> Result<Self, Error> {
        Ok(Self(from.int("status")?))
    }
}
