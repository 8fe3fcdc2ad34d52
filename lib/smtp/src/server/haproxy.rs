//! The header that a proxy sends before the client's first byte (smtpd §2.5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bstr::ByteSlice;
use text::hostaddr::{ipv4, ipv6};

use super::identity::unmapped;

/// The longest header that is taken, in bytes.
pub const LIMIT: usize = 536;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The proxy talks for itself.
    Local,
    /// The proxy talks for a client.
    Proxied {
        /// The client.
        client: SocketAddr,
        /// The address that the client talks to.
        server: SocketAddr,
    },
}

/// A header, and how many bytes it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it says.
    pub connection: Connection,
    /// Its length, in bytes.
    pub length: usize,
}

/// Which address families are in use.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each is the family of that name")]
pub struct Families {
    pub ipv4: bool,
    pub ipv6: bool,
}

impl Families {
    fn allow(self, address: IpAddr) -> bool {
        if address.is_ipv4() { self.ipv4 } else { self.ipv6 }
    }
}

/// Reads a header of version 1 or 2 at the start of `bytes`.
///
/// # Errors
/// The reason that the log gives.
pub fn parse(bytes: &[u8], families: Families) -> Result<Header, &'static str> {
    match bytes.starts_with(b"PROXY ") {
        true => version_1(bytes, families),
        false => version_2(bytes, families),
    }
}

fn version_1(bytes: &[u8], families: Families) -> Result<Header, &'static str> {
    let end = bytes.find_byte(b'\n').ok_or("missing protocol header terminator")?;
    let line = &bytes[..end];
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\r')).filter(|word| !word.is_empty());
    if words.next() != Some(b"PROXY") {
        return Err("bad or missing protocol header");
    }
    let family = match words.next().map(<[u8]>::to_ascii_uppercase).as_deref() {
        Some(b"TCP4") if families.ipv4 => ipv4_address,
        Some(b"TCP6") if families.ipv6 => ipv6_address,
        _ => return Err("bad or missing protocol type"),
    };
    let client = words.next().and_then(family).ok_or("bad or missing client address")?;
    let server = words.next().and_then(family).ok_or("bad or missing server address")?;
    let client_port = words.next().and_then(port).ok_or("bad or missing client port")?;
    let server_port = words.next().and_then(port).ok_or("bad or missing server port")?;
    Ok(Header { connection: proxied((client, client_port), (server, server_port), families), length: end + 1 })
}

fn ipv4_address(text: &[u8]) -> Option<IpAddr> {
    ipv4(text).ok().map(IpAddr::V4)
}

fn ipv6_address(text: &[u8]) -> Option<IpAddr> {
    ipv6(text).ok().map(IpAddr::V6)
}

fn port(text: &[u8]) -> Option<u16> {
    let plain = text.iter().all(u8::is_ascii_digit) && text.len() <= 5 && (text.len() == 1 || !text.starts_with(b"0"));
    if plain { text.to_str().ok()?.parse().ok() } else { None }
}

fn proxied(client: (IpAddr, u16), server: (IpAddr, u16), families: Families) -> Connection {
    let endpoint = |(address, port)| SocketAddr::new(unmapped(address, |address| families.allow(address)), port);
    Connection::Proxied { client: endpoint(client), server: endpoint(server) }
}

fn version_2(bytes: &[u8], families: Families) -> Result<Header, &'static str> {
    let Some((head, rest)) = bytes.split_first_chunk::<16>() else { return Err("short protocol header") };
    if !head.starts_with(SIGNATURE) {
        return Err("unrecognized protocol header");
    }
    if head[12] >> 4 != 2 {
        return Err("unrecognized protocol version");
    }
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    let payload = rest.get(..length).ok_or("short version 2 protocol header")?;
    let connection = match head[12] & 0x0f {
        0 => Connection::Local,
        1 => addresses(head[13], payload, families)?,
        _ => return Err("bad command in proxy header"),
    };
    Ok(Header { connection, length: head.len() + length })
}

