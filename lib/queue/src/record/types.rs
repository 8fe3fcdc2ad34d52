//! Record types, their names, and which may stand where (queue-files §2).

use std::fmt;

/// The type byte of a record. Any byte can arrive; those with a meaning have a constant here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u8);

/// One constant for each known type, and their printable names.
macro_rules! record_types {
    ($($(#[$doc:meta])* $constant:ident = $byte:literal, $name:literal;)*) => {
        impl RecordType {
            $($(#[$doc])* pub const $constant: RecordType = RecordType($byte);)*

            /// The name that postcat prints. `L` has two meanings; this is that of the envelope.
            pub fn name(self) -> &'static str {
                match self {
                    $(RecordType::$constant => $name,)*
                    _ => "unknown_record_type",
                }
            }
        }
    };
}

record_types! {
    /// `C`: six numbers about the whole message, [`SizeRecord`](crate::message::SizeRecord).
    SIZE = b'C', "message_size";
    /// `T`: arrival time, seconds and microseconds.
    TIME = b'T', "message_arrival_time";
    /// `c`: pseudo type of the `create_time` attribute.
    CREATE_TIME = b'c', "queue_file_create_time";
    /// `F`: full name of the sender.
    FULL_NAME = b'F', "sender_fullname";
    /// `I`: reserved.
    INSPECTOR = b'I', "content_inspector";
    /// `L` in an envelope: `transport:nexthop` of a content filter. The same byte as [`UNTERMINATED`](Self::UNTERMINATED).
    FILTER = b'L', "content_filter";
    /// `S`: envelope sender.
    SENDER = b'S', "sender";
    /// `D`: a recipient that needs no more work.
    DONE = b'D', "done_recipient";
    /// `R`: envelope recipient.
    RECIPIENT = b'R', "recipient";
    /// `O`: what the next recipient was before rewriting.
    ORIGINAL_RECIPIENT = b'O', "original_recipient";
    /// `/`: a recipient that a Milter deleted.
    CANCELED = b'/', "canceled_recipient";
    /// `W`: when to send the "delayed mail" notice.
    WARN_TIME = b'W', "warning_message_time";
    /// `A`: `name=value`.
    ATTRIBUTE = b'A', "named_attribute";
    /// `K`: an attribute that was made void.
    KILLED = b'K', "killed_record";
    /// `>`: the address that replaces all recipients.
    REDIRECT = b'>', "redirect_to";
    /// `<`: pseudo type of the `ret_flags` attribute.
    DSN_RET = b'<', "dsn_return_flags";
    /// `i`: pseudo type of the `envelope_id` attribute.
    DSN_ENVELOPE_ID = b'i', "dsn_envelope_id";
    /// `o`: pseudo type of the `dsn_orig_rcpt` attribute.
    DSN_ORIGINAL_RECIPIENT = b'o', "dsn_original_recipient";
    /// `n`: pseudo type of the `notify_flags` attribute.
    DSN_NOTIFY = b'n', "dsn_notify_flags";
    /// `V`: two VERP delimiter characters.
    VERP = b'V', "verp_delimiters";
    /// `M`: end of the initial envelope, start of the content.
    MESSAGE = b'M', "message_content";
    /// `N`: a text line.
    TEXT = b'N', "regular_text";
    /// `w`: filler.
    PADDING = b'w', "padding";
    /// `p`: offset of the next record.
    POINTER = b'p', "pointer_record";
    /// `X`: end of the content, start of the extracted segment.
    EXTRACTED = b'X', "extracted_info";
    /// `r`: obsolete.
    RETURN_RECEIPT = b'r', "return_receipt";
    /// `e`: obsolete.
    ERRORS_TO = b'e', "errors_to";
    /// `P`: obsolete.
    PRIORITY = b'P', "priority";
    /// `E`: end of the message.
    END = b'E', "message_end";
    /// `f`, only on the way to cleanup: extra cleanup flags.
    FLAGS = b'f', "flags";
}

impl RecordType {
    /// `L` in content: text without a line end.
    pub const UNTERMINATED: RecordType = RecordType::FILTER;
    /// `m`, only on the way to cleanup: the number of Milter descriptions that follow.
    pub const MILTER_COUNT: RecordType = RecordType(b'm');
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", char::from(self.0))
    }
}

/// A set of record types; the NUL byte and bytes above 127 are never members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeSet(u128);

impl TypeSet {
    /// Initial envelope of a queue file, or on the way to cleanup.
    pub const ENVELOPE: TypeSet = TypeSet::of(b"MCTcFILSDRO/WVA>K<ion");
    /// Message content.
    pub const CONTENT: TypeSet = TypeSet::of(b"XLNw");
    /// Extracted segment.
    pub const EXTRACTED: TypeSet = TypeSet::of(b"EDRO/PreAFIL>Kon");
    /// Initial envelope, where a pure sequence of recipients is expected.
    pub const ENVELOPE_RECIPIENT: TypeSet = TypeSet::of(b"MDRO/Kon");
    /// Extracted segment, where a pure sequence of recipients is expected.
    pub const EXTRACTED_RECIPIENT: TypeSet = TypeSet::of(b"EDRO/Kon");
    /// What postdrop takes in the envelope.
    pub const POSTDROP_ENVELOPE: TypeSet = TypeSet::of(b"MFSRVAin");
    /// What postdrop takes as content.
    pub const POSTDROP_CONTENT: TypeSet = TypeSet::of(b"XLN");
    /// What postdrop takes in the extracted segment.
    pub const POSTDROP_EXTRACTED: TypeSet = TypeSet::of(b"EAR");

    /// The set of these type bytes.
    pub const fn of(bytes: &[u8]) -> TypeSet {
        let mut bits = 0;
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at] > 0 && bytes[at] < 128 {
                bits |= 1 << bytes[at];
            }
            at += 1;
        }
        TypeSet(bits)
    }

    /// This set, and one type more.
    pub const fn with(self, extra: RecordType) -> TypeSet {
        TypeSet(self.0 | TypeSet::of(&[extra.0]).0)
    }

    /// Is the type a member?
    pub const fn contains(self, record_type: RecordType) -> bool {
        record_type.0 < 128 && self.0 & (1 << record_type.0) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_and_high_bytes_are_members_of_nothing() {
        assert!(!TypeSet::of(b"\0").contains(RecordType(0)));
        assert!(!TypeSet::ENVELOPE.contains(RecordType(b'M' | 0x80)));
        assert!(TypeSet::ENVELOPE.contains(RecordType::DSN_RET));
        assert!(!TypeSet::ENVELOPE.contains(RecordType::POINTER));
        assert!(TypeSet::ENVELOPE.with(RecordType::POINTER).contains(RecordType::POINTER));
    }

    #[test]
    fn names() {
        assert_eq!(RecordType(b'L').name(), "content_filter");
        assert_eq!(RecordType(b'd').name(), "unknown_record_type");
    }
}
