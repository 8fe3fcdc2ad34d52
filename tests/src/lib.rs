//! Black-box tests of the whole mail system, and their harness.
#![forbid(unsafe_code)]
