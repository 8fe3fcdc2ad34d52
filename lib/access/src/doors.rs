//! What a decision needs from outside: one trait for each door, and what is behind them in a mail system.

use std::fmt::Debug;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use address::{Resolver, Rewriter};
use bstr::BString;

/// What is asked of the domain name system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail exchangers.
    Mx,
    /// Name servers.
    Ns,
    /// Texts.
    Txt,
}

impl RecordKind {
    /// The name in log lines.
    pub fn name(self) -> &'static str {
        match self {
            RecordKind::A => "A",
            RecordKind::Aaaa => "AAAA",
            RecordKind::Mx => "MX",
            RecordKind::Ns => "NS",
            RecordKind::Txt => "TXT",
        }
    }
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Of A and AAAA.
    Address(IpAddr),
    /// Of MX and NS. The preference of NS is 0.
    Host {
        /// The lower, the better.
        preference: u16,
        /// The name, without a final dot.
        name: String,
    },
    /// Of TXT: its strings, one after the other.
    Text(BString),
}

/// Why there are no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsTrouble {
    /// There are none.
    NotFound,
    /// The domain says that it takes no mail.
    NullMx,
    /// The answer makes no sense.
    Malformed,
    /// `smtpd_dns_reply_filter` drops all.
    Filtered,
    /// They might be found later.
    Temporary,
}

/// A failed question, with the text for log and reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct DnsError {
    /// What is the matter.
    pub trouble: DnsTrouble,
    /// As `Host or domain name not found. Name service error for name=x type=A: Host not found`.
    pub text: String,
}

/// The domain name system, and the hosts file.
pub trait Dns: Debug {
    /// The records of a name, as `smtpd_dns_reply_filter` lets them through.
    ///
    /// # Errors
    /// When there are none, or none that can be had.
    fn query(&mut self, name: &str, kind: RecordKind) -> Result<Vec<Record>, DnsError>;

    /// The addresses of a host, by the system's resolver, of the protocols in use. An address stands for itself.
    ///
    /// # Errors
    /// The resolver's text.
    fn host_addresses(&mut self, name: &str) -> Result<Vec<IpAddr>, DnsError>;
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

/// Why a policy server could not be connected to.
#[derive(Debug)]
pub enum ConnectError {
    /// The host or the service is not known, and why.
    NotFound(String),
    /// connect(2) failed.
    Io(io::Error),
}

/// Connects to policy servers.
pub trait PolicyConnector: Debug {
    /// Connects to an endpoint, and sets the time limit of each read and write.
    ///
    /// # Errors
    /// When that does not work.
    fn connect(
        &mut self,
        endpoint: &crate::policy::Endpoint,
        limit: Duration,
    ) -> Result<Box<dyn PolicyStream>, ConnectError>;
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
