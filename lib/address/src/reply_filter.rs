//! Tables that DNS answers must pass: `smtp_dns_reply_filter`, `smtpd_dns_reply_filter` (smtp-client §21).

use config::{Config, Key, Str};
use dns::{ReplyFilter, Verdict};
use table::{Flags, Maps, Tables};

/// Looks records up, in text form, in the tables of a parameter.
#[derive(Debug)]
pub struct DnsReplyFilter {
    maps: Maps,
}

impl DnsReplyFilter {
    /// Opens the tables; `None`: there are none.
    pub fn open(config: &Config, tables: &Tables, key: Key<Str>) -> Option<Box<dyn ReplyFilter>> {
        let maps = tables.maps(key.name(), config.get(key), Flags::LIST);
        (!maps.is_empty()).then(|| Box::new(DnsReplyFilter { maps }) as Box<dyn ReplyFilter>)
    }
}

impl ReplyFilter for DnsReplyFilter {
    fn judge(&self, record: &str) -> Verdict {
        match self.maps.find(record.as_bytes()) {
            Ok(None) => Verdict::Keep,
            Ok(Some(action)) if action.eq_ignore_ascii_case(b"ignore") => Verdict::Ignore,
            Ok(Some(action)) => {
                log::warn!("{}: unknown DNS filter action: \"{}\"", self.maps.title(), text::show(&action));
                Verdict::Confused
            }
            // The failure of the table has been logged.
            Err(_) => Verdict::Confused,
        }
    }
}
