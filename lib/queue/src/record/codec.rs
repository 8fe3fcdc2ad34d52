//! The byte format of a record, without I/O (queue-files §1).

use std::io::{self, Write};

use super::RecordType;

/// Longest payload that can be written or read: what four length bytes express, in bytes.
pub const MAX_PAYLOAD: u64 = (1 << (7 * MAX_LENGTH_BYTES)) - 1;

const MAX_LENGTH_BYTES: usize = 4;

/// What is wrong with a record.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// The length field does not end.
    #[error("too many length bits, record type {}", .0.0)]
    TooManyLengthBits(RecordType),
    /// The input ends in the length field.
    #[error("unexpected EOF reading length, record type {}", .0.0)]
    EofInLength(RecordType),
    /// The payload is longer than the reader allows.
    #[error("illegal length {length}, record type {}", .record_type.0)]
    IllegalLength {
        /// Length in bytes, as the record states it.
        length: u64,
        /// Type of the record.
        record_type: RecordType,
    },
    /// The input ends in the payload.
    #[error("unexpected EOF in data, record type {} length {length}", .record_type.0)]
    EofInData {
        /// Length in bytes, as the record states it.
        length: u64,
        /// Type of the record.
        record_type: RecordType,
    },
}

/// What [`decode`] makes of the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// Not yet a whole record: at least this many bytes more are needed.
    Incomplete {
        /// Missing bytes; at least 1.
        missing: u64,
    },
    /// A record.
    Record {
        /// Its type, known or not.
        record_type: RecordType,
        /// Its payload.
        payload: &'a [u8],
        /// Bytes of input that it takes, type and length included.
        size: usize,
    },
}

/// The record head: type, payload length and head size.
pub(super) struct Head {
    pub record_type: RecordType,
    pub length: u64,
    pub size: usize,
}

/// Decodes type and length. `Ok(None)` when there are too few bytes.
pub(super) fn decode_head(input: &[u8]) -> Result<Option<Head>, Malformed> {
    let Some((&type_byte, rest)) = input.split_first() else { return Ok(None) };
    let record_type = RecordType(type_byte);
    let mut length = 0;
    for at in 0..MAX_LENGTH_BYTES {
        let Some(&byte) = rest.get(at) else { return Ok(None) };
        length |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some(Head { record_type, length, size: at + 2 }));
        }
    }
    Err(Malformed::TooManyLengthBits(record_type))
}

/// Decodes the record at the start of `input`. `limit` is the longest payload in bytes that is accepted; 0 accepts
/// up to [`MAX_PAYLOAD`].
pub fn decode(input: &[u8], limit: u64) -> Result<Decoded<'_>, Malformed> {
    let Some(head) = decode_head(input)? else { return Ok(Decoded::Incomplete { missing: 1 }) };
    if limit > 0 && head.length > limit {
        return Err(Malformed::IllegalLength { length: head.length, record_type: head.record_type });
    }
    let available = (input.len() - head.size) as u64;
    if available < head.length {
        return Ok(Decoded::Incomplete { missing: head.length - available });
    }
    let size = head.size + head.length as usize;
    Ok(Decoded::Record { record_type: head.record_type, payload: &input[head.size..size], size })
}

/// Appends a record to `output`, with its length in the shortest form.
///
/// A payload over [`MAX_PAYLOAD`] is refused as [`io::ErrorKind::InvalidInput`], and nothing is written.
pub fn write(output: &mut (impl Write + ?Sized), record_type: RecordType, payload: &[u8]) -> io::Result<()> {
    if payload.len() as u64 > MAX_PAYLOAD {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "record payload is too long"));
    }
    let (head, size) = encode_head(record_type, payload.len());
    output.write_all(&head[..size])?;
    output.write_all(payload)
}

fn encode_head(record_type: RecordType, length: usize) -> ([u8; 1 + MAX_LENGTH_BYTES], usize) {
    let mut head = [record_type.0, 0, 0, 0, 0];
    let mut rest = length;
    let mut at = 1;
    while rest > 0x7f {
        head[at] = (rest & 0x7f) as u8 | 0x80;
        rest >>= 7;
        at += 1;
    }
    head[at] = rest as u8;
    (head, at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn length_bytes(length: usize) -> Vec<u8> {
        let mut output = Vec::new();
        write(&mut output, RecordType::TEXT, &vec![b'x'; length]).unwrap();
        output[1..output.len() - length].to_vec()
    }

    #[test]
    fn lengths_are_written_in_the_shortest_form() {
        assert_eq!(length_bytes(0), [0]);
        assert_eq!(length_bytes(127), [0x7f]);
        assert_eq!(length_bytes(128), [0x80, 0x01]);
        assert_eq!(length_bytes(300), [0xac, 0x02]);
        assert_eq!(length_bytes(2048), [0x80, 0x10]);
        assert_eq!(length_bytes(16384), [0x80, 0x80, 0x01]);
    }

    #[test]
    fn longer_forms_are_read() {
        let input = b"N\x85\x00hello";
        assert_eq!(
            decode(input, 0).unwrap(),
            Decoded::Record { record_type: RecordType::TEXT, payload: b"hello", size: 8 }
        );
    }

    #[test]
    fn a_fifth_length_byte_is_refused() {
        let error = decode(b"N\x80\x80\x80\x80\x00", 0).unwrap_err();
        assert_eq!(error.to_string(), "too many length bits, record type 78");
    }

    #[test]
    fn limit() {
        assert_eq!(decode(b"N\x05hello", 4).unwrap_err().to_string(), "illegal length 5, record type 78");
        assert!(decode(b"N\x05hello", 5).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_decode_without_panic(input: Vec<u8>, limit in 0u64..5000) {
            let _ = decode(&input, limit);
        }

        #[test]
        fn round_trip(type_byte: u8, payload in proptest::collection::vec(any::<u8>(), 0..40_000), tail: Vec<u8>) {
            let mut bytes = Vec::new();
            write(&mut bytes, RecordType(type_byte), &payload).unwrap();
            let whole = bytes.len();
            bytes.extend(tail);
            let expected = Decoded::Record { record_type: RecordType(type_byte), payload: &payload, size: whole };
            prop_assert_eq!(decode(&bytes, 0).unwrap(), expected);
            let cut = decode(&bytes[..whole - 1], 0).unwrap();
            prop_assert!(matches!(cut, Decoded::Incomplete { .. }), "{:?}", cut);
        }
    }
}
