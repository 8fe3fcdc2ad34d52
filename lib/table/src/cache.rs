//! A table whose entries grow old: what postscreen and verify remember (access-milter-postscreen §11).

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bstr::{BString, ByteSlice};
use config::{Config, params};
use sys::privilege::{Account, ActingAs};

use crate::{Error, Flags, Mode, Table, Tables};

/// The key of the time when all entries were last looked at.
const LAST_CLEANUP: &[u8] = b"_LAST_CACHE_CLEANUP_COMPLETED_";
/// How far apart the complaints about an operation are at least.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);
/// Types that are a file, or two.
const FILE_TYPES: [&[u8]; 6] = [b"btree", b"hash", b"dbm", b"lmdb", b"sdbm", b"cdb"];

/// The cache failed, which has been logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cache failure")]
pub struct CacheError;

/// An open cache. Only one process may have it open.
#[derive(Debug)]
pub struct Cache {
    table: Table,
    name: String,
    cleanup: Option<Cleanup>,
    complaints: HashMap<&'static str, Instant>,
}

/// A search for old entries that has begun.
#[derive(Debug, Default)]
struct Cleanup {
    has_begun: bool,
    retained: u64,
    dropped: u64,
    /// An entry that is about to be deleted: after the cursor has moved past it. Until then it counts as gone.
    doomed: Option<BString>,
}

impl Cache {
    /// Opens the table `type:name`, with the rights of the mail owner. A file in a directory of somebody else is looked for in
    /// `data_directory` instead.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn open(tables: &Tables, config: &Config, table: &[u8]) -> Result<Self, String> {
        let owner = mail_owner(config)?;
        let name = redirected(table, config, &owner);
        let flags = Flags::REPLACE | Flags::SYNC_UPDATE | Flags::OPEN_LOCK | Flags::UTF8_REQUEST;
        let acting = ActingAs::new(owner.uid, owner.gid)
            .map_err(|error| format!("set effective user {}: {}", owner.name, sys::reason(&error)))?;
        let table = tables.try_open(&name, flags, Mode::Create).map_err(|error| error.to_string())?;
        drop(acting);
        let name = text::show(&name).to_string();
        Ok(Cache { table, name, cleanup: None, complaints: HashMap::new() })
    }

    /// A cache in memory.
    ///
    /// # Errors
    /// None that is known.
    pub fn in_memory(tables: &Tables, name: &str) -> Result<Self, String> {
        let full = format!("internal:{name}");
        let flags = Flags::REPLACE | Flags::UTF8_REQUEST;
        let table = tables.try_open(full.as_bytes(), flags, Mode::Create).map_err(|error| error.to_string())?;
        Ok(Cache { table, name: full, cleanup: None, complaints: HashMap::new() })
    }

    /// The value of a key.
    ///
    /// # Errors
    /// The table failed.
    pub fn get(&mut self, key: &[u8]) -> Result<Option<BString>, CacheError> {
        let is_doomed = |cleanup: &Cleanup| cleanup.doomed.as_deref().is_some_and(|doomed| doomed.as_slice() == key);
        if key == LAST_CLEANUP || self.cleanup.as_ref().is_some_and(is_doomed) {
            return Ok(None);
        }
        self.table.lookup(key).map_err(|error| {
            self.complain("lookup", &error, format_args!("cache lookup for '{}' failed due to error", text::show(key)))
        })
    }

    /// Stores an entry.
    ///
    /// # Errors
    /// The table failed.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), CacheError> {
        if let Some(cleanup) = &mut self.cleanup {
            cleanup.doomed.take_if(|doomed| doomed.as_slice() == key);
        }
        match self.table.update(key, value) {
            Ok(_) => Ok(()),
            Err(error) => {
                let text = format!("could not update entry for {}", text::show(key));
                Err(self.complain("update", &error, format_args!("{text}")))
            }
        }
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// The table failed. That there was none is no failure.
    pub fn remove(&mut self, key: &[u8]) -> Result<(), CacheError> {
        if let Some(cleanup) = &mut self.cleanup {
            cleanup.doomed.take_if(|doomed| doomed.as_slice() == key);
        }
        match self.table.delete(key) {
            Ok(_) => Ok(()),
            Err(error) => {
                let text = format!("could not delete entry for {}", text::show(key));
                Err(self.complain("delete", &error, format_args!("{text}")))
            }
        }
    }

    fn complain(&mut self, operation: &'static str, error: &Error, what: std::fmt::Arguments<'_>) -> CacheError {
        let now = Instant::now();
        let last = self.complaints.get(operation);
        if last.is_none_or(|last| now.saturating_duration_since(*last) >= COMPLAINT_INTERVAL) {
            self.complaints.insert(operation, now);
            log::warn!("{}: {what}", self.name);
            log::debug!("{}: {error}", self.name);
        }
        CacheError
    }

    /// How long it is until the next search for old entries, `interval` after the last one.
    pub fn cleanup_delay(&self, interval: Duration) -> Duration {
        if self.cleanup.is_some() {
            return Duration::ZERO;
        }
        let last = self.table.lookup(LAST_CLEANUP).ok().flatten();
        let last: Option<u64> = last.and_then(|text| text.to_str().ok()?.parse().ok());
        let elapsed = seconds_now().saturating_sub(last.unwrap_or(0));
        Duration::from_secs(interval.as_secs().saturating_sub(elapsed))
    }

    /// Looks at one entry, and removes it unless `keep` wants it; begins a search if there is none. False: the search is over.
    pub fn clean_up(&mut self, keep: impl FnOnce(&[u8], &[u8]) -> bool) -> bool {
        let restart = !self.cleanup.get_or_insert_default().has_begun;
        let next = self.table.sequence(restart);
        self.delete_doomed();
        let cleanup = self.cleanup.get_or_insert_default();
        cleanup.has_begun = true;
        match next {
            Ok(Some((key, value))) => {
                if key == LAST_CLEANUP || keep(&key, &value) {
                    cleanup.retained += u64::from(key != LAST_CLEANUP);
                } else {
                    cleanup.dropped += 1;
                    cleanup.doomed = Some(key);
                }
                true
            }
            Ok(None) => {
                self.end_cleanup("full");
                let now = seconds_now().to_string();
                // A failure has been logged; the next search is then sooner than it needs to be.
                let _ = self.put(LAST_CLEANUP, now.as_bytes());
                false
            }
            Err(error) => {
                self.complain("sequence", &error, format_args!("cache cleanup scan terminated due to error"));
                self.end_cleanup("partial");
                false
            }
        }
    }

    fn delete_doomed(&mut self) {
        if let Some(doomed) = self.cleanup.as_mut().and_then(|cleanup| cleanup.doomed.take()) {
            // A failure has been logged; the entry is looked at again next time.
            let _ = self.remove(&doomed);
        }
    }

    fn end_cleanup(&mut self, how: &str) {
        self.delete_doomed();
        if let Some(Cleanup { retained, dropped, .. }) = self.cleanup.take() {
            log::info!("cache {} {how} cleanup: retained={retained} dropped={dropped} entries", self.name);
        }
    }

    /// The process ends: so does a search that has begun.
    pub fn close(&mut self) {
        self.end_cleanup("partial");
    }
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn mail_owner(config: &Config) -> Result<Account, String> {
    let name = config.get(params::MAIL_OWNER);
    let account = name.to_str().ok().and_then(|name| sys::privilege::account(name).ok().flatten());
    account.ok_or_else(|| format!("unknown user: {}", text::show(name)))
}

