//! Posting a message to the cleanup service (floor 3).
#![forbid(unsafe_code)]
