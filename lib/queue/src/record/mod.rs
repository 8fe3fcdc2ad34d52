//! Records: the format of queue files, maildrop files, and the message stream to cleanup and postdrop
//! (queue-files §1, §2).
//!
//! [`decode`] and [`write`] are the format without I/O; [`Reader`] and [`Writer`] put them on files and sockets.

mod codec;
mod reader;
mod types;
mod writer;

pub use codec::{Decoded, MAX_PAYLOAD, Malformed, decode, write};
pub use reader::{MAX_REVERSE_JUMPS, Pointer, ReadError, Reader, Record};
pub use types::{RecordType, TypeSet};
pub use writer::{POINTER_RECORD_LENGTH, Writer, filler, pointer_payload, write_text};
