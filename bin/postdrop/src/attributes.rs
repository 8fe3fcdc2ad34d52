//! Which attributes a local user may give a message (queue-files §10.2).

use queue::attribute;

/// What becomes of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is stored.
    Keep,
    /// It is dropped, with a warning.
    Ignore,
    /// It is dropped, with a warning about its value.
    IgnoreTraceFlags,
}

/// Judges an attribute.
pub fn judge(name: &[u8], value: &[u8]) -> Fate {
    let known =
        |values: &[&str]| if values.iter().any(|one| one.as_bytes() == value) { Fate::Keep } else { Fate::Ignore };
    match std::str::from_utf8(name).unwrap_or_default() {
        attribute::ENCODING => known(&["7bit", "8bit", ""]),
        attribute::REWRITE_CONTEXT => known(&["local", "remote"]),
        // Not the flags with which the mail system marks its own probes.
        attribute::TRACE_FLAGS => match parse(value) {
            Some(attribute::TRACE_VERIFY_ONLY | attribute::TRACE_RECORD) => Fate::Keep,
            _ => Fate::IgnoreTraceFlags,
        },
        attribute::ENVELOPE_ID
        | attribute::NOTIFY_FLAGS
        | attribute::DSN_ORIGINAL_RECIPIENT
        | attribute::RET_FLAGS
        | attribute::CREATE_TIME => Fate::Keep,
        _ => Fate::Ignore,
    }
}

fn parse(value: &[u8]) -> Option<u32> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judgements() {
        assert_eq!(judge(b"encoding", b"8bit"), Fate::Keep);
        assert_eq!(judge(b"encoding", b"16bit"), Fate::Ignore);
        assert_eq!(judge(b"rewrite_context", b"remote"), Fate::Keep);
        assert_eq!(judge(b"trace_flags", b"512"), Fate::Keep);
        assert_eq!(judge(b"trace_flags", b"256"), Fate::IgnoreTraceFlags);
        assert_eq!(judge(b"client_name", b"x"), Fate::Ignore);
        assert_eq!(judge(b"notify_flags", b"1"), Fate::Keep);
        assert_eq!(judge(b"\xff", b"1"), Fate::Ignore);
    }
}
