//! Milters. There is no Milter client in this program: mail that a Milter must see gets what `milter_default_action` says of a Milter that cannot
//! be reached.

use bstr::ByteSlice;
use config::params;
use smtp_protocol::server::reply::{Class, Refusal};

use crate::session::{End, Session};

impl Session<'_> {
    /// Whether this client's mail must be seen by Milters.
    fn wants_milters(&mut self) -> Result<bool, End> {
        if self.stand_alone {
            return Ok(false);
        }
        let found = self.site.milter_maps.find(&self.peer.address).map_err(|_| self.data_error())?;
        let milters = found.as_ref().map_or(self.config.get(params::SMTPD_MILTERS).as_ref(), |found| found.as_slice());
        Ok(!milters.is_empty() && !milters.eq_ignore_ascii_case(b"DISABLE"))
    }

    /// What a client gets at MAIL, when a Milter must see it.
    pub fn milter_refusal(&mut self) -> Result<Option<Refusal>, End> {
        if !self.wants_milters()? {
            return Ok(None);
        }
        let action = self.config.get(params::MILTER_DEFAULT_ACTION);
        let text = match action.as_bytes() {
            b"accept" => return Ok(None),
            b"reject" => "550 5.5.0 Service unavailable",
            _ => "451 4.7.1 Service unavailable - try again later",
        };
        log::warn!(
            "smtpd_milters is set, but Milter support is not compiled in: milter_default_action={}",
            text::show(action)
        );
        self.log_decision("milter-reject", self.stage, text.as_bytes());
        Ok(Some(Refusal { class: Some(Class::Policy), text: text.into() }))
    }
}
