//! `static:` and `fail:`, which give every key the same answer (tables §4.7, §4.12).

use bstr::BString;
use text::list::unbrace;

use super::Request;
use crate::error::open_error;
use crate::map::{Change, Facts, Map, Owner};
use crate::{Error, Flags, Lookup, OpenError};

struct Static(BString);

/// Opens `static:text` or `static:{ text }`.
pub(super) fn open_static(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    let value = match request.name.first() {
        Some(b'{') => unbrace(request.name).map_err(|reason| open_error!("bad static:name syntax: {reason}"))?,
        _ => request.name,
    };
    Ok(Box::new(Static(value.into())))
}

impl Map for Static {
    fn facts(&self) -> Facts {
        Facts::fixed(Owner::Trusted)
    }

    fn lookup(&mut self, _key: &[u8]) -> Lookup {
        Ok(Some(self.0.clone()))
    }
}

struct Fail;

/// Opens `fail:name`.
#[allow(clippy::unnecessary_wraps, reason = "the signature that all types have")]
pub(super) fn open_fail(_request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    Ok(Box::new(Fail))
}

impl Map for Fail {
    fn facts(&self) -> Facts {
        Facts::pattern(Owner::Trusted)
    }

    fn lookup(&mut self, _key: &[u8]) -> Lookup {
        Err(Error::RETRY)
    }

    fn update(&mut self, _key: &[u8], _value: &[u8], _flags: Flags) -> Option<Result<Change, Error>> {
        Some(Err(Error::RETRY))
    }

    fn delete(&mut self, _key: &[u8]) -> Option<Result<Change, Error>> {
        Some(Err(Error::RETRY))
    }

    fn sequence(&mut self, _restart: bool) -> Option<Result<Option<(BString, BString)>, Error>> {
        Some(Err(Error::RETRY))
    }
}
