//! main.cf, master.cf and the parameter registry (floor 2).
#![forbid(unsafe_code)]
