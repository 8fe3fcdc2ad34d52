//! Loop detection by Delivered-To: headers (qmgr-bounce §9.9).

use std::collections::HashSet;

use queue::{Reader, RecordType};

use crate::job::Job;

/// How many distinct headers count.
const LIMIT: usize = 1000;

/// The addresses that a message has been delivered to before, case-folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveredTo(HashSet<Vec<u8>>);

impl DeliveredTo {
    /// Collects the headers at the start of a message. A queue file that cannot be read has none: copying it will fail, and say why.
    pub fn of(job: &Job<'_>) -> Self {
        let mut found = Self::default();
        let (Ok(file), Ok(offset)) = (job.file.try_clone(), u64::try_from(job.request.data_offset)) else {
            return found;
        };
        let mut records = Reader::new(file, job.path.as_os_str().as_encoded_bytes(), 0);
        if records.seek(offset).is_err() {
            return found;
        }
        let mut continued = false;
        while found.0.len() < LIMIT {
            let Ok(Some(record)) = records.next_cooked() else { break };
            let text = record.payload;
            let is_text = matches!(record.record_type, RecordType::TEXT | RecordType::UNTERMINATED);
            if !is_text {
                break;
            }
            // The rest of a long line, or a folded one, belongs to a header that was looked at.
            if !continued && !text::header::is_continuation(text) && !found.take_header(text) {
                break;
            }
            continued = record.record_type == RecordType::UNTERMINATED;
        }
        found
    }

    /// Whether the message has been delivered to this address (in internal form).
    pub fn contains(&self, address: &[u8]) -> bool {
        self.0.contains(&fold(&text::address::quote(address)))
    }

    /// False at the first line that is no header.
    fn take_header(&mut self, line: &[u8]) -> bool {
        let Some(length) = text::header::name_length(line) else { return false };
        if line[..length].eq_ignore_ascii_case(b"delivered-to") {
            let value = line[length..].splitn(2, |byte| *byte == b':').nth(1).unwrap_or_default();
            self.0.insert(fold(text::space::trim(value)));
        }
        true
    }
}

fn fold(address: &[u8]) -> Vec<u8> {
    text::fold(address, true).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Config;
    use ipc::delivery::Request;

    #[test]
    fn headers_count_until_the_body() {
        let mut file = tempfile::tempfile().unwrap();
        for line in ["Received: x", " Delivered-To: no@x", "Delivered-To: U@Host", "", "Delivered-To: body@x"] {
            queue::record::write(&mut file, RecordType::TEXT, line.as_bytes()).unwrap();
        }
        queue::record::write(&mut file, RecordType::EXTRACTED, b"").unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut reporter = crate::Reporter::new(&Config::for_tests(&[]));
        let request = Request::default();
        let job =
            Job { request, file, path: "active/1".into(), relay: "local".into(), avoid: None, reporter: &mut reporter };
        let found = DeliveredTo::of(&job);
        assert!(found.contains(b"u@hOST"));
        assert!(!found.contains(b"no@x") && !found.contains(b"body@x"));
    }
}
