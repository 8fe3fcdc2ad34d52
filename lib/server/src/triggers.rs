//! Triggers for a daemon with an event loop of its own: the queue manager.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use ipc::master::State;
use tokio::io::Interest;
use tokio::sync::mpsc;

use crate::channel::Channel;
use crate::context::Context;
use crate::daemon::{Daemon, Transport};
use crate::start::{Post, begin};
use crate::trigger::{REQUEST_LIMIT, REQUEST_SIZE, TRANSPORTS, standard_request};

/// Something from outside that the event loop shall act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A request.
    Request(Vec<u8>),
    /// Master is gone, or wants this process to retire.
    Retire,
}

/// The requests that come in.
#[derive(Debug)]
pub struct Triggers {
    queue: mpsc::UnboundedReceiver<Trigger>,
}

impl Triggers {
    /// The next request. Cancel-safe.
    pub async fn next(&mut self) -> Trigger {
        self.queue.recv().await.unwrap_or(Trigger::Retire)
    }
}

/// Runs a daemon with an event loop of its own, on a current-thread runtime: `open` while it has its rights, `run` after it gave them up.
/// `open` may change parameters for this process. The program ends when `run` does.
pub fn event_driven<S, F: Future<Output = ()>>(
    daemon: &Daemon,
    open: impl FnOnce(&mut Context) -> S,
    run: impl FnOnce(S, Context, Triggers) -> F,
) -> ! {
    let mut beginning = begin(daemon, &TRANSPORTS, true);
    let service = open(&mut beginning.context);
    beginning.drop_privileges();
    let (context, post) = beginning.take_post(daemon);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.unwrap_or_else(|error| logging::fatal!("cannot start the event loop: {}", sys::reason(&error)));
    let (sender, queue) = mpsc::unbounded_channel();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        match post {
            Some(post) => watch(post, &sender),
            None => drop(sender.send(Trigger::Request(standard_request()))),
        }
        run(service, context, Triggers { queue }).await;
    });
    std::process::exit(0)
}

fn watch(post: Post, sender: &mpsc::UnboundedSender<Trigger>) {
    let channel = std::rc::Rc::new(post.channel);
    for listener in post.listeners {
        tokio::task::spawn_local(listen(listener, post.transport, channel.clone(), sender.clone()));
    }
    tokio::task::spawn_local(watch_channel(channel, sender.clone()));
}

/// End of file on the status channel, or a message that nobody sends, both mean: retire.
async fn watch_channel(channel: std::rc::Rc<Channel>, sender: mpsc::UnboundedSender<Trigger>) {
    channel.gone().await;
    let _ = sender.send(Trigger::Retire);
}

async fn listen(
    listener: OwnedFd,
    transport: Transport,
    channel: std::rc::Rc<Channel>,
    sender: mpsc::UnboundedSender<Trigger>,
) {
    let listener = match sys::event::watch(listener, Interest::READABLE) {
        Ok(listener) => listener,
        Err(error) => logging::fatal!("event loop: {}", sys::reason(&error)),
    };
    loop {
        let Ok(mut ready) = listener.readable().await else { return };
        let taken = ready.try_io(|listener| match transport {
            Transport::Fifo => read_fifo(listener.get_ref()).map(Taken::Request),
            _ => sys::socket::accept(listener.get_ref()).map(Taken::Client),
        });
        match taken {
            Ok(Ok(Taken::Request(request))) => forward(request, &channel, &sender),
            Ok(Ok(Taken::Client(socket))) => {
                tokio::task::spawn_local(receive(socket, transport, channel.clone(), sender.clone()));
            }
            Ok(Err(error)) if !sys::socket::is_accept_race(&error) => {
                log::error!("accept connection: {}", sys::reason(&error));
            }
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

enum Taken {
    Request(Vec<u8>),
    Client(OwnedFd),
}

fn read_fifo(mut fifo: &File) -> io::Result<Vec<u8>> {
    let mut request = vec![0; REQUEST_SIZE];
    let length = fifo.read(&mut request)?;
    request.truncate(length);
    Ok(request)
}

/// Reads one client's request without keeping the event loop waiting.
async fn receive(
    socket: OwnedFd,
    transport: Transport,
    channel: std::rc::Rc<Channel>,
    sender: mpsc::UnboundedSender<Trigger>,
) {
    let request = tokio::time::timeout(REQUEST_LIMIT, async {
        let socket = match transport {
            Transport::Pass => {
                let passer = sys::event::watch(socket, Interest::READABLE)?;
                passer.readable().await?.retain_ready();
                sys::socket::receive_descriptor(passer.get_ref())?
            }
            _ => socket,
        };
        sys::descriptor::set_nonblocking(&socket, true)?;
        let client = sys::event::watch(socket, Interest::READABLE)?;
        loop {
            let mut ready = client.readable().await?;
            let mut request = vec![0; REQUEST_SIZE];
            if let Ok(length) = ready.try_io(|client| client.get_ref().read(&mut request)) {
                request.truncate(length?);
                return io::Result::Ok(request);
            }
        }
    });
    // A client that is silent, or fails, has asked for nothing.
    if let Ok(Ok(request)) = request.await {
        forward(request, &channel, &sender);
    }
}

fn forward(request: Vec<u8>, channel: &Channel, sender: &mpsc::UnboundedSender<Trigger>) {
    let told = channel.tell(State::Taken).and_then(|()| channel.tell(State::Available));
    let _ = sender.send(Trigger::Request(request));
    if told.is_err() {
        let _ = sender.send(Trigger::Retire);
    }
}
