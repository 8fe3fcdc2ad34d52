//! The hosts of a database: one that answers is kept, one that fails is left alone for a while (tables §5.4).

use std::time::{Duration, Instant};

use bstr::ByteSlice;
use table::{Error, OpenError};

use crate::parameters::Parameters;

/// What kind of place a host is; a lower one is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// A UNIX-domain socket.
    Unix,
    /// A host and port.
    Inet,
    /// Whatever the URI says.
    Uri,
}

/// The hosts, each with its connection.
pub struct Hosts<H, C> {
    entries: Vec<Entry<H, C>>,
    /// How long a host that failed is left alone.
    retry: Duration,
    /// How long a connection that is not used is kept.
    idle: Duration,
}

struct Entry<H, C> {
    family: Family,
    host: H,
    state: State<C>,
}

enum State<C> {
    /// There is no connection.
    Closed,
    /// It has failed, and is left alone until then.
    Failed(Instant),
    /// Connected, and last used then.
    Open(C, Instant),
}

impl<H: Clone, C> Hosts<H, C> {
    /// Reads `retry_interval` and `idle_interval`. A single host gets two connections, so that a failure is made good at once.
    ///
    /// # Errors
    /// A bad value.
    pub fn new(parameters: &Parameters, hosts: Vec<(Family, H)>) -> Result<Self, OpenError> {
        let seconds = |name| {
            let number = parameters.number(name, 60, 1)?;
            Ok(Duration::from_secs(u64::try_from(number).unwrap_or(0)))
        };
        let copies = if hosts.len() == 1 { 2 } else { 1 };
        let entry = |(family, host): &(Family, H)| Entry { family: *family, host: host.clone(), state: State::Closed };
        let entries = hosts.iter().flat_map(|host| (0..copies).map(move |_| host)).map(entry).collect();
        Ok(Hosts { entries, retry: seconds("retry_interval")?, idle: seconds("idle_interval")? })
    }

    /// Puts a question to one host after the other until one has an answer. Both functions log what goes wrong; a
    /// connection on which a question failed is closed.
    ///
    /// # Errors
    /// No host has an answer: what the last of them gave.
    pub fn ask<T>(
        &mut self,
        connect: impl Fn(&H) -> Result<C, Error>,
        question: impl Fn(&mut C, &H) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut last = Error::RETRY;
        let mut tried = vec![false; self.entries.len()];
        while let Some(index) = self.choose(&tried, Instant::now())? {
            tried[index] = true;
            let entry = &mut self.entries[index];
            let connected = match std::mem::replace(&mut entry.state, State::Closed) {
                State::Open(connection, _) => Ok(connection),
                _ => connect(&entry.host),
            };
            match connected.and_then(|mut connection| Ok((question(&mut connection, &entry.host)?, connection))) {
                Ok((answer, connection)) => {
                    entry.state = State::Open(connection, Instant::now());
                    return Ok(answer);
                }
                Err(error) => {
                    entry.state = State::Failed(Instant::now() + self.retry);
                    last = error;
                }
            }
        }
        Err(last)
    }

    /// One of those that are connected, else one that can be, at random; the closest kind of either.
    fn choose(&mut self, tried: &[bool], now: Instant) -> Result<Option<usize>, Error> {
        for entry in &mut self.entries {
            if matches!(entry.state, State::Open(_, used) if now.duration_since(used) > self.idle) {
                entry.state = State::Closed;
            }
        }
        let open = |state: &State<C>| matches!(state, State::Open(..));
        let usable = |state: &State<C>| match state {
            State::Closed => true,
            State::Failed(until) => *until <= now,
            State::Open(..) => false,
        };
        match self.pick(tried, open)? {
            None => self.pick(tried, usable),
            found => Ok(found),
        }
    }

    fn pick(&self, tried: &[bool], wanted: impl Fn(&State<C>) -> bool) -> Result<Option<usize>, Error> {
        let candidates = || {
            let untried = self.entries.iter().enumerate().filter(|(index, _)| !tried[*index]);
            untried.filter(|(_, entry)| wanted(&entry.state))
        };
        let Some(family) = candidates().map(|(_, entry)| entry.family).min() else { return Ok(None) };
        let best: Vec<usize> =
            candidates().filter(|(_, entry)| entry.family == family).map(|(index, _)| index).collect();
        let random = sys::random::number().map_err(|error| Error::system(&error))?;
        Ok(usize::try_from(random % best.len() as u64).ok().and_then(|index| best.get(index).copied()))
    }
}

/// The parts of `host:port`: the host, without brackets, and the port, if there is one.
pub fn split_port(name: &[u8]) -> (&[u8], Option<&[u8]>) {
    if let Some((host, rest)) = name.strip_prefix(b"[").and_then(|rest| rest.split_once_str("]")) {
        return (host, rest.strip_prefix(b":"));
    }
    match name.split_once_str(":") {
        Some((host, port)) if !port.contains(&b':') => (host, Some(port)),
        _ => (name, None),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn hosts(list: &[(Family, &'static str)], retry: u64) -> Hosts<&'static str, u32> {
        let entries = list.iter().map(|&(family, host)| Entry { family, host, state: State::Closed }).collect();
        Hosts { entries, retry: Duration::from_secs(retry), idle: Duration::from_secs(60) }
    }

    #[test]
    fn sockets_come_first_and_connections_are_kept() {
        let mut hosts = hosts(&[(Family::Inet, "b"), (Family::Unix, "a"), (Family::Inet, "c")], 60);
        let connects = RefCell::new(Vec::new());
        let connect = |host: &&'static str| {
            connects.borrow_mut().push(*host);
            Ok(1)
        };
        for _ in 0..3 {
            assert_eq!(hosts.ask(connect, |_, host| Ok(*host)), Ok("a"));
        }
        assert_eq!(*connects.borrow(), ["a"]);
        // It fails, and is left alone.
        let answer = hosts.ask(connect, |_, host| if *host == "a" { Err(Error::RETRY) } else { Ok(*host) });
        let other = answer.unwrap();
        assert_eq!(hosts.ask(connect, |_, host| Ok(*host)), Ok(other));
        assert_eq!(*connects.borrow(), ["a", other]);
    }

    #[test]
    fn each_host_is_asked_once() {
        let mut hosts = hosts(&[(Family::Unix, "a"), (Family::Inet, "b")], 0);
        let asked = RefCell::new(0);
        let answer: Result<(), _> = hosts.ask(
            |_| Ok(1),
            |_, _| {
                *asked.borrow_mut() += 1;
                Err(Error::NO_ANSWER)
            },
        );
        assert_eq!((answer, *asked.borrow()), (Err(Error::NO_ANSWER), 2));
    }

    #[test]
    fn a_host_that_failed_is_left_alone() {
        let mut hosts = hosts(&[(Family::Unix, "a")], 60);
        let refuse = |_: &&'static str| Err(Error::NO_ANSWER);
        assert_eq!(hosts.ask(refuse, |_, _| Ok(())), Err(Error::NO_ANSWER));
        assert_eq!(hosts.ask(|_| panic!("asked too soon"), |_, _| Ok(())), Err(Error::RETRY));
        let now = Instant::now();
        assert_eq!(hosts.choose(&[false], now), Ok(None));
        assert_eq!(hosts.choose(&[false], now + Duration::from_secs(61)), Ok(Some(0)));
    }
}
