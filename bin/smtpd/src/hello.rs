//! HELO and EHLO (smtpd §5.1, §5.2).

use access::Stage;
use bstr::BString;
use config::params;
use smtp_protocol::server::ehlo::Feature;
use smtp_protocol::server::identity::neuter;
use smtp_protocol::server::reply::Refusal;
use smtp_protocol::server::words::Word;

use crate::session::{End, Outcome, Session};

impl Session<'_> {
    /// HELO, or EHLO if `extended`.
    pub fn hello(&mut self, arguments: &[Word], extended: bool) -> Result<Outcome, End> {
        let (verb, stage) = if extended { ("EHLO", Stage::Ehlo) } else { ("HELO", Stage::Helo) };
        if arguments.is_empty() {
            return self.refuse(Refusal::protocol(format!("501 Syntax: {verb} hostname")));
        }
        let name: BString = bstr::join(" ", arguments.iter().map(|word| &word.text)).into();
        if let Some(refusal) = self.decide(stage, Some(&name))? {
            return self.refuse(refusal);
        }
        let features = if extended { self.features()? } else { Vec::new() };
        self.flush_transcript(self.threshold(), None);
        self.end_transaction();
        self.helo = Some(neuter(&text::printable(&name, self.config.get(params::SMTPUTF8_ENABLE))));
        self.extended |= extended;
        if extended {
            return self.list_features(&features);
        }
        self.accept(format!("250 {}", self.host()))
    }

    fn list_features(&mut self, features: &[String]) -> Result<Outcome, End> {
        if let Some(report) = self.discarded.report() {
            log::info!("{report}");
        }
        let lines: Vec<String> = std::iter::once(self.host()).chain(features.iter().cloned()).collect();
        for (at, line) in lines.iter().enumerate() {
            let separator = if at + 1 == lines.len() { ' ' } else { '-' };
            self.reply(format!("250{separator}{line}"))?;
        }
        Ok(Outcome::Good)
    }

    /// The lines of EHLO behind the first. All lists are searched before a line is sent.
    fn features(&mut self) -> Result<Vec<String>, End> {
        if self.site.discard_maps.find(&self.peer.address).is_err() {
            log::warn!("don't know what EHLO features to announce to {}", text::show(&self.peer.namaddr));
            return Err(self.data_error());
        }
        let verp = self.is_permitted(|site| &site.verp_clients);
        let verp = self.announced("XVERP", verp)?;
        let xclient = self.announced("XCLIENT", self.xclient_allowed)?;
        let xforward = self.announced("XFORWARD", self.xforward_allowed)?;
        let size = match self.config.get(params::MESSAGE_SIZE_LIMIT) {
            0 => "SIZE".into(),
            limit => format!("SIZE {limit}"),
        };
        let all: [(Feature, bool, String); 13] = [
            (Feature::Pipelining, true, "PIPELINING".into()),
            (Feature::Size, true, size),
            (Feature::Vrfy, !self.config.get(params::DISABLE_VRFY_COMMAND), "VRFY".into()),
            (Feature::Etrn, true, "ETRN".into()),
            (Feature::Starttls, self.tls.offered, "STARTTLS".into()),
            (Feature::Verp, verp, "XVERP".into()),
            (
                Feature::Xclient,
                xclient,
                "XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT".into(),
            ),
            (Feature::Xforward, xforward, "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT".into()),
            (Feature::EnhancedStatusCodes, true, "ENHANCEDSTATUSCODES".into()),
            (Feature::EightBitMime, true, "8BITMIME".into()),
            (Feature::Dsn, true, "DSN".into()),
            (Feature::SmtpUtf8, self.config.get(params::SMTPUTF8_ENABLE), "SMTPUTF8".into()),
            (Feature::Chunking, true, "CHUNKING".into()),
        ];
        let shown = all.into_iter().filter(|(feature, there, _)| *there && !self.discarded.has(*feature));
        Ok(shown.map(|(_, _, line)| line).collect())
    }

    fn announced(&mut self, feature: &str, permitted: Option<bool>) -> Result<bool, End> {
        if permitted.is_none() {
            let client = text::show(&self.peer.namaddr);
            log::warn!("don't know if EHLO feature {feature} should be announced to {client}");
            return Err(self.data_error());
        }
        Ok(permitted == Some(true))
    }
}
