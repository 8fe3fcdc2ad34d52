//! Building a table from its source (tables §3.6).

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use bstr::{BStr, BString, ByteSlice};
use nix::sys::signal::SigSet;
use sys::privilege::ActingAs;

use super::Command;
use crate::source::{AliasEntries, AliasProblem, Entries, Problem, files_value};
use crate::{Change, Error, Flags, Mode, Table};

/// The umask that building starts from.
const UMASK: u32 = 0o022;

/// What the source looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// postmap(1).
    Map,
    /// aliases(5), and the value of the mark that names the host (`myhostname`).
    Aliases(BString),
}

/// How a table is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// What the source looks like.
    pub format: Format,
    /// `-i`: entries come from the standard input, and are added to what is there.
    pub incremental: bool,
    /// No `-o`: a table that root builds belongs to the owner of the source.
    pub as_owner: bool,
    /// No `-p`: a new indexed file is no more accessible than the source.
    pub save_permissions: bool,
}

/// The source: all of it, its name in messages, and its status.
struct Source {
    text: Vec<u8>,
    name: String,
    status: Metadata,
}

impl Command {
    /// Builds, or adds to, a table.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn build(&self, argument: &BStr, options: &Build) -> Result<(), String> {
        let full_name = self.name(argument);
        let (kind, name) = full_name.split_once_str(":").unwrap_or((&full_name, b""));
        if kind == b"proxy" {
            return Err("can't create maps via the proxy service".into());
        }
        let source = read_source(name, options.incremental)?;
        let mode = if options.save_permissions { missing_permissions(&source.status) } else { 0 };
        sys::process::set_umask(UMASK | mode);
        let _rights = if options.as_owner { become_owner(&source, name)? } else { None };
        let signals = SignalsHeld::new(kind)?;
        let mode = if options.incremental { Mode::Create } else { Mode::Truncate };
        let table = self.tables.create(&full_name, self.flags, mode).map_err(|error| error.0)?;
        signals.opened();
        match &options.format {
            Format::Map => self.store_entries(&table, &source)?,
            Format::Aliases(host) => self.store_aliases(&table, &source, host)?,
        }
        table.finish().map_err(|error| self.failed(&table, "write", error))
    }

    fn store(&self, table: &Table, key: &[u8], value: &[u8]) -> Result<Change, String> {
        table.update(key, value).map_err(|error| self.failed(table, "write", error))
    }

    fn store_entries(&self, table: &Table, source: &Source) -> Result<(), String> {
        for entry in Entries::new(&source.text, table.flags().has(Flags::UTF8_ACTIVE)) {
            match entry {
                Ok((line, key, value)) => {
                    if !self.flags.has(Flags::SRC_RHS_IS_FILE) {
                        self.store(table, &key, &value)?;
                        continue;
                    }
                    match files_value(&value) {
                        Ok(value) => {
                            self.store(table, &key, &value)?;
                        }
                        Err(reason) => log::warn!("{}, line {line}: {reason}: skipping this entry", source.name),
                    }
                }
                Err(Problem::Misplaced(problem)) => log::warn!("{}: {problem}", source.name),
                Err(Problem::Line { line, text, .. }) => log::warn!("{}, line {line}: {text}", source.name),
            }
        }
        Ok(())
    }

    fn store_aliases(&self, table: &Table, source: &Source, host: &[u8]) -> Result<(), String> {
        for entry in AliasEntries::new(&source.text, table.flags().has(Flags::UTF8_ACTIVE)) {
            match entry {
                Ok((_, name, value)) => {
                    self.store(table, &name, &value)?;
                }
                Err(AliasProblem::Misplaced(problem)) => log::warn!("{}: {problem}", source.name),
                Err(AliasProblem::Line(line, text)) => log::warn!("{}, line {line}: {text}", source.name),
            }
        }
        self.store_marks(table, host)
    }

    /// What sendmail and NIS tools look for. The `YP_` entries have no NUL, whatever the others have, and replace old ones.
    fn store_marks(&self, table: &Table, host: &[u8]) -> Result<(), String> {
        let failed = |error: Error| self.failed(table, "write", error);
        table.update_with(b"@", b"@", table.flags() | Flags::REPLACE).map_err(failed)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = format!("{:010}", now.as_secs());
        for (name, value) in [(&b"YP_LAST_MODIFIED"[..], time.as_bytes()), (b"YP_MASTER_NAME", host)] {
            table.update_mark(name, value).map_err(failed)?;
        }
        Ok(())
    }
}

fn read_source(name: &[u8], from_stdin: bool) -> Result<Source, String> {
    let (mut file, shown) = match from_stdin {
        true => (sys::descriptor::standard(0), "stdin".to_owned()),
        false => (File::open(std::ffi::OsStr::from_bytes(name)), text::show(name).to_string()),
    };
    let failed = |what: &str, error: &io::Error| format!("{what} {shown}: {}", sys::reason(error));
    let file = file.as_mut().map_err(|error| failed("open", error))?;
    let status = file.metadata().map_err(|error| failed("fstat", &error))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(|error| failed("read", &error))?;
    Ok(Source { text, name: shown, status })
}

/// The bits of group and others that a regular source lacks.
fn missing_permissions(status: &Metadata) -> u32 {
    if status.is_file() { !status.mode() & 0o077 } else { 0 }
}

/// Root builds with the rights of the source's owner.
fn become_owner(source: &Source, name: &[u8]) -> Result<Option<ActingAs>, String> {
    if sys::privilege::real_uid() != 0 {
        return Ok(None);
    }
    let (uid, gid) = (source.status.uid(), source.status.gid());
    if uid == 0 {
        warn_about_directory(&source.name, name);
        return Ok(None);
    }
    ActingAs::new(uid, gid).map(Some).map_err(|error| format!("set_eugid: {}", sys::reason(&error)))
}

/// Who owns the directory could put another file in place of root's.
fn warn_about_directory(source: &str, name: &[u8]) {
    let path = Path::new(std::ffi::OsStr::from_bytes(name));
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if directory.metadata().is_ok_and(|status| status.uid() != 0) {
        let (path, directory) = (text::show(name), text::show(directory.as_os_str().as_bytes()));
        log::warn!(
            "Creating root-owned database file(s) {path}.* in non-root-owned directory {directory}. Files {source}, \
             {path}.*, and directory {directory} should have the same owner. Please fix ownership to avoid a \
             privilege-escalation attack."
        );
    }
}

/// Signals wait while a file is built in place. LMDB writes at the end, in a transaction, and cdb another file.
struct SignalsHeld {
    before: Option<SigSet>,
    until_opened: bool,
}

impl SignalsHeld {
    fn new(kind: &[u8]) -> Result<Self, String> {
        let before = SigSet::thread_get_mask().and_then(|before| SigSet::all().thread_block().map(|()| before));
        let before = before.map_err(|errno| format!("sigprocmask: {}", sys::reason(&errno.into())))?;
        Ok(SignalsHeld { before: Some(before), until_opened: kind == b"lmdb" })
    }

    fn opened(&self) {
        if self.until_opened {
            self.release();
        }
    }

    fn release(&self) {
        if let Some(before) = &self.before
            && let Err(errno) = before.thread_set_mask()
        {
            log::warn!("sigprocmask: {}", sys::reason(&errno.into()));
        }
    }
}

impl Drop for SignalsHeld {
    fn drop(&mut self) {
        self.release();
    }
}
