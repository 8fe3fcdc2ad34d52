//! `unix:passwd.byname` and `unix:group.byname` (tables §4.13).

use bstr::ByteSlice;
use nix::unistd::{Gid, Group, Uid, User};

use super::Request;
use crate::error::open_error;
use crate::map::{Facts, Map, Owner};
use crate::{Error, Lookup, OpenError};

#[derive(Clone, Copy)]
enum Unix {
    Password,
    Group,
}

pub(super) fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    let table = match request.name.as_bytes() {
        b"passwd.byname" => Unix::Password,
        b"group.byname" => Unix::Group,
        _ => return Err(open_error!("unknown table: {}", request.full_name())),
    };
    request.read_only()?;
    Ok(Box::new(table))
}

impl Map for Unix {
    fn facts(&self) -> Facts {
        Facts::fixed(Owner::Trusted)
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        // The system's databases are asked by text; other bytes name nobody.
        let Some(name) = std::str::from_utf8(key).ok().filter(|name| !name.contains('\0')) else {
            return Ok(None);
        };
        let found = match self {
            Unix::Password => User::from_name(name).map(|user| user.map(password_line)),
            Unix::Group => Group::from_name(name).map(|group| group.map(group_line)),
        };
        match found {
            Ok(Some(line)) => Ok(Some(line.into())),
            Ok(None) => self.check_readable().map(|()| None),
            Err(errno) => Err(self.unreadable(Error::system(&errno.into()))),
        }
    }
}

impl Unix {
    /// A database without root is one that cannot be read.
    fn check_readable(self) -> Result<(), Error> {
        let root = match self {
            Unix::Password => User::from_uid(Uid::from_raw(0)).map(|user| user.is_some()),
            Unix::Group => Group::from_gid(Gid::from_raw(0)).map(|group| group.is_some()),
        };
        match root {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.unreadable(Error::RETRY)),
            Err(errno) => Err(self.unreadable(Error::system(&errno.into()))),
        }
    }

    fn unreadable(self, error: Error) -> Error {
        let what = match self {
            Unix::Password => "password",
            Unix::Group => "group",
        };
        log::warn!("cannot access UNIX {what} database: {error}");
        error
    }
}

fn password_line(user: User) -> Vec<u8> {
    let ids = format!("{}:{}", user.uid, user.gid);
    let (home, shell) = (user.dir.into_os_string(), user.shell.into_os_string());
    let fields: [&[u8]; 6] = [
        user.name.as_bytes(),
        user.passwd.as_bytes(),
        ids.as_bytes(),
        user.gecos.as_bytes(),
        std::os::unix::ffi::OsStrExt::as_bytes(home.as_os_str()),
        std::os::unix::ffi::OsStrExt::as_bytes(shell.as_os_str()),
    ];
    fields.join(&b':')
}

fn group_line(group: Group) -> Vec<u8> {
    let gid = group.gid.to_string();
    let members = group.mem.join(",");
    [group.name.as_bytes(), group.passwd.as_bytes(), gid.as_bytes(), members.as_bytes()].join(&b':')
}
