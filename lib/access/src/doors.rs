//! What a decision needs from outside: one trait for each door, and what is behind them in a mail system.

use std::fmt::Debug;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use address::{Resolver, Rewriter};
use table::client::ConnectError;

use crate::Endpoint;

/// The domain name system, and the hosts file.
pub trait Dns: dns::Resolve + Debug {
    /// The addresses of a host, by the system's resolver, of the protocols in use. An address stands for itself.
    ///
    /// # Errors
    /// The resolver's text.
    fn host_addresses(&self, name: &[u8]) -> Result<Vec<IpAddr>, String>;
}

/// The address rewriting service.
pub trait Addresses: Resolver + Rewriter {}

impl<T: Resolver + Rewriter> Addresses for T {}

/// The address verification service.
pub trait Verifier: Debug {
    /// What is known about an address.
    ///
    /// # Errors
    /// The text of a fatal error: the service cannot be reached for good.
    fn query(&mut self, address: &[u8]) -> Result<ipc::verify::Answer, String>;
}

/// A connection to a policy server.
pub trait PolicyStream: Debug + io::Read + io::Write {
    /// Whether there is something to read, or the end, without waiting.
    fn is_readable(&self) -> bool;
}

/// Connects to policy servers.
pub trait PolicyConnector: Debug {
    /// Connects to an endpoint, and sets the time limit of each read and write.
    ///
    /// # Errors
    /// When that does not work.
    fn connect(&mut self, endpoint: &Endpoint, limit: Duration) -> Result<Box<dyn PolicyStream>, ConnectError>;
}

/// Time.
pub trait Clock: Debug {
    /// Waits.
    fn sleep(&mut self, time: Duration);

    /// What the clock shows.
    fn now(&self) -> SystemTime;
}

/// All doors.
#[derive(Debug)]
pub struct Doors {
    /// Names.
    pub dns: Box<dyn Dns>,
    /// How addresses are completed, and where they go.
    pub addresses: Box<dyn Addresses>,
    /// Whether mail can be delivered.
    pub verifier: Box<dyn Verifier>,
    /// Policy servers.
    pub policy: Box<dyn PolicyConnector>,
    /// Time.
    pub clock: Box<dyn Clock>,
}
