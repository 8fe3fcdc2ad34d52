//! The start of a program: from main.cf to values (config §4.4).

use std::cell::RefCell;
use std::sync::OnceLock;

use bstr::{BStr, BString};
use sys::interface::Interface;
use text::level::Level;

use crate::computed::{Host, Machine, origin_from_file};
use crate::dictionary::Dictionary;
use crate::error::Error;
use crate::evaluate::{Evaluator, Step, step};
use crate::network::{self, Protocols};
use crate::registry::{self, Row};
use crate::value::Value;
use crate::{Config, KnownPorts, LegacyDefaults, check, directory, main_cf, params};

/// What a program says about itself when it loads its configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start<'a> {
    /// The program's name: whose parameters are evaluated, and the value of process_name.
    pub program: &'a str,
    /// The name of the service, of a daemon (`-n`).
    pub service_name: Option<&'a BStr>,
    /// `-o name=value` options, the last of a name counts.
    pub overrides: &'a [(BString, BString)],
}

impl Config {
    /// Loads the configuration of a program that is no daemon. The configuration directory is `MAIL_CONFIG`'s, which `-c`
    /// sets.
    ///
    /// # Errors
    /// Whatever is wrong with main.cf; log it as fatal.
    pub fn load(program: &str, overrides: &[(BString, BString)]) -> Result<Self, Error> {
        Self::start(&Start { program, service_name: None, overrides })
    }

    /// As [`Config::load`], for a daemon as well.
    ///
    /// # Errors
    /// As for [`Config::load`].
    pub fn start(start: &Start<'_>) -> Result<Self, Error> {
        let directory = directory::configured()?;
        let path = main_cf_path(&directory);
        let mut dictionary = Dictionary::default();
        dictionary.set("config_directory", directory.clone());
        let text = main_cf::read_file(&path)?;
        dictionary.read(&path, &text)?;
        for (name, value) in start.overrides {
            dictionary.set(name.clone(), value.clone());
        }
        dictionary.set("process_name", start.program);
        dictionary.set("service_name", start.service_name.unwrap_or_default());
        let host = Host::this();
        dictionary.set("process_id", host.process_id.to_string());
        let interfaces = &network::own_interfaces;
        Loader { directory, path, program: Some(start.program), host, interfaces, real: true }.load(dictionary)
    }

    /// A configuration for unit tests, from pairs as main.cf would have them: the parameters of all programs, on a
    /// machine `mail.example.com` with a loopback interface only. Nothing outside is read or checked.
    ///
    /// # Panics
    /// When a value is bad.
    pub fn for_tests(pairs: &[(&str, &str)]) -> Self {
        let mut dictionary = Dictionary::default();
        dictionary.set("config_directory", "/etc/postfix");
        dictionary.set("process_name", "test");
        dictionary.set("service_name", "test");
        // Virtual(8) has no default for this one, and does not start without.
        dictionary.set("virtual_mailbox_base", "/var/mail/virtual");
        for &(name, value) in pairs {
            dictionary.set(name, value);
        }
        let host = Host { name: "mail.example.com".into(), process_id: 1 };
        let interfaces = &|_: &[u8], _| Ok(network::loopback());
        let (directory, path) = ("/etc/postfix".into(), "/etc/postfix/main.cf".into());
        let loader = Loader { directory, path, program: None, host, interfaces, real: false };
        loader.load(dictionary).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Where main.cf is, in messages and otherwise.
fn main_cf_path(directory: &BString) -> String {
    format!("{}/main.cf", String::from_utf8_lossy(directory))
}

/// Finds the addresses of inet_interfaces.
type FindInterfaces = dyn Fn(&[u8], Protocols) -> Result<Vec<Interface>, Error>;

struct Loader<'a> {
    directory: BString,
    path: String,
    program: Option<&'a str>,
    host: Host,
    interfaces: &'a FindInterfaces,
    /// Whether accounts, kernel and files are there to be checked.
    real: bool,
}

/// What has been found out about the network, once it has.
#[derive(Default)]
struct Network {
    protocols: Protocols,
    own: Option<Vec<Interface>>,
}

impl Loader<'_> {
    fn load(self, mut dictionary: Dictionary) -> Result<Config, Error> {
        let undefined = |name: &str| dictionary.get(name.as_bytes()).is_none();
        let mut legacy = legacy_candidates(undefined);
        let network = RefCell::new(Network::default());
        let own = |evaluator: &mut Evaluator<'_>| self.own(&network, evaluator);
        let machine = Machine { host: &self.host, own: &own };
        let mut evaluator = Evaluator {
            dictionary: &mut dictionary,
            computed: &machine,
            program: self.program,
            step: Step::Level,
            busy: Vec::new(),
        };
        let mut values: Vec<OnceLock<Value>> = vec![OnceLock::new(); registry::rows().len()];
        let level = level(&mut evaluator)?;
        legacy.keep_below(level);
        let mut ports = KnownPorts::default();
        let mut done = false;
        for index in self.order() {
            let row = &registry::rows()[index];
            evaluator.step = step(row);
            if evaluator.step >= Step::HostName && !done {
                done = true;
                check::syslog_facility(&self.path, &evaluator.expanded("syslog_facility")?)?;
                ports = KnownPorts::parse(&evaluator.expanded("known_tcp_ports")?);
                network.borrow_mut().protocols = self.protocols(&evaluator.expanded("inet_protocols")?)?;
            }
            let value = evaluator.value(row)?;
            self.check_one(row, &value)?;
            values[index] = OnceLock::from(value);
            if row.name == "mynetworks" {
                self.check_accounts(&mut evaluator)?;
                self.own(&network, &mut evaluator)?;
            }
        }
        let Network { protocols, own } = network.into_inner();
        let proxy = OnceLock::new();
        let mut config = Config {
            directory: self.directory,
            dictionary,
            values,
            level,
            legacy,
            protocols,
            own: own.unwrap_or_default(),
            proxy,
            ports,
            host: self.host,
        };
        read_origin(&mut config)?;
        check::consistency(&config, &self.path)?;
        Ok(config)
    }

