//! The counters of all clients.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bstr::BString;
use ipc::anvil::{Connections, Counters};

/// An event that has a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// MAIL.
    Message,
    /// RCPT.
    Recipient,
    /// A TLS session.
    NewTls,
    /// AUTH.
    Auth,
}

#[derive(Debug)]
struct Entry {
    counters: Counters,
    /// When the rates began to count; `None`: they are all zero.
    start: Option<Instant>,
    /// Since when nothing is open. The entry is forgotten a time unit later.
    closed: Option<Instant>,
}

/// Counters by identity.
#[derive(Debug)]
pub struct Book {
    unit: Duration,
    entries: HashMap<BString, Entry>,
    /// Who had nothing open any more, and when: in order of time.
    leaving: VecDeque<(Instant, BString)>,
}

impl Book {
    /// Nobody yet. `unit` is what rates are counted in.
    pub fn new(unit: Duration) -> Self {
        Self { unit, entries: HashMap::new(), leaving: VecDeque::new() }
    }

    /// What rates are counted in.
    pub fn unit(&self) -> Duration {
        self.unit
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets those who have had nothing open for a time unit.
    pub fn forget(&mut self, now: Instant) {
        while let Some((when, _)) = self.leaving.front()
            && now.saturating_duration_since(*when) >= self.unit
        {
            let Some((when, ident)) = self.leaving.pop_front() else { return };
            // One who has come back, or has left again later, stays.
            if self.entries.get(&ident).is_some_and(|entry| entry.closed == Some(when)) {
                self.entries.remove(&ident);
            }
        }
    }

    /// Whether somebody is known.
    pub fn knows(&mut self, ident: &BString, now: Instant) -> bool {
        self.forget(now);
        self.entries.contains_key(ident)
    }

    /// A connection has begun.
    pub fn connect(&mut self, ident: &BString, now: Instant) -> Connections {
        self.forget(now);
        let unit = self.unit;
        let new = || Entry { counters: Counters::default(), start: None, closed: None };
        let entry = self.entries.entry(ident.clone()).or_insert_with(new);
        entry.closed = None;
        entry.counters.count = entry.counters.count.saturating_add(1);
        let rate = entry.increment(unit, now, |counters| &mut counters.rate);
        Connections { count: entry.counters.count, rate }
    }

    /// A connection has ended.
    pub fn disconnect(&mut self, ident: &BString, now: Instant) {
        let Some(entry) = self.entries.get_mut(ident).filter(|entry| entry.counters.count > 0) else { return };
        entry.counters.count -= 1;
        if entry.counters.count == 0 {
            entry.closed = Some(now);
            self.leaving.push_back((now, ident.clone()));
        }
        self.forget(now);
    }

    /// Counts an event of somebody who is known, and returns the rate.
    pub fn count(&mut self, ident: &BString, kind: Kind, now: Instant) -> i32 {
        let unit = self.unit;
        let Some(entry) = self.entries.get_mut(ident) else { return 0 };
        entry.increment(unit, now, |counters| match kind {
            Kind::Message => &mut counters.mail,
            Kind::Recipient => &mut counters.rcpt,
            Kind::NewTls => &mut counters.newtls,
            Kind::Auth => &mut counters.auth,
        })
    }

    /// What somebody has done.
    pub fn look_up(&mut self, ident: &BString, now: Instant) -> Counters {
        self.forget(now);
        let unit = self.unit;
        let Some(entry) = self.entries.get_mut(ident) else { return Counters::default() };
        if entry.is_stale(unit, now) {
            entry.reset(None);
        }
        entry.counters
    }
}

impl Entry {
    fn is_stale(&self, unit: Duration, now: Instant) -> bool {
        self.start.is_none_or(|start| now.saturating_duration_since(start) > unit)
    }

    fn reset(&mut self, start: Option<Instant>) {
        self.counters = Counters { count: self.counters.count, ..Counters::default() };
        self.start = start;
    }

    /// All rates begin anew together, when the first of them is counted after a time unit.
    fn increment(&mut self, unit: Duration, now: Instant, rate: impl FnOnce(&mut Counters) -> &mut i32) -> i32 {
        if self.is_stale(unit, now) {
            self.reset(Some(now));
        }
        let rate = rate(&mut self.counters);
        *rate = rate.saturating_add(1);
        *rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Duration = Duration::from_secs(60);

    fn ident(text: &str) -> BString {
        text.into()
    }

    #[test]
    fn connections_are_counted_and_forgotten() {
        let (mut book, now, who) = (Book::new(UNIT), Instant::now(), ident("smtpd:192.0.2.1"));
        assert_eq!(book.connect(&who, now), Connections { count: 1, rate: 1 });
        assert_eq!(book.connect(&who, now), Connections { count: 2, rate: 2 });
        book.disconnect(&who, now);
        book.disconnect(&who, now);
        book.disconnect(&who, now);
        assert!(book.knows(&who, now + UNIT / 2));
        assert!(!book.knows(&who, now + UNIT));
        assert_eq!(book.len(), 0);
    }

    #[test]
    fn one_who_comes_back_is_not_forgotten() {
        let (mut book, now, who) = (Book::new(UNIT), Instant::now(), ident("x"));
        book.connect(&who, now);
        book.disconnect(&who, now);
        assert_eq!(book.connect(&who, now + UNIT / 2), Connections { count: 1, rate: 2 });
        assert!(book.knows(&who, now + UNIT * 2));
    }

    #[test]
    fn rates_begin_anew_together() {
        let (mut book, now, who) = (Book::new(UNIT), Instant::now(), ident("x"));
        book.connect(&who, now);
        assert_eq!(book.count(&who, Kind::Message, now), 1);
        assert_eq!(book.count(&who, Kind::Message, now + UNIT), 2);
        let later = now + UNIT + Duration::from_secs(1);
        assert_eq!(book.count(&who, Kind::Recipient, later), 1);
        assert_eq!(book.look_up(&who, later), Counters { count: 1, rcpt: 1, ..Counters::default() });
        assert_eq!(book.count(&ident("y"), Kind::Auth, now), 0);
        let much_later = later + UNIT * 2;
        assert_eq!(book.look_up(&who, much_later), Counters { count: 1, ..Counters::default() });
    }
}
