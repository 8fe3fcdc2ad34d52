//! Asking the fast flush service about the mail that waits for a domain (queue-files §15.1, §15.4).

use std::time::Duration;

use config::{Config, params};
use ipc::{Status, flush, protocol};
use table::{Settings, Tables};

use crate::{MatchList, ParentDomains};

/// Which domains the flush service keeps a log for. The service is asked about no others.
#[derive(Debug)]
pub struct FastFlush {
    domains: MatchList,
    service: String,
    limit: Duration,
    legacy: bool,
}

impl FastFlush {
    /// Opens the tables of `fast_flush_domains`: before a chroot.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn open(config: &Config) -> Result<Self, String> {
        let tables = Tables::new(Settings::from(config));
        let parents = ParentDomains::new(&tables, config)?;
        let parameter = params::FAST_FLUSH_DOMAINS;
        Ok(Self {
            domains: MatchList::domains(&tables, &parents, parameter.name(), config.get(parameter))?,
            service: config.get(params::FLUSH_SERVICE_NAME).to_string(),
            limit: config.get(params::IPC_TIMEOUT),
            legacy: config.legacy_defaults().fast_flush_domains,
        })
    }

    /// Whether the service keeps a log for a domain.
    ///
    /// # Errors
    /// A table failed, which has been logged.
    pub fn covers(&self, domain: &[u8]) -> Result<bool, table::Error> {
        self.domains.matches(domain)
    }

    /// Remembers that a message waits for a domain. False: the service failed; a domain that is not eligible is no failure.
    pub fn add(&self, domain: &[u8], queue_id: &[u8]) -> bool {
        let request = flush::Request::Add { site: domain.into(), queue_id: queue_id.into() };
        matches!(self.ask(domain, "update fast-flush logfile", &request), flush::OK | flush::DENY)
    }

    /// Has the mail that waits for a domain tried now. The answer is one of [`ipc::flush`]'s: `DENY` for a domain that is
    /// not eligible, `FAIL` when the service or a table fails.
    pub fn send_site(&self, domain: &[u8]) -> i32 {
        self.ask(domain, "flush mail", &flush::Request::SendSite { site: domain.into() })
    }

    /// Asks, if the domain is eligible. `what` is what a legacy default made happen.
    fn ask(&self, domain: &[u8], what: &str, request: &flush::Request) -> i32 {
        match self.domains.matches(domain) {
            Ok(true) => {}
            Ok(false) => return flush::DENY,
            Err(error) => {
                log::debug!("{}: {error}", self.domains.title());
                return flush::FAIL;
            }
        }
        if self.legacy {
            let domain = text::show(domain);
            log::info!(
                "using backwards-compatible default setting relay_domains=$mydestination to {what} for domain \"{domain}\""
            );
        }
        match ipc::call("public", &self.service, protocol::FLUSH, request, self.limit) {
            Ok(Status(status)) => status,
            Err(error) => {
                log::warn!("{error}");
                flush::FAIL
            }
        }
    }

    /// The service's name in log lines.
    pub fn service(&self) -> &str {
        &self.service
    }
}
