//! `texthash:`: a postmap source file, read into memory (tables §4.5).

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use super::Request;
use super::memory::Memory;
use crate::error::open_error;
use crate::flags::Duplicates;
use crate::map::{Map, Owner};
use crate::source::{Entries, Problem};
use crate::{Flags, OpenError};

/// A file modified this recently may still be being written.
const UNSETTLED: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(300);

pub(super) fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    request.read_only()?;
    let (text, uid) = read_settled(request.path())
        .map_err(|error| open_error!("open database {}: {}", text::show(request.name), sys::reason(&error)))?;
    let mut table = Memory::new(Owner::of(uid), request.full_name());
    fill(&mut table, &text, request)?;
    Ok(Box::new(table))
}

fn fill(table: &mut Memory, source: &[u8], request: &Request<'_>) -> Result<(), OpenError> {
    let name = text::show(request.name);
    for entry in Entries::new(source, request.flags.has(Flags::UTF8_ACTIVE)) {
        let (line, key, value) = match entry {
            Ok(entry) => entry,
            Err(Problem::Misplaced(problem)) => {
                log::warn!("{name}: {problem}");
                continue;
            }
            Err(Problem::Line { line, text, skipped }) => {
                let end = if skipped && !text.ends_with("this line") { " -- ignoring this line" } else { "" };
                log::warn!("{name}, line {line}: {text}{end}");
                continue;
            }
        };
        let folded = request.fold(&key);
        if !table.add(folded.clone(), value.clone()) {
            let duplicate = format!("{name}, line {line}: duplicate entry: \"{}\"", text::show(&key));
            match request.flags.duplicates() {
                Duplicates::Fatal => return Err(OpenError(duplicate)),
                Duplicates::Warn => log::warn!("{duplicate}"),
                Duplicates::Ignore => {}
                Duplicates::Replace => table.set(folded, value),
            }
        }
    }
    Ok(())
}

/// The content and the owner of a file that nobody is writing to.
pub(super) fn read_settled(path: &Path) -> io::Result<(Vec<u8>, u32)> {
    loop {
        let mut file = File::open(path)?;
        let before = SystemTime::now();
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let status = file.metadata()?;
        let age = before.duration_since(status.modified()?);
        // A time in the future is no sign of a writer, or we would wait for it to come.
        if age.is_ok_and(|age| age > UNSETTLED) || status.modified()? > SystemTime::now() + UNSETTLED {
            return Ok((text, status.uid()));
        }
        sleep(PAUSE);
    }
}
