//! What delivery agents share: the request loop, outcomes, mailboxes, commands (floor 5).
#![forbid(unsafe_code)]
