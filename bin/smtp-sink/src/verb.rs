//! Commands by name (smtpd §15.1).

use text::list;

/// What a client can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the protocol")]
pub enum Verb {
    Connect,
    Helo,
    Ehlo,
    Lhlo,
    Xclient,
    Xforward,
    Auth,
    Mail,
    Rcpt,
    Data,
    Dot,
    Rset,
    Noop,
    Vrfy,
    Quit,
}

const NAMES: [(&str, Verb); 15] = [
    ("connect", Verb::Connect),
    ("helo", Verb::Helo),
    ("ehlo", Verb::Ehlo),
    ("lhlo", Verb::Lhlo),
    ("xclient", Verb::Xclient),
    ("xforward", Verb::Xforward),
    ("auth", Verb::Auth),
    ("mail", Verb::Mail),
    ("rcpt", Verb::Rcpt),
    ("data", Verb::Data),
    (".", Verb::Dot),
    ("rset", Verb::Rset),
    ("noop", Verb::Noop),
    ("vrfy", Verb::Vrfy),
    ("quit", Verb::Quit),
];

impl Verb {
    /// The command of a name, in any case.
    pub fn from_name(name: &[u8]) -> Option<Verb> {
        NAMES.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name)).map(|(_, verb)| *verb)
    }
}

/// Some commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verbs(u16);

impl Verbs {
    /// Adds those of a list. The first that is none, otherwise.
    ///
    /// # Errors
    /// The word that is no command.
    pub fn add<'a>(&mut self, words: &'a [u8]) -> Result<(), &'a [u8]> {
        for word in list::split(words, list::SEPARATORS) {
            let verb = Verb::from_name(word).ok_or(word)?;
            self.0 |= 1 << verb as u16;
        }
        Ok(())
    }

    /// Is it one of them?
    pub fn has(self, verb: Verb) -> bool {
        self.0 & 1 << verb as u16 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let mut verbs = Verbs::default();
        assert_eq!(verbs.add(b"Rcpt, . data"), Ok(()));
        assert!(verbs.has(Verb::Dot) && verbs.has(Verb::Rcpt) && !verbs.has(Verb::Mail));
        assert_eq!(verbs.add(b"mail x"), Err(&b"x"[..]));
    }
}
