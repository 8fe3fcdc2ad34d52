//! One recipient (cleanup-rewrite §12.2, §12.3, §12.5).

use bstr::BString;
use ipc::bounce::{Recipient, notify};
use ipc::cleanup::{flag, status};
use ipc::delivery::flag as trace;
use queue::{RecordType, attribute};
use text::address::quote;

use super::Message;
use super::addresses::reachable;
use crate::classes::Role;
use crate::expand::{Problem, expand};

/// Why an alias could not be expanded, for the client.
const EXPANSION_ERROR: &str = "4.6.0 Alias expansion error";

impl Message<'_> {
    /// A recipient that the client named.
    pub(super) fn take_recipient(&mut self, received: &[u8]) {
        self.has_recipient = true;
        let address = self.complete_recipient(received);
        self.last_recipient = Some(address.clone());
        let dsn_original = match self.pending.dsn_original.take() {
            Some(given) => given,
            None => self.default_dsn_original(&address),
        };
        let recipient = Recipient {
            original: self.pending.original.take().unwrap_or_else(|| received.into()),
            address,
            offset: 0,
            dsn_orig_rcpt: dsn_original,
            notify: self.pending.notify,
        };
        self.put_expanded(&recipient);
        if self.flags & flag::BCC_OK != 0 && !recipient.address.is_empty() {
            self.add_bcc_from_table(&self.site.recipient_bcc, &recipient.address);
        }
    }

    /// A recipient that gets a copy, and about whom nobody hears. The text is one address, in internal form.
    pub(super) fn add_bcc(&mut self, text: &[u8]) {
        let address = self.complete_recipient(text);
        let original = address.clone();
        let never = notify::NEVER;
        self.put_expanded(&Recipient { original, address, offset: 0, dsn_orig_rcpt: "".into(), notify: never });
    }

    fn complete_recipient(&mut self, received: &[u8]) -> BString {
        let site = self.site;
        let received = if received.is_empty() { &site.empty_address_recipient } else { received };
        let address = self.complete_locally(received);
        let address = self.map_address(address, Role::EnvelopeRecipient);
        if self.needs_utf8(&address) {
            self.note_utf8(0);
        }
        address
    }

    fn default_dsn_original(&self, address: &[u8]) -> BString {
        let kind: &[u8] = match address {
            b"" => return BString::default(),
            _ if !address.is_ascii() && self.requests_smtputf8() => b"utf-8;",
            _ => b"rfc822;",
        };
        [kind, address].concat().into()
    }

    /// Writes what the recipient stands for.
    fn put_expanded(&mut self, recipient: &Recipient) {
        let results = self.expand(&recipient.address);
        if results.len() > 1 && self.envelope.trace_flags.unwrap_or(0) & trace::MTA_VERIFY != 0 {
            let stats = self.stats();
            if !self.world.verify_expansion(self.id.as_ref(), &stats, recipient) {
                log::warn!("{}: verify service update error", self.id);
                self.fail(status::WRITE);
            }
            return;
        }
        let mut wishes = recipient.notify;
        if wishes & notify::SUCCESS != 0 && (results.len() > 1 || results[0] != recipient.address) {
            self.trace_expansion(recipient);
            wishes = if wishes == notify::SUCCESS { notify::NEVER } else { wishes & !notify::SUCCESS };
        }
        for result in results {
            self.put_recipient(&Recipient { address: result, notify: wishes, ..recipient.clone() });
        }
    }

    /// What virtual aliases make of an address; never empty.
    fn expand(&mut self, address: &[u8]) -> Vec<BString> {
        let site = self.site;
        if self.flags & flag::MAP_OK == 0 || site.virtual_alias.maps.is_empty() {
            return vec![address.into()];
        }
        let rewriter = self.world.rewriter();
        let propagate = site.propagate.virtual_alias;
        match expand(&site.virtual_alias, &site.finder, propagate, address, rewriter) {
            Ok(results) => results,
            Err(Problem::Unreachable(unreachable)) => reachable(Err(unreachable)),
            Err(problem) => {
                self.warn_later(&problem.to_string());
                self.fail(if matches!(problem, Problem::Lookup(_)) { status::WRITE } else { status::DEFER });
                self.reason = EXPANSION_ERROR.into();
                vec![address.into()]
            }
        }
    }

    /// The sender wanted to hear of success; of what aliases stand for, this is all there is to hear.
    fn trace_expansion(&mut self, recipient: &Recipient) {
        self.is_traced = true;
        let stats = self.stats();
        if !self.world.trace_expansion(self.id.as_ref(), &stats, recipient) {
            log::warn!("{}: trace logfile update error", self.id);
            self.fail(status::WRITE);
        }
    }

    /// Writes a recipient, unless it was there before.
    fn put_recipient(&mut self, recipient: &Recipient) {
        let Recipient { original, address, dsn_orig_rcpt, notify, .. } = recipient;
        let number = notify.to_string();
        let is_known = match self.site.enable_original_recipient {
            true => self.duplicates.contains_or_remember(&[dsn_orig_rcpt, number.as_bytes(), original, address]),
            false => self.duplicates.contains_or_remember(&[address]),
        };
        if is_known {
            return log::debug!("{}: duplicate recipient {}", self.id, text::show(&quote(address)));
        }
        if *notify != 0 {
            self.put_attribute(attribute::NOTIFY_FLAGS, number.as_bytes());
        }
        if !dsn_orig_rcpt.is_empty() {
            self.put_attribute(attribute::DSN_ORIGINAL_RECIPIENT, dsn_orig_rcpt);
        }
        self.put(RecordType::ORIGINAL_RECIPIENT, original);
        self.put(RecordType::RECIPIENT, address);
        self.numbers.recipients += 1;
    }
}
