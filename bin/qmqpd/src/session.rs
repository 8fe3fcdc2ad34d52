//! One session.

use std::time::SystemTime;

use bstr::BString;
use config::{Config, params};
use ipc::cleanup::{Reply, flag, status};
use logging::event::{Connected, Disconnected, MessageClient};
use logging::fatal;
use post::{Class, PatienceError, Posting, external_flags};
use queue::RecordType;
use server::Client;
use smtp_protocol::netstring::{Trouble, comma, is_at_end, length, netstring, read};
use smtp_protocol::peer::Peer;
use smtp_protocol::stream::Stream;

use crate::Qmqpd;
use crate::message::{Request, send_content, send_envelope, send_received, verp};

/// A session with one client.
struct Session<'a> {
    config: &'a Config,
    stream: Stream,
    peer: Peer,
    queue_id: Option<BString>,
    /// What is being done, for log and reply.
    stage: &'static str,
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    /// `K`: done. `Z`: try again. `D`: never.
    letter: u8,
    text: String,
    /// Whether the log says it, too.
    logged: bool,
}

impl Answer {
    fn new(letter: u8, text: impl Into<String>) -> Self {
        Self { letter, text: text.into(), logged: letter != b'K' }
    }

    fn unlogged(letter: u8, text: impl Into<String>) -> Self {
        Self { logged: false, ..Self::new(letter, text) }
    }
}

/// Serves a client.
pub fn serve(service: &Qmqpd, client: Client, config: &Config) {
    use std::os::fd::AsFd;
    let peer = Peer::from_socket(client.as_fd(), config, service.habits).unwrap_or_else(|refused| {
        if let Some(error) = refused.error {
            log::error!("{error}");
        }
        fatal!("{}", refused.fatal)
    });
    let limit = config.get(params::QMQPD_TIMEOUT);
    let stream = match client.into_descriptors() {
        (socket, None) => Stream::over_socket(socket, limit),
        (input, Some(output)) => Stream::over_files(input, output, limit),
    };
    let verbosity = logging::verbosity();
    if service.debug_peers.matches_host(&peer.name, &peer.address).unwrap_or(false) {
        let more = u32::try_from(config.get(params::DEBUG_PEER_LEVEL)).unwrap_or(0);
        logging::set_verbosity(verbosity.saturating_add(more));
    }
    logging::emit(&Connected { client: &peer.namaddr });
    let stage = "initializing client connection";
    let mut session = Session { config, stream, peer, queue_id: None, stage };
    if let Err(trouble) = session.talk(service) {
        session.report(trouble);
    }
    logging::emit(&Disconnected { client: &session.peer.namaddr, summary: "" });
    logging::set_verbosity(verbosity);
}

