//! Writing to a mailbox.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use bstr::BString;
use deliver::copy::{Style, to_file};
use deliver::mailbox::{self, Purpose};
use deliver::{Failure, Job, maildir};
use ipc::bounce::Recipient;
use sys::privilege::ActingAs;

use crate::agent::Virtual;

/// The status of errors that have none of their own: a mailbox that is not there may come.
const DEFAULT_STATUS: &str = "4.2.0";

/// Where a recipient's mail goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub path: PathBuf,
    pub uid: u32,
    pub gid: u32,
    /// Case-folded, for log lines.
    pub address: BString,
}

impl Mailbox {
    /// Whether the name ends in a slash.
    pub fn is_maildir(&self) -> bool {
        self.path.as_os_str().as_encoded_bytes().ends_with(b"/")
    }

    /// Delivers, and says what the log says.
    pub fn deliver(&self, agent: &Virtual, job: &Job<'_>, recipient: &Recipient) -> Result<&'static str, Failure> {
        let original = agent.original_recipient.then_some(recipient.original.as_slice());
        let acting = ActingAs::new(self.uid, self.gid).map_err(|error| Failure::new("4.3.0", sys::reason(&error)))?;
        let result = if self.is_maildir() {
            let style = Style::maildir(original, &recipient.address);
            maildir::deliver(job, &self.path, &style, DEFAULT_STATUS).map(|()| "delivered to maildir")
        } else {
            let style = Style::mbox(original, &recipient.address);
            self.append(agent, job, &style).map(|()| "delivered to mailbox")
        };
        drop(acting);
        result
    }

    fn append(&self, agent: &Virtual, job: &Job<'_>, style: &Style<'_>) -> Result<(), Failure> {
        let prefixed =
            |failure: Failure| failure.prefixed(&format!("delivery failed to mailbox {}: ", self.path.display()));
        let purpose = Purpose { default_status: DEFAULT_STATUS, dotlock_is_optional: false, owner: None };
        let opened = mailbox::open(&self.path, &agent.locking, purpose).map_err(prefixed)?;
        let metadata = opened.file.metadata().map_err(|error| Failure::new(DEFAULT_STATUS, sys::reason(&error)))?;
        let path = self.path.display();
        if !metadata.is_file() {
            log::warn!("recipient {}: destination {path} is not a regular file", text::show(&self.address));
            return Err(Failure::new("5.3.5", "mail system configuration error"));
        }
        if agent.strict_ownership && metadata.uid() != self.uid {
            log::warn!("specify \"strict_mailbox_ownership = no\" to ignore mailbox ownership mismatch");
            return Err(Failure::new("4.2.0", format!("destination {path} is not owned by recipient")));
        }
        let file = opened.file.try_clone().map_err(|error| Failure::new("4.3.0", sys::reason(&error)))?;
        to_file(job, file, style).map_err(|error| prefixed(error.into()))
    }
}
