//! Whether the name servers validate at all (`dnssec_probe`; smtp-client §21).

use bstr::{BString, ByteSlice};

use crate::error::Error;
use crate::record::Type;

/// A question to which every validating resolver has a validated answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    text: BString,
    rtype: Type,
    name: BString,
}

impl Probe {
    /// Reads `type:name`; nothing for an empty text.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn parse(text: &[u8]) -> Result<Option<Self>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let parts = text.split_once_str(":").and_then(|(rtype, name)| Some((Type::from_name(rtype)?, name)));
        match parts {
            Some((rtype, name)) if !name.is_empty() => Ok(Some(Probe { text: text.into(), rtype, name: name.into() })),
            _ => Err(format!("malformed dnssec_probe value: {} format is qtype:qname", text::show(text))),
        }
    }

    /// Asks, and warns when the answer is not validated.
    pub(crate) fn judge(&self, ask: impl FnOnce(&[u8], Type) -> Result<bool, Error>) {
        let text = text::show(&self.text);
        let reason = match ask(&self.name, self.rtype) {
            Ok(true) => return,
            Ok(false) => format!("reason: dnssec_probe '{text}' received a response that is not DNSSEC validated"),
            Err(error) => format!("reason: dnssec_probe '{text}' received no response: {error}"),
        };
        log::warn!("DNSSEC validation may be unavailable");
        log::warn!("{reason}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(Probe::parse(b""), Ok(None));
        let probe = Probe::parse(b"ns:.").unwrap().unwrap();
        assert_eq!((probe.rtype, probe.name), (Type::NS, ".".into()));
        assert_eq!(Probe::parse(b"x:.").unwrap_err(), "malformed dnssec_probe value: x:. format is qtype:qname");
    }
}
