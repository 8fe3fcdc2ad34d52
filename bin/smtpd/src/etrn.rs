//! ETRN (smtpd §5.9).

use access::Stage;
use ipc::flush;
use smtp_protocol::server::reply::Refusal;
use smtp_protocol::server::words::Word;
use text::hostname::check_hostname;

use crate::converse::start;
use crate::session::{End, Outcome, Session};

impl Session<'_> {
    /// ETRN.
    pub fn etrn(&mut self, arguments: &[Word]) -> Result<Outcome, End> {
        if self.needs_hello() {
            return self.refuse(Refusal::policy("503 Error: send HELO/EHLO first"));
        }
        if self.transaction.is_some() {
            return self.refuse(Refusal::protocol("503 Error: MAIL transaction in progress"));
        }
        let [word] = arguments else {
            return self.refuse(Refusal::protocol("500 Syntax: ETRN domain"));
        };
        let domain = match word.text.split_first() {
            Some((b'@' | b'#', rest)) => rest.into(),
            _ => word.text.clone(),
        };
        if check_hostname(&domain).is_err() && !is_literal(&domain) {
            return self.refuse(Refusal::protocol("501 Error: invalid parameter syntax"));
        }
        if self.stand_alone {
            log::warn!("do not use ETRN in \"sendmail -bs\" mode");
            return self.refuse(Refusal::plain("458 Unable to queue messages"));
        }
        if let Some(refusal) = self.decide(Stage::Etrn, Some(&domain))? {
            return self.refuse(refusal);
        }
        self.flush_site(&domain)
    }

    fn flush_site(&mut self, domain: &[u8]) -> Result<Outcome, End> {
        let (client, shown) = (text::show(&self.peer.namaddr).to_string(), text::show(start(domain)).to_string());
        match self.site.flush.send_site(domain) {
            flush::OK => self.accept("250 Queuing started"),
            flush::DENY => {
                log::warn!("reject: ETRN {shown}... from {client}");
                self.refuse(Refusal::plain([b"459 <", domain, b">: service unavailable"].concat()))
            }
            flush::BAD => {
                log::warn!("bad ETRN {shown}... from {client}");
                self.refuse(Refusal::plain("458 Unable to queue messages"))
            }
            _ => {
                log::warn!("unable to talk to fast flush service");
                self.refuse(Refusal::plain("458 Unable to queue messages"))
            }
        }
    }
}

/// Whether a domain is an address in brackets.
fn is_literal(domain: &[u8]) -> bool {
    matches!(address::literal(domain), Some(Ok(_)))
}
