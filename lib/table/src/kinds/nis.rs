//! `nis:`, on a system without a NIS domain: nothing is ever found (tables §4.14).

use super::Request;
use crate::map::{Facts, Map, Owner};
use crate::{Lookup, OpenError};

struct Nis {
    warned: bool,
}

pub(super) fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    request.read_only()?;
    Ok(Box::new(Nis { warned: false }))
}

impl Map for Nis {
    fn facts(&self) -> Facts {
        Facts::fixed(Owner::Trusted)
    }

    fn lookup(&mut self, _key: &[u8]) -> Lookup {
        if !self.warned {
            log::warn!("dict_nis_init: NIS domain name not set - NIS lookups disabled");
            self.warned = true;
        }
        Ok(None)
    }
}
