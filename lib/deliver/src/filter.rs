//! Delivery status filters: tables that rewrite a status before it counts (qmgr-bounce §9.1).

use config::{Config, Key, Str};
use ipc::bounce::Dsn;
use table::{Flags, Maps, Tables};

/// `<agent>_delivery_status_filter`.
#[derive(Debug)]
pub struct StatusFilter {
    maps: Maps,
}

impl StatusFilter {
    /// Opens the tables of the parameter; `None` when it names none.
    pub fn open(config: &Config, parameter: Key<Str>, tables: &Tables) -> Option<Self> {
        let list = config.get(parameter);
        (!text::space::trim(list).is_empty()).then(|| Self { maps: tables.maps(parameter.name(), list, Flags::LIST) })
    }

    /// Replaces status and reason, if a table has the pair. Success stays success.
    pub fn apply(&self, dsn: &mut Dsn) {
        let key = [dsn.status.as_slice(), b" ", &dsn.reason].concat();
        let Ok(Some(result)) = self.maps.find(&key) else { return };
        let success = dsn.status.first() == Some(&b'2');
        match text::dsn::split_status(&result) {
            Some((status, reason)) if (status.first() == Some(&b'2')) == success && !reason.is_empty() => {
                if !success {
                    dsn.action = if status.first() == Some(&b'4') { "delayed" } else { "failed" }.into();
                }
                dsn.status = status.into();
                dsn.reason = reason.into();
            }
            _ => log::warn!("{}: bad status code: {}", self.maps.title(), text::show(&result)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::params;
    use table::Settings;

    fn filtered(status: &str, reason: &str) -> (String, String) {
        let filter = "regexp:{{/^5.1.1 no/ 4.2.1 wait}, {/^4.2.0 full/ 5.2.2 full up}, {/^2.0.0 ok/ 2.1.0 fine}, \
                      {/^5.0.0 bad/ 2.0.0 ok}}";
        let config = Config::for_tests(&[("local_delivery_status_filter", filter)]);
        let tables = Tables::new(Settings::default());
        let mut dsn = Dsn::new(status, reason);
        StatusFilter::open(&config, params::LOCAL_DELIVERY_STATUS_FILTER, &tables).unwrap().apply(&mut dsn);
        (dsn.status.to_string(), dsn.reason.to_string())
    }

    #[test]
    fn failures_change_class_and_success_does_not() {
        assert_eq!(filtered("5.1.1", "no"), ("4.2.1".into(), "wait".into()));
        assert_eq!(filtered("4.2.0", "full"), ("5.2.2".into(), "full up".into()));
        assert_eq!(filtered("2.0.0", "ok"), ("2.1.0".into(), "fine".into()));
        assert_eq!(filtered("5.0.0", "bad"), ("5.0.0".into(), "bad".into()));
        assert_eq!(filtered("5.9.9", "other"), ("5.9.9".into(), "other".into()));
    }
}
