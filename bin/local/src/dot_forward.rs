//! `.forward` files (delivery-agents §2.8).

use std::os::unix::fs::MetadataExt;

use bstr::BString;
use deliver::Outcome;
use ipc::bounce::notify;
use ipc::delivery::flag;
use text::expand::{Options, Part, expand, parts};
use text::list;

use crate::alias::drop_success;
use crate::destination::path;
use crate::file::acting_as;
use crate::settings::Source;
use crate::state::State;
use crate::walk::Walk;

/// A file that is there.
struct Found {
    path: BString,
    /// Its name has the extension in it, so the extension is used up.
    has_extension: bool,
    metadata: std::fs::Metadata,
}

impl Walk<'_, '_> {
    /// Delivers to what the user's `.forward` file says; `None` when there is none that counts.
    pub fn deliver_dot_forward(&mut self, parent: &State) -> Option<Outcome> {
        let mut state = parent.deeper();
        if text::space::trim(&self.agent.settings.forward_path).is_empty() {
            return None;
        }
        let account = match self.lookup_user(&state) {
            Ok(account) => account?,
            Err(outcome) => return Some(outcome),
        };
        if !self.agent.settings.frozen_delivered_to {
            state.delivered = Some(state.recipient.address.clone());
        }
        state.rights = Some(account);
        state.source = Some(Source::Forward);
        state.owner = Some(state.parts.user.clone());
        let found = self.find_dot_forward(&state)?;
        if found.has_extension || !self.agent.settings.propagate.allows(Some(Source::Forward)) {
            state.unmatched = None;
        }
        if self.job.request.flags & flag::MTA_VERIFY != 0 {
            return Some(self.sent(&state, [b"forward via file: ", found.path.as_slice()].concat()));
        }
        let done = [b"forward-done ", found.path.as_slice()].concat();
        if !self.is_new([b"forward ", found.path.as_slice()].concat()) {
            // Inside the file's own expansion the user is meant.
            return self.was_seen(&done).then_some(Outcome::Done);
        }
        state.expanding = Some(state.parts.local.clone());
        let file = match self.open_dot_forward(&state, &found) {
            Ok(file) => file,
            Err(warning) => {
                log::warn!("{warning}");
                return None;
            }
        };
        let before = state.recipient.clone();
        drop_success(&mut state.recipient);
        let (outcome, count) = self.deliver_lines(&state, file);
        if count == 0 && outcome == Outcome::Done {
            return None;
        }
        self.is_new(&done);
        if before.notify & notify::SUCCESS != 0 && outcome == Outcome::Done {
            return Some(self.trace_expansion(&before, "expanded"));
        }
        Some(outcome)
    }

    /// The first file of `forward_path` that is there, whatever it is.
    fn find_dot_forward(&self, state: &State) -> Option<Found> {
        let settings = &self.agent.settings;
        let options = Options { recursive: false, filter: Some(&settings.forward_filter) };
        list::split(&settings.forward_path, b", \t\r\n").find_map(|element| {
            let expanded = match expand(element, &options, &mut |name| self.macro_value(state, name)) {
                Ok(expanded) if !expanded.undefined => expanded.text,
                Ok(_) => return None,
                Err(error) => {
                    log::warn!("{error}");
                    return None;
                }
            };
            let account = state.rights.as_ref()?;
            let _acting = acting_as(account.uid, account.gid).ok()?;
            let metadata = std::fs::symlink_metadata(path(&expanded)).ok()?;
            Some(Found { path: expanded, has_extension: uses_extension(element), metadata })
        })
    }

    fn open_dot_forward(&self, state: &State, found: &Found) -> Result<std::fs::File, String> {
        let shown = text::show(&found.path);
        let metadata = &found.metadata;
        if !metadata.is_file() {
            return Err(format!("file {shown} is not a regular file"));
        }
        if metadata.uid() != 0 && metadata.uid() != state.uid() {
            return Err(format!("file {shown} has bad owner uid {}", metadata.uid()));
        }
        if metadata.mode() & 0o002 != 0 {
            return Err(format!("file {shown} is world writable"));
        }
        self.open_as(state, &found.path).map_err(|reason| format!("cannot open file {shown}: {reason}"))
    }
}

/// Whether an element has the value of `$extension` in it, and not only a test for it.
fn uses_extension(element: &[u8]) -> bool {
    parts(element).any(|part| match part {
        Ok(Part::Value(name)) => name == b"extension",
        Ok(Part::Call(_, argument)) => uses_extension(argument),
        Ok(Part::Select(select)) => uses_extension(select.then) || uses_extension(select.otherwise),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_is_used_by_its_value_alone() {
        assert!(uses_extension(b"$home/.forward${recipient_delimiter}${extension}"));
        assert!(uses_extension(b"${extension?{x$extension}}"));
        assert!(!uses_extension(b"$home/.forward"));
        assert!(!uses_extension(b"${extension?{x}}"));
    }
}
