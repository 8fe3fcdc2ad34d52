//! Where a message goes (smtpd §8.1).

use std::io;

use bstr::BStr;
use config::{Config, params};
use ipc::cleanup::{Reply, flag, status};
use logging::fatal;
use post::{Class, PatienceError, Postdrop, Posting, external_flags};
use queue::RecordType;

use crate::filter::Filter;

/// Who takes the records of a message.
#[derive(Debug)]
pub enum Destination {
    /// The cleanup service.
    Cleanup(Posting),
    /// postdrop, for a client that is whoever runs this.
    Postdrop(Box<Dropping>),
    /// A before-queue filter.
    Filter(Box<Filter>),
}

/// A message on its way to postdrop.
#[derive(Debug)]
pub struct Dropping {
    postdrop: Postdrop,
    error: Option<io::Error>,
}

impl Destination {
    /// Connects to cleanup, however long that takes.
    pub fn cleanup(config: &Config, smtputf8: bool) -> Self {
        match Posting::open_patiently(config, cleanup_flags(config, smtputf8)) {
            Ok(posting) => Self::Cleanup(posting),
            Err(PatienceError::Unreachable(error)) => fatal!("{error}"),
            Err(PatienceError::Protocol(error)) => {
                log::warn!("{error}");
                let service = text::show(config.get(params::CLEANUP_SERVICE_NAME)).to_string();
                fatal!("unable to connect to the public {service} service")
            }
        }
    }

    /// Runs postdrop.
    pub fn postdrop(config: &Config) -> Self {
        let postdrop = Postdrop::start(config, logging::verbosity()).unwrap_or_else(|error| fatal!("{error}"));
        Self::Postdrop(Box::new(Dropping { postdrop, error: None }))
    }

    /// The message's queue ID; a filter gives none.
    pub fn queue_id(&self) -> Option<&BStr> {
        match self {
            Self::Cleanup(posting) => Some(posting.queue_id()),
            Self::Postdrop(dropping) => Some(dropping.postdrop.queue_id()),
            Self::Filter(_) => None,
        }
    }

    /// Whether everything so far could be sent.
    pub fn is_good(&self) -> bool {
        match self {
            Self::Cleanup(posting) => posting.is_good(),
            Self::Postdrop(dropping) => dropping.error.is_none(),
            Self::Filter(filter) => filter.is_good(),
        }
    }

    /// Sends a record.
    pub fn put(&mut self, record_type: RecordType, payload: &[u8]) {
        match self {
            Self::Cleanup(posting) => posting.put(record_type, payload),
            Self::Postdrop(dropping) => {
                if dropping.error.is_none() {
                    dropping.error = dropping.postdrop.put(record_type, payload).err();
                }
            }
            Self::Filter(filter) => filter.content(payload, record_type == RecordType::TEXT),
        }
    }

    /// Sends an attribute record.
    pub fn attribute(&mut self, name: &str, value: &[u8]) {
        self.put(RecordType::ATTRIBUTE, &[name.as_bytes(), b"=", value].concat());
    }

    /// The judgement, after the end record. What cannot be had counts as a write error.
    pub fn finish(self) -> Reply {
        let failed = |reason: &str| Reply { status: status::WRITE, reason: reason.into() };
        match self {
            Self::Cleanup(posting) => posting.finish(),
            Self::Postdrop(dropping) => match dropping.error {
                Some(error) => {
                    log::warn!("write postdrop: {}", sys::reason(&error));
                    failed("")
                }
                None => dropping.postdrop.finish().unwrap_or_else(|_| failed("")),
            },
            Self::Filter(filter) => filter.finish(),
        }
    }
}

/// What cleanup is to do with mail from the network. No Milters of cleanup's own: those are for other mail.
fn cleanup_flags(config: &Config, smtputf8: bool) -> i32 {
    let flags = (external_flags(config, Class::Smtpd) | flag::SMTP_REPLY) & !flag::MILTER;
    if smtputf8 { (flags & !flag::AUTOUTF8) | flag::SMTPUTF8 } else { flags }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_of_the_specification() {
        assert_eq!(cleanup_flags(&Config::for_tests(&[]), false), 178);
        assert_eq!(cleanup_flags(&Config::for_tests(&[]), true), 178 + 256);
        let config = Config::for_tests(&[("smtputf8_autodetect_classes", "smtpd")]);
        assert_eq!((cleanup_flags(&config, false), cleanup_flags(&config, true)), (178 + 512, 178 + 256));
    }
}
