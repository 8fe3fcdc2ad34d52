//! Mailbox delivery (delivery-agents §2.9).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bstr::BString;
use deliver::copy::{Style, to_file};
use deliver::mailbox::{self, Purpose};
use deliver::{Failure, Outcome, pass_on};
use ipc::bounce::Recipient;
use logging::fatal;
use sys::privilege::Account;

use crate::agent::Local;
use crate::biff;
use crate::file::acting_as;
use crate::state::State;
use crate::walk::Walk;

impl Walk<'_, '_> {
    /// Delivers to the user's mailbox, or to what stands for it; `None` when there is no such user.
    pub fn deliver_mailbox(&mut self, parent: &State) -> Option<Outcome> {
        let mut state = parent.deeper();
        if !self.is_new([b"mailbox ", state.parts.local.as_slice()].concat()) {
            return Some(Outcome::Done);
        }
        let settings = &self.agent.settings;
        let transport =
            Local::transport_for(&self.agent.mailbox_transports, &settings.mailbox_transport, &state.parts.user);
        match transport {
            Ok(None) => {}
            Ok(Some(transport)) => return Some(self.hand_over(&state, &transport)),
            Err(_) => return Some(self.fail_with(&state, "4.3.0", "table lookup failure")),
        }
        let account = match self.lookup_user(&state) {
            Ok(account) => account?,
            Err(outcome) => return Some(outcome),
        };
        state.rights = Some(account.clone());
        let command = match self.agent.mailbox_commands.find(&state.parts.user) {
            Ok(command) => command.unwrap_or_else(|| self.agent.settings.mailbox_command.clone()),
            Err(_) => return Some(self.fail_with(&state, "4.3.0", "table lookup failure")),
        };
        if !text::space::trim(&command).is_empty() {
            return Some(self.deliver_command(&state, command));
        }
        Some(match self.maildir_path(&account, &state) {
            Some(path) => self.deliver_maildir(&state, &path),
            None => self.deliver_mbox(&state, &account),
        })
    }

    /// Hands the recipient to another delivery agent, which reports and marks it as done by itself.
    pub fn hand_over(&mut self, state: &State, transport: &BString) -> Outcome {
        if transport.starts_with(b":") {
            fatal!("missing transport name in \"{}\"", text::show(transport));
        }
        let recipient = Recipient { offset: -1, ..state.recipient.clone() };
        pass_on(self.job, transport, &recipient, self.agent.settings.ipc_timeout)
    }

    fn maildir_path(&self, account: &Account, state: &State) -> Option<PathBuf> {
        let settings = &self.agent.settings;
        if settings.home_mailbox.ends_with(b"/") {
            return Some(below(&account.home, &settings.home_mailbox));
        }
        let spool = &settings.spool_directory;
        spool
            .ends_with(b"/")
            .then(|| PathBuf::from(OsStr::from_bytes(&[spool.as_slice(), &state.parts.user, b"/"].concat())))
    }

    fn deliver_maildir(&mut self, parent: &State, path: &Path) -> Outcome {
        let state = parent.deeper();
        if self.job.is_probe() {
            return self.sent(&state, "delivers to maildir");
        }
        match self.add_to_maildir(&state, path) {
            Ok(()) => self.sent(&state, "delivered to maildir"),
            Err(failure) => self.fail(&state, failure),
        }
    }

    fn deliver_mbox(&mut self, parent: &State, account: &Account) -> Outcome {
        let mut state = parent.clone();
        if self.job.is_probe() {
            return self.sent(&state, "delivers to mailbox");
        }
        if !self.agent.settings.frozen_delivered_to {
            state.delivered = Some(state.recipient.address.clone());
        }
        let settings = &self.agent.settings;
        let path = if settings.home_mailbox.is_empty() {
            PathBuf::from(OsStr::from_bytes(&settings.spool_directory)).join(OsStr::from_bytes(&state.parts.user))
        } else {
            below(&account.home, &settings.home_mailbox)
        };
        match self.append_to_mailbox(&state, account, &path) {
            Ok(offset) => {
                let outcome = self.sent(&state, "delivered to mailbox");
                if self.agent.settings.biff {
                    biff::notify(&account.name, offset);
                }
                outcome
            }
            Err(failure) => {
                let prefix =
                    format!("cannot update mailbox {} for user {}. ", path.display(), text::show(&state.parts.user));
                self.fail(&state, failure.prefixed(&prefix))
            }
        }
    }

    /// Appends the message; how long the mailbox was before.
    fn append_to_mailbox(&mut self, state: &State, account: &Account, path: &Path) -> Result<u64, Failure> {
        let settings = &self.agent.settings;
        let (uid, gid, owner) = self.spool_rights(account);
        let purpose = Purpose { default_status: "5.2.0", dotlock_is_optional: false, owner };
        let opened = {
            let _acting = acting_as(uid, gid)?;
            mailbox::open(path, &settings.locking, purpose)?
        };
        let result = self.write_to_mailbox(state, account, path, &opened.file);
        // The lock file goes away with the rights that made it.
        let _acting = acting_as(uid, gid)?;
        drop(opened);
        result
    }

    fn write_to_mailbox(
        &mut self,
        state: &State,
        account: &Account,
        path: &Path,
        file: &std::fs::File,
    ) -> Result<u64, Failure> {
        let metadata = file.metadata().map_err(|error| Failure::new("4.2.0", sys::reason(&error)))?;
        if !metadata.is_file() {
            return Err(Failure::new("5.2.0", format!("destination {} is not a regular file", path.display())));
        }
        if self.agent.settings.strict_ownership && metadata.uid() != account.uid {
            log::warn!("specify \"strict_mailbox_ownership = no\" to ignore mailbox ownership mismatch");
            return Err(Failure::new("4.2.0", format!("destination {} is not owned by recipient", path.display())));
        }
        let (original, delivered) = self.envelope_addresses(state);
        let style = Style::mbox(original.as_deref().map(Vec::as_slice), &delivered);
        let with_header = self.agent.settings.delivered_header_for_files();
        let style = if with_header { style } else { Style { delivered_to: None, ..style } };
        let copy = file.try_clone().map_err(|error| Failure::new("4.3.0", sys::reason(&error)))?;
        let _acting = acting_as(account.uid, account.gid)?;
        to_file(self.job, copy, &style)?;
        Ok(metadata.len())
    }

    /// With whose rights the mailbox is locked and made, and whose it is then.
    fn spool_rights(&self, account: &Account) -> (u32, u32, Option<(u32, u32)>) {
        const GROUP_WRITABLE: u32 = 0o020;
        const WORLD_WRITABLE: u32 = 0o002;
        let user = (account.uid, account.gid, None);
        if !self.agent.settings.home_mailbox.is_empty() {
            return user;
        }
        let Ok(spool) = std::fs::metadata(OsStr::from_bytes(&self.agent.settings.spool_directory)) else { return user };
        match spool.mode() {
            mode if mode & WORLD_WRITABLE != 0 => user,
            mode if mode & GROUP_WRITABLE != 0 => (account.uid, spool.gid(), None),
            _ => (0, 0, (account.uid != 0).then_some((account.uid, account.gid))),
        }
    }
}

fn below(home: &Path, name: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(&[home.as_os_str().as_bytes(), b"/", name].concat()))
}
