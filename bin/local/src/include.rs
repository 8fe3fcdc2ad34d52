//! `:include:` files, and reading files of addresses (delivery-agents §2.8).

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;

use deliver::Outcome;

use crate::destination::path;
use crate::file::acting_as;
use crate::settings::Source;
use crate::state::State;
use crate::walk::Walk;

const CONFIGURATION: &str = "mail system configuration error";

impl Walk<'_, '_> {
    /// Delivers to the addresses in a file.
    pub fn deliver_include(&mut self, parent: &State, name: &[u8]) -> Outcome {
        let mut state = parent.deeper();
        if !self.is_new([format!("include {} ", state.uid()).as_bytes(), name].concat()) {
            return Outcome::Done;
        }
        state.expanding = Some(state.parts.local.clone());
        let metadata = match self.check_include(&state, name) {
            Ok(metadata) => metadata,
            Err(warning) => {
                log::warn!("{warning}");
                return self.fail_with(&state, "5.3.5", CONFIGURATION);
            }
        };
        state.source = Some(Source::Include);
        if state.uid() == 0
            && let Err(outcome) = self.take_owner_rights(&mut state, name, metadata.uid())
        {
            return outcome;
        }
        // Local users of a list that somebody else keeps get mail of their own.
        let address = state.recipient.address.clone();
        state.owner.get_or_insert(address);
        let file = match self.open_as(&state, name) {
            Ok(file) => file,
            Err(reason) => {
                log::warn!("cannot open include file {}: {reason}", text::show(name));
                return self.fail_with(&state, "5.3.5", CONFIGURATION);
            }
        };
        if !self.agent.settings.propagate.allows(Some(Source::Include)) {
            state.unmatched = None;
        }
        self.deliver_lines(&state, file).0
    }

    fn check_include(&self, state: &State, name: &[u8]) -> Result<std::fs::Metadata, String> {
        let shown = text::show(name);
        if !name.starts_with(b"/") {
            return Err(format!(":include:{shown} uses a relative path"));
        }
        let metadata = match &state.rights {
            Some(account) => acting_as(account.uid, account.gid).ok().map(|_acting| std::fs::metadata(path(name))),
            None => acting_as(0, 0).ok().map(|_acting| std::fs::metadata(path(name))),
        };
        let metadata = metadata
            .unwrap_or_else(|| Err(std::io::ErrorKind::PermissionDenied.into()))
            .map_err(|error| format!("unable to lookup :include: file {shown}: {}", sys::reason(&error)))?;
        if !metadata.is_file() {
            return Err(format!(":include: file {shown} is not a regular file"));
        }
        if metadata.mode() & 0o002 != 0 {
            return Err(format!(":include: file {shown} is world writable"));
        }
        Ok(metadata)
    }

    fn take_owner_rights(&mut self, state: &mut State, name: &[u8], uid: u32) -> Result<(), Outcome> {
        match sys::privilege::account_of(uid) {
            Ok(Some(account)) => {
                if account.uid != 0 {
                    state.rights = Some(account);
                }
                Ok(())
            }
            result => {
                let reason = result.err().map(|error| format!(": {}", sys::reason(&error))).unwrap_or_default();
                log::warn!("cannot find username for uid {uid}{reason}");
                log::warn!("{}: cannot find :include: file owner username", text::show(name));
                Err(self.fail_with(state, "4.3.5", CONFIGURATION))
            }
        }
    }

    /// Opens a file with the rights of this point of the tree; without any, as root.
    pub fn open_as(&self, state: &State, name: &[u8]) -> Result<File, String> {
        let (uid, gid) = state.rights.as_ref().map_or((0, 0), |account| (account.uid, account.gid));
        let _acting = acting_as(uid, gid).map_err(|_| "Permission denied".to_owned())?;
        File::open(path(name)).map_err(|error| sys::reason(&error))
    }

    /// Delivers to the addresses of a file, line by line; a line whose delivery must wait ends it. How many addresses there were.
    pub fn deliver_lines(&mut self, state: &State, file: File) -> (Outcome, usize) {
        let limit = self.agent.settings.line_limit as u64;
        let mut input = BufReader::new(file);
        let (mut outcome, mut count) = (Outcome::Done, 0);
        while outcome == Outcome::Done {
            let mut line = Vec::new();
            match input.by_ref().take(limit).read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) if line.first() == Some(&b'#') => {}
                Ok(_) => {
                    let (result, more) = self.deliver_text(state, line.strip_suffix(b"\n").unwrap_or(&line));
                    outcome = result;
                    count += more;
                }
                Err(error) => {
                    let reason = format!("error reading forwarding file: {}", sys::reason(&error));
                    return (self.fail_with(state, "4.3.0", reason), count);
                }
            }
        }
        (outcome, count)
    }
}
