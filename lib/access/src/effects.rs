//! What else is to be done with a message.

use bstr::BString;

/// What access tables and policy servers want, beside a decision (access-milter-postscreen §4.7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// The message goes to the hold queue.
    pub hold: bool,
    /// The message is accepted and thrown away.
    pub discard: bool,
    /// The content filter, `transport:destination`: the last one.
    pub filter: Option<BString>,
    /// The recipient in place of all others: the last one.
    pub redirect: Option<BString>,
    /// Recipients of copies, in order.
    pub bcc: Vec<BString>,
    /// Headers in front of the Received: header of this server, in order.
    pub prepend: Vec<BString>,
}
