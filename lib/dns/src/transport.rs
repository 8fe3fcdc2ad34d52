//! Questions over UDP and TCP, server by server, round by round (as the system's stub resolver does).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::record::Type;
use crate::resolv_conf::ResolvConf;
use crate::wire::{Question, Reply, Style};

/// The largest message over UDP that is taken.
const UDP_SIZE: usize = 65_535;
const SERVER_FAILURE: u16 = 2;
const NOT_IMPLEMENTED: u16 = 4;
const REFUSED: u16 = 5;

/// Why no reply came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoReply {
    /// The response code of a server that did answer, and could not help.
    pub rcode: Option<u16>,
}

/// Asks one question, for a name as it is, and returns the reply of the first server that has one.
pub(crate) fn ask(conf: &ResolvConf, name: &[u8], rtype: Type, style: Style) -> Result<Reply, NoReply> {
    let mut failure = NoReply { rcode: None };
    let style = Style { edns: style.edns || conf.edns, ..style };
    let Some(question) = random_id().and_then(|id| Question::new(id, name, rtype, style)) else { return Err(failure) };
    let servers = ordered_servers(conf);
    for round in 0..conf.attempts.max(1) {
        let limit = patience(conf, round);
        for &server in &servers {
            match ask_server(server, &question, limit, conf.use_tcp) {
                Ok(reply) if matches!(reply.rcode, SERVER_FAILURE | NOT_IMPLEMENTED | REFUSED) => {
                    failure.rcode = Some(reply.rcode);
                }
                Ok(reply) => return Ok(reply),
                Err(error) => log::debug!("name server {server}: {}", sys::reason(&error)),
            }
        }
    }
    Err(failure)
}

/// Without randomness there are no questions: a guessable ID lets others answer them.
fn random_id() -> Option<u16> {
    match sys::random::number() {
        Ok(number) => Some(number as u16),
        Err(error) => {
            log::warn!("random numbers: {}", sys::reason(&error));
            None
        }
    }
}

fn ordered_servers(conf: &ResolvConf) -> Vec<SocketAddr> {
    let mut servers = conf.servers.clone();
    if conf.rotate && !servers.is_empty() {
        let first = sys::random::number().unwrap_or(0) % servers.len() as u64;
        servers.rotate_left(first as usize);
    }
    servers
}

/// The first round waits for the configured time; later ones longer, but shared among the servers.
fn patience(conf: &ResolvConf, round: u32) -> Duration {
    let time = conf.timeout.saturating_mul(1 << round.min(16));
    let shared = if round == 0 { time } else { time / u32::try_from(conf.servers.len().max(1)).unwrap_or(1) };
    shared.max(Duration::from_secs(1))
}

fn ask_server(server: SocketAddr, question: &Question, limit: Duration, tcp: bool) -> io::Result<Reply> {
    if !tcp {
        let reply = ask_udp(server, question, limit)?;
        if !reply.truncated {
            return Ok(reply);
        }
    }
    ask_tcp(server, question, limit)
}

fn ask_udp(server: SocketAddr, question: &Question, limit: Duration) -> io::Result<Reply> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    // Connected, it takes datagrams of this server alone, and learns at once that nobody listens.
    socket.connect(server)?;
    socket.send(&question.bytes)?;
    let deadline = Instant::now() + limit;
    let mut buffer = vec![0; UDP_SIZE];
    loop {
        socket.set_read_timeout(Some(time_left(deadline)?))?;
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(ErrorKind::TimedOut.into()),
            Err(error) => return Err(error),
        };
        // What answers another question may be late, or forged.
        if question.is_answered_by(&buffer[..length])
            && let Some(reply) = Reply::read(&buffer[..length])
        {
            return Ok(reply);
        }
    }
}

fn ask_tcp(server: SocketAddr, question: &Question, limit: Duration) -> io::Result<Reply> {
    let deadline = Instant::now() + limit;
    let mut stream = TcpStream::connect_timeout(&server, limit)?;
    let length = u16::try_from(question.bytes.len()).map_err(io::Error::other)?;
    stream.set_write_timeout(Some(limit))?;
    stream.write_all(&[&length.to_be_bytes()[..], &question.bytes].concat())?;
    let mut prefix = [0; 2];
    read_exact(&mut stream, &mut prefix, deadline)?;
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(prefix))];
    read_exact(&mut stream, &mut bytes, deadline)?;
    let reply = question.is_answered_by(&bytes).then(|| Reply::read(&bytes)).flatten();
    reply.ok_or_else(|| ErrorKind::InvalidData.into())
}

fn read_exact(stream: &mut TcpStream, buffer: &mut [u8], deadline: Instant) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        stream.set_read_timeout(Some(time_left(deadline)?))?;
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn time_left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_rounds_are_shared_among_servers() {
        let server: SocketAddr = "192.0.2.1:53".parse().unwrap();
        let conf = ResolvConf { servers: vec![server; 2], ..ResolvConf::default() };
        assert_eq!(patience(&conf, 0), Duration::from_secs(5));
        assert_eq!(patience(&conf, 1), Duration::from_secs(5));
        assert_eq!(patience(&conf, 2), Duration::from_secs(10));
    }

    #[test]
    fn nobody_listens() {
        let conf = ResolvConf { servers: vec!["127.0.0.1:1".parse().unwrap()], ..ResolvConf::default() };
        assert_eq!(ask(&conf, b"a.example", Type::A, Style::default()), Err(NoReply { rcode: None }));
    }
}
