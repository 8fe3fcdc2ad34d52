//! `master_service_disable` (master-ipc §6.4).

use bstr::{BString, ByteSlice};
use config::master::{Entry, Transport};
use text::list;

/// Patterns for lines of master.cf that count as absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disabled(Vec<(bool, BString)>);

impl Disabled {
    /// Reads the parameter. Without any network protocol, inet services are disabled too.
    pub fn parse(value: &[u8], no_network: bool) -> Self {
        let network = no_network.then(|| (true, BString::from("inet")));
        Self(network.into_iter().chain(list::split(value, b", \t\r\n").map(pattern)).collect())
    }

    /// Whether a line is disabled: the first pattern that matches decides.
    pub fn matches(&self, entry: &Entry) -> bool {
        let transport = entry.transport.name();
        let full = [entry.name.as_bytes(), b"/", transport.as_bytes()].concat();
        let matching = self.0.iter().find(|(_, pattern)| {
            let subject = if pattern.contains(&b'/') { full.as_slice() } else { transport.as_bytes() };
            pattern.eq_ignore_ascii_case(subject)
        });
        matching.is_some_and(|(disabled, _)| *disabled)
    }
}

/// Each `!` negates; `name.type` is the old form of `name/type`.
fn pattern(word: &[u8]) -> (bool, BString) {
    let negations = word.iter().take_while(|byte| **byte == b'!').count();
    let mut pattern = BString::from(&word[negations..]);
    if !pattern.contains(&b'/')
        && Transport::parse(&pattern).is_none()
        && let Some(dot) = pattern.rfind_byte(b'.')
    {
        pattern[dot] = b'/';
    }
    (negations % 2 == 0, pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::master::{Defaults, parse};
    use text::level::Level;

    fn disabled(patterns: &str, line: &str) -> bool {
        let defaults = Defaults { level: Level::new(3, 6, 0), process_limit: 100 };
        let entry = parse("/m", line.as_bytes(), &defaults).unwrap().remove(0);
        Disabled::parse(patterns.as_bytes(), false).matches(&entry)
    }

    #[test]
    fn the_first_match_decides() {
        let (smtp, foo) = ("smtp inet n - n - - smtpd", "foo unix - - n - - x");
        assert!(disabled("inet, foo/unix", smtp) && disabled("inet, foo/unix", foo));
        assert!(!disabled("!smtp/inet, inet", smtp));
        assert!(disabled("!smtp/inet, inet", "25 inet n - n - - smtpd"));
        assert!(disabled("FOO.unix", foo) && !disabled("bar.unix", foo));
    }
}
