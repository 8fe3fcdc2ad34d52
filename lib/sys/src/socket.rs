//! Sockets that processes of one machine talk through, and listeners.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::reason;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg, socketpair,
};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// The longest path of a UNIX-domain socket on Linux, in bytes.
pub const UNIX_PATH_LIMIT: usize = 107;

/// Connects to a UNIX-domain stream socket within `limit`. A server whose listen queue is full is tried again until then.
///
/// # Errors
/// What connect(2) reports; `ETIMEDOUT` after `limit`.
pub fn connect_unix(path: impl AsRef<Path>, limit: Duration) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let address = SockAddr::unix(path)?;
    let deadline = Instant::now() + limit;
    while let Err(error) = socket.connect(&address) {
        match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EINTR) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10))
            }
            Some(libc::EAGAIN) => return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT)),
            _ => return Err(error),
        }
    }
    socket.set_nonblocking(false)?;
    Ok(UnixStream::from(OwnedFd::from(socket)))
}

/// How to make a TCP connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectOptions {
    /// How long it may take; `None` leaves that to the system.
    pub limit: Option<Duration>,
    /// The size of socket buffers in bytes; 0 leaves that to the system.
    pub window_size: usize,
}

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// The caller's preparation of the socket failed.
    Prepared(io::Error),
    /// The system refused, or the time was up (`ETIMEDOUT`).
    System(io::Error),
}

/// A TCP socket before it is connected.
#[derive(Debug)]
pub struct Unconnected(Socket);

impl Unconnected {
    /// Binds it to an address, at any port.
    ///
    /// # Errors
    /// What bind(2) reports.
    pub fn bind(&self, address: std::net::IpAddr) -> io::Result<()> {
        self.0.bind(&SocketAddr::new(address, 0).into())
    }
}

/// Connects by TCP; `prepare` gets the socket first.
///
/// # Errors
/// The preparation failed, or what socket(2) and connect(2) report.
pub fn connect_tcp(
    to: SocketAddr,
    options: &ConnectOptions,
    prepare: impl FnOnce(&Unconnected) -> io::Result<()>,
) -> Result<OwnedFd, ConnectError> {
    let socket =
        Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP)).map_err(ConnectError::System)?;
    if options.window_size > 0 {
        // A system that has no room for such buffers still connects.
        let _ = socket.set_send_buffer_size(options.window_size);
        let _ = socket.set_recv_buffer_size(options.window_size);
    }
    let unconnected = Unconnected(socket);
    prepare(&unconnected).map_err(ConnectError::Prepared)?;
    let socket = unconnected.0;
    let connected = match options.limit {
        Some(limit) => socket.connect_timeout(&to.into(), limit),
        None => socket.connect(&to.into()),
    };
    connected.map_err(ConnectError::System)?;
    // Programs write whole batches: nothing is gained by waiting for more. A system that cannot do this just does not.
    let _ = socket.set_tcp_nodelay(true);
    Ok(socket.into())
}

/// Makes a non-blocking UNIX-domain listener at `path`, mode 0666, in place of what was there (master-ipc §3.3).
///
/// # Errors
/// The text names the step, as master logs it: `bind: <path>: <reason>` and so on.
pub fn listen_unix(path: &Path, backlog: i32) -> Result<OwnedFd, String> {
    let socket = bind_unix(path, Type::STREAM)?;
    socket.listen(backlog).map_err(|error| step("listen", path, &error))?;
    Ok(socket.into())
}

/// Makes a non-blocking UNIX-domain datagram socket at `path`, mode 0666.
///
/// # Errors
/// As [`listen_unix`].
pub fn bind_datagram(path: &Path) -> Result<OwnedFd, String> {
    Ok(bind_unix(path, Type::DGRAM)?.into())
}

fn bind_unix(path: &Path, kind: Type) -> Result<Socket, String> {
    if path.as_os_str().len() > UNIX_PATH_LIMIT {
        return Err(format!("unix-domain name too long: {}", path.display()));
    }
    let socket = Socket::new(Domain::UNIX, kind, None).map_err(|error| step("socket", path, &error))?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(step("remove", path, &error)),
        _ => {}
    }
    let address = SockAddr::unix(path).map_err(|error| step("bind", path, &error))?;
    socket.bind(&address).map_err(|error| step("bind", path, &error))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).map_err(|error| step("chmod socket", path, &error))?;
    socket.set_nonblocking(true).map_err(|error| step("non-blocking", path, &error))?;
    Ok(socket)
}

