//! Reading master.cf, at start and again (master-ipc §3.3, §6.2).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use bstr::ByteSlice;
use config::master::{Defaults, Entry, FILE_NAME, parse};
use config::{Config, params};
use logging::fatal;
use sys::signal::Signal;

use crate::disable::Disabled;
use crate::listen::Place;
use crate::master::Master;
use crate::service::Service;
use crate::start::{load_config, or_fatal};
use crate::status::Channel;
use crate::wakeup::Wakeup;

impl Master {
    /// SIGHUP: reads main.cf and master.cf again.
    pub fn reload(&mut self) {
        log::info!(
            "reload -- version {}, configuration {}",
            text::show(self.config.get(params::MAIL_VERSION)),
            text::show(self.config.directory())
        );
        let fresh = load_config();
        self.frozen.complain_about_changes(&fresh);
        self.config = fresh;
        self.load_services();
        or_fatal(logging::configure(&self.config, true));
    }

    /// Reads master.cf: starts what is new, updates what is known, retires what is gone.
    pub fn load_services(&mut self) {
        let entries = self.read_entries();
        for service in &mut self.services {
            service.seen = false;
        }
        for entry in entries {
            self.load_service(entry);
        }
        for index in 0..self.services.len() {
            if !self.services[index].seen && !self.services[index].retired {
                self.retire(index);
            }
        }
        self.remove_finished();
    }

    fn read_entries(&self) -> Vec<Entry> {
        let path = format!("{}/{FILE_NAME}", self.config.directory().to_str_lossy());
        let text = std::fs::read(OsStr::from_bytes(path.as_bytes()));
        let text = text.unwrap_or_else(|error| fatal!("open {path}: {}", sys::reason(&error)));
        let process_limit = u32::try_from(self.config.get(params::DEFAULT_PROCESS_LIMIT)).unwrap_or(u32::MAX);
        let defaults = Defaults { level: self.config.compatibility_level(), process_limit };
        let no_network = !self.config.protocols().any();
        if no_network {
            let value = text::show(self.config.get(params::INET_PROTOCOLS));
            log::warn!("all network protocols are disabled (inet_protocols = {value})");
            log::warn!("disabling all type \"inet\" services in master.cf");
        }
        let disabled = Disabled::parse(self.config.get(params::MASTER_SERVICE_DISABLE), no_network);
        let mut entries = or_fatal(parse(&path, &text, &defaults));
        entries.retain(|entry| !disabled.matches(entry));
        entries
    }

    fn load_service(&mut self, entry: Entry) {
        let place = Place::of(&entry, &self.config).unwrap_or_else(|error| self.refuse(&entry, &error));
        let known = self
            .services
            .iter()
            .position(|service| service.is(&place.internal_name, entry.transport) && !service.retired);
        match known {
            Some(index) => self.update(index, entry),
            None => self.add(entry, place),
        }
    }

    fn refuse(&self, entry: &Entry, error: &str) -> ! {
        fatal!("{}/{FILE_NAME}: line {}: {error}", text::show(self.config.directory()), entry.line)
    }

    fn add(&mut self, entry: Entry, place: Place) {
        let listeners = place.listen(&entry, &self.config, self.owner);
        let listeners = listeners.unwrap_or_else(|error| fatal!("{error}"));
        let service = Service {
            path: program_path(&self.config, &entry),
            throttle_time: self.config.get(params::SERVICE_THROTTLE_TIME),
            wakeup: Wakeup::of(&entry),
            internal_name: place.internal_name,
            remote_clients: place.remote_clients,
            listeners: listeners.into_iter().map(|listener| self.watcher.take(listener)).collect(),
            channel: or_fatal(Channel::new(&self.watcher).map_err(|error| sys::reason(&error))),
            total: 0,
            available: 0,
            throttled_until: None,
            stressed_until: None,
            limit_warned: None,
            retired: false,
            seen: true,
            entry,
        };
        self.services.push(service);
    }

    /// Takes over what may change. The old status channel closes, so that processes retire when they are idle.
    fn update(&mut self, index: usize, entry: Entry) {
        if self.services[index].seen {
            log::warn!(
                "duplicate master.cf entry for service \"{}\" ({}) -- using the last entry",
                text::show(&entry.name),
                self.services[index].internal_name
            );
        } else if entry.transport == config::master::Transport::Inet {
            self.frozen.complain_about_interfaces(&self.config, &entry);
        }
        let service = &mut self.services[index];
        service.path = program_path(&self.config, &entry);
        service.throttle_time = self.config.get(params::SERVICE_THROTTLE_TIME);
        service.wakeup = Wakeup::of(&entry);
        service.channel = or_fatal(Channel::new(&self.watcher).map_err(|error| sys::reason(&error)));
        service.entry = entry;
        service.seen = true;
    }

    /// The line is gone: nobody connects any more, and the processes end.
    fn retire(&mut self, index: usize) {
        let service = &mut self.services[index];
        service.retired = true;
        service.wakeup = Wakeup::Never;
        for (pid, child) in &self.children {
            if child.service == index {
                // It may have ended by itself; reaping tells.
                let _ = sys::signal::send(*pid, Signal::SIGTERM);
            }
        }
    }

    /// Forgets retired services that have no process any more; only then are their listeners closed.
    pub fn remove_finished(&mut self) {
        let mut index = 0;
        while index < self.services.len() {
            if !self.services[index].retired || self.services[index].total > 0 {
                index += 1;
                continue;
            }
            self.services.remove(index);
            for child in self.children.values_mut().filter(|child| child.service > index) {
                child.service -= 1;
            }
        }
    }
}

fn program_path(config: &Config, entry: &Entry) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(config.get(params::DAEMON_DIRECTORY))).join(OsStr::from_bytes(&entry.command))
}

/// Parameters that only a restart changes.
#[derive(Clone, Debug)]
pub struct Frozen {
    values: Vec<(&'static str, String)>,
    inet_interfaces: String,
}

impl Frozen {
    /// Remembers what is in force.
    pub fn of(config: &Config) -> Self {
        Self { values: frozen_values(config), inet_interfaces: config.get(params::INET_INTERFACES).to_string() }
    }

    fn complain_about_changes(&self, fresh: &Config) {
        for ((name, old), (_, new)) in self.values.iter().zip(frozen_values(fresh)) {
            if *old != new {
                log::warn!("ignoring {name} parameter value change");
                log::warn!("old value: \"{old}\", new value: \"{new}\"");
                log::warn!("to change {name}, stop and start Postfix");
            }
        }
    }

    fn complain_about_interfaces(&self, fresh: &Config, entry: &Entry) {
        if self.inet_interfaces != fresh.get(params::INET_INTERFACES).to_str_lossy() {
            log::warn!("service {}: ignoring inet_interfaces change", text::show(&entry.name));
            log::warn!("to change inet_interfaces, stop and start Postfix");
        }
    }
}

fn frozen_values(config: &Config) -> Vec<(&'static str, String)> {
    vec![
        ("config_directory", config.directory().to_string()),
        ("queue_directory", config.get(params::QUEUE_DIRECTORY).to_string()),
        ("inet_protocols", config.get(params::INET_PROTOCOLS).to_string()),
    ]
}
