//! What a session did, and what it did wrong (smtpd §4.2, §11.1).

use std::fmt::Write;

use super::verb::{COUNT, Verb};

/// The counters of a session.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    total: [u64; COUNT],
    success: [u64; COUNT],
    /// Negative results since the last accepted message.
    pub errors: u64,
    junk: u64,
}

impl Counters {
    /// A command was recognised.
    pub fn saw(&mut self, verb: Verb) {
        self.total[verb as usize] += 1;
    }

    /// A command was carried out.
    pub fn succeeded(&mut self, verb: Verb) {
        self.success[verb as usize] += 1;
    }

    /// A command that delivers nothing: beyond the limit it is an error.
    pub fn junk(&mut self, limit: u64) {
        if self.junk > limit {
            self.errors += 1;
        }
        self.junk += 1;
    }

    /// A message was accepted: all is forgiven.
    pub fn forgive(&mut self) {
        self.errors = 0;
        self.junk = 0;
    }

    /// ` ehlo=1 mail=1/2 commands=2/3`: what the last line of a session says.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        let (mut success, mut total) = (0, 0);
        for verb in Verb::all() {
            let (good, all) = (self.success[verb as usize], self.total[verb as usize]);
            if all > 0 {
                write_count(&mut text, &verb.name().to_ascii_lowercase(), good, all, good != all);
            }
            success += good;
            total += all;
        }
        write_count(&mut text, "commands", success, total, success != total || total == 0);
        text
    }
}

fn write_count(text: &mut String, name: &str, good: u64, all: u64, both: bool) {
    // Writing to a string does not fail.
    let _ = write!(text, " {name}={good}");
    if both {
        let _ = write!(text, "/{all}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_a_session() {
        let mut counters = Counters::default();
        assert_eq!(counters.summary(), " commands=0/0");
        for (verb, good) in [(Verb::Ehlo, true), (Verb::Rcpt, true), (Verb::Rcpt, false), (Verb::Unknown, false)] {
            counters.saw(verb);
            if good {
                counters.succeeded(verb);
            }
        }
        assert_eq!(counters.summary(), " ehlo=1 rcpt=1/2 unknown=0/1 commands=2/4");
    }

    #[test]
    fn junk_costs_an_error_beyond_the_limit() {
        let mut counters = Counters::default();
        for _ in 0..102 {
            counters.junk(100);
        }
        assert_eq!(counters.errors, 1);
        counters.forgive();
        assert_eq!(counters.errors, 0);
    }
}
