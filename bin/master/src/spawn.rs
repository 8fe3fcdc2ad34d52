//! Making a daemon process (master-ipc §3.1, §3.2).

use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::time::Instant;

use bstr::{BString, ByteSlice};
use logging::Severity;

use crate::master::{Child, Master};
use crate::service::Service;

/// Where a child finds the flow control pipe and the status channel; listeners follow.
const FLOW_READ: i32 = 3;
const FLOW_WRITE: i32 = 4;
const STATUS: i32 = 5;
const LISTENERS: i32 = 6;

/// What all children are told alike.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// `-d`: stay with the terminal.
    pub stay: bool,
    /// `-v`.
    pub verbose: bool,
}

/// The command line of a service's process. `stressed` decides the value of the stress override.
pub fn arguments(service: &Service, manner: Manner, stressed: bool) -> Vec<BString> {
    let entry = &service.entry;
    let base = entry.command.rsplit(|byte| *byte == b'/').next().unwrap_or(&entry.command);
    let mut words: Vec<BString> = vec![entry.command.clone()];
    let mut add = |word: &[u8]| words.push(word.into());
    match entry.process_limit {
        1 => add(b"-l"),
        0 => add(b"-z"),
        _ => {}
    }
    if base != entry.name.as_bytes() {
        add(b"-n");
        add(&entry.name);
    }
    add(b"-t");
    add(entry.transport.name().as_bytes());
    let flags = [(manner.stay, b"-d"), (manner.verbose, b"-v"), (entry.unprivileged, b"-u"), (entry.chroot, b"-c")];
    for (given, flag) in flags {
        if given {
            add(flag);
        }
    }
    if service.is_stressable() {
        add(b"-o");
        add(if stressed { b"stress=yes" } else { b"stress=" });
    }
    if service.listeners.len() > 1 {
        add(b"-s");
        add(service.listeners.len().to_string().as_bytes());
    }
    words.extend(entry.arguments.iter().cloned());
    words
}

impl Master {
    /// Makes one process for a service that has a client.
    pub fn spawn(&mut self, index: usize) {
        let stressed = self.enter_stress_if_full(index);
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let service = &self.services[index];
        let words = arguments(service, self.manner, stressed);
        let words: Vec<_> = words.iter().map(|word| word.to_os_str_lossy().into_owned()).collect();
        let mut descriptors = vec![
            (self.flow.0.as_fd(), FLOW_READ),
            (self.flow.1.as_fd(), FLOW_WRITE),
            (service.channel.child_end(), STATUS),
        ];
        descriptors.extend((LISTENERS..).zip(&service.listeners).map(|(number, fd)| (fd.as_fd(), number)));
        let environment = [("GENERATION", format!("{generation:o}"))];
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        log::debug!("spawn {} {words:?}", service.path.display());
        match sys::process::spawn(&service.path, &words, &environment, &descriptors) {
            Ok(child) => self.adopt(index, child.id(), generation),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::OutOfMemory) => {
                log::warn!("fork: {} -- throttling", sys::reason(&error));
                self.throttle(index);
            }
            Err(error) => {
                // The child is gone, and its last words are said for it.
                let path = service.path.display();
                let text = format!("master_spawn: exec {path}: {}", sys::reason(&error));
                logging::record(Severity::Fatal, text.as_bytes());
                log::warn!("{path}: bad command startup -- throttling");
                self.throttle(index);
            }
        }
    }

    fn adopt(&mut self, index: usize, pid: u32, generation: u32) {
        let service = &mut self.services[index];
        service.total += 1;
        service.available += 1;
        let child = Child { service: index, generation, available: true, uses: 0 };
        self.children.insert(pid.cast_signed(), child);
        self.wake_if_first_use(index);
        self.warn_if_full(index);
    }

    /// No new process for this service for a while.
    pub fn throttle(&mut self, index: usize) {
        let service = &mut self.services[index];
        service.throttled_until = Some(Instant::now() + service.throttle_time);
    }
}