impl Session<'_> {
    fn talk(&mut self, service: &Qmqpd) -> Result<(), Trouble> {
        let answer = match service.authorized.matches_host(&self.peer.name, &self.peer.address) {
            Ok(true) => self.take_message()?,
            Ok(false) => {
                let client = text::show(&self.peer.namaddr);
                Answer::unlogged(b'D', format!("Error: {client} is not authorized to use this service"))
            }
            Err(_) => Answer::unlogged(b'Z', "Error: server configuration error"),
        };
        self.stage = "sending completion status";
        self.answer(&answer)
    }

    fn take_message(&mut self) -> Result<Answer, Trouble> {
        let arrival = SystemTime::now();
        let mut posting = self.open();
        let request = self.read_request()?;
        let filter = self.config.get(params::VERP_DELIMITER_FILTER);
        let reply = match verp(&request.sender, filter) {
            Ok((sender, delimiters)) => {
                let recipients = &request.recipients;
                send_envelope(&mut posting, self.config, &self.peer, arrival, &sender, delimiters, recipients);
                send_received(&mut posting, self.config, &self.peer, arrival, recipients);
                let limit = usize::try_from(self.config.get(params::LINE_LENGTH_LIMIT)).unwrap_or(2048);
                send_content(&mut posting, &request.content, limit);
                posting.put(RecordType::EXTRACTED, b"");
                posting.put(RecordType::END, b"");
                posting.finish()
            }
            Err(problem) => Reply { status: status::CONT, reason: problem.into() },
        };
        let id = self.queue_id.clone().unwrap_or_default();
        Ok(judge(&reply, &text::show(&id).to_string()))
    }

    /// Connects to cleanup, however long that takes: the queue ID is known before the request is read.
    fn open(&mut self) -> Posting {
        let flags = external_flags(self.config, Class::Qmqpd);
        let posting = match Posting::open_patiently(self.config, flags & !flag::SMTP_REPLY) {
            Ok(posting) => posting,
            Err(PatienceError::Unreachable(error) | PatienceError::Protocol(error)) => fatal!("{error}"),
        };
        self.queue_id = Some(posting.queue_id().to_owned());
        logging::emit(&MessageClient {
            queue_id: Some(posting.queue_id()),
            client: &self.peer.namaddr,
            ..MessageClient::default()
        });
        posting
    }

    fn read_request(&mut self) -> Result<Request, Trouble> {
        let size_limit = match self.config.get(params::MESSAGE_SIZE_LIMIT) {
            limit @ 1.. => limit.unsigned_abs(),
            _ => u64::MAX,
        };
        let line_limit = self.config.get(params::LINE_LENGTH_LIMIT).unsigned_abs();
        self.stage = "receiving QMQP packet header";
        length(&mut self.stream)?;
        self.stage = "receiving message content";
        let content = read(&mut self.stream, size_limit)?;
        self.stage = "receiving sender address";
        let sender = read(&mut self.stream, line_limit)?;
        self.stage = "receiving recipient address";
        let mut recipients = Vec::new();
        while !is_at_end(&mut self.stream)? {
            recipients.push(read(&mut self.stream, line_limit)?);
        }
        comma(&mut self.stream)?;
        Ok(Request { content, sender, recipients })
    }

    fn answer(&mut self, answer: &Answer) -> Result<(), Trouble> {
        let soft = answer.letter == b'D' && self.config.get(params::SOFT_BOUNCE);
        let letter = if soft { b'Z' } else { answer.letter };
        if answer.logged {
            let (id, client) = (self.id(), text::show(&self.peer.namaddr));
            log::warn!("{id}: {client}: {}", answer.text);
        }
        if letter != b'K' {
            std::thread::sleep(self.config.get(params::QMQPD_ERROR_DELAY));
        }
        self.stream.write(&netstring(&[&[letter], answer.text.as_bytes()].concat()))?;
        self.stream.flush()?;
        Ok(())
    }

    /// The request could not be read.
    fn report(&mut self, trouble: Trouble) {
        let (id, client, stage) = (self.id(), text::show(&self.peer.namaddr), self.stage);
        log::info!("{id}: {client}: {} while {stage}", trouble.text());
        if trouble.can_be_told() {
            // Nobody minds if the client has gone by now.
            let _ = self.answer(&Answer::unlogged(b'D', format!("{} while {stage}", trouble.text())));
        }
    }

    fn id(&self) -> String {
        self.queue_id.as_ref().map_or_else(|| "NOQUEUE".into(), |id| text::show(id).to_string())
    }
}

/// The answer to what cleanup says: the first bit that is set decides (§14.3).
fn judge(reply: &Reply, id: &str) -> Answer {
    let bit = |bit: i32| reply.status & bit != 0;
    let reason = text::show(&reply.reason);
    if reply.status == 0 {
        return Answer::new(b'K', format!("Ok: queued as {id}"));
    }
    if bit(status::DEFER) {
        return Answer::new(b'Z', format!("Error: {reason}"));
    }
    if bit(status::BAD) {
        return Answer::new(b'Z', format!("Error: internal error {}", reply.status));
    }
    if bit(status::SIZE) {
        return Answer::new(b'D', "Error: message too large");
    }
    if bit(status::HOPS) {
        return Answer::new(b'D', "Error: too many hops");
    }
    if bit(status::CONT) {
        let letter = if reply.reason.starts_with(b"4") { b'Z' } else { b'D' };
        return Answer::new(letter, format!("Error: {reason}"));
    }
    if bit(status::WRITE) {
        return Answer::new(b'Z', "Error: queue file write error");
    }
    if bit(status::RCPT) {
        return Answer::new(b'D', "Error: no recipients specified");
    }
    Answer::new(b'Z', format!("Error: internal error {}", reply.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_what_cleanup_says() {
        let text = |status, reason: &str| {
            let answer = judge(&Reply { status, reason: reason.into() }, "4TR");
            format!("{}{}", char::from(answer.letter), answer.text)
        };
        assert_eq!(text(0, ""), "KOk: queued as 4TR");
        assert_eq!(text(status::CONT, "4.7.1 later"), "ZError: 4.7.1 later");
        assert_eq!(text(status::CONT, "5.7.1 never"), "DError: 5.7.1 never");
        assert_eq!(text(status::RCPT, ""), "DError: no recipients specified");
        assert_eq!(text(status::WRITE | status::SIZE, ""), "DError: message too large");
    }
}
