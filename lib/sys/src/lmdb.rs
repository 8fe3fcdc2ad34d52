//! The two steps of LMDB that the compiler cannot vouch for: opening an environment without LMDB's own locks, and
//! changing its map size. All else is heed's safe interface.

use std::path::Path;

use heed::{Env, EnvFlags, EnvOpenOptions, WithoutTls};

/// Opens (and creates, unless `read_only`) the one-file environment `path`, without a lock file and without any locking.
///
/// The caller keeps LMDB's rules with locks of its own, held by all programs that use the file (tables §4.2): no writer
/// beside another, and none that reuses pages beside a reader. `map_size` is in bytes, a multiple of the page size.
pub fn open(path: &Path, map_size: usize, read_only: bool) -> Result<Env<WithoutTls>, heed::Error> {
    let mut flags = EnvFlags::NO_SUB_DIR | EnvFlags::NO_LOCK;
    if read_only {
        flags |= EnvFlags::READ_ONLY;
    }
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(map_size);
    // SAFETY: NO_LOCK asks that the caller keeps LMDB's locking rules, which is this function's contract; NO_SUB_DIR and
    // READ_ONLY have no demands. A memory map asks that nobody changes the file but by LMDB: as for any table file, who
    // may write it is a matter of its permissions, and the genuine Postfix relies on the same.
    unsafe { options.flags(flags).open(path) }
}

/// Changes the map size. `&mut` says what LMDB demands: no transaction is active in this process.
pub fn resize(env: &mut Env<WithoutTls>, map_size: usize) -> Result<(), heed::Error> {
    // SAFETY: transactions borrow the environment that they came from, so there are none while we hold it mutably; the
    // environment is not cloned by its only user, the lmdb table.
    unsafe { env.resize(map_size) }
}
