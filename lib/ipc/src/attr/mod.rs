//! The attribute protocol in its three encodings (master-ipc §10): lists of names and values, without I/O.
//!
//! [`Writer`] makes bytes, [`Reader`] takes them from an [`Input`]. A list has no length on the wire, so a reader that runs out of
//! bytes says [`Error::Incomplete`] for a [`Slice`], and an event-driven server simply tries again when more has arrived.

mod input;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use input::{Input, Slice};
pub use reader::Reader;
pub use writer::Writer;

/// How attributes are written on the wire (master-ipc §10.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// `name NUL value NUL`, ended by `NUL`: what all services but anvil use.
    #[default]
    Null,
    /// `name=value LF`, ended by `LF`: anvil, and policy delegation.
    Plain,
    /// `base64:base64 LF`, ended by `LF`.
    Base64,
}

/// One attribute list: a request or a reply.
pub trait Message: Sized {
    /// Writes the attributes, without the list terminator.
    fn write(&self, to: &mut Writer);

    /// Reads the attributes, without the list terminator.
    ///
    /// # Errors
    /// What the first attribute that is not as wanted is wrong with.
    fn read(from: &mut Reader<'_>) -> Result<Self, Error>;

    /// Whether an attribute that is not wanted makes the list wrong, or is skipped.
    const STRICT: bool = true;

    /// The complete list in the null-terminated encoding.
    fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.write(&mut writer);
        writer.end();
        writer.into_bytes()
    }

    /// Reads a complete list from `input`, including its terminator.
    ///
    /// # Errors
    /// As [`Message::read`].
    fn take(input: &mut dyn Input, encoding: Encoding) -> Result<Self, Error> {
        let mut reader = Reader::new(input, encoding, Self::STRICT);
        let message = Self::read(&mut reader)?;
        reader.end()?;
        Ok(message)
    }
}

/// Why a list could not be read. The texts are those of the warnings that programs log (master-ipc §10.3).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The peer closed before the first byte of a list: an ordinary end.
    #[error("end of input on {0}")]
    Closed(String),
    /// A [`Slice`] ended inside a list: more bytes are needed.
    #[error("incomplete attribute list on {0}")]
    Incomplete(String),
    /// The peer closed inside a name or a value.
    #[error("unexpected end-of-input from {stream} while reading {what}")]
    Torn {
        /// The stream's name.
        stream: String,
        /// Which part was being read.
        what: &'static str,
    },
    /// The peer closed inside a list.
    #[error("premature end-of-input on {stream} while reading {what}")]
    Premature {
        /// The stream's name.
        stream: String,
        /// Which part was being read.
        what: &'static str,
    },
    /// The peer was silent for too long.
    #[error("timeout on {stream} while reading {what}")]
    Timeout {
        /// The stream's name.
        stream: String,
        /// Which part was being read.
        what: &'static str,
    },
    /// A list ended before an attribute that is needed.
    #[error("missing attribute {wanted} in input from {stream}")]
    Missing {
        /// The attribute that is missing.
        wanted: String,
        /// The stream's name.
        stream: String,
    },
    /// Another attribute than the one that is wanted.
    #[error("unexpected attribute {name} from {stream} (expecting: {wanted})")]
    Unexpected {
        /// The attribute that came.
        name: String,
        /// The attribute that is wanted.
        wanted: String,
        /// The stream's name.
        stream: String,
    },
    /// A number that is none, or base64 text that is none.
    #[error("malformed {kind} data from {stream} while reading input attribute value: {text}")]
    Malformed {
        /// `numerical` or `base64`.
        kind: &'static str,
        /// The stream's name.
        stream: String,
        /// The first 100 bytes of the value.
        text: String,
    },
    /// An attribute has another value than the protocol says.
    #[error("unexpected {name} {value} from {stream} (expected: {expected})")]
    Mismatch {
        /// The attribute.
        name: String,
        /// The value that came.
        value: String,
        /// The value that is right.
        expected: String,
        /// The stream's name.
        stream: String,
    },
    /// A name without a value.
    #[error("missing value for {kind} attribute {name} from {stream}")]
    NoValue {
        /// `number`, `string` or `data`.
        kind: &'static str,
        /// The attribute.
        name: String,
        /// The stream's name.
        stream: String,
    },
    /// A name with two values, in the base64 encoding.
    #[error("multiple values for attribute {name} from {stream}")]
    Multiple {
        /// The attribute.
        name: String,
        /// The stream's name.
        stream: String,
    },
    /// More hash members than are allowed.
    #[error("attribute count exceeds limit 1024 in input from {0}")]
    TooMany(String),
    /// Any other failure of the stream.
    #[error("{stream}: {reason}")]
    Io {
        /// The stream's name.
        stream: String,
        /// What the system said.
        reason: String,
    },
}