    /// The rows that the program reads, in the order of evaluation.
    fn order(&self) -> Vec<usize> {
        let reads = |row: &Row| match self.program {
            Some(program) => row.is_read_by(program),
            None => row.kind != registry::Kind::Legacy,
        };
        let rows = registry::rows();
        let mut order: Vec<usize> = (0..rows.len()).filter(|&index| reads(&rows[index])).collect();
        order.sort_by_cached_key(|&index| step(&rows[index]));
        order
    }

    fn protocols(&self, value: &[u8]) -> Result<Protocols, Error> {
        let protocols = Protocols::parse(value)?;
        if self.real { protocols.probe() } else { Ok(protocols) }
    }

    fn own(&self, network: &RefCell<Network>, evaluator: &mut Evaluator<'_>) -> Result<Vec<Interface>, Error> {
        if let Some(own) = &network.borrow().own {
            return Ok(own.clone());
        }
        let value = evaluator.expanded("inet_interfaces")?;
        let protocols = network.borrow().protocols;
        let own = (self.interfaces)(&value, protocols)?;
        network.borrow_mut().own = Some(own.clone());
        Ok(own)
    }

    fn check_one(&self, row: &Row, value: &Value) -> Result<(), Error> {
        match (row.name, value) {
            ("myhostname" | "mydomain", Value::Text(text)) => check::hostname(&self.path, row.name, text),
            _ => Ok(()),
        }
    }

    fn check_accounts(&self, evaluator: &mut Evaluator<'_>) -> Result<(), Error> {
        if !self.real {
            return Ok(());
        }
        let mut name = |name: &str| evaluator.expanded(name);
        check::accounts(&self.path, &name("default_privs")?, &name("mail_owner")?, &name("setgid_group")?)
    }
}

fn level(evaluator: &mut Evaluator<'_>) -> Result<Level, Error> {
    let text = evaluator.expanded("compatibility_level")?;
    Level::parse(&text).ok_or(Error::Level(text))
}

/// Which parameters main.cf leaves to a default that depends on the level.
fn legacy_candidates(undefined: impl Fn(&str) -> bool) -> LegacyDefaults {
    LegacyDefaults {
        append_dot_mydomain: undefined("append_dot_mydomain"),
        smtputf8_enable: undefined("smtputf8_enable"),
        smtpd_relay_restrictions: undefined("smtpd_relay_restrictions"),
        chroot: true,
        mynetworks_style: undefined("mynetworks") && undefined("mynetworks_style"),
        relay_domains: undefined("relay_domains"),
        fast_flush_domains: undefined("relay_domains") && undefined("fast_flush_domains"),
        smtpd_tls_fingerprint_digest: undefined("smtpd_tls_fingerprint_digest"),
        smtp_tls_fingerprint_digest: undefined("smtp_tls_fingerprint_digest"),
        lmtp_tls_fingerprint_digest: undefined("lmtp_tls_fingerprint_digest"),
        smtpd_relay_before_recipient_restrictions: undefined("smtpd_relay_before_recipient_restrictions"),
        respectful_logging: undefined("respectful_logging"),
    }
}

impl LegacyDefaults {
    /// Drops what is no legacy default at this level.
    fn keep_below(&mut self, level: Level) {
        let (one, two, three_six) = (Level::new(1, 0, 0), Level::new(2, 0, 0), Level::new(3, 6, 0));
        for (flag, changed) in [
            (&mut self.append_dot_mydomain, one),
            (&mut self.smtputf8_enable, one),
            (&mut self.smtpd_relay_restrictions, one),
            (&mut self.chroot, one),
            (&mut self.mynetworks_style, two),
            (&mut self.relay_domains, two),
            (&mut self.fast_flush_domains, two),
            (&mut self.smtpd_tls_fingerprint_digest, three_six),
            (&mut self.smtp_tls_fingerprint_digest, three_six),
            (&mut self.lmtp_tls_fingerprint_digest, three_six),
            (&mut self.smtpd_relay_before_recipient_restrictions, three_six),
            (&mut self.respectful_logging, three_six),
        ] {
            *flag &= level < changed;
        }
    }
}

/// A myorigin that names a file has the file's first line as its value; `$myorigin` stays the name.
fn read_origin(config: &mut Config) -> Result<(), Error> {
    let origin = config.get(params::MYORIGIN);
    if origin.first() != Some(&b'/') {
        return Ok(());
    }
    let value = Value::Text(origin_from_file(origin)?);
    config.values[params::MYORIGIN.index()] = OnceLock::from(value);
    Ok(())
}

/// Evaluates a parameter after the start, in a copy of what was known then.
pub(crate) fn late(config: &Config, row: &'static Row) -> Result<Value, Error> {
    let own = |_: &mut Evaluator<'_>| Ok(config.own.clone());
    let machine = Machine { host: &config.host, own: &own };
    let mut evaluator = Evaluator {
        dictionary: &mut config.dictionary.clone(),
        computed: &machine,
        program: None,
        step: Step::Own(u8::MAX),
        busy: Vec::new(),
    };
    evaluator.value(row)
}
