//! `unionmap:` and `pipemap:`, tables made of tables (tables §4.11).

use bstr::BString;
use text::list::{SEPARATORS, split_braced};

use super::Request;
use super::inline::braced_body;
use crate::map::{Facts, Map, Owner};
use crate::{Lookup, OpenError, Table};

struct Composed {
    members: Vec<Table>,
    ask: fn(&[Table], &[u8]) -> Lookup,
}

pub(super) fn open_unionmap(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    open(request, union)
}

pub(super) fn open_pipemap(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    open(request, pipe)
}

fn open(request: &Request<'_>, ask: fn(&[Table], &[u8]) -> Lookup) -> Result<Box<dyn Map>, OpenError> {
    request.read_only()?;
    let body = braced_body(request.name).ok_or_else(|| request.bad_syntax("type:name"))?;
    let mut members = Vec::new();
    for name in split_braced(body, SEPARATORS) {
        if !name.contains(&b':') {
            return Err(request.bad_syntax("type:name"));
        }
        members.push(request.tables.open_member(name, request.flags)?);
    }
    Ok(Box::new(Composed { members, ask }))
}

/// What all members say, joined with commas.
fn union(members: &[Table], key: &[u8]) -> Lookup {
    let mut found: Vec<BString> = Vec::new();
    for member in members {
        found.extend(member.lookup(key)?);
    }
    Ok((!found.is_empty()).then(|| bstr::join(",", found).into()))
}

/// The answer of each member is the key of the next.
fn pipe(members: &[Table], key: &[u8]) -> Lookup {
    let mut key = BString::from(key);
    for member in members {
        match member.lookup(&key)? {
            Some(answer) => key = answer,
            None => return Ok(None),
        }
    }
    Ok(Some(key))
}

impl Map for Composed {
    fn facts(&self) -> Facts {
        let owner = self.members.iter().fold(Owner::Trusted, |owner, member| owner.combine(member.owner()));
        match self.members.first() {
            Some(first) if first.is_fixed() => Facts::fixed(owner),
            _ => Facts::pattern(owner),
        }
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        (self.ask)(&self.members, key)
    }
}
