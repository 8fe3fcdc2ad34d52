//! Access restrictions: lists, tables, policy servers, recipient validation.
#![forbid(unsafe_code)]
