//! A proxy in front of this server says who the client is (smtpd §2.5).

use std::io;
use std::os::fd::BorrowedFd;

use config::{Config, params};
use smtp_protocol::peer::{Habits, Peer};
use smtp_protocol::server::haproxy::{Connection, Families, LIMIT, parse};

use crate::peer::{Identified, from_socket};

/// Reads the proxy's header, and not a byte more.
pub fn identify(socket: BorrowedFd<'_>, config: &Config, habits: Habits) -> Identified {
    match read_header(socket, config) {
        Ok(Connection::Local) => Identified { peer: from_socket(socket, config, habits), hang_up: false },
        Ok(Connection::Proxied { client, server }) => {
            Identified { peer: Peer::network(config, habits, client, server), hang_up: false }
        }
        Err(problem) => {
            log::warn!("haproxy read: {problem}");
            Identified { peer: Peer::unknown(habits), hang_up: true }
        }
    }
}

fn read_header(socket: BorrowedFd<'_>, config: &Config) -> Result<Connection, String> {
    let limit = config.get(params::SMTPD_UPSTREAM_PROXY_TIMEOUT);
    if !sys::descriptor::wait_readable(socket, Some(limit)).unwrap_or(true) {
        return Err("timeout error".into());
    }
    let mut buffer = [0; LIMIT];
    let length = sys::socket::peek(socket, &mut buffer).unwrap_or(0);
    if length == 0 {
        return Err("EOF".into());
    }
    let bytes = &buffer[..length];
    let protocols = config.protocols();
    let families = Families { ipv4: protocols.ipv4, ipv6: protocols.ipv6 };
    let header = parse(bytes, families).map_err(|reason| format!("{reason}: {}", text::escape(bytes)))?;
    consume(socket, header.length).map_err(|error| sys::reason(&error))?;
    Ok(header.connection)
}

fn consume(socket: BorrowedFd<'_>, length: usize) -> io::Result<()> {
    let mut buffer = vec![0; length];
    match sys::socket::receive(socket, &mut buffer)? {
        count if count == length => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
