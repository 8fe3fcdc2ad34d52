//! Remembers whether mail can be delivered to an address, and finds out: verify(8) (access-milter-postscreen §12).
#![forbid(unsafe_code)]

mod entry;
mod probe;

use std::time::{Duration, SystemTime};

use bstr::BString;
use config::{Config, params};
use ipc::verify::{self, Answer, Request};
use ipc::{Encoding, Message, Status, protocol};
use logging::fatal;
use server::{Context, Daemon, Demand, MultiService, Served};
use table::{Cache, Settings, Tables};

use entry::{Ages, Entry, key};
use probe::Prober;

/// Replies: the request makes no sense.
const BAD: i32 = -2;
/// How many entries one turn of a cleanup looks at.
const CLEANUP_BATCH: u32 = 10;

fn main() {
    server::multi::<Verify>(&Daemon {
        program: "verify",
        demand: Demand::OneProcess,
        use_limit: true,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: false,
    })
}

/// The memory of addresses.
struct Verify {
    cache: Cache,
    /// Whether the memory ends with this process.
    is_volatile: bool,
    keeps_failures: bool,
    ages: Ages,
    /// How often old entries are searched for; zero: never.
    cleanup_interval: Duration,
    prober: Option<Prober>,
    /// The address that a probe is sent to once the client has its reply.
    wanted: Option<BString>,
}

impl Verify {
    fn new(config: &Config) -> Result<Self, String> {
        let tables = Tables::new(Settings::from(config));
        let map = config.get(params::ADDRESS_VERIFY_MAP);
        let is_volatile = map.is_empty();
        let cache = if is_volatile { Cache::in_memory(&tables, "verify")? } else { Cache::open(&tables, config, map)? };
        Ok(Verify {
            cache,
            is_volatile,
            keeps_failures: config.get(params::ADDRESS_VERIFY_NEGATIVE_CACHE),
            ages: Ages::read(config),
            cleanup_interval: config.get(params::ADDRESS_VERIFY_CACHE_CLEANUP_INTERVAL),
            prober: None,
            wanted: None,
        })
    }

    fn answer(&mut self, request: Request) -> Vec<u8> {
        match request {
            Request::Query { address } => self.query(&address, now()).to_bytes(),
            Request::Update { address, recipient_status, reason } => {
                Status(self.update(&address, recipient_status, reason, now())).to_bytes()
            }
            Request::Unknown(name) => {
                log::warn!("unrecognized request: \"{}\", ignored", text::show(&name));
                Status(BAD).to_bytes()
            }
        }
    }

    fn query(&mut self, address: &BString, now: u64) -> Answer {
        const UNKNOWN: &str = "Address verification in progress";
        let key = key(address);
        let Ok(stored) = self.cache.get(&key) else {
            let reason = "Address verification status unavailable".into();
            return Answer { status: 0, recipient_status: verify::DEFER, reason };
        };
        let stored = stored.and_then(|value| Entry::parse(&value));
        let is_new = stored.is_none();
        let entry = match stored {
            Some(entry) if self.ages.is_worthwhile(&entry, now) => entry,
            expired => {
                if expired.is_some() && !self.keeps_failures {
                    // A failure has been logged, and does no harm: the entry stays expired.
                    let _ = self.cache.remove(&key);
                }
                Entry { status: verify::TODO, probed: 0, updated: 0, text: UNKNOWN.into() }
            }
        };
        if !entry.is_probed(now) && self.ages.is_stale(&entry, now) {
            self.wanted = Some(address.clone());
            let is_known = !is_new && entry.updated > 0;
            if is_known || self.keeps_failures {
                // A failure has been logged; without the entry, the next query leads to another probe.
                let _ = self.cache.put(&key, &Entry { probed: now, ..entry.clone() }.to_bytes());
            }
        }
        Answer { status: 0, recipient_status: entry.status, reason: entry.text }
    }

    fn update(&mut self, address: &BString, status: i32, reason: BString, now: u64) -> i32 {
        if !matches!(status, verify::OK | verify::DEFER | verify::BOUNCE) {
            log::warn!("bad recipient status {status} for recipient {}", text::show(address));
            return BAD;
        }
        let key = key(address);
        let stored = self.cache.get(&key).ok().flatten().and_then(|value| Entry::parse(&value));
        if status == verify::OK || stored.is_none_or(|stored| stored.status != verify::OK) {
            let entry = Entry { status, probed: 0, updated: now, text: reason };
            // A failure has been logged: it is no concern of the delivery agent.
            let _ = self.cache.put(&key, &entry.to_bytes());
        }
        0
    }
}

