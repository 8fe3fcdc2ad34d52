//! Takes mail by QMQP, and throws it away: qmqp-sink(1) (smtpd §15.3).
#![forbid(unsafe_code)]

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bstr::ByteSlice;
use command::Invocation;
use logging::{Audience, fatal};
use smtp_protocol::load::{Families, show_count};
use smtp_protocol::netstring::{self, Trouble};
use smtp_protocol::sink::Place;
use smtp_protocol::stream::Stream;
use text::getopt::Getopt;

const LETTERS: &str = "46cvx:";
/// How long a client may take, at a time.
const LIMIT: Duration = Duration::from_secs(3600);
/// A message is at most this long, in bytes.
const SIZE_LIMIT: u64 = i32::MAX as u64;
/// How much is read at a time, in bytes.
const CHUNK: u64 = 16 * 1024;

/// What the command line says.
struct Options {
    place: Place,
    counting: bool,
    /// How long the program runs.
    time: Option<Duration>,
}

fn main() {
    let invocation = Invocation::of_process();
    command::begin(invocation.name.as_ref(), Audience::User);
    command::ignore_broken_pipes();
    let options = Options::parse(&invocation).unwrap_or_else(|problem| fatal!("{problem}"));
    let listeners = options.place.listen().unwrap_or_else(|problem| fatal!("{problem}"));
    let messages = AtomicU64::new(0);
    std::thread::scope(|scope| {
        if let Some(time) = options.time {
            scope.spawn(move || {
                std::thread::sleep(time);
                std::process::exit(0);
            });
        }
        for listener in listeners {
            let (options, messages) = (&options, &messages);
            scope.spawn(move || {
                loop {
                    let socket = accept(&listener);
                    let work = move || attend(socket, options, messages);
                    // The client finds the connection closed.
                    if let Err(error) = std::thread::Builder::new().spawn_scoped(scope, work) {
                        log::warn!("new thread: {}", sys::reason(&error));
                    }
                }
            });
        }
    });
}

impl Options {
    fn parse(invocation: &Invocation) -> Result<Options, String> {
        let usage = || format!("usage: {} [-46cv] [-x time] [host]:port backlog", text::show(&invocation.name));
        let (mut counting, mut time, mut families) = (false, None, Families::All);
        let mut words = Getopt::new(&invocation.args, LETTERS);
        for option in &mut words {
            let option = option.map_err(|error| {
                invocation.report(error);
                usage()
            })?;
            match option.letter {
                b'4' => families = Families::Ipv4,
                b'6' => families = Families::Ipv6,
                b'c' => counting = true,
                b'v' => logging::set_verbosity(logging::verbosity() + 1),
                _ => time = Some(seconds(option.value).ok_or_else(usage)?),
            }
        }
        let [endpoint, backlog] = words.operands() else { return Err(usage()) };
        let place = Place::parse(endpoint, backlog).ok_or_else(usage)?;
        Ok(Options { place: Place { families, ..place }, counting, time })
    }
}

fn seconds(text: &[u8]) -> Option<Duration> {
    text.to_str().ok()?.parse().ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

/// The next client.
fn accept(listener: &OwnedFd) -> OwnedFd {
    loop {
        if let Err(error) = sys::descriptor::wait_readable(listener, None) {
            fatal!("poll: {}", sys::reason(&error));
        }
        match sys::socket::accept(listener) {
            Ok(socket) => return socket,
            Err(error) if sys::socket::is_accept_race(&error) => {}
            Err(error) => fatal!("accept: {}", sys::reason(&error)),
        }
    }
}

/// Takes one message.
fn attend(socket: OwnedFd, options: &Options, messages: &AtomicU64) {
    sys::socket::keep_alive(&socket);
    let mut stream = Stream::over_socket(socket, LIMIT);
    let taken = discard(&mut stream).and_then(|()| {
        stream.write(&netstring::netstring(b"KOk"))?;
        Ok(stream.flush()?)
    });
    match taken {
        Err(Trouble::Length) => log::warn!("netstring size error"),
        Err(trouble) => log::warn!("{}", trouble.text()),
        Ok(()) => {
            let count = messages.fetch_add(1, Ordering::Relaxed) + 1;
            if options.counting {
                show_count(count);
            }
        }
    }
}

/// Reads a netstring, whatever is in it, and whatever follows it.
fn discard(stream: &mut Stream) -> Result<(), Trouble> {
    let mut left = netstring::length(stream)?;
    if left > SIZE_LIMIT {
        return Err(Trouble::Length);
    }
    // What follows is a comma, or should be.
    left += 1;
    while left > 0 {
        left -= stream.take(usize::try_from(left.min(CHUNK)).unwrap_or(usize::MAX))?.len() as u64;
    }
    Ok(())
}
