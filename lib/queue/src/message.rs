//! What the payloads of `C` and `T` records say (queue-files §2, §4.2).

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bstr::ByteSlice;

/// The `C` record: six numbers that cleanup writes over its first record when the message is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SizeRecord {
    /// Bytes between the end of the `M` record and the start of the `X` record; what mailq shows as message size.
    pub size: i64,
    /// Offset in bytes of the first content record.
    pub data_offset: i64,
    /// Number of `R` records written.
    pub recipients: i64,
    /// [`SizeRecord::MIXED_RECIPIENTS`], and all NOTIFY bits shifted left by 1.
    pub flags: i64,
    /// Length of the content in bytes, after Milters edited it.
    pub content_length: i64,
    /// SMTPUTF8 flags: 1 requested, 2 header, 4 sender; and wishes about TLS: 16 not required, 32 required.
    pub smtputf8: i64,
}

/// The last of the numbers of a `C` record, which may be the only one that means something (queue-files §4.2).
pub fn parse_wishes(payload: &[u8]) -> Option<i64> {
    let mut fields = payload.fields_with(|c| c.is_ascii_whitespace());
    fields.nth(5)?.to_str().ok()?.parse().ok()
}

/// Bits that `flags` may have.
const LEGAL_FLAGS: i64 = 0x1f;

impl SizeRecord {
    /// Bit of `flags`: recipient records are mixed with others.
    pub const MIXED_RECIPIENTS: i64 = 1;
    /// Length of the payload in bytes.
    pub const PAYLOAD_LENGTH: usize = 95;

    /// Parses a payload. At least three numbers are needed; `None` too when sizes or flags cannot be (queue-files §4.2).
    pub fn parse(payload: &[u8]) -> Option<SizeRecord> {
        let mut numbers = [0; 6];
        let mut count = 0;
        for (number, field) in numbers.iter_mut().zip(payload.fields_with(|c| c.is_ascii_whitespace())) {
            match field.to_str().ok().and_then(|text| text.parse().ok()) {
                Some(value) => *number = value,
                None => break,
            }
            count += 1;
        }
        let [size, data_offset, recipients, flags, content_length, smtputf8] = numbers;
        let legal = count >= 3 && size > 0 && data_offset > 0 && flags & !LEGAL_FLAGS == 0 && content_length >= 0;
        let content_length = if content_length == 0 { size } else { content_length };
        legal.then_some(SizeRecord { size, data_offset, recipients, flags, content_length, smtputf8 })
    }
}

/// The payload: six right-justified columns.
impl fmt::Display for SizeRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SizeRecord { size, data_offset, recipients, flags, content_length, smtputf8 } = self;
        write!(f, "{size:15} {data_offset:15} {recipients:15} {flags:15} {content_length:15} {smtputf8:15}")
    }
}

/// Parses the payload of a `T` record: seconds, and perhaps microseconds. Text that is no number counts as 0, which
/// stands for "no arrival time".
pub fn parse_arrival_time(payload: &[u8]) -> SystemTime {
    let mut numbers = payload
        .fields_with(|c| c.is_ascii_whitespace())
        .map(|field| field.to_str().ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0));
    let seconds = numbers.next().unwrap_or(0);
    let micros = numbers.next().unwrap_or(0) % 1_000_000;
    UNIX_EPOCH
        .checked_add(Duration::from_secs(seconds))
        .and_then(|time| time.checked_add(Duration::from_micros(micros)))
        .unwrap_or(UNIX_EPOCH)
}

/// The payload of a `T` record.
pub fn format_arrival_time(time: SystemTime) -> String {
    let time = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{} {}", time.as_secs(), time.subsec_micros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn size_records() {
        let record =
            SizeRecord { size: 285, data_offset: 276, recipients: 1, flags: 0, content_length: 285, smtputf8: 0 };
        let payload = record.to_string();
        assert_eq!(payload.len(), SizeRecord::PAYLOAD_LENGTH);
        assert_eq!(SizeRecord::parse(payload.as_bytes()), Some(record));
        assert_eq!(SizeRecord::parse(b"285 276 1"), Some(record));
        for bad in [&b""[..], b"285", b"285 276", b"0 276 1", b"285 276 1 32", b"285 276 1 0 -1", b"x 1 1"] {
            assert_eq!(SizeRecord::parse(bad), None, "{:?}", bad.as_bstr());
        }
    }

    #[test]
    fn arrival_times() {
        let time = parse_arrival_time(b"1795499046 271828");
        assert_eq!(time, UNIX_EPOCH + Duration::new(1_795_499_046, 271_828_000));
        assert_eq!(format_arrival_time(time), "1795499046 271828");
        assert_eq!(parse_arrival_time(b"junk"), UNIX_EPOCH);
        assert_eq!(parse_arrival_time(b"99999999999999999999"), UNIX_EPOCH);
        assert_eq!(parse_arrival_time(b"1795499046"), UNIX_EPOCH + Duration::from_secs(1_795_499_046));
    }

    proptest! {
        #[test]
        fn any_payload_is_parsed_without_panic(payload: Vec<u8>) {
            let _ = (SizeRecord::parse(&payload), parse_arrival_time(&payload));
        }
    }
}
