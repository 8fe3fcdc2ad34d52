//! The end of a child process (master-ipc §4.2).

use sys::process::Ended;

use crate::master::{Child, Master};

const SIGTERM: i32 = 15;

impl Master {
    /// Takes note of all children that have ended, after what they still had to say.
    pub fn reap(&mut self) {
        for service in 0..self.services.len() {
            while self.read_status(service) {}
        }
        while let Some((pid, ended)) = sys::process::reap() {
            match (self.children.get(&pid).copied(), ended) {
                (Some(child), Ended::Stopped(signal)) => {
                    let path = self.services[child.service].path.display();
                    log::warn!("process {path} pid {pid} stopped by signal {signal}");
                }
                (Some(child), _) => self.bury(pid, child, ended),
                (None, _) if self.init => {}
                (None, _) => log::warn!("master_reap: unknown pid: {pid}"),
            }
        }
        self.remove_finished();
    }

    fn bury(&mut self, pid: i32, child: Child, ended: Ended) {
        self.children.remove(&pid);
        let service = &mut self.services[child.service];
        service.total = service.total.saturating_sub(1);
        if child.available {
            service.available = service.available.saturating_sub(1);
        }
        let path = service.path.display();
        match ended {
            Ended::Exited(0) | Ended::Stopped(_) => return,
            Ended::Killed(SIGTERM) if service.retired => return,
            Ended::Exited(status) => log::warn!("process {path} pid {pid} exit status {status}"),
            Ended::Killed(signal) => log::warn!("process {path} pid {pid} killed by signal {signal}"),
        }
        if child.uses == 0 && service.throttled_until.is_none() && !service.retired {
            log::warn!("{path}: bad command startup -- throttling");
            self.throttle(child.service);
        }
    }
}
