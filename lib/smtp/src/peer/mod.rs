//! Who the client of a server is: by its socket, and by DNS (smtpd §2).

mod names;

use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;

use bstr::BString;
use config::{Config, Protocols, params};

use crate::server::identity::unmapped;

/// What stands for what is not known.
pub const UNKNOWN: &str = "unknown";

/// How the search for a client's name went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameStatus {
    /// It has one.
    Known,
    /// A lookup failed, and might not fail later.
    Temporary,
    /// It has none, or none that leads back to its address.
    Permanent,
}

/// How clients of a service are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// The protocol that the service speaks, for messages: `SMTP`, `QMQP`.
    pub protocol: &'static str,
    /// Whether names are looked up.
    pub names: bool,
    /// Whether the log names the port.
    pub port_logging: bool,
    /// The user ID of the mail owner, found out before a jail; nothing if there is no such user.
    pub owner: Option<u32>,
}

/// The user ID of the mail owner: to be asked before a jail.
pub fn owner(config: &Config) -> Option<u32> {
    let name = config.get(params::MAIL_OWNER).to_string();
    sys::privilege::account(&name).ok().flatten().map(|account| account.uid)
}

/// A client that must not be served: the texts of an error, and of the fatal end.
#[derive(Debug)]
pub struct Refused {
    /// What is logged as an error before.
    pub error: Option<String>,
    /// What ends the program.
    pub fatal: String,
}

/// The identity of a client, and where it connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The verified name, or `unknown`.
    pub name: BString,
    /// How it was found.
    pub name_status: NameStatus,
    /// The name that the address has, or `unknown`.
    pub reverse_name: BString,
    /// How that was found.
    pub reverse_status: NameStatus,
    /// The address as the log shows it.
    pub address: BString,
    /// The address as mail headers show it: with `IPv6:`.
    pub rfc_address: BString,
    /// The port in digits, or `unknown`.
    pub port: BString,
    /// The system's number of the address family; 0 for none.
    pub family: u16,
    /// The address that the client connected to.
    pub server_address: BString,
    /// The port that the client connected to.
    pub server_port: BString,
    /// `name[address]`, with the port if that is logged.
    pub namaddr: BString,
    with_port: bool,
}

impl Peer {
    /// A client whose socket says nothing.
    pub fn unknown(habits: Habits) -> Self {
        let unknown = || BString::from(UNKNOWN);
        let peer = Self {
            name: unknown(),
            name_status: NameStatus::Permanent,
            reverse_name: unknown(),
            reverse_status: NameStatus::Permanent,
            address: unknown(),
            rfc_address: unknown(),
            port: unknown(),
            family: 0,
            server_address: unknown(),
            server_port: unknown(),
            namaddr: BString::default(),
            with_port: habits.port_logging,
        };
        peer.named()
    }

    /// A client on this machine that is no network client.
    pub fn local(config: &Config, habits: Habits) -> Self {
        let only_ipv6 = config.protocols().ipv6 && !config.protocols().ipv4;
        let (address, rfc_address) = if only_ipv6 { ("::1", "IPv6:::1") } else { ("127.0.0.1", "127.0.0.1") };
        let peer = Self {
            name: "localhost".into(),
            name_status: NameStatus::Known,
            reverse_name: "localhost".into(),
            reverse_status: NameStatus::Known,
            address: address.into(),
            rfc_address: rfc_address.into(),
            port: "0".into(),
            server_address: address.into(),
            server_port: "0".into(),
            ..Self::unknown(habits)
        };
        peer.named()
    }

    /// A client on the network, whose name is looked up.
    pub fn network(config: &Config, habits: Habits, client: SocketAddr, server: SocketAddr) -> Self {
        let mut peer = Self {
            port: client.port().to_string().into(),
            server_address: server.ip().to_string().into(),
            server_port: server.port().to_string().into(),
            ..Self::unknown(habits)
        };
        peer.set_address(client.ip());
        if habits.names {
            let found = names::look_up(client.ip(), config.protocols());
            (peer.name, peer.name_status) = found.name;
            (peer.reverse_name, peer.reverse_status) = found.reverse;
        }
        peer.named()
    }

    /// Takes over an address.
    pub fn set_address(&mut self, address: IpAddr) {
        self.address = address.to_string().into();
        self.rfc_address = rfc_address(address);
        self.family = family(address);
    }

