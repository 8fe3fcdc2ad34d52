//! `environ:`: the environment (tables §4.12).

use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::Request;
use crate::map::{Change, Facts, Map, Owner};
use crate::{Error, Flags, Lookup, OpenError};

struct Environ;

#[allow(clippy::unnecessary_wraps, reason = "the signature that all types have")]
pub(super) fn open(_request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    Ok(Box::new(Environ))
}

/// A name that the environment can have.
fn is_name(key: &[u8]) -> bool {
    !key.is_empty() && !key.contains(&b'=') && !key.contains(&0)
}

impl Map for Environ {
    fn facts(&self) -> Facts {
        Facts::fixed(Owner::Trusted)
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        if sys::privilege::is_set_id() || !is_name(key) {
            return Ok(None);
        }
        Ok(std::env::var_os(std::ffi::OsStr::from_bytes(key)).map(|value| value.into_vec().into()))
    }

    fn update(&mut self, key: &[u8], value: &[u8], _flags: Flags) -> Option<Result<Change, Error>> {
        if !is_name(key) || value.contains(&0) {
            let what = format!("environ: cannot set \"{}\"", text::show(key));
            return Some(Err(Error::Fatal(what)));
        }
        sys::environment::set(std::ffi::OsStr::from_bytes(key), std::ffi::OsStr::from_bytes(value));
        Some(Ok(Change::Done))
    }
}
