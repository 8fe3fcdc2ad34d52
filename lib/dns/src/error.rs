//! What a lookup can end with, other than records (smtp-client §21).

use crate::record::Type;

/// Why there are no records. The order is that in which one of several failures is chosen: the first of these wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// A reply filter removed all records.
    Filtered,
    /// No reply, a server failure, or a reply filter that makes no sense: another try may find more.
    TryAgain,
    /// The reply, or a name in it, is malformed.
    Invalid,
    /// The name server refuses.
    Fail,
    /// `MX 0 .`: the domain takes no mail.
    NullMx,
    /// `SRV ... .`: the domain does not have the service.
    NullSrv,
    /// There is no such name, or no record of the type; also for a name that cannot be in the DNS.
    NotFound,
}

/// A lookup without records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Why.
    pub kind: ErrorKind,
    /// Postfix's text of the reason.
    pub text: String,
    /// The response code of the reply, if there was one: 0 no error, 2 server failure, 3 no such name, and so on.
    pub rcode: Option<u16>,
    /// How long, in seconds, that nothing was found may be remembered, if the reply says.
    pub negative_ttl: Option<u32>,
}

impl Error {
    /// A failure with a text of its own.
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Error { kind, text: text.into(), rcode: None, negative_ttl: None }
    }

    /// The resolver's own judgement on a query.
    pub(crate) fn of_query(kind: ErrorKind, name: &[u8], rtype: Type, why: &str) -> Self {
        let name = text::show(name);
        Error::new(
            kind,
            format!("Host or domain name not found. Name service error for name={name} type={rtype}: {why}"),
        )
    }

    /// A name that is not asked for.
    pub(crate) fn invalid_name(name: &[u8]) -> Self {
        let name = text::show(name);
        Error::new(ErrorKind::NotFound, format!("Name service error for {name}: invalid host or domain name"))
    }

    /// A reply that does not hold what it should.
    pub(crate) fn malformed(name: &[u8], rtype: Type) -> Self {
        let name = text::show(name);
        let why = "Malformed or unexpected name server reply";
        Error::new(ErrorKind::Invalid, format!("Name service error for name={name} type={rtype}: {why}"))
    }

    /// What a reply filter did.
    pub(crate) fn filtered(kind: ErrorKind, name: &[u8], rtype: Type, why: &str) -> Self {
        Error::new(kind, format!("Error looking up name={} type={rtype}: {why}", text::show(name)))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_error_hides_a_final_one() {
        assert!(ErrorKind::TryAgain < ErrorKind::NotFound);
        assert!(ErrorKind::Invalid < ErrorKind::Fail);
        assert!(ErrorKind::Filtered < ErrorKind::TryAgain);
    }
}
