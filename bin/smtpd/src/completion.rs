//! What becomes of a message (smtpd §8.4, §8.6).

use access::Stage;
use bstr::{BString, ByteSlice};
use ipc::cleanup::{Reply, status};
use smtp_protocol::server::reply::{Class, Refusal, has_code};

use crate::session::{End, Outcome, Session};

/// In a status of ours: a line ended in LF alone, and may not.
pub const BARE_NEWLINE: i32 = 1 << 16;

impl Session<'_> {
    /// The content has been received, as far as it goes. `chunked_size` is its size when it came in chunks.
    pub fn complete(&mut self, status: i32, chunked_size: Option<u64>) -> Result<Outcome, End> {
        if status == 0 {
            if let Some(refusal) = self.decide(Stage::EndOfMessage, None)? {
                self.end_transaction();
                return self.refuse(refusal);
            }
            self.end_message();
        }
        if status & BARE_NEWLINE != 0 {
            self.log_decision("reject", self.stage, b"bare <LF> received");
        }
        let id = self.queue_id().map(ToOwned::to_owned).unwrap_or_default();
        let reply = self.judgement(status);
        let filtered = self.is_filtered();
        if filtered {
            self.log_filter_verdict(&reply);
        }
        let outcome = match reply.status {
            0 => self.report_success(&id, &reply, chunked_size)?,
            status if status & BARE_NEWLINE != 0 => self.refuse(Refusal::protocol(self.bare_newline_reply()))?,
            _ => self.refuse(failure(&reply, filtered))?,
        };
        self.flush_transcript(self.threshold(), None);
        self.end_transaction();
        Ok(outcome)
    }

    /// What the destination says, if it has all of the message.
    fn judgement(&mut self, status: i32) -> Reply {
        let destination = self.transaction.as_mut().and_then(|transaction| transaction.destination.take());
        match destination {
            Some(destination) if status == 0 => destination.finish(),
            _ => Reply { status: if status == 0 { status::WRITE } else { status }, reason: BString::default() },
        }
    }

    fn report_success(&mut self, id: &[u8], reply: &Reply, chunked_size: Option<u64>) -> Result<Outcome, End> {
        self.forgive();
        let id = text::show(id);
        match chunked_size {
            _ if self.is_filtered() => self.accept(&reply.reason),
            Some(size) => self.accept(format!("250 2.0.0 Ok: {size} bytes queued as {id}")),
            None => self.accept(format!("250 2.0.0 Ok: queued as {id}")),
        }
    }
}

/// The reply to a message that was not accepted: the first bit that is set decides.
fn failure(reply: &Reply, filtered: bool) -> Refusal {
    let reason = &reply.reason;
    let bit = |bit: i32| reply.status & bit != 0;
    let refusal = |class: Class, text: BString| Refusal { class: Some(class), text };
    let fixed = |class: Class, text: &str| refusal(class, text.into());
    let with_reason = |code: &str, otherwise: &str| match reason.is_empty() {
        true => BString::from(otherwise),
        false => [code.as_bytes(), reason].concat().into(),
    };
    let internal = || refusal(Class::Software, format!("451 4.3.0 Error: internal error {}", reply.status).into());
    if filtered && !reason.is_empty() {
        return refusal(if bit(status::CONT) { Class::Policy } else { Class::Software }, reason.clone());
    }
    if has_code(reason) && matches!(reason.first(), Some(b'4' | b'5')) {
        return refusal(Class::Policy, clean(reason));
    }
    if bit(status::DEFER) {
        return refusal(Class::Policy, with_reason("451 ", "451 4.7.1 Error: service unavailable"));
    }
    if bit(status::BAD) {
        return internal();
    }
    if bit(status::SIZE) {
        return fixed(Class::Bounce, "552 5.3.4 Error: message file too big");
    }
    if bit(status::HOPS) {
        return fixed(Class::Bounce, "554 5.4.0 Error: too many hops");
    }
    if bit(status::CONT) {
        return refusal(Class::Policy, with_reason("550 ", "550 5.7.1 Error: message content rejected"));
    }
    if bit(status::WRITE) {
        return fixed(Class::Resource, "451 4.3.0 Error: queue file write error");
    }
    if bit(status::PROXY) {
        return fixed(Class::Software, "451 4.3.0 Error: queue file write error");
    }
    internal()
}

/// A reply whose bytes are printable, but for the ends of its lines.
fn clean(reply: &[u8]) -> BString {
    let lines = reply.split_str("\r\n").map(|line| text::printable_except(line, true, b' ', |_| false).into_owned());
    bstr::join("\r\n", lines).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(status: i32, reason: &str) -> String {
        failure(&Reply { status, reason: reason.into() }, false).text.to_string()
    }

    #[test]
    fn the_first_bit_decides() {
        assert_eq!(text(status::CONT, "550 5.7.1 no\r\nway\t"), "550 5.7.1 no\r\nway ");
        assert_eq!(text(status::CONT, "5.7.1 text"), "550 5.7.1 text");
        assert_eq!(text(status::CONT, ""), "550 5.7.1 Error: message content rejected");
        assert_eq!(text(status::DEFER, "4.7.1 later"), "451 4.7.1 later");
        assert_eq!(text(status::SIZE | status::WRITE, ""), "552 5.3.4 Error: message file too big");
        assert_eq!(text(status::BAD, ""), "451 4.3.0 Error: internal error 1");
        assert_eq!(text(status::RCPT, ""), "451 4.3.0 Error: internal error 64");
        assert_eq!(text(status::WRITE, ""), "451 4.3.0 Error: queue file write error");
    }
}
