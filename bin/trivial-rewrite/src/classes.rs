//! Address classes (cleanup-rewrite §9.5).

use address::{MatchList, ParentDomains};
use config::{Config, params};
use ipc::rewrite::resolved;
use table::Tables;

use crate::strip::Failed;

/// Who is responsible for the recipients of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `mydestination`, and this machine's addresses.
    Local,
    /// `virtual_alias_domains`.
    Alias,
    /// `virtual_mailbox_domains`.
    Mailbox,
    /// `relay_domains`.
    Relay,
    /// Others.
    Default,
}

impl Class {
    /// The bit in a reply.
    pub fn flag(self) -> i32 {
        match self {
            Class::Local => resolved::LOCAL,
            Class::Alias => resolved::ALIAS,
            Class::Mailbox => resolved::VIRTUAL,
            Class::Relay => resolved::RELAY,
            Class::Default => resolved::DEFAULT,
        }
    }
}

/// The domains of the classes, but for the local ones.
#[derive(Debug)]
pub struct Classes {
    alias: MatchList,
    mailbox: MatchList,
    relay: MatchList,
    helpful_warnings: bool,
}

impl Classes {
    /// Reads the parameters.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn new(config: &Config, tables: &Tables) -> Result<Self, String> {
        let list = |key: config::Key<config::Str>| MatchList::new(tables, key.name(), config.get(key));
        let parents = ParentDomains::new(tables, config)?;
        let relay = params::RELAY_DOMAINS;
        Ok(Classes {
            alias: list(params::VIRTUAL_ALIAS_DOMAINS)?,
            mailbox: list(params::VIRTUAL_MAILBOX_DOMAINS)?,
            relay: MatchList::domains(tables, &parents, relay.name(), config.get(relay))?,
            helpful_warnings: config.get(params::HELPFUL_WARNINGS),
        })
    }

    /// The class of a domain.
    pub fn of(&self, domain: &[u8], is_local: bool) -> Result<Class, Failed> {
        if is_local {
            self.warn_of_both("mydestination", domain, &[&self.alias, &self.mailbox]);
            return Ok(Class::Local);
        }
        if listed(&self.alias, domain)? {
            self.warn_of_both(self.alias.title(), domain, &[&self.mailbox, &self.relay]);
            return Ok(Class::Alias);
        }
        if listed(&self.mailbox, domain)? {
            self.warn_of_both(self.mailbox.title(), domain, &[&self.relay]);
            return Ok(Class::Mailbox);
        }
        Ok(if listed(&self.relay, domain)? { Class::Relay } else { Class::Default })
    }

    fn warn_of_both(&self, title: &str, domain: &[u8], others: &[&MatchList]) {
        if !self.helpful_warnings {
            return;
        }
        for other in others.iter().filter(|other| other.matches(domain).unwrap_or(false)) {
            let domain = text::show(domain);
            log::warn!("do not list domain {domain} in BOTH {title} and {}", other.title());
        }
    }
}

fn listed(list: &MatchList, domain: &[u8]) -> Result<bool, Failed> {
    list.matches(domain).map_err(|_| {
        log::warn!("{} lookup failure", list.title());
        Failed
    })
}