fn addresses(family: u8, payload: &[u8], families: Families) -> Result<Connection, &'static str> {
    match family {
        0x11 if !families.ipv4 => Err("Postfix IPv4 support is disabled"),
        0x21 if !families.ipv6 => Err("Postfix IPv6 support is disabled"),
        0x11 => {
            let (fields, _) = payload.split_first_chunk::<12>().ok_or("short address field")?;
            let address = |at: usize| Ipv4Addr::new(fields[at], fields[at + 1], fields[at + 2], fields[at + 3]);
            let port = |at: usize| u16::from_be_bytes([fields[at], fields[at + 1]]);
            Ok(proxied((address(0).into(), port(8)), (address(4).into(), port(10)), families))
        }
        0x21 => {
            let (fields, _) = payload.split_first_chunk::<36>().ok_or("short address field")?;
            let address = |at: usize| {
                let mut octets = [0; 16];
                octets.copy_from_slice(&fields[at..at + 16]);
                Ipv6Addr::from(octets)
            };
            let port = |at: usize| u16::from_be_bytes([fields[at], fields[at + 1]]);
            Ok(proxied((address(0).into(), port(32)), (address(16).into(), port(34)), families))
        }
        _ => Err("unsupported network protocol"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Families = Families { ipv4: true, ipv6: true };

    fn shown(bytes: &[u8]) -> String {
        match parse(bytes, BOTH) {
            Ok(Header { connection: Connection::Local, length }) => format!("local {length}"),
            Ok(Header { connection: Connection::Proxied { client, server }, length }) => {
                format!("{client} {server} {length}")
            }
            Err(reason) => reason.into(),
        }
    }

    #[test]
    fn version_1_headers() {
        assert_eq!(shown(b"PROXY TCP4 1.2.3.4 5.6.7.8 10 25\r\nEHLO"), "1.2.3.4:10 5.6.7.8:25 34");
        assert_eq!(shown(b"PROXY tcp6 ::1 ::2 10 25 more\n"), "[::1]:10 [::2]:25 30");
        assert_eq!(shown(b"PROXY TCP4 1.2.3.4"), "missing protocol header terminator");
        assert_eq!(shown(b"PROXY UNKNOWN\r\n"), "bad or missing protocol type");
        assert_eq!(shown(b"PROXY TCP4 x\r\n"), "bad or missing client address");
        assert_eq!(shown(b"PROXY TCP4 1.2.3.4 ::1 1 2\r\n"), "bad or missing server address");
        assert_eq!(shown(b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"), "bad or missing client port");
        assert_eq!(shown(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"), "bad or missing server port");
    }

    fn version_2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, payload].concat()
    }

    #[test]
    fn version_2_headers() {
        let payload = [0xC0, 0, 2, 1, 0xC0, 0, 2, 0x19, 0x9C, 0x40, 0, 0x19];
        assert_eq!(shown(&version_2(0x21, 0x11, &payload)), "192.0.2.1:40000 192.0.2.25:25 28");
        assert_eq!(shown(&version_2(0x20, 0, &[])), "local 16");
        assert_eq!(shown(&version_2(0x21, 0x11, &payload[..11])), "short address field");
        assert_eq!(shown(&version_2(0x22, 0x11, &payload)), "bad command in proxy header");
        assert_eq!(shown(&version_2(0x11, 0x11, &payload)), "unrecognized protocol version");
        assert_eq!(shown(&version_2(0x21, 0x31, &payload)), "unsupported network protocol");
        assert_eq!(shown(&version_2(0x21, 0x11, &payload)[..20]), "short version 2 protocol header");
        assert_eq!(shown(b"EHLO mail.example.com\r\n"), "unrecognized protocol header");
        assert_eq!(shown(b"EHLO\r\n"), "short protocol header");
        let mapped: Ipv6Addr = "::ffff:192.0.2.7".parse().unwrap();
        let payload = [mapped.octets().as_slice(), &mapped.octets(), &[0, 1, 0, 2]].concat();
        assert_eq!(shown(&version_2(0x21, 0x21, &payload)), "192.0.2.7:1 192.0.2.7:2 52");
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_looked_at(bytes: Vec<u8>, payload: Vec<u8>, command: u8, family: u8) {
            let _ = parse(&bytes, BOTH);
            let header = version_2(command, family, &payload);
            if let Ok(found) = parse(&header, BOTH) {
                proptest::prop_assert_eq!(found.length, header.len());
            }
        }
    }
}
