//! Small commands: RSET, QUIT, HELP, AUTH (smtpd §5.9, §6.1).

use config::params;
use smtp_protocol::server::reply::Refusal;

use crate::session::{End, Outcome, Session};

impl Session<'_> {
    /// RSET.
    pub fn rset(&mut self, arguments: usize) -> Result<Outcome, End> {
        if arguments > 0 {
            return self.refuse(Refusal::protocol("501 5.5.4 Syntax: RSET"));
        }
        self.flush_transcript(self.threshold(), None);
        self.end_transaction();
        self.accept("250 2.0.0 Ok")
    }

    /// QUIT.
    pub fn quit(&mut self) -> Result<Outcome, End> {
        let behind_others = self.stream.has_output();
        let outcome = self.accept("221 2.0.0 Bye")?;
        if behind_others {
            self.stream.flush()?;
        }
        Ok(outcome)
    }

    /// HELP.
    pub fn help(&mut self) -> Result<Outcome, End> {
        self.accept(
            "214 2.0.0 Commands: BDAT DATA EHLO ETRN HELO HELP MAIL NOOP QUIT RCPT RSET STARTTLS VRFY XCLIENT XFORWARD",
        )
    }

    /// AUTH: there is nothing to log in with.
    pub fn auth(&mut self) -> Result<Outcome, End> {
        if let Some(refusal) = self.limit_auth() {
            return self.refuse_over_limit(refusal);
        }
        if self.needs_hello() {
            return self.refuse(Refusal::policy("503 5.5.1 Error: send HELO/EHLO first"));
        }
        self.refuse(Refusal::protocol("503 5.5.1 Error: authentication not enabled"))
    }

    /// Whether the client has to say who it is first.
    pub fn needs_hello(&self) -> bool {
        self.helo.is_none() && self.config.get(params::SMTPD_HELO_REQUIRED)
    }
}
