use super::*;
use proptest::prelude::*;

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
        let key = MessageKey(message);
        if self.scheduler.outstanding(key).is_none() {
            self.scheduler.admit(key, 10, Instant::now());
        }
        for number in 0..count {
            let id = self.scheduler.destination(transport, site.into(), site.into());
            let recipient = Recipient { address: format!("{number}@{site}").into(), ..Recipient::default() };
            self.scheduler.add(key, id, recipient, false);
        }
        self.scheduler.has_added(key);
    }

    /// Connects and takes a request, as the event loop does.
    fn start(&mut self) -> Option<EntryId> {
        let transport = self.scheduler.next_transport()?;
        self.scheduler.connection_made(transport);
        self.scheduler.begin_selection(transport, Instant::now());
        match self.scheduler.take_entry(transport, Instant::now()) {
            Choice::Entry(entry) => Some(entry),
            Choice::Refill(_) | Choice::Nothing => None,
        }
    }

    /// The messages of all requests, in the order in which they go out.
    fn order(&mut self) -> Vec<u64> {
        let mut order = Vec::new();
        while let Some(entry) = self.start() {
            order.push(self.scheduler.entry(entry).unwrap().message.0);
            self.finish(entry);
        }
        order
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
fn destinations_of_a_message_take_turns() {
    let mut world = World::new(TransportSettings { recipient_limit: 1, ..Default::default() });
    world.add(1, "a", 3);
    world.add(1, "b", 1);
    world.add(2, "b", 1);
    let sites: Vec<_> = std::iter::from_fn(|| world.start())
        .collect::<Vec<_>>()
        .into_iter()
        .map(|entry| {
            let entry = world.scheduler.entry(entry).unwrap();
            (entry.message.0, world.scheduler.destination_of(entry.destination).unwrap().name.to_string())
        })
        .collect();
    let expected = [(1, "a"), (1, "b"), (1, "a"), (1, "a"), (2, "b")];
    assert_eq!(sites, expected.map(|(message, site)| (message, site.to_owned())));
}

/// A message of 20 requests, then one of two, then one of one.
fn three_messages(settings: TransportSettings) -> Vec<u64> {
    let mut world = World::new(TransportSettings { recipient_limit: 1, ..settings });
    world.add(1, "a", 20);
    world.add(2, "a", 2);
    world.add(3, "a", 1);
    world.order()
}

#[test]
fn small_messages_go_ahead_of_a_big_one_that_has_earned_it() {
    let positions =
        |order: &[u64], message: u64| -> Vec<usize> { (0..order.len()).filter(|at| order[*at] == message).collect() };
    // One request is enough of a beginning: the loan covers the rest.
    let order = three_messages(TransportSettings::default());
    assert_eq!((positions(&order, 3), positions(&order, 2)), (vec![1], vec![7, 8]), "{order:?}");
    // Nothing is lent: five requests of the big one for each of the small ones.
    let order = three_messages(TransportSettings { slot_loan: 0, slot_discount: 0, ..Default::default() });
    assert_eq!((positions(&order, 3), positions(&order, 2)), (vec![5], vec![16, 17]), "{order:?}");
    // The big one is not big enough, or nobody goes ahead.
    let in_order = [vec![1; 20], vec![2; 2], vec![3]].concat();
    assert_eq!(three_messages(TransportSettings { minimum_slots: 5, ..Default::default() }), in_order);
    assert_eq!(three_messages(TransportSettings { slot_cost: 1, ..Default::default() }), in_order);
}

#[test]
fn a_job_that_cannot_go_on_lets_others_pass() {
    let mut world = World::new(TransportSettings {
        recipient_limit: 1,
        concurrency_limit: 1,
        initial_concurrency: 1,
        ..Default::default()
    });
    world.add(1, "slow", 2);
    world.add(2, "quick", 1);
    let first = world.start().unwrap();
    let second = world.start().unwrap();
    assert_eq!(world.scheduler.entry(second).unwrap().message, MessageKey(2));
    assert_eq!(world.start(), None);
    world.finish(first);
    let third = world.start().unwrap();
    assert_eq!(world.scheduler.entry(third).unwrap().message, MessageKey(1));
}

#[test]
fn recipients_are_read_when_there_is_room() {
    let settings = TransportSettings { recipient_limit: 1, recipient_pool: 4, refill_limit: 3, ..Default::default() };
    let mut world = World::new(settings);
    let (key, now) = (MessageKey(1), Instant::now());
    world.scheduler.admit(key, 2, now);
    world.scheduler.has_read(key, 5, true, now);
    world.add(1, "a", 6);
    assert_eq!(world.scheduler.free_slots(key), 0);
    let started: Vec<_> = std::iter::from_fn(|| world.start()).collect();
    assert_eq!(started.len(), 5);
    let transport = world.transport();
    for (done, entry) in started.into_iter().enumerate() {
        world.finish(entry);
        assert_eq!(world.scheduler.free_slots(key), done + 1);
    }
    assert_eq!(world.scheduler.take_entry(transport, now), Choice::Refill(key));
    // Another message takes what this one has no use for any more.
    world.scheduler.has_read(key, 0, false, now);
    world.scheduler.admit(MessageKey(2), 2, now);
    world.scheduler.has_read(MessageKey(2), 9, true, now);
    world.add(2, "a", 2);
    world.scheduler.has_added(key);
    assert_eq!(world.scheduler.free_slots(MessageKey(2)), 3);
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
fn a_destination_that_lives_survives_revival() {
    let mut world = World::new(TransportSettings::default());
    let transport = world.transport();
    let first = world.scheduler.destination(transport, "a".into(), "a".into());
    world.scheduler.revive_destination(first);
    assert_eq!(world.scheduler.destination(transport, "a".into(), "a".into()), first);
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

/// Messages whose recipients are read a few at a time, as the event loop does.
#[test]
fn what_was_not_read_counts_too() {
    let settings = TransportSettings {
        recipient_limit: 1,
        recipient_pool: 5,
        extra_recipient_limit: 2,
        refill_limit: 2,
        ..Default::default()
    };
    let mut world = World::new(settings);
    let now = Instant::now();
    let mut left = [0, 20, 5, 2];
    let mut read = |world: &mut World, message: usize, limit: usize| {
        let count = limit.min(left[message]);
        left[message] -= count;
        world.scheduler.has_read(MessageKey(message as u64), left[message], left[message] > 0 || limit == count, now);
        world.add(message as u64, "a", count);
    };
    world.scheduler.admit(MessageKey(0), 2, now);
    world.add(0, "a", 1);
    let first = world.start().unwrap();
    for message in 1..4 {
        world.scheduler.admit(MessageKey(message as u64), 2, now);
        let limit = 4_usize.saturating_sub(world.scheduler.recipients()).max(2);
        read(&mut world, message, limit);
    }
    world.finish(first);
    let transport = world.transport();
    let mut order = String::new();
    loop {
        world.scheduler.begin_selection(transport, now);
        let entry = loop {
            match world.scheduler.take_entry(transport, now) {
                Choice::Entry(entry) => break Some(entry),
                Choice::Nothing => break None,
                Choice::Refill(key) => {
                    let limit = world.scheduler.free_slots(key);
                    read(&mut world, key.0 as usize, limit);
                }
            }
        };
        let Some(entry) = entry else { break };
        let key = world.scheduler.entry(entry).unwrap().message;
        order.push(char::from(b'`' + key.0 as u8));
        world.finish(entry);
    }
    assert_eq!(order, "aaaaaccaaaaaaaaaaaaaaabbbbb");
}

proptest! {
    /// Whatever comes when: every recipient goes out once, no window is overrun, and all recipient slots come home.
    #[test]
    fn everything_goes_out_once(
        steps in prop::collection::vec((0..6u8, 1..6u64, 0..4usize, 1..9usize), 1..120),
        limit in 1..4usize,
        cost in 0..6usize,
    ) {
        let settings = TransportSettings {
            recipient_limit: limit, concurrency_limit: 2, initial_concurrency: 2, slot_cost: cost, slot_loan: 1, minimum_slots: 1,
            recipient_pool: 30, ..Default::default()
        };
        let mut world = World::new(settings);
        let (mut added, mut sent, mut busy) = (0, 0, Vec::new());
        let transport = world.transport();
        for (step, message, site, count) in steps {
            match step {
                0 | 1 => {
                    world.add(message, ["a", "b", "c", "d"][site], count);
                    added += count;
                }
                2 | 3 => busy.extend(world.start()),
                4 if !busy.is_empty() => {
                    let entry = busy.remove(site % busy.len());
                    sent += world.scheduler.entry(entry).unwrap().recipients.len();
                    world.finish(entry);
                }
                5 if !busy.is_empty() => {
                    let entry = busy.remove(site % busy.len());
                    world.scheduler.put_back(entry);
                }
                _ => {}
            }
            for destination in world.scheduler.transports[transport.0].destinations.values() {
                prop_assert!(destination.busy <= destination.window);
            }
        }
        loop {
            for entry in busy.drain(..) {
                sent += world.scheduler.entry(entry).unwrap().recipients.len();
                world.finish(entry);
            }
            busy.extend(std::iter::from_fn(|| world.start()));
            if busy.is_empty() {
                break;
            }
        }
        prop_assert_eq!((sent, world.scheduler.recipients()), (added, 0));
        for message in 1..6 {
            prop_assert!(world.scheduler.outstanding(MessageKey(message)).is_none_or(|count| count == 0));
            world.scheduler.forget(MessageKey(message));
        }
        let jobs = &world.scheduler.transports[transport.0].jobs;
        prop_assert_eq!((jobs.pool, jobs.jobs.len(), jobs.order.head()), (30, 0, None));
    }
}
