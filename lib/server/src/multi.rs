//! Many idle clients, one request at a time (master-ipc §8.7).

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use ipc::attr::Slice;
use ipc::master::State;
use ipc::{Encoding, Message, attr};
use sys::watchdog::Watchdog;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use crate::channel::Channel;
use crate::client::Client;
use crate::context::Context;
use crate::daemon::{Daemon, Transport};
use crate::life::Life;
use crate::single::watchdog;
use crate::start::begin;

/// The longest request that is taken, in bytes.
const REQUEST_LIMIT: usize = 4 * 1024 * 1024;

/// What became of the bytes that a client has sent so far.
#[derive(Debug)]
pub enum Served {
    /// They are no complete request yet.
    Incomplete,
    /// A request of `taken` bytes was served; this goes back.
    Reply {
        /// How many bytes the request had.
        taken: usize,
        /// The answer.
        reply: Vec<u8>,
    },
    /// As [`Served::Reply`]; what comes next from the client is a descriptor, for [`MultiService::take_descriptor`].
    ReplyAndTake {
        /// How many bytes the request had.
        taken: usize,
        /// Says that the client can send the descriptor.
        reply: Vec<u8>,
    },
    /// A request of `taken` bytes was served; this descriptor goes back.
    Give {
        /// How many bytes the request had.
        taken: usize,
        /// It stays open here until it has been sent.
        descriptor: OwnedFd,
    },
    /// The client is of no use: close the connection.
    Disconnect,
}

impl Served {
    /// Takes one request out of what a client has sent, and answers it. No answer, or bytes that are no request (a warning says so): the client is
    /// of no use. `name` stands in diagnostics.
    pub fn one<R: Message>(
        received: &[u8],
        name: &str,
        encoding: Encoding,
        answer: impl FnOnce(R) -> Option<Vec<u8>>,
    ) -> Served {
        let mut input = Slice::new(received, name);
        match R::take(&mut input, encoding) {
            Ok(request) => {
                let taken = input.taken();
                answer(request).map_or(Served::Disconnect, |reply| Served::Reply { taken, reply })
            }
            Err(ipc::Error::Incomplete(_)) => Served::Incomplete,
            Err(error) => {
                log::warn!("{error}");
                Served::Disconnect
            }
        }
    }
}

/// A service whose requests are quick, and whose clients stay connected.
pub trait MultiService: Sized + 'static {
    /// What the service says first on each connection.
    const PROTOCOL: &'static str;
    /// The encoding of its attributes.
    const ENCODING: Encoding = Encoding::Null;

    /// Opens what needs the rights that the process is about to give up.
    fn open(context: &Context) -> Self;

    /// Goes on without those rights, perhaps in a jail.
    fn start(&mut self, _context: &Context) {}

    /// Serves one request out of what has been received. `client` tells connections apart.
    fn serve(&mut self, client: u64, received: &[u8], context: &Context) -> Served;

    /// The reply to a request is on its way: time for work that the client does not wait for.
    fn replied(&mut self, _context: &Context) {}

    /// Whether the process keeps what would be lost with it, so that neither use nor idleness ends it.
    fn is_irreplaceable(&self) -> bool {
        false
    }

    /// Serves a descriptor after [`Served::ReplyAndTake`]; `None` when the client sent something else. The result goes back.
    fn take_descriptor(&mut self, _client: u64, _descriptor: Option<OwnedFd>, _context: &Context) -> Vec<u8> {
        Vec::new()
    }

    /// A client has gone.
    fn disconnected(&mut self, _client: u64, _context: &Context) {}

    /// When [`MultiService::housekeeping`] runs next; asked at the start and after each time.
    fn housekeeping_interval(&self) -> Option<Duration> {
        None
    }

    /// Regular work; a returned reason makes the process start anew at once.
    fn housekeeping(&mut self, _context: &Context) -> Option<String> {
        None
    }

    /// How long the process stays at least without a client, whatever `max_idle` says.
    fn least_idle_time(&self) -> Duration {
        Duration::ZERO
    }

    /// The process is about to end.
    fn exit(&mut self, _context: &Context) {}
}

