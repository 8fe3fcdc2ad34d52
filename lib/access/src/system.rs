//! What is behind the doors in a mail system.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::time::{Duration, SystemTime};

use address::{DnsReplyFilter, RewriteService};
use config::{Config, params};
use dns::{Options, Record, Resolve, Resolver, Type};
use ipc::verify::{Answer, Request};
use ipc::{PersistentClient, protocol};
use table::Tables;
use table::client::ConnectError;

use crate::Endpoint;
use crate::doors::{Clock, Dns, Doors, PolicyConnector, PolicyStream, Verifier};

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
        // The calls of a stream socket are the same for both families.
        let socket = UnixStream::from(endpoint.connect(limit)?);
        socket.set_read_timeout(Some(limit)).map_err(ConnectError::Io)?;
        socket.set_write_timeout(Some(limit)).map_err(ConnectError::Io)?;
        Ok(Box::new(Socket(socket)))
    }
}

#[derive(Debug)]
struct Socket(UnixStream);

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl PolicyStream for Socket {
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
