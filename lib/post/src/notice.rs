//! Which notices postmasters want (`notify_classes`; qmgr-bounce §11.1, smtpd §15).

use config::{Config, params};
use text::list;

/// What a notice to the postmaster can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeClass {
    /// Undeliverable mail.
    Bounce,
    /// Undeliverable notifications.
    DoubleBounce,
    /// Errors in message content.
    Data,
    /// Delayed mail.
    Delay,
    /// Mail that a policy refused.
    Policy,
    /// Errors in a protocol.
    Protocol,
    /// Lack of resources.
    Resource,
    /// Errors in software.
    Software,
}

const NAMES: [(&[u8], NoticeClass); 8] = [
    (b"bounce", NoticeClass::Bounce),
    (b"2bounce", NoticeClass::DoubleBounce),
    (b"data", NoticeClass::Data),
    (b"delay", NoticeClass::Delay),
    (b"policy", NoticeClass::Policy),
    (b"protocol", NoticeClass::Protocol),
    (b"resource", NoticeClass::Resource),
    (b"software", NoticeClass::Software),
];

/// The classes that `notify_classes` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoticeClasses(u8);

impl NoticeClasses {
    /// Reads `notify_classes`. Case matters.
    ///
    /// # Errors
    /// The text of the fatal error: a word that names no class.
    pub fn from_config(config: &Config) -> Result<NoticeClasses, String> {
        let value = config.get(params::NOTIFY_CLASSES);
        let mut classes = NoticeClasses::default();
        for word in list::split(value, b", \t\r\n") {
            let Some((_, class)) = NAMES.iter().find(|(name, _)| *name == word) else {
                let (word, value) = (text::show(word), text::show(value));
                return Err(format!("unknown notify_classes value \"{word}\" in \"{value}\""));
            };
            classes.0 |= 1 << *class as u8;
        }
        Ok(classes)
    }

    /// Is the class among them?
    pub fn contains(self, class: NoticeClass) -> bool {
        self.0 & (1 << class as u8) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(value: &str) -> Result<NoticeClasses, String> {
        NoticeClasses::from_config(&Config::for_tests(&[("notify_classes", value)]))
    }

    #[test]
    fn words_name_classes() {
        let found = classes("resource,  2bounce").unwrap();
        let named = NAMES.iter().map(|(_, class)| *class).filter(|class| found.contains(*class)).collect::<Vec<_>>();
        assert_eq!(named, [NoticeClass::DoubleBounce, NoticeClass::Resource]);
        assert_eq!(classes("").unwrap(), NoticeClasses::default());
        assert_eq!(classes("data, Delay").unwrap_err(), "unknown notify_classes value \"Delay\" in \"data, Delay\"");
    }
}