/// Runs a daemon of this kind until it retires.
pub fn multi<S: MultiService>(daemon: &Daemon) -> ! {
    let beginning = begin(daemon, &[Transport::Inet, Transport::Unix, Transport::Pass], false);
    let mut service = S::open(&beginning.context);
    beginning.drop_privileges();
    service.start(&beginning.context);
    let (context, post) = beginning.take_post(daemon);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.unwrap_or_else(|error| logging::fatal!("cannot start the event loop: {}", sys::reason(&error)));
    let watchdog = watchdog(daemon, &context.config);
    let (channel, listeners, transport, life) = match post {
        Some(post) => {
            let life = match service.is_irreplaceable() {
                true => Life::new(None, None),
                false => post.life.idle_at_least(service.least_idle_time()),
            };
            (Some(post.channel), post.listeners, post.transport, life)
        }
        None => (None, Vec::new(), Transport::Unix, Life::new(Some(1), None)),
    };
    let frame = Rc::new(Frame {
        service: RefCell::new(service),
        context,
        channel,
        transport,
        watchdog,
        life: RefCell::new(life),
        clients: Cell::new(0),
        next_client: Cell::new(0),
        over: Cell::new(false),
        changed: Notify::new(),
    });
    tokio::task::LocalSet::new().block_on(&runtime, run(frame.clone(), listeners));
    frame.service.borrow_mut().exit(&frame.context);
    std::process::exit(0)
}

struct Frame<S> {
    service: RefCell<S>,
    context: Context,
    channel: Option<Channel>,
    transport: Transport,
    watchdog: Watchdog,
    life: RefCell<Life>,
    clients: Cell<usize>,
    next_client: Cell<u64>,
    over: Cell<bool>,
    changed: Notify,
}

async fn run<S: MultiService>(frame: Rc<Frame<S>>, listeners: Vec<OwnedFd>) {
    for listener in listeners {
        tokio::task::spawn_local(listen(frame.clone(), listener));
    }
    if frame.channel.is_some() {
        tokio::task::spawn_local(watch_channel(frame.clone()));
    } else {
        tokio::task::spawn_local(stand_alone(frame.clone()));
    }
    tokio::task::spawn_local(keep_house(frame.clone()));
    while !frame.over.get() {
        let idle_left = frame.life.borrow().idle_left().filter(|_| frame.clients.get() == 0);
        tokio::select! {
            () = frame.changed.notified() => {}
            () = sleep_or_for_ever(idle_left) => return,
        }
        if frame.clients.get() == 0 && frame.life.borrow().is_used_up() {
            return;
        }
    }
}

