//! The SMTP and LMTP dialogues, both sides, as engines without I/O, and timed streams.
#![forbid(unsafe_code)]
