//! Who the client is (smtpd §2).

use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;

use access::NameStatus;
use bstr::{BString, ByteSlice};
use config::{Config, Protocols, params};
use logging::fatal;
use server::Client;
use smtp_protocol::server::identity::unmapped;

use crate::names;

/// What stands for what is not known.
pub const UNKNOWN: &str = "unknown";

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

/// A client, and whether it is to be hung up on.
pub struct Identified {
    /// Who it is.
    pub peer: Peer,
    /// A proxy did not say who it is.
    pub hang_up: bool,
}

impl Peer {
    /// A client whose socket says nothing.
    pub fn unknown(config: &Config) -> Self {
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
            with_port: config.get(params::SMTPD_CLIENT_PORT_LOGGING),
        };
        peer.named()
    }

    /// A client on this machine that is no network client.
    pub fn local(config: &Config) -> Self {
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
            ..Self::unknown(config)
        };
        peer.named()
    }

    /// A client on the network, whose name is looked up.
    pub fn network(config: &Config, client: SocketAddr, server: SocketAddr) -> Self {
        let mut peer = Self {
            port: client.port().to_string().into(),
            server_address: server.ip().to_string().into(),
            server_port: server.port().to_string().into(),
            ..Self::unknown(config)
        };
        peer.set_address(client.ip());
        if config.get(params::SMTPD_PEERNAME_LOOKUP) {
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

/// Finds out who a client is (§2.1).
pub fn identify(client: &Client, config: &Config, stand_alone: bool) -> Identified {
    use std::os::fd::AsFd;
    let protocol = config.get(params::SMTPD_UPSTREAM_PROXY_PROTOCOL);
    let socket = client.as_fd();
    if !client.attributes.is_empty() {
        if !protocol.is_empty() {
            log::warn!("ignoring non-empty smtpd_upstream_proxy_protocol setting behind postscreen");
        }
        return from_attributes(&client.attributes, config);
    }
    if stand_alone || protocol.is_empty() {
        return Identified { peer: from_socket(socket, config), hang_up: false };
    }
    if protocol != "haproxy" {
        fatal!("unsupported smtpd_upstream_proxy_protocol value: {}", text::show(protocol));
    }
    crate::upstream::identify(socket, config)
}

/// The client as the socket has it (§2.2).
pub fn from_socket(socket: BorrowedFd<'_>, config: &Config) -> Peer {
    let (client, server) = match (sys::socket::peer_address(&socket), sys::socket::local_address_of(&socket)) {
        (Ok(client), Ok(server)) => (client, server),
        (Err(error), _) | (_, Err(error)) => {
            return if sys::socket::is_not_a_socket(&error) { Peer::local(config) } else { Peer::unknown(config) };
        }
    };
    let (Some(client), Some(server)) = (client, server) else { return Peer::local(config) };
    refuse_disabled_family(client.ip(), config);
    require_owner(config);
    let protocols = config.protocols();
    Peer::network(config, plain(client, protocols), plain(server, protocols))
}

fn plain(endpoint: SocketAddr, protocols: Protocols) -> SocketAddr {
    SocketAddr::new(unmapped(endpoint.ip(), |address| protocols.allow(address)), endpoint.port())
}

/// A client of a protocol that is not in use must never pass for a local one.
fn refuse_disabled_family(address: IpAddr, config: &Config) {
    if !config.protocols().allow(address) {
        let family = if address.is_ipv4() { "AF_INET" } else { "AF_INET6" };
        let value = text::show(config.get(params::INET_PROTOCOLS)).to_string();
        fatal!("cannot handle socket type {family} with \"inet_protocols = {value}\"");
    }
}

/// Network clients are served by the mail owner alone: this keeps `sendmail -bs` from doing so.
fn require_owner(config: &Config) {
    let owner = config.get(params::MAIL_OWNER);
    let account = sys::privilege::account(&owner.to_string()).ok().flatten();
    let (real, effective) = (sys::privilege::real_uid(), sys::privilege::effective_uid());
    if !account.is_some_and(|account| account.uid == real && account.uid == effective) {
        log::error!("incorrect SMTP server privileges: uid={real} euid={effective}");
        fatal!("the Postfix SMTP server must run with $mail_owner privileges");
    }
}

/// The client as postscreen tells it (§2.3). What makes no sense hangs up on it.
fn from_attributes(attributes: &[(BString, BString)], config: &Config) -> Identified {
    match endpoints(attributes) {
        Ok((client, server)) => {
            let protocols = config.protocols();
            let peer = Peer::network(config, plain(client, protocols), plain(server, protocols));
            Identified { peer, hang_up: false }
        }
        Err(complaint) => {
            log::warn!("{complaint}");
            Identified { peer: Peer::unknown(config), hang_up: true }
        }
    }
}

fn endpoints(attributes: &[(BString, BString)]) -> Result<(SocketAddr, SocketAddr), String> {
    let get = |name: &str| attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let missing = |what: &str| format!("missing {what} from proxy");
    let bad = |what: &str, value: &BString| format!("bad {what} syntax from proxy: {}", text::show(value));

    let address = get("client_address").ok_or_else(|| missing("client address"))?;
    let family = if address.contains(&b':') { "IPv6" } else { "IPv4" };
    let client = parse_address(address).ok_or_else(|| bad(&format!("{family} client address"), address))?;
    let port = get("client_port").ok_or_else(|| missing("client port"))?;
    let client_port = parse_port(port).ok_or_else(|| bad("TCP client port number", port))?;
    let address = get("server_address").ok_or_else(|| missing("server address"))?;
    let server = parse_address(address).ok_or_else(|| bad("IPv6 server address", address))?;
    let port = get("server_port").ok_or_else(|| missing("server port"))?;
    let server_port = parse_port(port).ok_or_else(|| bad("TCP server port number", port))?;
    Ok((SocketAddr::new(client, client_port), SocketAddr::new(server, server_port)))
}

fn parse_address(text: &[u8]) -> Option<IpAddr> {
    match text.contains(&b':') {
        true => text::hostaddr::ipv6(text).ok().map(IpAddr::V6),
        false => text::hostaddr::ipv4(text).ok().map(IpAddr::V4),
    }
}

fn parse_port(text: &[u8]) -> Option<u16> {
    text.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::for_tests(&[])
    }

    #[test]
    fn clients_have_names_for_the_log() {
        assert_eq!(Peer::local(&config()).namaddr, "localhost[127.0.0.1]");
        assert_eq!(Peer::unknown(&config()).namaddr, "unknown[unknown]");
        let config = Config::for_tests(&[("smtpd_client_port_logging", "yes")]);
        assert_eq!(Peer::local(&config).namaddr, "localhost[127.0.0.1]:0");
    }

    #[test]
    fn complaints_about_a_passer() {
        let attributes = |pairs: &[(&str, &str)]| -> Vec<(BString, BString)> {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        let complaint = |pairs: &[(&str, &str)]| endpoints(&attributes(pairs)).unwrap_err();
        assert_eq!(complaint(&[]), "missing client address from proxy");
        assert_eq!(
            complaint(&[("client_address", "1.2.3.4.5")]),
            "bad IPv4 client address syntax from proxy: 1.2.3.4.5"
        );
        assert_eq!(
            complaint(&[("client_address", "::1"), ("client_port", "x")]),
            "bad TCP client port number syntax from proxy: x"
        );
        let good = [
            ("client_address", "192.0.2.1"),
            ("client_port", "40000"),
            ("server_address", "192.0.2.2"),
            ("server_port", "25"),
        ];
        let (client, server) = endpoints(&attributes(&good)).unwrap();
        assert_eq!((client.to_string(), server.to_string()), ("192.0.2.1:40000".into(), "192.0.2.2:25".into()));
    }
}
