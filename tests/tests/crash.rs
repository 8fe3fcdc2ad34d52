//! Whatever is killed, whenever: a message that sendmail took is delivered.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sys::signal::Signal;
use tests::{Instance, USERS, require_instances, wait};

const USER: &str = USERS[0];
const SUBMITTERS: usize = 2;
const KILLS: usize = 40;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}

#[test]
fn killing_random_processes_loses_no_accepted_message() {
    require_instances!();
    let instance = Instance::builder()
        .set("service_throttle_time", "1s")
        .set("transport_retry_time", "1s")
        // A local that dies leaves its dotlock, which lives for 500 s by default.
        .set("stale_lock_time", "2s")
        .start();
    let (done, next) = (AtomicBool::new(false), AtomicUsize::new(0));
    let accepted = thread::scope(|scope| {
        let submitters: Vec<_> = (0..SUBMITTERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut accepted = Vec::new();
                    while !done.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let text = format!("Subject: number-{number}-\n\nbody of {number}\n");
                        if instance.run_with("sendmail", &[USER], text).status == 0 {
                            accepted.push(number);
                        }
                        thread::sleep(Duration::from_millis(15));
                    }
                    accepted
                })
            })
            .collect();
        kill_at_random(&instance);
        done.store(true, Ordering::Relaxed);
        submitters.into_iter().flat_map(|submitter| submitter.join().expect("a submitter")).collect::<Vec<_>>()
    });
    assert!(accepted.len() > 20, "too few messages to mean anything: {}", accepted.len());
    restart_if_dead(&instance);
    let missing = || missing(&instance, &accepted);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !missing().is_empty() && Instant::now() < deadline {
        // What was deferred meanwhile, or waits behind a throttled service, is tried again.
        instance.run("postqueue", &["-f"]);
        instance.run("postkick", &["public", "pickup", "W"]);
        thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(missing(), Vec::<usize>::new(), "accepted {} messages", accepted.len());
    assert!(instance.queue("corrupt").is_empty());
}

fn missing(instance: &Instance, accepted: &[usize]) -> Vec<usize> {
    let text = instance.read(&format!("mail/{USER}"));
    let arrived: HashSet<usize> = text
        .lines()
        .filter_map(|line| line.strip_prefix("Subject: number-")?.strip_suffix('-')?.parse().ok())
        .collect();
    accepted.iter().copied().filter(|number| !arrived.contains(number)).collect()
}

fn kill_at_random(instance: &Instance) {
    let mut dice = Dice(20_261_124);
    for round in 0..KILLS {
        thread::sleep(Duration::from_millis(20 + dice.roll(60) as u64));
        // Every eighth victim is master, whose death ends everything.
        let master = instance.master_pid();
        let victims: Vec<i32> =
            instance.processes().into_iter().map(|(pid, _)| pid).filter(|pid| Some(*pid) != master).collect();
        let victim = if round % 8 == 7 { master } else { victims.get(dice.roll(victims.len())).copied() };
        if let Some(pid) = victim {
            // It may have ended by itself.
            let _ = sys::signal::send(pid, Signal::SIGKILL);
        }
        restart_if_dead(instance);
    }
}

fn restart_if_dead(instance: &Instance) {
    let is_dead = || instance.run("postfix", &["status"]).status != 0 || instance.processes_named("master").is_empty();
    if is_dead() {
        instance.kill_all();
        wait::until("a free lock", || is_dead().then_some(()), || instance.log());
        instance.start();
    }
}
