//! Delivery to a file that an expansion names (delivery-agents §2.7).

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bstr::BString;
use deliver::copy::{Style, to_file};
use deliver::mailbox::{self, Purpose};
use deliver::{Failure, Outcome, maildir};
use sys::privilege::ActingAs;

use crate::state::State;
use crate::walk::Walk;

impl Walk<'_, '_> {
    /// Appends the message to a file, or adds it to a Maildir when the name ends in a slash.
    pub fn deliver_file(&mut self, parent: &State, path: &Path) -> Outcome {
        let state = parent.deeper();
        let name = path.as_os_str().as_bytes();
        if !self.is_new([format!("file {} ", state.uid()).as_bytes(), name].concat()) {
            return Outcome::Done;
        }
        if !self.agent.settings.files_from.allows(state.source) {
            return self.fail_to_owner(&state, Failure::new("5.7.1", "mail to file is restricted"));
        }
        if self.job.is_probe() {
            return self.sent(&state, format!("delivers to file: {}", path.display()));
        }
        let is_maildir = name.ends_with(b"/");
        let result = if is_maildir { self.add_to_maildir(&state, path) } else { self.append(&state, path) };
        match result {
            Ok(()) if is_maildir => self.sent(&state, "delivered to maildir"),
            Ok(()) => self.sent(&state, format!("delivered to file: {}", path.display())),
            Err(failure) => self.fail_to_owner(&state, failure),
        }
    }

    fn append(&mut self, state: &State, path: &Path) -> Result<(), Failure> {
        let (uid, gid) = state.safe_ids(&self.agent.settings);
        let prefixed =
            |failure: Failure| failure.prefixed(&format!("cannot append message to file {}: ", path.display()));
        let _acting = acting_as(uid, gid)?;
        let purpose = Purpose { default_status: "5.2.0", dotlock_is_optional: true, owner: None };
        let opened = mailbox::open(path, &self.agent.settings.locking, purpose).map_err(prefixed)?;
        let executable = opened
            .file
            .metadata()
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0);
        if executable {
            return Err(prefixed(Failure::new("5.7.1", "file is executable")));
        }
        let (original, delivered) = self.envelope_addresses(state);
        let style = Style::mbox(original.as_deref().map(Vec::as_slice), &delivered);
        let with_header = self.agent.settings.delivered_header_for_files();
        let style = if with_header { style } else { Style { delivered_to: None, ..style } };
        let file = opened.file.try_clone().map_err(|error| Failure::new("4.3.0", sys::reason(&error)))?;
        to_file(self.job, file, &style).map_err(|error| prefixed(error.into()))
    }

    /// Adds the message to a Maildir, with the rights of this point of the tree.
    pub fn add_to_maildir(&mut self, state: &State, path: &Path) -> Result<(), Failure> {
        let (uid, gid) = state.safe_ids(&self.agent.settings);
        let _acting = acting_as(uid, gid)?;
        let (original, delivered) = self.envelope_addresses(state);
        let style = Style::maildir(original.as_deref().map(Vec::as_slice), &delivered);
        let with_header = self.agent.settings.delivered_header_for_files();
        let style = if with_header { style } else { Style { delivered_to: None, ..style } };
        maildir::deliver(self.job, path, &style, "5.2.0")
    }

    /// What X-Original-To: and Delivered-To: say.
    pub fn envelope_addresses(&self, state: &State) -> (Option<BString>, BString) {
        let original = self.agent.settings.original_recipient.then(|| state.recipient.original.clone());
        (original, state.delivered().to_owned())
    }
}

/// Takes on rights for as long as the result lives.
pub fn acting_as(uid: u32, gid: u32) -> Result<ActingAs, Failure> {
    ActingAs::new(uid, gid)
        .map_err(|error| Failure::new("4.3.0", format!("cannot act as uid={uid} gid={gid}: {}", sys::reason(&error))))
}
