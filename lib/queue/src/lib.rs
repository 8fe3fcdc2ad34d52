//! Queue IDs, queue directories, records and queue files (floor 2).
#![forbid(unsafe_code)]
