//! Netstrings, of which QMQP is made: a length in digits, a colon, that many bytes, a comma.

use crate::stream::{Fault, Stream};

/// More digits than any length has.
const DIGITS: usize = 32;

/// Why a request could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The peer is gone.
    Lost,
    /// The peer is too slow.
    Timeout,
    /// That is no netstring.
    Format,
    /// That is more than is taken.
    Length,
}

impl Trouble {
    /// The text in log and reply.
    pub fn text(self) -> &'static str {
        match self {
            Trouble::Lost => "lost connection",
            Trouble::Timeout => "read/write timeout",
            Trouble::Format => "netstring format error",
            Trouble::Length => "netstring length exceeds storage limit",
        }
    }

    /// Whether the peer can still be told.
    pub fn can_be_told(self) -> bool {
        matches!(self, Trouble::Format | Trouble::Length)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Lost => Trouble::Lost,
            Fault::Timeout => Trouble::Timeout,
        }
    }
}

/// Reads the length of a netstring, up to its colon.
///
/// # Errors
/// It is no number, or too great a one.
pub fn length(stream: &mut Stream) -> Result<u64, Trouble> {
    let mut value: u64 = 0;
    for _ in 0..DIGITS {
        match stream.take(1)?[0] {
            b':' => return Ok(value),
            digit @ b'0'..=b'9' => {
                let next = value.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit - b'0')));
                value = next.ok_or(Trouble::Length)?;
            }
            _ => return Err(Trouble::Format),
        }
    }
    Err(Trouble::Length)
}

/// Reads the comma behind a netstring.
///
/// # Errors
/// It is something else.
pub fn comma(stream: &mut Stream) -> Result<(), Trouble> {
    if stream.take(1)? == b"," { Ok(()) } else { Err(Trouble::Format) }
}

/// Reads a netstring of at most `limit` bytes.
///
/// # Errors
/// It is none, or longer.
pub fn read(stream: &mut Stream, limit: u64) -> Result<Vec<u8>, Trouble> {
    let mut left = length(stream)?;
    if left > limit {
        return Err(Trouble::Length);
    }
    let mut bytes = Vec::new();
    while left > 0 {
        let piece = stream.take(usize::try_from(left).unwrap_or(usize::MAX))?;
        left -= piece.len() as u64;
        bytes.extend_from_slice(piece);
    }
    comma(stream)?;
    Ok(bytes)
}

/// Whether the next byte is a comma: then a list of netstrings ends.
///
/// # Errors
/// There is none.
pub fn is_at_end(stream: &mut Stream) -> Result<bool, Trouble> {
    if stream.buffered().is_empty() {
        stream.fill()?;
    }
    Ok(stream.buffered().first() == Some(&b','))
}

/// A netstring.
pub fn netstring(text: &[u8]) -> Vec<u8> {
    [format!("{}:", text.len()).as_bytes(), text, b","].concat()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::*;

    fn stream(bytes: &[u8]) -> Stream {
        let (ours, theirs) = sys::socket::pair().unwrap();
        UnixStream::from(theirs).write_all(bytes).unwrap();
        Stream::over_socket(ours, Duration::from_secs(5))
    }

    #[test]
    fn netstrings_are_read() {
        assert_eq!(read(&mut stream(b"003:abc,"), 10).unwrap(), b"abc");
        assert_eq!(read(&mut stream(b":,"), 10).unwrap(), b"");
        assert_eq!(read(&mut stream(b"3:abcd"), 10), Err(Trouble::Format));
        assert_eq!(read(&mut stream(b"x"), 10), Err(Trouble::Format));
        assert_eq!(read(&mut stream(b"11:"), 10), Err(Trouble::Length));
        assert_eq!(read(&mut stream(b"99999999999999999999999:"), 10), Err(Trouble::Length));
        assert_eq!(read(&mut stream(&[b'0'; 100]), 10), Err(Trouble::Length));
        assert_eq!(read(&mut stream(b"3:ab"), 10), Err(Trouble::Lost));
        assert_eq!(netstring(b"KOk"), b"3:KOk,");
    }
}
