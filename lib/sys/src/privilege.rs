//! Users, and giving up rights: for good, or for one operation.

use std::ffi::CString;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use crate::reason;
use nix::unistd::{
    Gid, Group, Uid, User, chdir, chroot, getegid, geteuid, getgid, getgroups, getuid, initgroups, setgid, setgroups,
    setresgid, setresuid, setuid,
};

/// An account of the system: what getpwnam(3) knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// User ID.
    pub uid: u32,
    /// Primary group ID.
    pub gid: u32,
    /// The GECOS field.
    pub gecos: Vec<u8>,
    /// Home directory.
    pub home: PathBuf,
    /// Login shell.
    pub shell: PathBuf,
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            gecos: user.gecos.into_bytes(),
            home: user.dir,
            shell: user.shell,
        }
    }
}

/// Looks up an account by login name.
///
/// # Errors
/// When the user database cannot be read; a name that does not exist is `Ok(None)`.
pub fn account(name: &str) -> io::Result<Option<Account>> {
    if name.contains('\0') {
        return Ok(None);
    }
    Ok(User::from_name(name)?.map(Account::from))
}

/// A name that is in no database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// No user has it.
    User(String),
    /// No group has it.
    Group(String),
}

/// User and group ID of `name` or `name:group`; without a group, it is the user's own.
///
/// # Errors
/// The name that is not known. A database that cannot be read knows none.
pub fn user_and_group(text: &str) -> Result<(u32, u32), Unknown> {
    let (name, group_name) = text.split_once(':').unwrap_or((text, ""));
    let user = account(name).ok().flatten().ok_or_else(|| Unknown::User(name.into()))?;
    if group_name.is_empty() {
        return Ok((user.uid, user.gid));
    }
    let gid = group(group_name).ok().flatten().ok_or_else(|| Unknown::Group(group_name.into()))?;
    Ok((user.uid, gid))
}

/// Looks up an account by user ID.
///
/// # Errors
/// When the user database cannot be read.
pub fn account_of(uid: u32) -> io::Result<Option<Account>> {
    Ok(User::from_uid(Uid::from_raw(uid))?.map(Account::from))
}

/// The group ID of a group name.
///
/// # Errors
/// When the group database cannot be read.
pub fn group(name: &str) -> io::Result<Option<u32>> {
    if name.contains('\0') {
        return Ok(None);
    }
    Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()))
}

/// The name of a group ID.
///
/// # Errors
/// When the group database cannot be read.
pub fn group_of(gid: u32) -> io::Result<Option<String>> {
    Ok(Group::from_gid(Gid::from_raw(gid))?.map(|group| group.name))
}

/// The real user ID of this process.
pub fn real_uid() -> u32 {
    getuid().as_raw()
}

/// The real group ID of this process.
pub fn real_gid() -> u32 {
    getgid().as_raw()
}

/// The effective user ID of this process.
pub fn effective_uid() -> u32 {
    geteuid().as_raw()
}

/// The effective group ID of this process.
pub fn effective_gid() -> u32 {
    getegid().as_raw()
}

/// Whether this program runs set-uid or set-gid, so that its caller's environment and arguments cannot be trusted.
pub fn is_set_id() -> bool {
    geteuid() != getuid() || getegid() != getgid()
}

/// Gives up privileges for good: setgid, initgroups, chroot to `jail`, setuid to the account when `change_user`
/// (master-ipc §8.3 step 10).
///
/// With a jail and without `change_user` the process stays root inside the jail.
///
/// # Errors
/// The text names the call that failed, as daemons log it: `setgid(<n>): <reason>` and so on.
pub fn drop_privileges(account: &Account, jail: Option<&Path>, change_user: bool) -> Result<(), String> {
    let gid = Gid::from_raw(account.gid);
    if change_user || jail.is_some() {
        setgid(gid).map_err(|error| format!("setgid({gid}): {}", reason(&error.into())))?;
        let name = CString::new(account.name.as_str()).map_err(|_| format!("unknown user: {}", account.name))?;
        initgroups(&name, gid).map_err(|error| format!("initgroups: {}", reason(&error.into())))?;
    }
    if let Some(jail) = jail {
        chroot(jail).map_err(|error| format!("chroot({}): {}", jail.display(), reason(&error.into())))?;
        chdir("/").map_err(|error| format!("chdir(/): {}", reason(&error.into())))?;
    }
    if change_user {
        setuid(Uid::from_raw(account.uid))
            .map_err(|error| format!("setuid({}): {}", account.uid, reason(&error.into())))?;
    }
    Ok(())
}

