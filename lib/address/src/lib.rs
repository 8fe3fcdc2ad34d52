//! How addresses are looked up, rewritten and matched (floor 4).
#![forbid(unsafe_code)]
