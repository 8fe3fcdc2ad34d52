//! Lookup tables that live in files or in memory (floor 3).
#![forbid(unsafe_code)]
mod berkeley;
