//! Forwarding as a new message (delivery-agents §2.12).

use std::time::SystemTime;

use bstr::{BString, ByteSlice};
use config::{Config, params};
use deliver::{Job, Outcome};
use ipc::bounce::{Dsn, Recipient, notify};
use ipc::cleanup::flag;
use post::{Class, Posting, internal_flags};
use queue::attribute;
use queue::{Reader, RecordType};

use crate::alias::drop_success;
use crate::state::State;
use crate::walk::Walk;

/// A message that is being made. Recipients with the same sender and Delivered-To: address share one.
pub struct Forward {
    delivered: BString,
    sender: BString,
    posting: Posting,
}

impl Walk<'_, '_> {
    /// Sends the message on to an address as a new message.
    pub fn deliver_indirect(&mut self, state: &State) -> Outcome {
        let address = state.recipient.address.clone();
        if !self.is_new([b"indirect ", address.as_slice()].concat()) {
            return Outcome::Done;
        }
        if self.job.is_probe() {
            return self.sent(state, [b"forwards to ", address.as_slice()].concat());
        }
        if self.add_forward(state) {
            return Outcome::Done;
        }
        self.fail_with(state, "4.3.0", "unable to forward message")
    }

    fn add_forward(&mut self, state: &State) -> bool {
        let known = self
            .forwards
            .iter()
            .position(|forward| forward.delivered == state.delivered() && forward.sender == state.sender);
        let index = match known {
            Some(index) => index,
            None => match self.open_forward(state) {
                Ok(forward) => {
                    self.forwards.push(forward);
                    self.forwards.len() - 1
                }
                Err(error) => {
                    log::warn!("{error}");
                    return false;
                }
            },
        };
        let posting = &mut self.forwards[index].posting;
        let recipient = &state.recipient;
        if !recipient.dsn_orig_rcpt.is_empty() {
            posting.attribute(attribute::DSN_ORIGINAL_RECIPIENT, &recipient.dsn_orig_rcpt);
        }
        if recipient.notify != 0 {
            posting.attribute(attribute::NOTIFY_FLAGS, recipient.notify.to_string().as_bytes());
        }
        if !recipient.original.is_empty() {
            posting.put(RecordType::ORIGINAL_RECIPIENT, &recipient.original);
        }
        posting.put(RecordType::RECIPIENT, &recipient.address);
        posting.is_good()
    }

    fn open_forward(&self, state: &State) -> Result<Forward, post::OpenError> {
        let request = &self.job.request;
        let flags = flag::BOUNCE | internal_flags(self.config, Class::Forward) | flag::of_wishes(request.smtputf8);
        let mut posting = Posting::open(self.config, flags)?;
        posting.envelope_time(SystemTime::now());
        posting.put(RecordType::SENDER, &state.sender);
        if request.ret != 0 && !state.has_owner_sender {
            posting.attribute(attribute::RET_FLAGS, request.ret.to_string().as_bytes());
        }
        if !request.envelope_id.is_empty() && !state.has_owner_sender {
            posting.attribute(attribute::ENVELOPE_ID, &request.envelope_id);
        }
        let client = &request.client;
        let attributes = [
            (attribute::LOG_CLIENT_NAME, &client.name),
            (attribute::LOG_CLIENT_ADDRESS, &client.address),
            (attribute::LOG_PROTOCOL_NAME, &client.protocol),
            (attribute::LOG_HELO_NAME, &client.helo),
            (attribute::SASL_METHOD, &client.sasl_method),
            (attribute::SASL_USERNAME, &client.sasl_username),
            (attribute::SASL_SENDER, &client.sasl_sender),
            (attribute::LOG_IDENT, &client.ident),
            (attribute::REWRITE_CONTEXT, &request.rewrite_context),
        ];
        for (name, value) in attributes {
            if !value.is_empty() {
                posting.attribute(name, value);
            }
        }
        Ok(Forward { delivered: state.delivered().to_owned(), sender: state.sender.clone(), posting })
    }

    /// Completes what is being forwarded, or gives it all up when some other part of the tree must be tried again.
    pub fn finish_forwards(&mut self, others: Outcome, original: &Recipient) -> Outcome {
        let mut all = Outcome::Done;
        for forward in std::mem::take(&mut self.forwards) {
            // A posting that is dropped before its end is thrown away by cleanup.
            if others == Outcome::Done {
                all = all.and(self.finish_forward(forward, original));
            }
        }
        all
    }

    fn finish_forward(&mut self, mut forward: Forward, original: &Recipient) -> Outcome {
        let id = forward.posting.queue_id().to_string();
        put_header(&mut forward, self.config, self.agent.settings.delivered_header_for_forwarding());
        if !copy_content(&mut forward.posting, self.job) {
            return Outcome::Retry;
        }
        forward.posting.put(RecordType::END, b"");
        if forward.posting.finish().status != 0 {
            return Outcome::Retry;
        }
        let mut recipient = original.clone();
        if recipient.notify & notify::SUCCESS != 0 {
            drop_success(&mut recipient);
        }
        let dsn = Dsn { action: "relayed".into(), ..Dsn::new("2.0.0", format!("forwarded as {id}")) };
        self.job.sent(&recipient, dsn)
    }
}

fn put_header(forward: &mut Forward, config: &Config, delivered_header: bool) {
    let (host, name) = (config.get(params::MYHOSTNAME), config.get(params::MAIL_NAME));
    let date = text::date::header_date(SystemTime::now());
    let id = forward.posting.queue_id().to_owned();
    let posting = &mut forward.posting;
    posting.put(RecordType::MESSAGE, b"");
    posting.text(&[b"Received: by ", host.as_bytes(), b" (", name, b")"].concat());
    posting.text(&[b"\tid ", id.as_slice(), b"; ", date.as_bytes()].concat());
    if delivered_header {
        let delivered = text::fold(&forward.delivered, config.get(params::SMTPUTF8_ENABLE));
        posting.text(&[b"Delivered-To: ", delivered.as_slice()].concat());
    }
}

/// Copies the content, up to and with the record that ends it. False: it is damaged, and the queue file was marked.
fn copy_content(posting: &mut Posting, job: &Job<'_>) -> bool {
    let (Ok(file), Ok(offset)) = (job.file.try_clone(), u64::try_from(job.request.data_offset)) else { return false };
    let mut records = Reader::new(file, job.path.as_os_str().as_encoded_bytes(), 0);
    if records.seek(offset).is_err() {
        return false;
    }
    let number = loop {
        match records.next_cooked() {
            Ok(Some(record)) => match record.record_type {
                RecordType::TEXT | RecordType::UNTERMINATED => posting.put(record.record_type, record.payload),
                RecordType::EXTRACTED => {
                    posting.put(RecordType::EXTRACTED, b"");
                    return true;
                }
                other => break i32::from(other.0),
            },
            Ok(None) => break -1,
            Err(error) => {
                log::warn!("{error}");
                break -2;
            }
        }
    };
    log::warn!("{}: bad record type: {number} in message content", text::show(posting.queue_id().as_bytes()));
    job.mark_corrupt();
    false
}
