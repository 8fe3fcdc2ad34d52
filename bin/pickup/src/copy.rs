//! Copying records from a maildrop file to cleanup. What an earlier pass through the mail system left behind, and what
//! only it may decide, does not pass.

use std::fs::File;

use bstr::BString;
use post::Posting;
use queue::{Reader, Record, RecordType, TypeSet, attribute};

/// Why a file is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A record of this type is damaged or out of place: the decimal type, -1 for the end of the file, -2 for damage.
    Record(i32),
    /// The envelope has no sender.
    NoSender,
}

const END_OF_FILE: i32 = -1;
const DAMAGE: i32 = -2;

/// What the envelope said.
pub struct Copied {
    /// Envelope sender.
    pub sender: BString,
}

/// Filter and redirection of an earlier pass.
const EARLIER_DECISIONS: TypeSet = TypeSet::of(b"L>");
/// In the extracted segment, obsolete types too.
const NOT_EXTRACTED: TypeSet = TypeSet::of(b"L>re");

/// Copies records up to the one that ends the segment. `each` decides what becomes of a record.
fn copy_segment(
    reader: &mut Reader<&File>,
    legal: TypeSet,
    end: RecordType,
    mut each: impl FnMut(Record<'_>),
) -> Result<(), Problem> {
    loop {
        match reader.next_cooked() {
            Ok(Some(record)) if record.record_type == end => return Ok(()),
            Ok(Some(record)) if legal.contains(record.record_type) => each(record),
            Ok(Some(record)) => return Err(Problem::Record(record.record_type.0.into())),
            Ok(None) => return Err(Problem::Record(END_OF_FILE)),
            Err(error) => {
                log::warn!("{error}");
                return Err(Problem::Record(DAMAGE));
            }
        }
    }
}

/// Copies the envelope, without the record that ends it. A file without arrival time gets its `modified` time, in
/// seconds.
pub fn copy_envelope(reader: &mut Reader<&File>, posting: &mut Posting, modified: i64) -> Result<Copied, Problem> {
    let mut has_time = false;
    let mut sender = None;
    copy_segment(reader, TypeSet::ENVELOPE, RecordType::MESSAGE, |record| {
        match record.record_type {
            RecordType::TIME => has_time = true,
            RecordType::SENDER => {
                if !has_time {
                    posting.put(RecordType::TIME, modified.to_string().as_bytes());
                    has_time = true;
                }
                sender = Some(record.payload.to_owned());
            }
            other if EARLIER_DECISIONS.contains(other) => return,
            _ => {}
        }
        posting.put(record.record_type, record.payload);
    })?;
    sender.map(|sender| Copied { sender }).ok_or(Problem::NoSender)
}

/// Copies the content, without the record that ends it. Text that would continue our own header is set off from it.
pub fn copy_content(reader: &mut Reader<&File>, posting: &mut Posting) -> Result<(), Problem> {
    let mut is_first = true;
    copy_segment(reader, TypeSet::CONTENT, RecordType::EXTRACTED, |record| {
        if std::mem::take(&mut is_first) && text::header::is_continuation(record.payload) {
            posting.text(b"");
        }
        posting.put(record.record_type, record.payload);
    })
}

/// Copies the extracted segment, without the record that ends it. Of its attributes only those of recipients pass.
pub fn copy_extracted(reader: &mut Reader<&File>, posting: &mut Posting) -> Result<(), Problem> {
    copy_segment(reader, TypeSet::EXTRACTED, RecordType::END, |record| {
        let is_foreign = record.record_type == RecordType::ATTRIBUTE
            && attribute::resolve(record.record_type, record.payload).0 == RecordType::ATTRIBUTE;
        if !is_foreign && !NOT_EXTRACTED.contains(record.record_type) {
            posting.put(record.record_type, record.payload);
        }
    })
}
