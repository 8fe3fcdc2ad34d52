//! BDAT (smtpd §5.8, §7.4).

use access::Stage;
use bstr::ByteSlice;
use config::params;
use smtp_protocol::server::content::{Chunks, Piece};
use smtp_protocol::server::ehlo::Feature;
use smtp_protocol::server::reply::Refusal;
use smtp_protocol::server::words::Word;
use smtp_protocol::stream::{Fault, Stream};

use crate::converse::start;
use crate::session::{BDAT_CONTENT, END_OF_MESSAGE, End, Outcome, Session, positive};

/// How many bytes of a chunk are read at a time.
const FRAGMENT: usize = 4096;

/// Where a session is with its chunks.
#[derive(Debug)]
pub enum Bdat {
    /// There was none.
    None,
    /// Chunks arrive.
    Receiving(Box<Chunks>),
    /// After an error chunks are thrown away, up to the last: so many bytes so far.
    Skipping(u64),
}

impl Bdat {
    /// How many bytes wait for the end of their line.
    pub fn waiting(&self) -> usize {
        match self {
            Bdat::Receiving(chunks) => chunks.waiting(),
            Bdat::None | Bdat::Skipping(_) => 0,
        }
    }
}

/// What BDAT says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Chunk {
    size: u64,
    last: bool,
}

impl Chunk {
    fn parse(arguments: &[Word]) -> Option<Self> {
        let (size, last) = match arguments {
            [size] => (size, false),
            [size, last] if last.text.eq_ignore_ascii_case(b"LAST") => (size, true),
            _ => return None,
        };
        let digits = size.text.iter().all(u8::is_ascii_digit);
        let size: i64 = size.text.to_str().ok().filter(|_| digits)?.parse().ok()?;
        Some(Self { size: size.unsigned_abs(), last })
    }
}

