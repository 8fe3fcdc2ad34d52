//! The files to show.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;

use bstr::BString;
use queue::file::Access;
use queue::{QueueDir, QueueId, Spool};

use crate::options::Options;

/// A file that was opened, with the name under which it is shown.
pub struct Source {
    /// Its path, or `stdin`.
    pub name: BString,
    /// Its content.
    pub file: File,
}

/// Where a queue ID is looked for.
const SEARCHED: [QueueDir; 6] =
    [QueueDir::Maildrop, QueueDir::Incoming, QueueDir::Active, QueueDir::Deferred, QueueDir::Hold, QueueDir::Saved];

/// Opens one file after the other; one that cannot be opened ends the program.
pub fn sources(options: &Options, spool: &Spool) -> impl Iterator<Item = Source> {
    let standard = options.operands.is_empty().then(standard_input);
    let named =
        options.operands.iter().map(|operand| if options.by_id { by_id(operand, spool) } else { by_path(operand) });
    standard.into_iter().chain(named)
}

fn standard_input() -> Source {
    match sys::descriptor::standard(0) {
        Ok(file) => Source { name: "stdin".into(), file },
        Err(error) => logging::fatal!("open stdin: {}", sys::reason(&error)),
    }
}

fn by_path(path: &BString) -> Source {
    match File::open(OsStr::from_bytes(path)) {
        Ok(file) => Source { name: path.clone(), file },
        Err(error) => logging::fatal!("open {}: {}", text::show(path), sys::reason(&error)),
    }
}

/// Looks twice: a message can move from one queue to another meanwhile.
fn by_id(name: &BString, spool: &Spool) -> Source {
    let Some(id) = QueueId::parse(name) else { logging::fatal!("bad mail queue ID: {}", text::show(name)) };
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for dir in SEARCHED.into_iter().chain(SEARCHED) {
        match spool.open(dir, &id, Access::Read) {
            Ok(file) => {
                return Source { name: spool.path(dir, &id).into_os_string().into_encoded_bytes().into(), file };
            }
            Err(error) => failure = error,
        }
    }
    logging::fatal!("open queue file {id}: {}", sys::reason(&failure));
}
