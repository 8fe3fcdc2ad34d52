//! The names that `$name` in local's parameters can have (delivery-agents §2.8).

use bstr::BString;

use crate::state::State;
use crate::walk::Walk;

impl Walk<'_, '_> {
    /// The value of a name; none when it is not defined here.
    pub fn macro_value(&self, state: &State, name: &[u8]) -> Option<BString> {
        let parts = &state.parts;
        let account = state.rights.as_ref();
        let bytes = |path: &std::path::Path| BString::from(path.as_os_str().as_encoded_bytes());
        match name {
            b"user" => Some(parts.user.clone()),
            b"home" => account.map(|account| bytes(&account.home)),
            b"shell" => account.map(|account| bytes(&account.shell)),
            b"domain" => parts.domain.clone(),
            b"local" | b"mailbox" => Some(parts.local.clone()),
            b"recipient" => Some(state.recipient.address.clone()),
            b"extension" => parts.extension.clone(),
            b"recipient_delimiter" => parts.delimiter.map(|delimiter| BString::from(&[delimiter][..])),
            _ => None,
        }
    }
}
