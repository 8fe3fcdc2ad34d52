//! Starts the daemons of master.cf on demand, and looks after them.
#![forbid(unsafe_code)]

fn main() {}