/// Becomes the given user and group for good: real, effective and saved IDs, and no supplementary groups. For commands that run
/// on behalf of a user.
///
/// # Errors
/// What the system reports.
pub fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    if geteuid().is_root() {
        setgroups(&[gid])?;
    }
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    Ok(())
}

/// Acts with the rights of another user and group until it goes out of scope. Only a process that has root as its real or saved
/// user can do this; for any other, it does nothing when it already has those IDs and fails otherwise.
///
/// The rights are those of the calling thread: Linux knows no others, and the C library's calls, which make all threads follow,
/// interrupt each of them at every step. What this thread starts inherits them.
#[derive(Debug)]
pub struct ActingAs {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
    /// It belongs to its thread.
    thread: PhantomData<*const ()>,
}

impl ActingAs {
    /// Switches effective user, group and supplementary groups.
    ///
    /// # Errors
    /// `EPERM` for a process without root's rights.
    pub fn new(uid: u32, gid: u32) -> io::Result<Self> {
        let before = Self { uid: geteuid(), gid: getegid(), groups: getgroups()?, thread: PhantomData };
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        if (uid, gid) != (before.uid, before.gid) {
            before.switch(uid, gid, &[gid])?;
        }
        Ok(before)
    }

    fn switch(&self, uid: Uid, gid: Gid, groups: &[Gid]) -> io::Result<()> {
        if !geteuid().is_root() {
            thread::set_effective_user(Uid::from_raw(0))?;
        }
        thread::set_effective_group(gid)?;
        thread::set_groups(groups)?;
        thread::set_effective_user(uid)
    }
}

impl Drop for ActingAs {
    fn drop(&mut self) {
        if (geteuid(), getegid()) != (self.uid, self.gid) && self.switch(self.uid, self.gid, &self.groups).is_err() {
            // A process whose rights are not what it believes must not go on.
            std::process::abort();
        }
    }
}

/// Effective IDs of one thread.
mod thread {
    use std::io;

    use nix::unistd::{Gid, Uid};

    /// Leaves an ID as it is.
    const KEEP: libc::c_long = -1;

    pub(super) fn set_effective_user(uid: Uid) -> io::Result<()> {
        // SAFETY: the call takes numbers, and touches no memory.
        checked(unsafe { libc::syscall(libc::SYS_setresuid, KEEP, libc::c_long::from(uid.as_raw()), KEEP) })
    }

    pub(super) fn set_effective_group(gid: Gid) -> io::Result<()> {
        // SAFETY: the call takes numbers, and touches no memory.
        checked(unsafe { libc::syscall(libc::SYS_setresgid, KEEP, libc::c_long::from(gid.as_raw()), KEEP) })
    }

    pub(super) fn set_groups(groups: &[Gid]) -> io::Result<()> {
        let groups: Vec<libc::gid_t> = groups.iter().map(|gid| gid.as_raw()).collect();
        // SAFETY: the call reads as many IDs as the vector has.
        checked(unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) })
    }

    fn checked(result: libc::c_long) -> io::Result<()> {
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn users_and_groups_by_name() {
        use super::{Unknown, user_and_group};
        assert_eq!(user_and_group("root"), Ok((0, 0)));
        assert_eq!(user_and_group("root:"), Ok((0, 0)));
        assert!(matches!(user_and_group("root:daemon"), Ok((0, gid)) if gid != 0));
        assert_eq!(user_and_group("no-such:root"), Err(Unknown::User("no-such".into())));
        assert_eq!(user_and_group("root:no-such"), Err(Unknown::Group("no-such".into())));
    }

    use super::*;

    #[test]
    fn root_is_known_and_nonsense_is_not() {
        assert_eq!(account("root").unwrap().unwrap().uid, 0);
        assert_eq!(account_of(0).unwrap().unwrap().name, "root");
        assert_eq!(account("no such user").unwrap(), None);
        assert_eq!(account("a\0b").unwrap(), None);
        assert_eq!(group("root").unwrap(), Some(0));
    }
}
