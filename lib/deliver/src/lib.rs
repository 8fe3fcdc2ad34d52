//! What delivery agents share: the request loop, outcomes, mailboxes, commands (floor 4).
#![forbid(unsafe_code)]