impl Session<'_> {
    /// BDAT. `line` is the whole command.
    pub fn bdat(&mut self, arguments: &[Word], line: &[u8]) -> Result<Outcome, End> {
        if self.discarded.has(Feature::Chunking) {
            return self.refuse(Refusal::protocol("521 5.5.1 Error: command not implemented"));
        }
        let Some(chunk) = Chunk::parse(arguments) else {
            let (id, client) = (self.queue_id_or_none(), text::show(&self.peer.namaddr));
            log::warn!("{id}: malformed BDAT command syntax from {client}: {}", text::show(start(line)));
            return self.refuse(Refusal::protocol("521 5.5.4 Syntax: BDAT count [LAST]"));
        };
        if let Some(refusal) = self.refuse_chunk(chunk)? {
            return self.skip_chunk(chunk, refusal);
        }
        if matches!(self.bdat, Bdat::None) {
            self.end_envelope();
            self.bdat = Bdat::Receiving(Box::new(Chunks::new(self.newlines, self.line_limit())));
        }
        self.receive_chunk(chunk)
    }

    /// Why a chunk is thrown away.
    fn refuse_chunk(&mut self, chunk: Chunk) -> Result<Option<Refusal>, End> {
        if chunk.size == 0 && !chunk.last {
            self.warn_about_bdat("null BDAT request from", "");
            return Ok(Some(Refusal::plain("551 5.7.1 Null BDAT request")));
        }
        if matches!(self.bdat, Bdat::Skipping(_)) {
            let text = format!("551 5.0.0 Discarded {} bytes after earlier error", chunk.size);
            return Ok(Some(Refusal::plain(text)));
        }
        if matches!(self.bdat, Bdat::None) {
            if let Some(refusal) = self.refuse_without_recipients() {
                return Ok(Some(refusal));
            }
            if let Some(refusal) = self.decide(Stage::Bdat, None)? {
                return Ok(Some(refusal));
            }
            if let Err(refusal) = self.begin_filtered_content() {
                return Ok(Some(refusal));
            }
        }
        let limit = positive(self.config.get(params::MESSAGE_SIZE_LIMIT));
        if limit > 0 && self.received.saturating_add(chunk.size) > limit {
            self.warn_about_bdat("BDAT request from", " exceeds message size limit");
            return Ok(Some(Refusal::policy("552 5.3.4 Chunk exceeds message size limit")));
        }
        Ok(None)
    }

    fn warn_about_bdat(&self, what: &str, problem: &str) {
        let client = text::show(&self.peer.namaddr);
        log::warn!("{}: {what} {client}{problem}", self.queue_id_or_none());
    }

    /// Throws a chunk away, and says why. A client that goes on sending is not listened to for ever.
    fn skip_chunk(&mut self, chunk: Chunk, refusal: Refusal) -> Result<Outcome, End> {
        let before = match self.bdat {
            Bdat::Skipping(bytes) => bytes,
            _ => self.received,
        };
        let total = before.saturating_add(chunk.size);
        let limit = positive(self.config.get(params::MESSAGE_SIZE_LIMIT));
        if limit > 0 && total > limit.saturating_add(limit / 2) {
            let client = text::show(&self.peer.namaddr).to_string();
            let id = self.queue_id_or_none();
            self.refuse(refusal)?;
            self.stream.flush()?;
            log::warn!("{id}: too much BDAT content -- disabling further input from {client}");
            self.stream.stop_input();
        } else {
            self.discard(chunk.size)?;
            self.refuse(refusal)?;
        }
        if chunk.last {
            self.end_transaction();
        } else {
            self.bdat = Bdat::Skipping(total);
        }
        Ok(Outcome::Bad)
    }

    fn discard(&mut self, mut size: u64) -> Result<(), End> {
        self.arm_content();
        while size > 0 {
            let most = usize::try_from(size).unwrap_or(FRAGMENT).min(FRAGMENT);
            size -= self.stream.take(most)?.len() as u64;
        }
        Ok(())
    }

    fn arm_content(&mut self) {
        self.arm(u32::try_from(self.config.get(params::SMTPD_MIN_DATA_RATE)).unwrap_or(u32::MAX));
    }

    fn receive_chunk(&mut self, chunk: Chunk) -> Result<Outcome, End> {
        self.stage = BDAT_CONTENT;
        let status = self.copy_chunk(chunk)?;
        if chunk.last {
            self.stage = END_OF_MESSAGE;
        }
        if chunk.last || status != 0 {
            let outcome = self.complete(status, Some(self.received))?;
            if !chunk.last {
                self.bdat = Bdat::Skipping(chunk.size);
            }
            return Ok(outcome);
        }
        self.accept(format!("250 2.0.0 Ok: {} bytes", chunk.size))
    }

    /// Reads a chunk, and hands its lines on. The result is a completion status.
    fn copy_chunk(&mut self, chunk: Chunk) -> Result<i32, End> {
        self.arm_content();
        let stuffed = self.is_filtered();
        let mut intake = self.intake();
        let Session { bdat, transaction, stream, .. } = self;
        let Bdat::Receiving(chunks) = bdat else { return Err(End::Over) };
        let mut destination = transaction.as_mut().and_then(|transaction| transaction.destination.as_mut());
        let mut put = |piece: Piece<'_>, at_start: bool| match piece {
            // The filter is told with DATA.
            Piece::Line(text) if stuffed && at_start && text.starts_with(b".") => {
                intake.put(Piece::Line(&[b".", text].concat()), destination.as_deref_mut());
            }
            Piece::Part(text) if stuffed && at_start && text.starts_with(b".") => {
                intake.put(Piece::Part(&[b".", text].concat()), destination.as_deref_mut());
            }
            piece => intake.put(piece, destination.as_deref_mut()),
        };
        let copied = copy(stream, chunk, chunks, &mut put);
        let saw_bare = chunks.saw_bare;
        self.received = intake.meter.counted;
        copied?;
        Ok(self.finish_intake(&intake, saw_bare))
    }
}

fn copy(
    stream: &mut Stream,
    chunk: Chunk,
    chunks: &mut Chunks,
    put: &mut dyn FnMut(Piece<'_>, bool),
) -> Result<(), Fault> {
    let mut size = chunk.size;
    while size > 0 {
        let most = usize::try_from(size).unwrap_or(FRAGMENT).min(FRAGMENT);
        let bytes = stream.take(most)?;
        size -= bytes.len() as u64;
        chunks.take(bytes, put);
    }
    if chunk.last {
        chunks.finish(put);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(text: &str) -> Option<(u64, bool)> {
        let words = smtp_protocol::server::words::split(text.as_bytes());
        Chunk::parse(&words).map(|chunk| (chunk.size, chunk.last))
    }

    #[test]
    fn sizes_of_chunks() {
        assert_eq!(chunk("11"), Some((11, false)));
        assert_eq!(chunk("0 last"), Some((0, true)));
        for bad in ["", "x", "-1", "+1", "1 first", "1 LAST 2", "99999999999999999999"] {
            assert_eq!(chunk(bad), None, "{bad}");
        }
    }
}
