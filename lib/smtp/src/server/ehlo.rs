//! The features of EHLO, and which are held back (smtpd §5.2).

use text::list;

/// A feature whose keyword can be held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the feature of that name")]
pub enum Feature {
    EightBitMime,
    Auth,
    Etrn,
    Pipelining,
    Size,
    Verp,
    Vrfy,
    Xclient,
    Xforward,
    Starttls,
    EnhancedStatusCodes,
    Dsn,
    SmtpUtf8,
    Chunking,
    /// No feature: nothing is said about what is held back.
    SilentDiscard,
}

const NAMES: [(&str, Feature); 15] = [
    ("8BITMIME", Feature::EightBitMime),
    ("AUTH", Feature::Auth),
    ("ETRN", Feature::Etrn),
    ("PIPELINING", Feature::Pipelining),
    ("SIZE", Feature::Size),
    ("VERP", Feature::Verp),
    ("VRFY", Feature::Vrfy),
    ("XCLIENT", Feature::Xclient),
    ("XFORWARD", Feature::Xforward),
    ("STARTTLS", Feature::Starttls),
    ("ENHANCEDSTATUSCODES", Feature::EnhancedStatusCodes),
    ("DSN", Feature::Dsn),
    // The name in 3.7's table; later releases take SMTPUTF8.
    ("EHLO_MASK_SMTPUTF8", Feature::SmtpUtf8),
    ("CHUNKING", Feature::Chunking),
    ("SILENT-DISCARD", Feature::SilentDiscard),
];

/// The features that are held back: `smtpd_discard_ehlo_keywords`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discarded(u16);

impl Discarded {
    /// Reads a list of keywords, in any case. Words that mean nothing are left out.
    pub fn parse(list: &[u8]) -> Self {
        let mut set = Self::default();
        for word in list::split(list, list::SEPARATORS) {
            let named = NAMES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
            let later = || word.eq_ignore_ascii_case(b"SMTPUTF8").then_some(Feature::SmtpUtf8);
            if let Some(feature) = named.map(|(_, feature)| *feature).or_else(later) {
                set.0 |= 1 << feature as u16;
            }
        }
        set
    }

    /// Whether a feature is held back.
    pub fn has(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u16) != 0
    }

    /// What the log says about it; nothing if nothing is held back, or that is to be silent.
    pub fn report(self) -> Option<String> {
        if self.0 == 0 || self.has(Feature::SilentDiscard) || self.has(Feature::EnhancedStatusCodes) {
            return None;
        }
        let names: Vec<&str> = NAMES.iter().filter(|(_, feature)| self.has(*feature)).map(|(name, _)| *name).collect();
        Some(format!("discarding EHLO keywords: {}", names.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_in_any_case_and_silence() {
        let set = Discarded::parse(b"chunking, DSN nonsense SMTPUTF8");
        assert!(set.has(Feature::Chunking) && set.has(Feature::Dsn) && set.has(Feature::SmtpUtf8));
        assert!(!set.has(Feature::Size));
        assert_eq!(set.report().unwrap(), "discarding EHLO keywords: DSN EHLO_MASK_SMTPUTF8 CHUNKING");
        assert_eq!(Discarded::parse(b"chunking, silent-discard").report(), None);
        assert_eq!(Discarded::parse(b"").report(), None);
    }
}
