//! Asking the rewrite service (cleanup-rewrite §7.3).

use std::collections::VecDeque;
use std::fmt::Debug;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bstr::BString;
use config::{Config, params};
use ipc::rewrite::{Request, Resolved, Rewritten};
use ipc::{PersistentClient, Unreachable, protocol};
use text::address::{quote, unquote};

/// How long an answer may be used again.
const CACHE_TIME: Duration = Duration::from_secs(30);
/// How many rewritten addresses are kept: they depend on parameters alone, and the same come again in envelope and headers.
const REWRITTEN: usize = 100;
/// How many destinations are kept. They depend on tables, and a change of a table is to count at once.
const RESOLVED: usize = 1;
/// The pause before a question is repeated whose answer made no sense.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Which parameters an address is resolved with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// For delivery.
    Resolve,
    /// For an address probe: the `address_verify_` parameters.
    Verify,
}

/// Completes addresses by the rules of a context.
pub trait Rewriter: Debug {
    /// Rewrites an address in external form; `rule` is `local` or `remote`.
    ///
    /// # Errors
    /// The service is gone; log it as fatal.
    fn rewrite(&mut self, rule: &str, address: &[u8]) -> Result<BString, Unreachable>;

    /// Rewrites an address in internal form.
    ///
    /// # Errors
    /// The service is gone; log it as fatal.
    fn rewrite_internal(&mut self, rule: &str, address: &[u8]) -> Result<BString, Unreachable> {
        Ok(unquote(&self.rewrite(rule, &quote(address))?))
    }
}

/// Finds out where addresses go.
pub trait Resolver: Debug {
    /// Resolves an address; it and the sender are in internal form.
    ///
    /// # Errors
    /// The service is gone; log it as fatal.
    fn resolve(&mut self, class: Class, sender: &[u8], address: &[u8]) -> Result<Resolved, Unreachable>;
}

/// The rewrite service of the mail system, with a memory of the last answers.
#[derive(Debug)]
pub struct RewriteService {
    connection: PersistentClient,
    rewritten: Memory<(BString, BString), BString>,
    resolved: Memory<(Class, BString, BString), Resolved>,
}

impl RewriteService {
    /// Connects when it is first asked.
    pub fn new(config: &Config) -> Self {
        let service = text::show(config.get(params::REWRITE_SERVICE_NAME)).to_string();
        let (io, idle, total) =
            (config.get(params::IPC_TIMEOUT), config.get(params::IPC_IDLE), config.get(params::IPC_TTL));
        let connection = PersistentClient::new("private", service, protocol::REWRITE, io, idle, total);
        RewriteService { connection, rewritten: Memory::of(REWRITTEN), resolved: Memory::of(RESOLVED) }
    }

    fn ask_resolve(&mut self, class: Class, sender: &[u8], address: &[u8]) -> Result<Resolved, Unreachable> {
        let request =
            Request::Resolve { verify: class == Class::Verify, sender: sender.into(), address: address.into() };
        loop {
            let reply: Resolved = self.connection.ask(&request)?;
            let problem = if reply.transport.is_empty() {
                "transport"
            } else if reply.recipient.is_empty() && !address.is_empty() {
                "recipient"
            } else {
                return Ok(reply);
            };
            log::warn!("resolve_clnt: null {problem} result for: <{}>", text::show(address));
            self.connection.disconnect();
            sleep(RETRY_PAUSE);
        }
    }
}

impl Rewriter for RewriteService {
    fn rewrite(&mut self, rule: &str, address: &[u8]) -> Result<BString, Unreachable> {
        let question = (BString::from(rule), BString::from(address));
        if let Some(known) = self.rewritten.recall(&question, Instant::now()) {
            return Ok(known);
        }
        let request = Request::Rewrite { rule: rule.into(), address: address.into() };
        let reply: Rewritten = self.connection.ask(&request)?;
        if reply.server_flags != 0 {
            self.connection.disconnect();
        }
        Ok(self.rewritten.remember(question, reply.address, Instant::now()))
    }
}

impl Resolver for RewriteService {
    fn resolve(&mut self, class: Class, sender: &[u8], address: &[u8]) -> Result<Resolved, Unreachable> {
        let question = (class, BString::from(sender), BString::from(address));
        if !address.is_empty()
            && let Some(known) = self.resolved.recall(&question, Instant::now())
        {
            return Ok(known);
        }
        let reply = self.ask_resolve(class, sender, address)?;
        if reply.server_flags != 0 {
            self.connection.disconnect();
        }
        Ok(self.resolved.remember(question, reply, Instant::now()))
    }
}

/// The last questions with their answers.
#[derive(Debug)]
struct Memory<Q, A> {
    limit: usize,
    /// The newest is at the end.
    last: VecDeque<(Q, A, Instant)>,
}

impl<Q: PartialEq, A: Clone> Memory<Q, A> {
    fn of(limit: usize) -> Self {
        Memory { limit, last: VecDeque::new() }
    }

    fn recall(&self, question: &Q, now: Instant) -> Option<A> {
        let (_, answer, when) = self.last.iter().rev().find(|(known, _, _)| known == question)?;
        (now.saturating_duration_since(*when) < CACHE_TIME).then(|| answer.clone())
    }

    fn remember(&mut self, question: Q, answer: A, now: Instant) -> A {
        if self.last.len() >= self.limit {
            self.last.pop_front();
        }
        self.last.push_back((question, answer.clone(), now));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_answer_is_good_for_half_a_minute() {
        let mut memory = Memory::of(2);
        let start = Instant::now();
        assert_eq!(memory.recall(&"q", start), None);
        assert_eq!(memory.remember("q", 1, start), 1);
        assert_eq!(memory.recall(&"q", start + Duration::from_secs(29)), Some(1));
        assert_eq!(memory.recall(&"q", start + CACHE_TIME), None);
        assert_eq!(memory.recall(&"r", start), None);
        memory.remember("q", 2, start);
        assert_eq!(memory.recall(&"q", start), Some(2));
        memory.remember("r", 3, start);
        memory.remember("s", 4, start);
        assert_eq!((memory.recall(&"q", start), memory.recall(&"r", start)), (None, Some(3)));
    }
}
