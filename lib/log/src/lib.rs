//! Log events, their exact text, and where log records go (floor 2).
#![forbid(unsafe_code)]