fn step(what: &str, path: &Path, error: &io::Error) -> String {
    let separator = if what == "bind" || what == "listen" { ":" } else { "" };
    format!("{what}{separator} {}: {}", path.display(), reason(error))
}

/// Makes a non-blocking TCP listener: SO_REUSEADDR, SO_REUSEPORT, IPV6_V6ONLY, and the given window size if it is not 0.
///
/// # Errors
/// The text as master logs it: `bind <address> port <port>: <reason>`.
pub fn listen_tcp(address: SocketAddr, backlog: i32, window_size: usize) -> Result<OwnedFd, String> {
    let socket = tcp_socket(address, window_size).map_err(|error| format!("socket: {}", reason(&error)))?;
    socket
        .bind(&address.into())
        .map_err(|error| format!("bind {} port {}: {}", address.ip(), address.port(), reason(&error)))?;
    socket.listen(backlog).map_err(|error| format!("listen: {}", reason(&error)))?;
    Ok(socket.into())
}

fn tcp_socket(address: SocketAddr, window_size: usize) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    if window_size > 0 {
        socket.set_send_buffer_size(window_size)?;
        socket.set_recv_buffer_size(window_size)?;
    }
    Ok(socket)
}

/// Accepts one connection of a stream listener of any family; the result is blocking and close-on-exec.
///
/// # Errors
/// What accept(2) reports.
pub fn accept(listener: impl AsFd) -> io::Result<OwnedFd> {
    let number = nix::sys::socket::accept4(listener.as_fd().as_raw_fd(), SockFlag::SOCK_CLOEXEC)?;
    // SAFETY: accept4 just created this descriptor, and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Whether an error of [`accept`] only means that another process took the client, or that the client left (master-ipc §8.5).
pub fn is_accept_race(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EAGAIN
                | libc::ECONNREFUSED
                | libc::ECONNRESET
                | libc::EHOSTDOWN
                | libc::EHOSTUNREACH
                | libc::EINTR
                | libc::ENETDOWN
                | libc::ENETUNREACH
                | libc::ENOTCONN
                | libc::ENOBUFS
                | libc::ECONNABORTED
                | libc::EPROTO
        )
    )
}

/// A connected pair of stream sockets, close-on-exec.
///
/// # Errors
/// What socketpair(2) reports.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Turns on keep-alive probes for a TCP connection; other sockets are left alone.
pub fn keep_alive(socket: impl AsFd) {
    // Best effort, as for every daemon: a connection without probes still works.
    let _ = socket2::SockRef::from(&socket).set_keepalive(true);
}

/// Makes a FIFO at `path`, mode 0622, in place of what was there; opened for reading and writing, so that it is never at end of file, and
/// non-blocking. What an earlier FIFO held is discarded.
///
/// # Errors
/// The text as master logs it.
pub fn make_fifo(path: &Path) -> Result<OwnedFd, String> {
    let failed = |error: io::Error| format!("fifo_listen: {}: {}", path.display(), reason(&error));
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o622);
    nix::unistd::mkfifo(path, mode).map_err(|error| failed(error.into()))?;
    let fifo =
        fs::OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(failed)?;
    fifo.set_permissions(fs::Permissions::from_mode(0o622)).map_err(failed)?;
    Ok(fifo.into())
}