    /// The same client with its `namaddr` made anew.
    pub fn named(mut self) -> Self {
        self.namaddr = namaddr(&self.name, &self.address, self.with_port.then_some(&self.port));
        self
    }

    /// A client for whom this one talks, as the log shows it.
    pub fn forwarded_namaddr(&self, name: &[u8], address: &[u8], port: &BString) -> BString {
        match address == UNKNOWN.as_bytes() {
            true => name.into(),
            false => namaddr(name, address, self.with_port.then_some(port)),
        }
    }
}

fn namaddr(name: &[u8], address: &[u8], port: Option<&BString>) -> BString {
    let mut text = BString::from([name, b"[", address, b"]"].concat());
    if let Some(port) = port {
        text.extend_from_slice(&[b":", port.as_slice()].concat());
    }
    text
}

/// An address as mail headers show it.
pub fn rfc_address(address: IpAddr) -> BString {
    match address {
        IpAddr::V4(_) => address.to_string().into(),
        IpAddr::V6(_) => format!("IPv6:{address}").into(),
    }
}

/// The system's number of an address family.
pub fn family(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => sys::socket::FAMILY_IPV4,
        IpAddr::V6(_) => sys::socket::FAMILY_IPV6,
    }
}

impl Peer {
    /// The client as the socket has it (§2.2).
    ///
    /// # Errors
    /// The client must not be served: its protocol is not in use, or this process has the wrong rights.
    pub fn from_socket(socket: BorrowedFd<'_>, config: &Config, habits: Habits) -> Result<Self, Refused> {
        let (client, server) = match (sys::socket::peer_address(&socket), sys::socket::local_address_of(&socket)) {
            (Ok(client), Ok(server)) => (client, server),
            (Err(error), _) | (_, Err(error)) => {
                let local = sys::socket::is_not_a_socket(&error);
                return Ok(if local { Self::local(config, habits) } else { Self::unknown(habits) });
            }
        };
        let (Some(client), Some(server)) = (client, server) else { return Ok(Self::local(config, habits)) };
        refuse_disabled_family(client.ip(), config)?;
        require_owner(habits)?;
        let protocols = config.protocols();
        Ok(Self::network(config, habits, plain(client, protocols), plain(server, protocols)))
    }
}

/// An endpoint whose address is IPv4 if it can be.
pub fn plain(endpoint: SocketAddr, protocols: Protocols) -> SocketAddr {
    SocketAddr::new(unmapped(endpoint.ip(), |address| protocols.allow(address)), endpoint.port())
}

/// A client of a protocol that is not in use must never pass for a local one.
fn refuse_disabled_family(address: IpAddr, config: &Config) -> Result<(), Refused> {
    if config.protocols().allow(address) {
        return Ok(());
    }
    let family = if address.is_ipv4() { "AF_INET" } else { "AF_INET6" };
    let value = text::show(config.get(params::INET_PROTOCOLS));
    let fatal = format!("cannot handle socket type {family} with \"inet_protocols = {value}\"");
    Err(Refused { error: None, fatal })
}

/// Network clients are served by the mail owner alone: this keeps `sendmail -bs` from doing so.
fn require_owner(habits: Habits) -> Result<(), Refused> {
    let protocol = habits.protocol;
    let (real, effective) = (sys::privilege::real_uid(), sys::privilege::effective_uid());
    if habits.owner.is_some_and(|owner| owner == real && owner == effective) {
        return Ok(());
    }
    Err(Refused {
        error: Some(format!("incorrect {protocol} server privileges: uid={real} euid={effective}")),
        fatal: format!("the Postfix {protocol} server must run with $mail_owner privileges"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_have_names_for_the_log() {
        let habits = Habits { protocol: "SMTP", names: false, port_logging: false, owner: None };
        let config = Config::for_tests(&[]);
        assert_eq!(Peer::local(&config, habits).namaddr, "localhost[127.0.0.1]");
        assert_eq!(Peer::unknown(habits).namaddr, "unknown[unknown]");
        let habits = Habits { port_logging: true, ..habits };
        assert_eq!(Peer::local(&config, habits).namaddr, "localhost[127.0.0.1]:0");
    }
}
