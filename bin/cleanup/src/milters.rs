//! What becomes of mail that Milters should have seen, where there is no Milter client to ask (access-milter-postscreen §7.7).

/// `milter_default_action`: what happens to mail when a Milter cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultAction {
    Accept,
    Reject,
    Tempfail,
    Quarantine,
    /// The name means nothing; mail waits until that is mended.
    Unknown,
}

impl DefaultAction {
    /// The action of this name.
    pub fn parse(name: &[u8]) -> DefaultAction {
        match name {
            b"accept" => DefaultAction::Accept,
            b"reject" => DefaultAction::Reject,
            b"tempfail" => DefaultAction::Tempfail,
            b"quarantine" => DefaultAction::Quarantine,
            _ => DefaultAction::Unknown,
        }
    }
}
