//! The commands of the protocol (smtpd §4.1).

/// A command, in the order in which the end of a session counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is the command of that name")]
pub enum Verb {
    Helo,
    Ehlo,
    Xclient,
    Xforward,
    Starttls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Vrfy,
    Etrn,
    Quit,
    Help,
    /// Whatever is not in this list.
    Unknown,
}

/// How many verbs there are, with the unknown one.
pub const COUNT: usize = Verb::Unknown as usize + 1;

const NAMES: [(&str, Verb); COUNT] = [
    ("HELO", Verb::Helo),
    ("EHLO", Verb::Ehlo),
    ("XCLIENT", Verb::Xclient),
    ("XFORWARD", Verb::Xforward),
    ("STARTTLS", Verb::Starttls),
    ("AUTH", Verb::Auth),
    ("MAIL", Verb::Mail),
    ("RCPT", Verb::Rcpt),
    ("DATA", Verb::Data),
    ("BDAT", Verb::Bdat),
    ("RSET", Verb::Rset),
    ("NOOP", Verb::Noop),
    ("VRFY", Verb::Vrfy),
    ("ETRN", Verb::Etrn),
    ("QUIT", Verb::Quit),
    ("HELP", Verb::Help),
    ("UNKNOWN", Verb::Unknown),
];

impl Verb {
    /// Finds a command by its name, in any case.
    pub fn parse(name: &[u8]) -> Self {
        let known = &NAMES[..COUNT - 1];
        known
            .iter()
            .find(|(text, _)| name.eq_ignore_ascii_case(text.as_bytes()))
            .map_or(Self::Unknown, |(_, verb)| *verb)
    }

    /// The name in upper case, which is also the name of the stage.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].0
    }

    /// All, in order.
    pub fn all() -> impl Iterator<Item = Verb> {
        NAMES.iter().map(|(_, verb)| *verb)
    }

    /// Whether it may come before a mandatory STARTTLS.
    pub fn is_allowed_before_tls(self) -> bool {
        use Verb::{Ehlo, Helo, Help, Noop, Quit, Starttls, Xclient};
        matches!(self, Helo | Ehlo | Xclient | Starttls | Noop | Quit | Help)
    }

    /// Whether it counts as junk: work for the server that delivers nothing.
    pub fn is_junk(self) -> bool {
        matches!(self, Self::Helo | Self::Ehlo | Self::Rset | Self::Noop | Self::Vrfy | Self::Etrn)
    }

    /// Whether a client must wait for its reply before it sends more.
    pub fn ends_group(self) -> bool {
        matches!(self, Self::Helo | Self::Ehlo | Self::Data | Self::Noop | Self::Vrfy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_the_places_of_their_verbs() {
        for (index, verb) in Verb::all().enumerate() {
            assert_eq!(verb as usize, index);
        }
        assert_eq!(Verb::parse(b"mAiL"), Verb::Mail);
        assert_eq!(Verb::parse(b"unknown"), Verb::Unknown);
    }
}
