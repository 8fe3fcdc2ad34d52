//! The table types (tables §4).

mod berkeley;
mod cdb;
mod cidr;
mod compose;
mod constant;
mod environ;
mod expression;
mod indexed;
mod inline;
mod literal;
mod lmdb;
mod memory;
mod nis;
mod pcre;
pub(crate) mod proxy;
mod randmap;
mod regexp;
mod rules;
pub(crate) mod socketmap;
mod tcp;
mod texthash;
mod unix;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};

use crate::berkeley::Method;
use crate::error::open_error;
use crate::map::Map;
use crate::{Flags, Mode, OpenError, Tables};

/// What a type needs to open a table.
#[derive(Debug)]
pub struct Request<'a> {
    /// The type, for messages.
    pub kind: &'a BStr,
    /// What comes after `type:`.
    pub name: &'a BStr,
    /// Open flags; [`Flags::UTF8_ACTIVE`] says whether checks are in force.
    pub flags: Flags,
    /// Access mode.
    pub mode: Mode,
    /// For the parameters, and for opening member tables.
    pub tables: &'a Tables,
}

impl Request<'_> {
    /// Types that can only be looked up refuse other access modes.
    ///
    /// # Errors
    /// The text for other modes.
    pub fn read_only(&self) -> Result<(), OpenError> {
        match self.mode {
            Mode::ReadOnly => Ok(()),
            _ => Err(open_error!("{} map requires O_RDONLY access mode", self.full_name())),
        }
    }

    /// Types whose answers nobody vouches for are refused where those decide about rights (tables §1.4).
    /// `sensitive` is how the type's text has that word.
    ///
    /// # Errors
    /// The text for tables that decide about rights.
    pub fn authenticated(&self, sensitive: &str) -> Result<(), OpenError> {
        match self.flags.has(Flags::NO_UNAUTH) {
            false => Ok(()),
            true => Err(open_error!("{} map is not allowed for {sensitive} data", self.full_name())),
        }
    }

    /// The name as a path.
    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.name))
    }

    /// The name of the indexed file.
    fn indexed_file(&self, suffix: &[u8]) -> Vec<u8> {
        let mut name = self.name.to_vec();
        name.extend_from_slice(suffix);
        name
    }

    /// A key of a table that is read into memory, folded like those that will be looked up.
    fn fold(&self, key: &[u8]) -> BString {
        match self.flags.has(Flags::FOLD_FIX) {
            true => text::fold(key, self.flags.has(Flags::UTF8_ACTIVE)),
            false => key.into(),
        }
    }

    /// `type:name`.
    pub fn full_name(&self) -> String {
        format!("{}:{}", text::show(self.kind), text::show(self.name))
    }

    /// A syntax error, with what was expected inside the braces.
    fn bad_syntax(&self, wanted: &str) -> OpenError {
        open_error!("bad syntax: \"{}\"; need \"{}:{{{wanted}...}}\"", self.full_name(), text::show(self.kind))
    }
}

/// How a type opens a table.
pub type Opener = fn(&Request<'_>) -> Result<Box<dyn Map>, OpenError>;

/// A type by its name.
pub type Kind = (&'static str, Opener);

/// All types, in the order of their names: what `postconf -m` prints.
const KINDS: &[Kind] = &[
    ("btree", |request| berkeley::open(request, Method::Btree)),
    ("cdb", cdb::open),
    ("cidr", cidr::open),
    ("environ", environ::open),
    ("fail", constant::open_fail),
    ("hash", |request| berkeley::open(request, Method::Hash)),
    ("inline", inline::open),
    ("internal", memory::open),
    ("lmdb", lmdb::open),
    ("nis", nis::open),
    ("pcre", pcre::open),
    ("pipemap", compose::open_pipemap),
    ("proxy", proxy::open),
    ("randmap", randmap::open),
    ("regexp", regexp::open),
    ("socketmap", socketmap::open),
    ("static", constant::open_static),
    ("tcp", tcp::open),
    ("texthash", texthash::open),
    ("unionmap", compose::open_unionmap),
    ("unix", unix::open),
];

/// The types whose tables can be built.
const BUILDABLE: &[&str] = &["btree", "cdb", "fail", "hash", "lmdb"];

/// The types that only some programs open themselves ([`Tables::with_kinds`]); the others ask proxymap.
const REMOTE: &[&str] = &["ldap", "memcache", "mongodb", "mysql", "pgsql", "redis", "sqlite"];

/// The names of the types, sorted.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<_> = KINDS.iter().map(|(name, _)| *name).chain(REMOTE.iter().copied()).collect();
    names.sort_unstable();
    names.into_iter()
}

/// Whether a table is of a type that most programs reach through proxymap only, with or without `proxy:` in front.
pub fn is_remote(table: &[u8]) -> bool {
    REMOTE.iter().any(|kind| table.strip_prefix(kind.as_bytes()).is_some_and(|rest| rest.starts_with(b":")))
}

/// Whether tables of this type can be built.
pub(crate) fn is_buildable(kind: &[u8]) -> bool {
    BUILDABLE.iter().any(|name| name.as_bytes() == kind)
}

/// Opens a table of one of the types; `None`: there is no such type.
pub(crate) fn open(request: &Request<'_>) -> Option<Result<Box<dyn Map>, OpenError>> {
    let mut known = KINDS.iter().chain(request.tables.more_kinds());
    if let Some((_, open)) = known.find(|(name, _)| name.as_bytes() == request.kind) {
        return Some(open(request));
    }
    let full_name = [request.kind.as_bytes(), b":", request.name.as_bytes()].concat();
    is_remote(&full_name).then(|| open_elsewhere(request, full_name.as_bstr()))
}

/// Asks proxymap for a table that this program cannot open.
fn open_elsewhere(request: &Request<'_>, full_name: &BStr) -> Result<Box<dyn Map>, OpenError> {
    request.authenticated("security-sensitive")?;
    if request.flags.has(Flags::NO_PROXY) {
        return Err(open_error!("unsupported dictionary type: {}", text::show(request.kind)));
    }
    proxy::open(&Request { name: full_name, ..*request })
}
