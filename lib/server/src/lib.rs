//! The frame that every daemon runs in, under master or alone (floor 3).
#![forbid(unsafe_code)]
