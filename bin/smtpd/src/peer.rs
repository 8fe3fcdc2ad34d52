//! Who the client is, by whatever source tells (smtpd §2.1, §2.3).

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use bstr::{BString, ByteSlice};
use config::{Config, params};
use logging::fatal;
use server::Client;
use smtp_protocol::peer::{Habits, Peer, plain};

/// A client, and whether it is to be hung up on.
pub struct Identified {
    /// Who it is.
    pub peer: Peer,
    /// A proxy did not say who it is.
    pub hang_up: bool,
}

/// How clients of this server are looked at: to be asked before a jail.
pub fn habits(config: &Config) -> Habits {
    Habits {
        protocol: "SMTP",
        names: config.get(params::SMTPD_PEERNAME_LOOKUP),
        port_logging: config.get(params::SMTPD_CLIENT_PORT_LOGGING),
        owner: smtp_protocol::peer::owner(config),
    }
}

/// Finds out who a client is (§2.1).
pub fn identify(client: &Client, config: &Config, habits: Habits, stand_alone: bool) -> Identified {
    let protocol = config.get(params::SMTPD_UPSTREAM_PROXY_PROTOCOL);
    let socket = client.as_fd();
    if !client.attributes.is_empty() {
        if !protocol.is_empty() {
            log::warn!("ignoring non-empty smtpd_upstream_proxy_protocol setting behind postscreen");
        }
        return from_attributes(&client.attributes, config, habits);
    }
    if stand_alone || protocol.is_empty() {
        return Identified { peer: from_socket(socket, config, habits), hang_up: false };
    }
    if protocol != "haproxy" {
        fatal!("unsupported smtpd_upstream_proxy_protocol value: {}", text::show(protocol));
    }
    crate::upstream::identify(socket, config, habits)
}

/// The client as the socket has it.
pub fn from_socket(socket: BorrowedFd<'_>, config: &Config, habits: Habits) -> Peer {
    Peer::from_socket(socket, config, habits).unwrap_or_else(|refused| {
        if let Some(error) = refused.error {
            log::error!("{error}");
        }
        fatal!("{}", refused.fatal)
    })
}

/// The client as postscreen tells it (§2.3). What makes no sense hangs up on it.
fn from_attributes(attributes: &[(BString, BString)], config: &Config, habits: Habits) -> Identified {
    match endpoints(attributes) {
        Ok((client, server)) => {
            let protocols = config.protocols();
            let peer = Peer::network(config, habits, plain(client, protocols), plain(server, protocols));
            Identified { peer, hang_up: false }
        }
        Err(complaint) => {
            log::warn!("{complaint}");
            Identified { peer: Peer::unknown(habits), hang_up: true }
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
