//! Where a reader gets its bytes from.

use super::Error;

/// A source of bytes that are taken piece by piece.
pub trait Input {
    /// The name of the stream in diagnostics, such as `private/bounce socket`.
    fn name(&self) -> &str;

    /// Takes the bytes up to `delimiter`, which is taken too but not returned. `None` at end of file before the first byte.
    ///
    /// # Errors
    /// [`Error::Incomplete`] when a [`Slice`] has no delimiter; [`Error::Torn`], [`Error::Timeout`], [`Error::Io`] from streams. `what`
    /// says in them what is being read.
    fn take_until(&mut self, delimiter: u8, what: &'static str) -> Result<Option<Vec<u8>>, Error>;
}

/// Bytes in memory.
#[derive(Clone, Debug)]
pub struct Slice<'a> {
    bytes: &'a [u8],
    name: &'a str,
    taken: usize,
}

impl<'a> Slice<'a> {
    /// Reads from `bytes`; `name` stands in diagnostics.
    pub fn new(bytes: &'a [u8], name: &'a str) -> Self {
        Self { bytes, name, taken: 0 }
    }

    /// How many bytes have been taken.
    pub fn taken(&self) -> usize {
        self.taken
    }
}

impl Input for Slice<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn take_until(&mut self, delimiter: u8, _what: &'static str) -> Result<Option<Vec<u8>>, Error> {
        let rest = &self.bytes[self.taken..];
        let Some(length) = rest.iter().position(|byte| *byte == delimiter) else {
            return Err(Error::Incomplete(self.name.to_owned()));
        };
        self.taken += length + 1;
        Ok(Some(rest[..length].to_vec()))
    }
}
