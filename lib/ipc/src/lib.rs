//! The attribute protocol, and every internal service's request and reply as a type (floor 2).
#![forbid(unsafe_code)]
