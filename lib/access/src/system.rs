//! What is behind the doors in a mail system.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime};

use address::{DnsReplyFilter, RewriteService};
use bstr::ByteSlice;
use config::{Config, params};
use dns::{Options, Record, Resolve, Resolver, Type};
use ipc::verify::{Answer, Request};
use ipc::{PersistentClient, protocol};
use table::Tables;

use crate::doors::{Clock, ConnectError, Dns, Doors, PolicyConnector, PolicyStream, Verifier};
use crate::policy::Endpoint;

impl Doors {
    /// The services of the mail system, the domain name system, and the clock on the wall.
    pub fn system(config: &Config, tables: &Tables) -> Doors {
        Doors {
            dns: Box::new(SystemDns::new(config, tables)),
            addresses: Box::new(RewriteService::new(config)),
            verifier: Box::new(VerifyService::new(config)),
            policy: Box::new(PolicyServers),
            clock: Box::new(SystemClock),
        }
    }
}

/// The domain name system.
#[derive(Debug)]
struct SystemDns {
    resolver: Resolver,
    protocols: config::Protocols,
}

impl SystemDns {
    fn new(config: &Config, tables: &Tables) -> Self {
        let filter = DnsReplyFilter::open(config, tables, params::SMTPD_DNS_REPLY_FILTER);
        SystemDns { resolver: Resolver::system().with_filter(filter), protocols: config.protocols() }
    }
}

impl Resolve for SystemDns {
    fn query(&self, name: &[u8], rtype: Type, options: Options) -> Result<Vec<Record>, dns::Error> {
        self.resolver.query(name, rtype, options)
    }
}

impl Dns for SystemDns {
    fn host_addresses(&self, name: &[u8]) -> Result<Vec<IpAddr>, String> {
        let found = dns::hosts::addresses(name).map_err(|error| error.to_string())?;
        Ok(found.into_iter().filter(|address| self.protocols.allow(*address)).collect())
    }
}

/// The verify service.
#[derive(Debug)]
struct VerifyService {
    connection: PersistentClient,
}

impl VerifyService {
    fn new(config: &Config) -> Self {
        let service = text::show(config.get(params::ADDRESS_VERIFY_SERVICE_NAME)).to_string();
        let (io, idle, total) =
            (config.get(params::IPC_TIMEOUT), config.get(params::IPC_IDLE), config.get(params::IPC_TTL));
        VerifyService { connection: PersistentClient::new("private", service, protocol::VERIFY, io, idle, total) }
    }
}

impl Verifier for VerifyService {
    fn query(&mut self, address: &[u8]) -> Result<Answer, String> {
        self.connection.ask(&Request::Query { address: address.into() }).map_err(|error| error.to_string())
    }
}

/// Policy servers, over sockets.
#[derive(Debug)]
struct PolicyServers;

impl PolicyConnector for PolicyServers {
    fn connect(&mut self, endpoint: &Endpoint, limit: Duration) -> Result<Box<dyn PolicyStream>, ConnectError> {
        match endpoint {
            Endpoint::Unix(path) => {
                let socket = sys::socket::connect_unix(path.to_path_lossy(), limit).map_err(ConnectError::Io)?;
                socket.set_read_timeout(Some(limit)).map_err(ConnectError::Io)?;
                socket.set_write_timeout(Some(limit)).map_err(ConnectError::Io)?;
                Ok(Box::new(Socket(socket)))
            }
            Endpoint::Inet { host, port, .. } => {
                let socket = connect_inet(&addresses(host, port)?, limit).map_err(ConnectError::Io)?;
                socket.set_read_timeout(Some(limit)).map_err(ConnectError::Io)?;
                socket.set_write_timeout(Some(limit)).map_err(ConnectError::Io)?;
                Ok(Box::new(Socket(socket)))
            }
        }
    }
}

fn addresses(host: &[u8], port: &[u8]) -> Result<Vec<SocketAddr>, ConnectError> {
    let not_found = |why: &str| ConnectError::NotFound(why.to_owned());
    let (host, port) = (host.to_str().ok(), port.to_str().ok());
    let (Some(host), Some(port)) = (host, port) else { return Err(not_found("Name or service not known")) };
    let number = port.parse().ok().or_else(|| sys::network::service_port(port));
    let port = number.ok_or_else(|| not_found("Servname not supported for ai_socktype"))?;
    let found = (host, port).to_socket_addrs().map_err(|error| {
        let text = sys::reason(&error);
        not_found(text.strip_prefix("failed to lookup address information: ").unwrap_or(&text))
    })?;
    Ok(found.collect())
}

/// Connects to the first address that answers.
fn connect_inet(addresses: &[SocketAddr], limit: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(address, limit) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[derive(Debug)]
struct Socket<S>(S);

impl<S: Read> Read for Socket<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<S: Write> Write for Socket<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Read + Write + AsFd + std::fmt::Debug> PolicyStream for Socket<S> {
    fn is_readable(&self) -> bool {
        sys::descriptor::wait_readable(&self.0, Some(Duration::ZERO)).unwrap_or(true)
    }
}

#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    fn sleep(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
