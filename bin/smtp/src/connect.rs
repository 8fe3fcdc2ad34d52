//! Making connections (smtp-client §5 to §6).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use bstr::{BString, ByteSlice};
use ipc::bounce::Dsn;
use logging::fatal;
use sys::socket::{ConnectOptions, UNIX_PATH_LIMIT, connect_tcp, connect_unix};

use crate::session::Peer;
use crate::site::Site;

/// What a UNIX-domain connect may take when there is no limit.
const NO_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Connects to a server by TCP.
///
/// # Errors
/// Why not; that has been logged, if it is about the server.
pub fn tcp(site: &Site, peer: &Peer, address: IpAddr, port: u16) -> Result<OwnedFd, Box<Dsn>> {
    let settings = &site.settings;
    let options = ConnectOptions {
        limit: Some(settings.timeouts.connect).filter(|limit| !limit.is_zero()),
        window_size: settings.tcp_windowsize,
    };
    let (source, enforce) = source(site, address);
    let result = connect_tcp(SocketAddr::new(address, port), &options, |socket| {
        let Some(source) = source else { return Ok(()) };
        socket.bind(source).or_else(|error| {
            log::warn!("smtp_connect_addr: bind {source}: {}", sys::reason(&error));
            if enforce { Err(error) } else { Ok(()) }
        })
    });
    result.map_err(|failure| match failure {
        sys::socket::ConnectError::Prepared(_) => Box::new(Dsn::new("4.4.0", "server configuration error")),
        sys::socket::ConnectError::System(error) => {
            let why = refused(peer, &error);
            log::info!("{}", text::show(&why.reason));
            why
        }
    })
}

/// Connects to a server's UNIX-domain socket.
///
/// # Errors
/// As [`tcp`].
pub fn unix(site: &Site, peer: &Peer) -> Result<OwnedFd, Box<Dsn>> {
    let path = &peer.address;
    if path.len() > UNIX_PATH_LIMIT {
        log::warn!("unix-domain name too long: {}", text::show(path));
        return Err(Box::new(Dsn::new("4.3.5", "Server configuration error")));
    }
    let limit = site.settings.timeouts.connect;
    let limit = if limit.is_zero() { NO_LIMIT } else { limit };
    let path = path.to_path().unwrap_or_else(|_| Path::new(""));
    connect_unix(path, limit).map(OwnedFd::from).map_err(|error| refused(peer, &error))
}

fn refused(peer: &Peer, error: &io::Error) -> Box<Dsn> {
    let reason = match error.kind() {
        io::ErrorKind::TimedOut => "Connection timed out".to_owned(),
        _ => sys::reason(error),
    };
    Box::new(Dsn::new("4.4.1", format!("connect to {peer}: {reason}")))
}

/// The address to connect from, and whether it has to be that one.
fn source(site: &Site, to: IpAddr) -> (Option<IpAddr>, bool) {
    let settings = &site.settings;
    let (name, value) = match to {
        IpAddr::V4(_) => (site.mode.pick("smtp_bind_address", "lmtp_bind_address"), &settings.bind_address),
        IpAddr::V6(_) => (site.mode.pick("smtp_bind_address6", "lmtp_bind_address6"), &settings.bind_address6),
    };
    if !value.is_empty() {
        return (Some(bind_address(name, value, to)), settings.bind_address_enforce);
    }
    let same_family = |address: &&IpAddr| address.is_ipv4() == to.is_ipv4();
    let mut own = site.own_addresses.iter().filter(same_family);
    match (own.next(), own.next()) {
        (Some(only), None) if !only.is_loopback() => (Some(*only), false),
        _ => (None, false),
    }
}

fn bind_address(name: &str, value: &BString, to: IpAddr) -> IpAddr {
    let text = match value.strip_prefix(b"[") {
        Some(rest) => rest
            .strip_suffix(b"]")
            .unwrap_or_else(|| fatal!("smtp_connect_addr: malformed {name} parameter: {}", text::show(value))),
        None => value.as_bytes(),
    };
    let address: Option<IpAddr> = text.to_str().ok().and_then(|text| text.parse().ok());
    match address {
        Some(address) if address.is_ipv4() == to.is_ipv4() => address,
        _ => fatal!(
            "smtp_connect_addr: bad {name} parameter: {}: {}",
            text::show(value),
            dns::hosts::NameInfoError::NO_NAME
        ),
    }
}