async fn sleep_or_for_ever(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

impl<S: MultiService> Frame<S> {
    fn end(&self) {
        self.over.set(true);
        self.changed.notify_one();
    }

    /// Serves a request between TAKEN and AVAIL; a master that is gone ends this process.
    fn serve(&self, client: u64, received: &[u8]) -> Served {
        self.watchdog.pat();
        let tell = |state| self.channel.as_ref().is_none_or(|channel| channel.tell(state).is_ok());
        let busy = tell(State::Taken);
        let served = self.service.borrow_mut().serve(client, received, &self.context);
        if !(busy & tell(State::Available)) {
            self.end();
        }
        self.watchdog.pause();
        served
    }
}

async fn watch_channel<S: MultiService>(frame: Rc<Frame<S>>) {
    if let Some(channel) = &frame.channel {
        channel.gone().await;
    }
    frame.end();
}

async fn keep_house<S: MultiService>(frame: Rc<Frame<S>>) {
    loop {
        let interval = frame.service.borrow().housekeeping_interval();
        let Some(interval) = interval else { return };
        tokio::time::sleep(interval).await;
        let reason = frame.service.borrow_mut().housekeeping(&frame.context);
        if let Some(reason) = reason {
            log::info!("{reason} -- restarting");
            frame.end();
        }
    }
}

async fn listen<S: MultiService>(frame: Rc<Frame<S>>, listener: OwnedFd) {
    let listener = match sys::event::watch(listener, Interest::READABLE) {
        Ok(listener) => listener,
        Err(error) => logging::fatal!("event loop: {}", sys::reason(&error)),
    };
    loop {
        let Ok(mut ready) = listener.readable().await else { return };
        match ready.try_io(|listener| sys::socket::accept(listener.get_ref())) {
            Ok(Ok(socket)) => welcome(&frame, socket),
            Ok(Err(error)) if !sys::socket::is_accept_race(&error) => {
                log::error!("accept connection: {}", sys::reason(&error));
            }
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

fn welcome<S: MultiService>(frame: &Rc<Frame<S>>, socket: OwnedFd) {
    let client = match frame.transport {
        Transport::Pass => Client::passed(socket),
        _ => Ok(Client::connected(socket)),
    };
    let files = match client {
        Ok(client) => {
            if !client.attributes.is_empty() {
                log::warn!("service ignores 'pass' connection attributes");
            }
            client.into_files()
        }
        Err(warning) => return log::warn!("{warning}"),
    };
    match files {
        Ok((file, _)) => {
            frame.clients.set(frame.clients.get() + 1);
            tokio::task::spawn_local(attend(frame.clone(), file));
        }
        Err(error) => log::error!("accept connection: {}", sys::reason(&error)),
    }
}

/// Serves one client until it goes.
async fn attend<S: MultiService>(frame: Rc<Frame<S>>, file: File) {
    let number = frame.next_client.get();
    frame.next_client.set(number + 1);
    if let Err(error) = converse(&frame, number, file).await {
        log::debug!("client connection: {}", sys::reason(&error));
    }
    frame.service.borrow_mut().disconnected(number, &frame.context);
    frame.clients.set(frame.clients.get() - 1);
    frame.life.borrow_mut().count_use();
    frame.changed.notify_one();
}

async fn converse<S: MultiService>(frame: &Frame<S>, number: u64, file: File) -> io::Result<()> {
    sys::descriptor::set_nonblocking(&file, true)?;
    let socket = sys::event::watch(file, Interest::READABLE | Interest::WRITABLE)?;
    write_all(&socket, &announcement::<S>()).await?;
    let mut received = Vec::new();
    loop {
        if read_some(&socket, &mut received).await? == 0 {
            return Ok(());
        }
        loop {
            if received.is_empty() {
                break;
            }
            match frame.serve(number, &received) {
                Served::Reply { taken, reply } => {
                    received.drain(..taken.clamp(1, received.len()));
                    let written = write_all(&socket, &reply).await;
                    frame.service.borrow_mut().replied(&frame.context);
                    written?;
                }
                Served::ReplyAndTake { taken, reply } => {
                    received.drain(..taken.clamp(1, received.len()));
                    write_all(&socket, &reply).await?;
                    let descriptor = receive_descriptor(&socket).await?;
                    let reply = frame.service.borrow_mut().take_descriptor(number, descriptor, &frame.context);
                    write_all(&socket, &reply).await?;
                }
                Served::Give { taken, descriptor } => {
                    received.drain(..taken.clamp(1, received.len()));
                    send_descriptor(&socket, &descriptor).await?;
                }
                Served::Incomplete if received.len() < REQUEST_LIMIT => break,
                Served::Incomplete | Served::Disconnect => return Ok(()),
            }
        }
    }
}

fn announcement<S: MultiService>() -> Vec<u8> {
    let mut writer = attr::Writer::new(S::ENCODING);
    writer.string("protocol", S::PROTOCOL);
    writer.end();
    writer.into_bytes()
}

async fn read_some(socket: &AsyncFd<File>, received: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        let mut ready = socket.readable().await?;
        let mut chunk = [0; 4096];
        if let Ok(length) = ready.try_io(|socket| socket.get_ref().read(&mut chunk)) {
            let length = length?;
            received.extend_from_slice(&chunk[..length]);
            return Ok(length);
        }
    }
}

async fn write_all(socket: &AsyncFd<File>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let mut ready = socket.writable().await?;
        if let Ok(length) = ready.try_io(|socket| socket.get_ref().write(bytes)) {
            bytes = &bytes[length?..];
        }
    }
    Ok(())
}

/// Receives a descriptor; `None` for anything else that the client sends.
async fn receive_descriptor(socket: &AsyncFd<File>) -> io::Result<Option<OwnedFd>> {
    loop {
        let mut ready = socket.readable().await?;
        if let Ok(received) = ready.try_io(|socket| sys::socket::receive_descriptor(socket.get_ref())) {
            return match received {
                Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
                received => received.map(Some),
            };
        }
    }
}

async fn send_descriptor(socket: &AsyncFd<File>, descriptor: &OwnedFd) -> io::Result<()> {
    loop {
        let mut ready = socket.writable().await?;
        if let Ok(sent) = ready.try_io(|socket| sys::socket::send_descriptor(socket.get_ref(), descriptor)) {
            return sent;
        }
    }
}

/// Serves one client on standard input and output, without an event loop behind it.
async fn stand_alone<S: MultiService>(frame: Rc<Frame<S>>) {
    let mut received = Vec::new();
    let (mut input, mut output) = (io::stdin(), io::stdout());
    let _ = output.write_all(&announcement::<S>()).and_then(|()| output.flush());
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = input.read(&mut chunk) {
        received.extend_from_slice(&chunk[..length]);
        while !received.is_empty() {
            match frame.serve(0, &received) {
                Served::Reply { taken, reply } => {
                    received.drain(..taken.clamp(1, received.len()));
                    let written = output.write_all(&reply).and_then(|()| output.flush());
                    frame.service.borrow_mut().replied(&frame.context);
                    if written.is_err() {
                        return frame.end();
                    }
                }
                Served::Incomplete if received.len() < REQUEST_LIMIT => break,
                // Descriptors do not travel over standard input.
                Served::ReplyAndTake { .. } | Served::Give { .. } => return frame.end(),
                Served::Incomplete | Served::Disconnect => return frame.end(),
            }
        }
    }
    frame.end();
}
