//! Telling the fast flush service about deferred mail (queue-files §15.1, §15.4).

use std::time::Duration;

use address::{MatchList, ParentDomains};
use config::{Config, params};
use ipc::{Status, flush, protocol};
use table::{Settings, Tables};

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

    /// Remembers that a message waits for a domain. False: the service failed; a domain that is not eligible is no failure.
    pub fn add(&self, domain: &[u8], queue_id: &[u8]) -> bool {
        match self.domains.matches_domain(domain) {
            Ok(true) => {}
            Ok(false) => return true,
            Err(error) => {
                log::debug!("{}: {error}", self.domains.title());
                return false;
            }
        }
        if self.legacy {
            let domain = text::show(domain);
            log::info!(
                "using backwards-compatible default setting relay_domains=$mydestination to update fast-flush logfile for domain \"{domain}\""
            );
        }
        let request = flush::Request::Add { site: domain.into(), queue_id: queue_id.into() };
        match ipc::call::<_, Status>("public", &self.service, protocol::FLUSH, &request, self.limit) {
            Ok(Status(flush::OK | flush::DENY)) => true,
            Ok(_) => false,
            Err(error) => {
                log::warn!("{error}");
                false
            }
        }
    }

    /// The service's name in log lines.
    pub fn service(&self) -> &str {
        &self.service
    }
}
