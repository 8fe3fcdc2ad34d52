//! The last segment: recipients from headers, and what was found out on the way (cleanup-rewrite §17).

use ipc::cleanup::flag;
use queue::{RecordType, TypeSet, attribute};

use super::{Message, Segment};

impl Message<'_> {
    pub(super) fn take_extracted(&mut self, record_type: RecordType, payload: &[u8]) {
        if record_type == RecordType::FLAGS {
            return self.take_extra_flags(payload);
        }
        if !TypeSet::EXTRACTED.contains(record_type) {
            let number = record_type.0;
            return self.refuse(format_args!("unexpected record type {number} in extracted envelope"));
        }
        let attribute = match record_type {
            RecordType::ATTRIBUTE => match self.split_attribute(payload) {
                Some(attribute) => Some(attribute),
                None => return,
            },
            _ => None,
        };
        let mapped = attribute.as_ref().and_then(|attribute| attribute::mapped_type(attribute.name));
        let meaning = mapped.unwrap_or(record_type);
        if TypeSet::EXTRACTED_RECIPIENT.contains(meaning) && !self.in_recipients {
            self.start_extracted_recipients();
        }
        let value = attribute.as_ref().map_or(payload, |attribute| attribute.value);
        if meaning == RecordType::END {
            return self.end_extracted();
        }
        if self.take_recipient_record(meaning, value, payload) {
            return;
        }
        self.store(record_type, payload, TypeSet::EXTRACTED_RECIPIENT);
    }

    /// What was found out goes in front of recipients.
    fn start_extracted_recipients(&mut self) {
        self.in_recipients = true;
        if let Some(filter) = self.found.filter.take() {
            self.put(RecordType::FILTER, &filter);
        }
        if let Some(redirect) = self.found.redirect.take() {
            self.put(RecordType::REDIRECT, &redirect);
        }
        if let Some(encoding) = self.envelope.attributes.get(attribute::ENCODING.as_bytes()).cloned() {
            self.put_attribute(attribute::ENCODING, &encoding);
        }
        self.put_place_for_milters();
    }

    fn end_extracted(&mut self) {
        if self.flags & flag::BCC_OK != 0 && self.has_recipient && !self.site.always_bcc.is_empty() {
            self.add_bcc(&self.site.always_bcc);
        }
        for address in std::mem::take(&mut self.found.bcc) {
            if self.has_recipient && !self.is_off() {
                self.add_bcc(&address);
            }
        }
        self.put(RecordType::END, b"");
        self.segment = Segment::Done;
    }
}
