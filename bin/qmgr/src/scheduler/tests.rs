use super::*;

struct World {
    scheduler: Scheduler,
    settings: TransportSettings,
}

impl World {
    fn new(settings: TransportSettings) -> Self {
        Self { scheduler: Scheduler::new(Duration::from_secs(60), Duration::from_secs(300)), settings }
    }

    fn transport(&mut self) -> TransportId {
        let settings = self.settings.clone();
        self.scheduler.transport("smtp".into(), || settings)
    }

    fn add(&mut self, message: u64, site: &str, count: usize) {
        let transport = self.transport();
        for number in 0..count {
            let id = self.scheduler.destination(transport, site.into(), site.into());
            let recipient = Recipient { address: format!("{number}@{site}").into(), ..Recipient::default() };
            self.scheduler.add(MessageKey(message), id, recipient, false);
        }
    }

    /// Connects and takes a request, as the event loop does.
    fn start(&mut self) -> Option<EntryId> {
        let transport = self.scheduler.next_transport()?;
        self.scheduler.connection_made(transport);
        self.scheduler.take_entry(transport)
    }

    fn finish(&mut self, entry: EntryId) {
        self.scheduler.finish(entry, Instant::now(), false);
    }
}

#[test]
fn requests_have_at_most_so_many_recipients() {
    let mut world = World::new(TransportSettings::default());
    world.add(1, "a", 120);
    let sizes: Vec<_> = std::iter::from_fn(|| world.start())
        .collect::<Vec<_>>()
        .into_iter()
        .map(|entry| world.scheduler.entry(entry).unwrap().recipients.len())
        .collect();
    assert_eq!(sizes, [50, 50, 20]);
}

#[test]
fn never_more_deliveries_than_the_window() {
    let mut world = World::new(TransportSettings {
        recipient_limit: 1,
        concurrency_limit: 2,
        initial_concurrency: 2,
        ..Default::default()
    });
    world.add(1, "a", 5);
    let (first, second) = (world.start().unwrap(), world.start().unwrap());
    assert_eq!(world.start(), None);
    world.scheduler.site_is_good(world.scheduler.entry(first).unwrap().destination);
    world.finish(first);
    world.start().unwrap();
    assert_eq!(world.start(), None);
    world.finish(second);
}

#[test]
fn destinations_take_turns() {
    let mut world = World::new(TransportSettings { recipient_limit: 1, ..Default::default() });
    world.add(1, "a", 3);
    world.add(2, "b", 1);
    let messages: Vec<_> = std::iter::from_fn(|| world.start())
        .collect::<Vec<_>>()
        .into_iter()
        .map(|entry| world.scheduler.entry(entry).unwrap().message.0)
        .collect();
    assert_eq!(messages, [1, 2, 1, 1]);
}

#[test]
fn at_most_two_connections_are_being_made() {
    let mut world = World::new(TransportSettings { recipient_limit: 1, ..Default::default() });
    world.add(1, "a", 5);
    assert!(world.scheduler.next_transport().is_some());
    assert!(world.scheduler.next_transport().is_some());
    assert_eq!(world.scheduler.next_transport(), None);
}

#[test]
fn dead_destinations_and_throttled_transports_wait_for_their_timers() {
    let mut world = World::new(TransportSettings { recipient_limit: 1, ..Default::default() });
    world.add(1, "a", 5);
    let entry = world.start().unwrap();
    let destination = world.scheduler.entry(entry).unwrap().destination;
    while !world.scheduler.site_is_bad(destination, Dsn::new("4.4.1", "down")) {}
    world.finish(entry);
    assert_eq!(world.start(), None);
    assert_eq!(world.scheduler.waiting_for(destination).len(), 4);
    assert_eq!(world.scheduler.take_timers(), [(Duration::from_secs(300), Timer::DestinationAlive(destination))]);
    world.scheduler.revive_destination(destination);
    let entry = world.start().unwrap();
    let transport = destination.transport;
    world.scheduler.throttle_transport(transport, Dsn::new("4.3.0", "x"));
    world.scheduler.throttle_transport(transport, Dsn::new("4.3.0", "y"));
    assert_eq!(world.scheduler.take_timers().len(), 1);
    assert_eq!(world.start(), None);
    world.scheduler.put_back(entry);
    world.scheduler.revive_all();
    assert_eq!(world.start(), Some(entry));
}

#[test]
fn a_rate_delay_lets_one_delivery_at_a_time_through() {
    let settings = TransportSettings {
        recipient_limit: 1,
        concurrency_limit: 1,
        initial_concurrency: 1,
        destination_delay: Duration::from_secs(5),
        ..Default::default()
    };
    let mut world = World::new(settings);
    world.add(1, "a", 3);
    let entry = world.start().unwrap();
    let destination = world.scheduler.entry(entry).unwrap().destination;
    assert_eq!(world.start(), None);
    world.finish(entry);
    assert_eq!(world.start(), None);
    world.scheduler.resume_destination(destination);
    world.start().unwrap();
    assert_eq!(world.start(), None);
}

#[test]
fn idle_destinations_are_forgotten() {
    let mut world = World::new(TransportSettings::default());
    world.add(1, "a", 1);
    let entry = world.start().unwrap();
    let destination = world.scheduler.entry(entry).unwrap().destination;
    world.finish(entry);
    assert!(world.scheduler.destination_of(destination).is_none());
    assert_eq!(world.scheduler.destination_count(destination.transport), 0);
}
