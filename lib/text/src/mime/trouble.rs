//! What can be wrong with the structure of a message (cleanup-rewrite §16.4).

/// Something wrong with the structure; the first in this order weighs most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// More open boundaries than allowed.
    Nesting,
    /// A byte above 127 in a header.
    EightBitHeader,
    /// A byte above 127 in a body that is declared, or taken, to be 7-bit.
    EightBitBody,
    /// A message or multipart type in an encoding that it may not have.
    Domain,
    /// The message's own headers do not end with an empty line.
    HeadersEnd,
}

impl Trouble {
    /// The enhanced status code.
    pub fn dsn(self) -> &'static str {
        "5.6.0"
    }

    /// The text for people.
    pub fn text(self) -> &'static str {
        match self {
            Trouble::Nesting => "MIME nesting exceeds safety limit",
            Trouble::EightBitHeader => "improper use of 8-bit data in message header",
            Trouble::EightBitBody => "improper use of 8-bit data in message body",
            Trouble::Domain => "invalid message/* or multipart/* encoding domain",
            Trouble::HeadersEnd => "primary header was terminated with non-empty line",
        }
    }
}

/// A set of kinds of trouble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// [`Trouble::Nesting`].
    pub nesting: bool,
    /// [`Trouble::EightBitHeader`].
    pub eight_bit_header: bool,
    /// [`Trouble::EightBitBody`].
    pub eight_bit_body: bool,
    /// [`Trouble::Domain`].
    pub domain: bool,
    /// [`Trouble::HeadersEnd`].
    pub headers_end: bool,
}

impl Reports {
    /// Adds one; false when it is there already.
    pub(super) fn add(&mut self, trouble: Trouble) -> bool {
        let place = match trouble {
            Trouble::Nesting => &mut self.nesting,
            Trouble::EightBitHeader => &mut self.eight_bit_header,
            Trouble::EightBitBody => &mut self.eight_bit_body,
            Trouble::Domain => &mut self.domain,
            Trouble::HeadersEnd => &mut self.headers_end,
        };
        !std::mem::replace(place, true)
    }
}
