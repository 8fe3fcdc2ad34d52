//! `transport_maps` (cleanup-rewrite §9.6).

use std::time::{Duration, Instant};

use address::{Finder, Form, Keys};
use bstr::{BString, ByteSlice};
use table::{Error, Maps};

use crate::route::Route;
use crate::strip::Failed;

/// How long the entry for `*` counts without being read again.
const WILDCARD_TIME: Duration = Duration::from_secs(30);

/// Transport tables, with the entry for all other addresses.
#[derive(Debug)]
pub struct Transports {
    maps: Maps,
    wildcard: Option<Wildcard>,
}

#[derive(Debug)]
struct Wildcard {
    entry: Option<BString>,
    read: Instant,
}

impl Transports {
    /// These tables; the wildcard entry is read at once.
    pub fn new(maps: Maps, now: Instant) -> Self {
        let mut new = Transports { maps, wildcard: None };
        // A failure has been logged, and the first address will try again.
        let _ = new.wildcard(now);
        new
    }

    fn wildcard(&mut self, now: Instant) -> Result<Option<BString>, Error> {
        if self.maps.is_empty() {
            return Ok(None);
        }
        if let Some(known) = &self.wildcard
            && now.saturating_duration_since(known.read) <= WILDCARD_TIME
        {
            return Ok(known.entry.clone());
        }
        self.wildcard = None;
        let entry = self.maps.find(b"*")?;
        self.wildcard = Some(Wildcard { entry: entry.clone(), read: now });
        Ok(entry)
    }

    /// Changes the route of a recipient as the tables say.
    pub fn apply(
        &mut self,
        finder: &Finder,
        recipient: &[u8],
        domain: &[u8],
        route: &mut Route,
        now: Instant,
    ) -> Result<(), Failed> {
        let keys = Keys::transport(finder.transport_parents());
        let found = finder.find(&self.maps, recipient, keys, Form::ExternalThenInternal);
        let found = found.and_then(|found| match found {
            Some(found) => Ok(Some(found.value)),
            None => self.wildcard(now),
        });
        match found {
            Ok(Some(entry)) => entry_applies(&entry, domain, route),
            Ok(None) => {}
            Err(_) => {
                log::warn!("{} lookup failure", self.maps.title());
                return Err(Failed);
            }
        }
        Ok(())
    }
}

/// `transport:nexthop`, either of which may be missing. A transport without next hop resets the next hop.
fn entry_applies(entry: &[u8], domain: &[u8], route: &mut Route) {
    let (transport, nexthop) = entry.split_once_str(":").unwrap_or((entry, b""));
    if !transport.is_empty() {
        route.transport = transport.into();
        route.nexthop = match transport {
            b"error" | b"retry" => "Address is undeliverable".into(),
            _ => domain.into(),
        };
    }
    if !nexthop.is_empty() {
        route.nexthop = nexthop.into();
    }
}
