//! What a program sees of its configuration.

use std::io::Write;
use std::time::Duration;

use bstr::{BString, ByteSlice};

use crate::computed::Host;
use crate::dictionary::Dictionary;
use crate::evaluate::{Computed, Evaluator, Step, step};
use crate::{Config, Error, LegacyDefaults, main_cf, params, registry};

#[test]
fn defaults_and_settings_are_typed() {
    let config = Config::for_tests(&[("max_use", "7"), ("maximal_queue_lifetime", "2"), ("luser_relay", "$user@x")]);
    assert_eq!(config.get(params::MAX_USE), 7);
    assert_eq!(config.get(params::MAXIMAL_QUEUE_LIFETIME), Duration::from_secs(2 * 86400));
    assert_eq!(config.get(params::LUSER_RELAY), "$user@x");
    assert_eq!(config.get(params::MESSAGE_SIZE_LIMIT), 10_240_000);
    assert!(!config.get(params::SOFT_BOUNCE));
    assert_eq!(config.get(params::MYDESTINATION), "mail.example.com, localhost.example.com, localhost");
    assert_eq!(config.get(params::SYSLOG_NAME), "postfix");
    assert_eq!(config.get(params::MYNETWORKS), "127.0.0.0/8 ");
    assert_eq!(config.get(params::ADDRESS_VERIFY_RELAYHOST), "");
}

#[test]
fn names_of_the_user_expand_and_unknown_ones_are_empty() {
    let config = Config::for_tests(&[("mine", "a$nosuch"), ("relayhost", "$mine.b")]);
    assert_eq!(config.get(params::RELAYHOST), "a.b");
    assert_eq!(config.lookup(b"relayhost").unwrap(), "$mine.b");
    assert_eq!(config.expand(b"<$mine>").unwrap(), "<a>");
    assert_eq!(config.expand(b"$").unwrap_err().to_string(), "dictionary mail_dict: macro processing error");
}

#[test]
fn legacy_defaults_are_those_of_an_older_level_that_nobody_set() {
    let old = Config::for_tests(&[("mynetworks", "x"), ("respectful_logging", "no")]).legacy_defaults();
    assert!(old.append_dot_mydomain && old.chroot && old.relay_domains);
    assert!(!old.mynetworks_style && !old.respectful_logging);
    let new = Config::for_tests(&[("compatibility_level", "3.6")]);
    assert_eq!(new.legacy_defaults(), LegacyDefaults::default());
    assert!(!new.get(params::APPEND_DOT_MYDOMAIN));
}

struct Machine;

impl Computed for Machine {
    fn default(&self, name: &str, _: &mut Evaluator<'_>) -> Result<Option<BString>, Error> {
        Ok((name == "myhostname").then(|| "h.example".into()))
    }
}

/// Expands a text as `program` sees it at a step of its start.
fn seen(program: &str, at: &str, text: &str) -> String {
    let mut dictionary = Dictionary::default();
    let step = step(registry::row(at.as_bytes()).unwrap());
    let mut evaluator =
        Evaluator { dictionary: &mut dictionary, computed: &Machine, program: Some(program), step, busy: Vec::new() };
    evaluator.expand(text.as_bytes()).unwrap().to_string()
}

#[test]
fn a_name_is_seen_only_by_programs_that_read_it_and_not_before_its_step() {
    assert_eq!(seen("local", "biff", "$home_mailbox$frozen_delivered_to"), "yes");
    assert_eq!(seen("smtpd", "max_use", "<$frozen_delivered_to>"), "<>");
    assert_eq!(seen("smtpd", "myhostname", "<$mail_owner>"), "<>");
    assert_eq!(seen("smtpd", "relayhost", "<$myhostname>"), "<h.example>");
}

#[test]
fn every_program_starts_with_its_defaults() {
    let programs: std::collections::BTreeSet<_> = registry::rows().iter().flat_map(registry::Row::programs).collect();
    for program in programs {
        let mut dictionary = Dictionary::default();
        let mut evaluator = Evaluator {
            dictionary: &mut dictionary,
            computed: &Machine,
            program: Some(program),
            step: Step::Own(u8::MAX),
            busy: Vec::new(),
        };
        for row in registry::rows().iter().filter(|row| row.is_read_by(program)) {
            // These are computed, or must be set.
            if matches!(row.name, "mydomain" | "process_id" | "virtual_mailbox_base") {
                continue;
            }
            evaluator.value(row).unwrap_or_else(|error| panic!("{program}: {}: {error}", row.name));
        }
    }
}

#[test]
fn this_machine_has_a_name() {
    assert!(!Host::this().name.is_empty());
}

#[test]
fn a_file_is_read_when_it_has_cooled_down() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"a = 1\na = 2\n").unwrap();
    let old = std::time::SystemTime::now() - Duration::from_secs(60);
    file.as_file().set_modified(old).unwrap();
    let path = file.path().to_str().unwrap();
    let text = main_cf::read_file(path).unwrap();
    let mut dictionary = Dictionary::default();
    dictionary.read(path, &text).unwrap();
    assert_eq!(dictionary.get(b"a").map(|value| value.to_str_lossy().into_owned()).as_deref(), Some("2"));
    let missing = main_cf::read_file("/nonexistent/main.cf").unwrap_err();
    assert_eq!(missing.to_string(), "open /nonexistent/main.cf: No such file or directory");
}
