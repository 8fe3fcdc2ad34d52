//! A world without network, services and time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use address::{Class, Resolver, Rewriter};
use bstr::{BString, ByteSlice};
use dns::{Error, Options, Record, Resolve, Type, Zone};
use ipc::Unreachable;
use ipc::rewrite::{Resolved, resolved};
use ipc::verify::Answer;

use crate::{Clock, ConnectError, Dns, Doors, Endpoint, PolicyConnector, PolicyStream, Verifier};

/// What is behind the doors, and what was done there.
#[derive(Clone, Debug, Default)]
pub struct World {
    zone: Zone,
    questions: Rc<Cell<usize>>,
    slept: Rc<Cell<Duration>>,
    verify: Rc<RefCell<VecDeque<(i32, i32)>>>,
    policy: Rc<RefCell<VecDeque<String>>>,
    connects: Rc<Cell<usize>>,
}

impl World {
    pub fn with_zone(zone: Zone) -> Self {
        World { zone, ..World::default() }
    }

    pub fn doors(&self) -> Doors {
        Doors {
            dns: Box::new(self.clone()),
            addresses: Box::new(Addresses),
            verifier: Box::new(self.clone()),
            policy: Box::new(self.clone()),
            clock: Box::new(self.clone()),
        }
    }

    /// How often the DNS was asked.
    pub fn questions(&self) -> usize {
        self.questions.get()
    }

    /// How long was slept in all.
    pub fn slept(&self) -> Duration {
        self.slept.get()
    }

    /// What the verify service answers: its own status, and that of the recipient.
    pub fn verify_answers(&self, answers: &[(i32, i32)]) {
        self.verify.borrow_mut().extend(answers);
    }

    /// What the policy server answers; an empty text ends a connection.
    pub fn policy_answers(&self, answers: &[&str]) {
        self.policy.borrow_mut().extend(answers.iter().map(|text| (*text).to_owned()));
    }

    /// How often a policy server was connected to.
    pub fn connects(&self) -> usize {
        self.connects.get()
    }
}

impl Resolve for World {
    fn query(&self, name: &[u8], rtype: Type, options: Options) -> Result<Vec<Record>, Error> {
        self.questions.set(self.questions.get() + 1);
        self.zone.query(name, rtype, options)
    }
}

impl Dns for World {
    fn host_addresses(&self, name: &[u8]) -> Result<Vec<IpAddr>, String> {
        let found = self.zone.query(name, Type::A, Options::default());
        let records = found.map_err(|_| "Name or service not known".to_owned())?;
        Ok(records.iter().filter_map(Record::address).collect())
    }
}

impl Clock for World {
    fn sleep(&mut self, time: Duration) {
        self.slept.set(self.slept.get() + time);
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

impl Verifier for World {
    fn query(&mut self, _address: &[u8]) -> Result<Answer, String> {
        let (status, recipient_status) = self.verify.borrow_mut().pop_front().unwrap_or_default();
        Ok(Answer { status, recipient_status, reason: "why".into() })
    }
}

impl PolicyConnector for World {
    fn connect(&mut self, _endpoint: &Endpoint, _limit: Duration) -> Result<Box<dyn PolicyStream>, ConnectError> {
        if self.policy.borrow().is_empty() {
            return Err(ConnectError::Io(io::ErrorKind::ConnectionRefused.into()));
        }
        self.connects.set(self.connects.get() + 1);
        Ok(Box::new(Conversation { answers: self.policy.clone() }))
    }
}

/// One connection to the policy server.
#[derive(Debug)]
struct Conversation {
    answers: Rc<RefCell<VecDeque<String>>>,
}

impl Read for Conversation {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let answer = self.answers.borrow_mut().pop_front().unwrap_or_default();
        buffer[..answer.len()].copy_from_slice(answer.as_bytes());
        Ok(answer.len())
    }
}

impl Write for Conversation {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PolicyStream for Conversation {
    fn is_readable(&self) -> bool {
        false
    }
}

/// The rewrite service of a system that has local.example and alias.example.
#[derive(Debug)]
struct Addresses;

impl Rewriter for Addresses {
    fn rewrite(&mut self, _rule: &str, address: &[u8]) -> Result<BString, Unreachable> {
        let is_complete = address.contains(&b'@') || address.is_empty();
        Ok(if is_complete { address.into() } else { [address, b"@local.example"].concat().into() })
    }
}

impl Resolver for Addresses {
    fn resolve(&mut self, _class: Class, _sender: &[u8], address: &[u8]) -> Result<Resolved, Unreachable> {
        let (local, domain) = address.rsplit_once_str("@").unwrap_or((address, b""));
        let routed = if local.contains(&b'%') { resolved::ROUTED } else { 0 };
        let (transport, nexthop, class) = match domain {
            b"local.example" => ("local", "local.example", resolved::LOCAL),
            b"alias.example" => ("error", "5.1.1 User unknown in virtual alias table", resolved::ALIAS),
            _ => ("smtp", "far.example", resolved::DEFAULT),
        };
        Ok(Resolved {
            server_flags: 0,
            transport: transport.into(),
            nexthop: nexthop.into(),
            recipient: address.into(),
            flags: class | routed,
        })
    }
}
