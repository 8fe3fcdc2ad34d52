//! DATA (smtpd §5.7, §7.1).

use access::Stage;
use config::params;
use ipc::cleanup::status;
use queue::RecordType;
use smtp_protocol::server::content::{Data, Meter, Piece};
use smtp_protocol::server::newline::Newlines;
use smtp_protocol::server::reply::Refusal;

use crate::bdat::Bdat;
use crate::completion::BARE_NEWLINE;
use crate::destination::Destination;
use crate::session::{DATA_CONTENT, END_OF_MESSAGE, End, Outcome, Session, positive};

impl Session<'_> {
    /// DATA.
    pub fn data(&mut self, arguments: usize) -> Result<Outcome, End> {
        if let Some(refusal) = self.refuse_data_now(arguments) {
            return self.refuse(refusal);
        }
        if let Some(refusal) = self.decide(Stage::Data, None)? {
            return self.refuse(refusal);
        }
        if let Err(refusal) = self.begin_filtered_content() {
            return self.refuse(refusal);
        }
        self.end_envelope();
        self.reply("354 End data with <CR><LF>.<CR><LF>")?;
        self.stage = DATA_CONTENT;
        let status = self.receive_data()?;
        self.stage = END_OF_MESSAGE;
        self.complete(status, None)
    }

    fn refuse_data_now(&self, arguments: usize) -> Option<Refusal> {
        if !matches!(self.bdat, Bdat::None) {
            return Some(Refusal::protocol("503 5.5.1 Error: DATA after BDAT"));
        }
        if let Some(refusal) = self.refuse_without_recipients() {
            return Some(refusal);
        }
        (arguments > 0).then(|| Refusal::protocol("501 5.5.4 Syntax: DATA"))
    }

    /// Content needs somebody to go to.
    pub fn refuse_without_recipients(&self) -> Option<Refusal> {
        match &self.transaction {
            None => Some(Refusal::protocol("503 5.5.1 Error: need RCPT command")),
            Some(transaction) if transaction.accepted == 0 => {
                Some(Refusal::plain("554 5.5.1 Error: no valid recipients"))
            }
            Some(_) => None,
        }
    }

    /// Tells a filter that content comes.
    pub fn begin_filtered_content(&mut self) -> Result<(), Refusal> {
        match self.transaction.as_mut().and_then(|transaction| transaction.destination.as_mut()) {
            Some(Destination::Filter(filter)) => filter.data(),
            _ => Ok(()),
        }
    }

    /// Reads content up to the lone dot. The result is a completion status.
    fn receive_data(&mut self) -> Result<i32, End> {
        self.arm(u32::try_from(self.config.get(params::SMTPD_MIN_DATA_RATE)).unwrap_or(u32::MAX));
        let limit = self.line_limit();
        let mut data = Data::new(self.newlines, self.is_filtered());
        let mut intake = self.intake();
        loop {
            let line = self.stream.line(limit)?;
            let mut destination = self.transaction.as_mut().and_then(|transaction| transaction.destination.as_mut());
            let ended = data.take(&line, &mut |piece| intake.put(piece, destination.as_deref_mut()));
            self.received = intake.meter.counted;
            if ended {
                break;
            }
        }
        Ok(self.finish_intake(&intake, data.saw_bare))
    }

    /// Begins to take content in.
    pub fn intake(&self) -> Intake {
        let limit = positive(self.config.get(params::MESSAGE_SIZE_LIMIT));
        Intake { meter: Meter { limit, counted: self.received }, status: 0 }
    }

    /// The completion status of content that was taken in; what is wrong with it is logged.
    pub fn finish_intake(&mut self, intake: &Intake, saw_bare: bool) -> i32 {
        let mut status = intake.status;
        if status & status::SIZE != 0 {
            log::warn!("{}: queue file size limit exceeded", self.queue_id_or_none());
        }
        match self.newlines {
            Newlines::Reject if saw_bare => status |= BARE_NEWLINE,
            Newlines::Note => self.saw_bare_newline |= saw_bare,
            _ => {}
        }
        status
    }
}

/// Content on its way to the destination.
#[derive(Debug)]
pub struct Intake {
    /// How much there was.
    pub meter: Meter,
    /// What went wrong: completion status bits.
    pub status: i32,
}

impl Intake {
    /// Hands on a piece of content, unless something went wrong before.
    pub fn put(&mut self, piece: Piece<'_>, destination: Option<&mut Destination>) {
        let Some(destination) = destination.filter(|_| self.status == 0) else { return };
        let (kind, text, counts) = match piece {
            Piece::Line(text) => (RecordType::TEXT, text, true),
            Piece::Part(text) => (RecordType::UNTERMINATED, text, true),
            Piece::Added(text) => (RecordType::TEXT, text, false),
        };
        if counts && !self.meter.admit(text.len()) {
            self.status |= status::SIZE;
            return;
        }
        destination.put(kind, text);
        if !destination.is_good() {
            self.status |= status::WRITE;
        }
    }
}
