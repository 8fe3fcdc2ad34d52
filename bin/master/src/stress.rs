//! What happens when a service has all the processes that it may have (master-ipc §4.4, §4.5).

use std::time::{Duration, Instant};

use crate::master::Master;
use crate::start::or_fatal;
use crate::status::Channel;

/// How long stress lasts, and how seldom the warning comes.
const PERIOD: Duration = Duration::from_secs(1000);

impl Master {
    /// Before a fork: whether the new process shall hurry. The fork that reaches the limit begins or prolongs the period, and the
    /// processes that did not know are told to retire.
    pub fn enter_stress_if_full(&mut self, index: usize) -> bool {
        let now = Instant::now();
        let service = &mut self.services[index];
        if !service.is_stressable() {
            return false;
        }
        let stressed = service.stressed_until.is_some_and(|until| until > now);
        if service.total + 1 < service.entry.process_limit {
            return stressed;
        }
        if !stressed {
            service.channel = or_fatal(Channel::new(&self.watcher).map_err(|error| sys::reason(&error)));
        }
        service.stressed_until = Some(now + PERIOD);
        true
    }

    /// After a change: the warnings about a service without an idle process at its limit.
    pub fn warn_if_full(&mut self, index: usize) {
        let service = &mut self.services[index];
        let full = service.available == 0 && service.total >= service.entry.process_limit;
        let due = service.limit_warned.is_none_or(|last| last.elapsed() >= PERIOD);
        if !service.is_stressable() || !full || !due || service.retired {
            return;
        }
        service.limit_warned = Some(Instant::now());
        let (name, internal, limit) =
            (text::show(&service.entry.name), &service.internal_name, service.entry.process_limit);
        log::warn!(
            "service \"{name}\" ({internal}) has reached its process limit \"{limit}\": new clients may experience noticeable delays"
        );
        log::warn!(
            "to avoid this condition, increase the process count in master.cf or reduce the service time per client"
        );
        log::warn!(
            "see http://www.postfix.org/STRESS_README.html for examples of stress-adapting configuration settings"
        );
    }
}
