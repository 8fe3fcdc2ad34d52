//! Which addresses a kind of mapping applies to (cleanup-rewrite §12.4).

use text::list::{SEPARATORS, split};

/// What an address is to its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    EnvelopeSender,
    EnvelopeRecipient,
    HeaderSender,
    HeaderRecipient,
}

impl Role {
    /// The names of `canonical_classes` and `masquerade_classes`.
    pub const ALL: [Role; 4] =
        [Role::EnvelopeSender, Role::EnvelopeRecipient, Role::HeaderSender, Role::HeaderRecipient];
    /// The names of `sender_canonical_classes`.
    pub const SENDERS: [Role; 2] = [Role::EnvelopeSender, Role::HeaderSender];
    /// The names of `recipient_canonical_classes`.
    pub const RECIPIENTS: [Role; 2] = [Role::EnvelopeRecipient, Role::HeaderRecipient];

    fn name(self) -> &'static [u8] {
        match self {
            Role::EnvelopeSender => b"envelope_sender",
            Role::EnvelopeRecipient => b"envelope_recipient",
            Role::HeaderSender => b"header_sender",
            Role::HeaderRecipient => b"header_recipient",
        }
    }
}

/// A set of roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes(Vec<Role>);

impl Classes {
    /// Reads a list of the names of `known` roles. `kind` is the parameter that the message speaks of.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn parse(kind: &str, known: &[Role], value: &[u8]) -> Result<Classes, String> {
        let role =
            |name: &[u8]| {
                known.iter().copied().find(|role| role.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
                    format!("unknown {kind} value \"{}\" in \"{}\"", text::show(name), text::show(value))
                })
            };
        split(value, SEPARATORS).map(role).collect::<Result<_, _>>().map(Classes)
    }

    /// Does it apply to addresses of this role?
    pub fn cover(&self, role: Role) -> bool {
        self.0.contains(&role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let classes = Classes::parse("masquerade_classes", &Role::ALL, b"header_sender, Envelope_Recipient").unwrap();
        assert!(classes.cover(Role::HeaderSender) && classes.cover(Role::EnvelopeRecipient));
        assert!(!classes.cover(Role::HeaderRecipient));
        let error = Classes::parse("canonical_classes", &Role::SENDERS, b"header_recipient").unwrap_err();
        assert_eq!(error, "unknown canonical_classes value \"header_recipient\" in \"header_recipient\"");
    }
}