fn now() -> u64 {
    u64::try_from(text::date::to_seconds(SystemTime::now())).unwrap_or(0)
}

impl MultiService for Verify {
    const PROTOCOL: &'static str = protocol::VERIFY;

    fn open(context: &Context) -> Self {
        Verify::new(&context.config).unwrap_or_else(|problem| fatal!("{problem}"))
    }

    fn start(&mut self, context: &Context) {
        self.prober = Some(Prober::start(&context.config).unwrap_or_else(|problem| fatal!("{problem}")));
    }

    fn serve(&mut self, _client: u64, received: &[u8], _context: &Context) -> Served {
        Served::one(received, "verify socket", Encoding::Null, |request| Some(self.answer(request)))
    }

    fn replied(&mut self, _context: &Context) {
        if let (Some(address), Some(prober)) = (self.wanted.take(), &self.prober) {
            prober.send(address);
        }
    }

    fn is_irreplaceable(&self) -> bool {
        self.is_volatile
    }

    fn housekeeping_interval(&self) -> Option<Duration> {
        (!self.cleanup_interval.is_zero()).then(|| self.cache.cleanup_delay(self.cleanup_interval))
    }

    fn housekeeping(&mut self, _context: &Context) -> Option<String> {
        let (ages, now) = (self.ages, now());
        let keep = |_: &[u8], value: &[u8]| Entry::parse(value).is_some_and(|entry| ages.is_worthwhile(&entry, now));
        let mut turns = 0..CLEANUP_BATCH;
        while turns.next().is_some() && self.cache.clean_up(keep) {}
        None
    }

    fn exit(&mut self, _context: &Context) {
        self.cache.close();
        if let Some(prober) = &mut self.prober {
            prober.finish();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(parameters: &[(&str, &str)]) -> Verify {
        let mut all = vec![("address_verify_map", "")];
        all.extend(parameters);
        Verify::new(&Config::for_tests(&all)).unwrap()
    }

    fn ask(service: &mut Verify, now: u64) -> (i32, bool) {
        let answer = service.query(&"u@d.example".into(), now);
        (answer.recipient_status, service.wanted.take().is_some())
    }

    #[test]
    fn one_probe_is_sent_at_a_time() {
        let mut service = service(&[]);
        assert_eq!(ask(&mut service, 100_000), (verify::TODO, true));
        assert_eq!(ask(&mut service, 100_999), (verify::TODO, false));
        assert_eq!(ask(&mut service, 101_000), (verify::TODO, true));
        service.update(&"u@d.example".into(), verify::OK, "fine".into(), 101_001);
        assert_eq!(ask(&mut service, 101_002), (verify::OK, false));
        assert_eq!(ask(&mut service, 101_001 + 8 * 86400), (verify::OK, true));
    }

    #[test]
    fn a_failed_probe_does_not_change_a_good_entry() {
        let mut service = service(&[]);
        service.update(&"u@d.example".into(), verify::OK, "fine".into(), 1000);
        service.update(&"u@d.example".into(), verify::BOUNCE, "bad".into(), 1001);
        assert_eq!(ask(&mut service, 1002), (verify::OK, false));
        // Once it has expired, it may change.
        assert_eq!(ask(&mut service, 40 * 86400), (verify::TODO, true));
        service.update(&"u@d.example".into(), verify::BOUNCE, "bad".into(), 40 * 86400);
        assert_eq!(ask(&mut service, 40 * 86400 + 1), (verify::BOUNCE, false));
    }

    #[test]
    fn without_a_negative_cache_nothing_is_remembered_of_a_new_address() {
        let mut service = service(&[("address_verify_negative_cache", "no")]);
        assert_eq!(ask(&mut service, 100_000), (verify::TODO, true));
        assert_eq!(ask(&mut service, 100_001), (verify::TODO, true));
    }

    #[test]
    fn a_result_that_is_none_changes_nothing() {
        let mut service = service(&[]);
        assert_eq!(service.update(&"u@d.example".into(), verify::TODO, "x".into(), 100_000), BAD);
        assert_eq!(ask(&mut service, 100_001), (verify::TODO, true));
    }
}
