//! Connections and what leads to them (smtp-client §19).

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bstr::BString;

/// Keeps `C`, a connection, until somebody wants it or its time is up.
#[derive(Debug)]
pub struct Store<C> {
    endpoints: HashMap<BString, VecDeque<Endpoint<C>>>,
    destinations: HashMap<BString, Vec<Binding>>,
}

#[derive(Debug)]
struct Endpoint<C> {
    property: BString,
    connection: C,
    expires: Instant,
}

#[derive(Debug)]
struct Binding {
    endpoint: BString,
    property: BString,
    expires: Instant,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Labels of destinations.
    pub domains: usize,
    /// Labels of endpoints.
    pub addresses: usize,
    /// Connections.
    pub connections: usize,
}

impl<C> Default for Store<C> {
    fn default() -> Self {
        Store { endpoints: HashMap::new(), destinations: HashMap::new() }
    }
}

impl<C> Store<C> {
    /// Keeps a connection; several may have the same label.
    pub fn save_endpoint(&mut self, label: BString, property: BString, connection: C, expires: Instant) {
        self.endpoints.entry(label).or_default().push_back(Endpoint { property, connection, expires });
    }

    /// The oldest connection with this label; it is no longer kept.
    pub fn find_endpoint(&mut self, label: &BString, now: Instant) -> Option<(BString, C)> {
        self.expire(now);
        let waiting = self.endpoints.get_mut(label)?;
        let endpoint = waiting.pop_front();
        if waiting.is_empty() {
            self.endpoints.remove(label);
        }
        endpoint.map(|endpoint| (endpoint.property, endpoint.connection))
    }

    /// Remembers that a destination leads to an endpoint. The same once more keeps its place, and gets more time.
    pub fn save_destination(&mut self, label: BString, property: BString, endpoint: BString, expires: Instant) {
        let bindings = self.destinations.entry(label).or_default();
        let same = |binding: &&mut Binding| binding.endpoint == endpoint && binding.property == property;
        match bindings.iter_mut().find(same) {
            Some(binding) => binding.expires = expires,
            None => bindings.push(Binding { endpoint, property, expires }),
        }
    }

    /// A connection of a destination, with both properties: the first binding that has one.
    pub fn find_destination(&mut self, label: &BString, now: Instant) -> Option<(BString, BString, C)> {
        self.expire(now);
        let bindings = self.destinations.get(label)?;
        let live = bindings.iter().find(|binding| self.endpoints.contains_key(&binding.endpoint))?;
        let (property, endpoint) = (live.property.clone(), live.endpoint.clone());
        self.find_endpoint(&endpoint, now).map(|(found, connection)| (property, found, connection))
    }

    /// Closes and forgets what is too old.
    pub fn expire(&mut self, now: Instant) {
        self.endpoints.retain(|_, waiting| {
            waiting.retain(|endpoint| endpoint.expires > now);
            !waiting.is_empty()
        });
        self.destinations.retain(|_, bindings| {
            bindings.retain(|binding| binding.expires > now);
            !bindings.is_empty()
        });
    }

    /// How much is kept now.
    pub fn sizes(&self) -> Sizes {
        Sizes {
            domains: self.destinations.len(),
            addresses: self.endpoints.len(),
            connections: self.endpoints.values().map(VecDeque::len).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_connection_comes_first_and_only_once() {
        let (mut store, now) = (Store::default(), Instant::now());
        let later = now + Duration::from_secs(2);
        store.save_endpoint("e".into(), "p1".into(), 1, later);
        store.save_endpoint("e".into(), "p2".into(), 2, later);
        assert_eq!(store.sizes(), Sizes { domains: 0, addresses: 1, connections: 2 });
        assert_eq!(store.find_endpoint(&"e".into(), now), Some(("p1".into(), 1)));
        assert_eq!(store.find_endpoint(&"e".into(), now), Some(("p2".into(), 2)));
        assert_eq!(store.find_endpoint(&"e".into(), now), None);
    }

    #[test]
    fn a_destination_leads_to_the_first_live_endpoint() {
        let (mut store, now) = (Store::default(), Instant::now());
        let later = now + Duration::from_secs(2);
        store.save_destination("d".into(), "one".into(), "gone".into(), later);
        store.save_destination("d".into(), "two".into(), "e".into(), later);
        store.save_destination("d".into(), "two".into(), "e".into(), later + Duration::from_secs(2));
        store.save_endpoint("e".into(), "p".into(), 1, later);
        assert_eq!(store.find_destination(&"d".into(), now), Some(("two".into(), "p".into(), 1)));
        assert_eq!(store.find_destination(&"d".into(), now), None);
        store.expire(later);
        assert_eq!(store.sizes().domains, 1);
        store.expire(later + Duration::from_secs(3));
        assert_eq!(store.sizes(), Sizes::default());
    }
}
