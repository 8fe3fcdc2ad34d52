//! `randmap:{value, ...}`: one of the values, at random (tables §4.11).

use std::hash::{BuildHasher, RandomState};

use bstr::BString;
use text::list::{SEPARATORS, split_braced};

use super::Request;
use super::inline::braced_body;
use crate::map::{Facts, Map, Owner};
use crate::{Lookup, OpenError};

struct Randmap(Vec<BString>);

pub(super) fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    request.read_only()?;
    let body = braced_body(request.name).ok_or_else(|| request.bad_syntax("value"))?;
    Ok(Box::new(Randmap(split_braced(body, SEPARATORS).map(BString::from).collect())))
}

impl Map for Randmap {
    fn facts(&self) -> Facts {
        Facts::pattern(Owner::Trusted)
    }

    fn lookup(&mut self, _key: &[u8]) -> Lookup {
        // Each RandomState is keyed anew: from the system's random numbers, and then by counting.
        let random = RandomState::new().hash_one(());
        let chosen = random % self.0.len().max(1) as u64;
        Ok(self.0.get(chosen as usize).cloned())
    }
}