/// The name of the table, in `data_directory` if its own directory belongs to somebody else.
fn redirected(table: &[u8], config: &Config, owner: &Account) -> BString {
    let Some((kind, name)) = table.split_once_str(":") else { return table.into() };
    let path = Path::new(OsStr::from_bytes(name));
    let (Some(directory), Some(base)) = (path.parent(), path.file_name()) else { return table.into() };
    let is_elsewhere = directory.metadata().is_ok_and(|status| status.uid() != owner.uid);
    if !FILE_TYPES.contains(&kind) || !is_elsewhere {
        return table.into();
    }
    let ours = config.get(params::DATA_DIRECTORY);
    log::warn!(
        "request to update table {} in non-{} directory {}",
        text::show(table),
        owner.name,
        text::show(directory.as_os_str().as_bytes())
    );
    log::warn!("redirecting the request to {}-owned data_directory {}", owner.name, text::show(ours));
    [kind, b":", ours.as_ref(), b"/", base.as_bytes()].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    fn cache() -> Cache {
        Cache::in_memory(&Tables::new(Settings::default()), "test").unwrap()
    }

    #[test]
    fn old_entries_are_removed_once_the_search_is_past_them() {
        let mut cache = cache();
        for key in [b"a", b"b", b"c"] {
            cache.put(key, b"old").unwrap();
        }
        cache.put(b"d", b"new").unwrap();
        let keep = |_: &[u8], value: &[u8]| value == b"new";
        assert!(cache.clean_up(keep));
        assert_eq!(cache.get(b"a"), Ok(None));
        cache.put(b"a", b"new").unwrap();
        assert!(cache.clean_up(keep) && cache.clean_up(keep) && cache.clean_up(keep) && !cache.clean_up(keep));
        assert_eq!(cache.get(b"a"), Ok(Some("new".into())));
        assert_eq!((cache.get(b"b"), cache.get(b"c")), (Ok(None), Ok(None)));
        assert_eq!(cache.get(b"d"), Ok(Some("new".into())));
    }

    #[test]
    fn the_next_search_is_an_interval_away() {
        let mut cache = cache();
        assert_eq!(cache.cleanup_delay(Duration::from_secs(100)), Duration::ZERO);
        assert!(!cache.clean_up(|_, _| true));
        let delay = cache.cleanup_delay(Duration::from_secs(100));
        assert!(delay > Duration::from_secs(90) && delay <= Duration::from_secs(100));
        assert_eq!(cache.get(LAST_CLEANUP), Ok(None));
    }
}
