//! The check that this server is no open relay (access-milter-postscreen §2.3).

use std::collections::BTreeMap;

use bstr::BString;

use crate::rule::Rule;
use crate::rules::{List, Lists};

/// The deepest nesting of classes in classes.
const DEEPEST: usize = 100;

/// Sees to it that some restriction decides about relaying.
///
/// # Errors
/// The text of the fatal error.
pub(crate) fn check(lists: &Lists, classes: &BTreeMap<BString, List>) -> Result<(), String> {
    if guards(&lists.recipient, classes, 0) || guards(&lists.relay, classes, 0) {
        return Ok(());
    }
    Err("in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, specify at least one working instance of: \
         reject_unauth_destination, defer_unauth_destination, reject, defer, defer_if_permit or check_relay_domains"
        .into())
}

fn guards(list: &[BString], classes: &BTreeMap<BString, List>, depth: usize) -> bool {
    let mut words = list.iter();
    while let Some(word) = words.next() {
        match Rule::named(word) {
            Some(Rule::WarnIfReject) => {
                words.next();
            }
            Some(Rule::Permit) => {
                warn_of_rest(word, words.as_slice());
                return false;
            }
            Some(rule) if rule.guards_relaying() => return true,
            Some(_) => {}
            None => {
                let class = classes.get(word).filter(|_| depth < DEEPEST);
                if class.is_some_and(|class| guards(class, classes, depth + 1)) {
                    return true;
                }
            }
        }
    }
    false
}

/// Nothing after a restriction that always decides has an effect.
pub(crate) fn warn_of_rest(word: &[u8], rest: &[BString]) {
    if let Some(next) = rest.first() {
        log::warn!("restriction `{}' after `{}' is ignored", text::show(next), text::show(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guarded(list: &str) -> bool {
        let split = |text: &str| text.split(' ').map(BString::from).collect::<List>();
        let classes = BTreeMap::from([("good".into(), split("sleep 1 reject")), ("loop".into(), split("loop"))]);
        guards(&split(list), &classes, 0)
    }

    #[test]
    fn what_guards_relaying() {
        assert!(guarded("permit_mynetworks reject_unauth_destination") && guarded("good") && guarded("DEFER"));
        assert!(guarded("warn_if_reject reject defer_if_permit"));
        assert!(!guarded("") && !guarded("permit reject") && !guarded("warn_if_reject reject") && !guarded("loop"));
    }
}