/// Opens a FIFO for writing, without waiting for a reader.
///
/// # Errors
/// What open(2) reports; `ENXIO` when nobody reads.
pub fn open_fifo_writer(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// The address that a TCP listener is bound to.
///
/// # Errors
/// For other sockets.
pub fn local_address(listener: &impl AsFd) -> io::Result<SocketAddr> {
    socket2::SockRef::from(listener).local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// The number that the system has for IPv4.
pub const FAMILY_IPV4: u16 = libc::AF_INET as u16;
/// The number that the system has for IPv6.
pub const FAMILY_IPV6: u16 = libc::AF_INET6 as u16;

/// The address of the other end of a connection; nothing for sockets of other families.
///
/// # Errors
/// What getpeername(2) reports: see [`is_not_a_socket`].
pub fn peer_address(socket: &impl AsFd) -> io::Result<Option<SocketAddr>> {
    Ok(socket2::SockRef::from(socket).peer_addr()?.as_socket())
}

/// The address of our end of a connection; nothing for sockets of other families.
///
/// # Errors
/// What getsockname(2) reports.
pub fn local_address_of(socket: &impl AsFd) -> io::Result<Option<SocketAddr>> {
    Ok(socket2::SockRef::from(socket).local_addr()?.as_socket())
}

/// Whether an error means that the descriptor is no socket.
pub fn is_not_a_socket(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOTSOCK)
}

/// Looks at what a socket has received, and leaves it there.
///
/// # Errors
/// What recv(2) reports.
pub fn peek(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(nix::sys::socket::recv(socket.as_fd().as_raw_fd(), buffer, MsgFlags::MSG_PEEK)?)
}

/// Takes what a socket has received.
///
/// # Errors
/// What recv(2) reports.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(nix::sys::socket::recv(socket.as_fd().as_raw_fd(), buffer, MsgFlags::empty())?)
}

/// Limits how long one write to a socket may block; `None` is for ever.
///
/// # Errors
/// `ENOTSOCK` for other descriptors.
pub fn set_write_limit(socket: &impl AsFd, limit: Option<Duration>) -> io::Result<()> {
    socket2::SockRef::from(socket).set_write_timeout(limit)
}

/// Passes an open descriptor over a UNIX-domain stream, with one byte of data (master-ipc §12).
///
/// # Errors
/// What sendmsg(2) reports.
pub fn send_descriptor(socket: impl AsFd, descriptor: impl AsFd) -> io::Result<()> {
    let descriptors = [descriptor.as_fd().as_raw_fd()];
    let control = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<()>(socket.as_fd().as_raw_fd(), &[IoSlice::new(&[0])], &control, MsgFlags::empty(), None)?;
    Ok(())
}

/// Receives a descriptor that [`send_descriptor`] passed.
///
/// # Errors
/// What recvmsg(2) reports; `UnexpectedEof` at end of file; `InvalidData` when a message has not exactly one descriptor.
pub fn receive_descriptor(socket: impl AsFd) -> io::Result<OwnedFd> {
    let mut byte = [0];
    let mut data = [IoSliceMut::new(&mut byte)];
    let mut control = nix::cmsg_space!([RawFd; 4]);
    let message = recvmsg::<()>(socket.as_fd().as_raw_fd(), &mut data, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC)?;
    if message.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut received = Vec::new();
    for item in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = item {
            // SAFETY: the kernel just installed these descriptors for this process.
            received.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
        }
    }
    match (received.pop(), received.is_empty()) {
        (Some(descriptor), true) => Ok(descriptor),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "no single descriptor in message")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_listener_replaces_a_dead_socket_and_takes_connections() {
        let path = std::env::temp_dir().join(format!("sys-socket-{}", std::process::id()));
        drop(UnixListener::bind(&path).unwrap());
        let listener = listen_unix(&path, 5).unwrap();
        let mut client = connect_unix(&path, Duration::from_secs(1)).unwrap();
        client.write_all(b"x").unwrap();
        let mut server = UnixStream::from(accept(&listener).unwrap());
        let mut byte = [0];
        server.read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"x");
        assert!(is_accept_race(&accept(&listener).unwrap_err()));
        fs::remove_file(&path).unwrap();
        assert_eq!(connect_unix(&path, Duration::ZERO).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_descriptor_travels() {
        let (left, right) = pair().unwrap();
        let (reader, writer) = crate::descriptor::pipe().unwrap();
        send_descriptor(&left, &writer).unwrap();
        let copy = receive_descriptor(&right).unwrap();
        drop(writer);
        fs::File::from(copy).write_all(b"hello").unwrap();
        let mut text = String::new();
        fs::File::from(reader).read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        drop(left);
        assert!(receive_descriptor(&right).is_err());
    }
}
