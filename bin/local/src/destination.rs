//! What an expansion can name (delivery-agents §2.6).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use address::{Class, Resolver, Rewriter};
use bstr::{BString, ByteSlice};
use deliver::Outcome;
use ipc::rewrite::resolved;
use logging::fatal;

use crate::state::State;
use crate::walk::Walk;

const CONFIGURATION: &str = "mail system configuration error";

impl Walk<'_, '_> {
    /// Delivers to everything that a text names; how much that was.
    pub fn deliver_text(&mut self, state: &State, text: &[u8]) -> (Outcome, usize) {
        let destinations = text::address::addresses(text);
        let mut all = Outcome::Done;
        for destination in &destinations {
            all = all.and(self.deliver_destination(state, destination));
        }
        (all, destinations.len())
    }

    fn deliver_destination(&mut self, state: &State, destination: &BString) -> Outcome {
        let rest = |length: usize| &destination[length..];
        match destination.as_slice() {
            [b'/', ..] => self.deliver_file(state, &path(destination)),
            [b'~', ..] => self.deliver_home_file(state, destination),
            [b'|', ..] if self.agent.settings.commands_from.allows(state.source) => {
                self.deliver_command(state, rest(1).into())
            }
            [b'|', ..] => self.fail_with(state, "5.7.1", "mail to command is restricted"),
            text if starts_with_ignoring_case(text, b":include:") => {
                self.deliver_include(state, rest(b":include:".len()))
            }
            _ => {
                let address = self.canonical(destination);
                self.deliver_address(state, address)
            }
        }
    }

    fn deliver_home_file(&mut self, state: &State, destination: &BString) -> Outcome {
        let Some(rest) = destination.strip_prefix(b"~").filter(|rest| rest.starts_with(b"/")) else {
            log::warn!("bad home directory syntax for: {}", text::show(destination));
            return self.fail_with(state, "5.3.5", CONFIGURATION);
        };
        let Some(account) = &state.rights else {
            log::warn!("unknown home directory for: {}", text::show(destination));
            return self.fail_with(state, "5.3.5", CONFIGURATION);
        };
        let home = account.home.as_os_str().as_bytes();
        let full = if home == b"/" { rest.to_vec() } else { [home, rest].concat() };
        self.deliver_file(state, &path(&full))
    }

    /// Completes an address in internal form, as for any local submission.
    pub fn canonical(&mut self, address: &[u8]) -> BString {
        self.agent.rewrite.rewrite_internal("local", address).unwrap_or_else(|error| fatal!("{error}"))
    }

    /// Delivers to a complete address: here, if it is one of this agent's, else as a new message.
    pub fn deliver_address(&mut self, parent: &State, address: BString) -> Outcome {
        let mut state = parent.deeper();
        let resolved = self
            .agent
            .rewrite
            .resolve(Class::Resolve, &state.sender, &address)
            .unwrap_or_else(|error| fatal!("{error}"));
        if resolved.flags & resolved::FAIL != 0 {
            return self.fail_with(&state, "4.3.0", "address resolver failure");
        }
        if resolved.flags & resolved::ERROR != 0 {
            let reason = format!("bad recipient address syntax: {}", text::show(&address));
            return self.fail_with(&state, "5.1.3", reason);
        }
        state.recipient.address = match &state.unmatched {
            Some(extension) => splice(&resolved.recipient, extension),
            None => resolved.recipient,
        };
        if resolved.transport == self.agent.service.as_str() {
            return self.deliver_recipient(&state);
        }
        self.deliver_indirect(&state)
    }
}

/// Puts an extension, with its delimiter, behind the local part.
fn splice(address: &[u8], extension: &[u8]) -> BString {
    let at = address.rfind_byte(b'@').unwrap_or(address.len());
    [&address[..at], extension, &address[at..]].concat().into()
}

pub fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

fn starts_with_ignoring_case(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_go_before_the_domain() {
        assert_eq!(splice(b"b@x", b"+ext"), "b+ext@x");
        assert_eq!(splice(b"b", b"+ext"), "b+ext");
    }

    #[test]
    fn the_include_tag_has_no_case() {
        assert!(starts_with_ignoring_case(b":Include:/a", b":include:"));
        assert!(!starts_with_ignoring_case(b":inc", b":include:"));
    }
}
