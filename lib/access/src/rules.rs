//! Everything that is read once at the start: lists of restrictions, and the tables and servers that they name
//! (access-milter-postscreen §2.2, §4.1).

use std::collections::BTreeMap;
use std::net::IpAddr;

use address::{Finder, MatchList, ParentDomains};
use bstr::{BString, ByteSlice};
use config::{Config, Key, Str, params};
use table::{Flags, Maps, Tables};
use text::list::{SEPARATORS, split_braced};

use crate::certificate::{self, CertificateTable};
use crate::policy::{Defaults, PolicyServer, PolicySettings};
use crate::safety;
use crate::settings::Settings;

/// A list of restrictions, as words.
pub(crate) type List = Vec<BString>;

/// The lists of restrictions.
#[derive(Debug)]
pub(crate) struct Lists {
    pub client: List,
    pub helo: List,
    pub sender: List,
    pub relay: List,
    pub recipient: List,
    pub data: List,
    pub end_of_data: List,
    pub etrn: List,
    /// What is evaluated last while an old default leaves relay restrictions empty.
    pub legacy_relay: List,
}

/// The tables that say which recipients there are.
#[derive(Debug)]
pub(crate) struct Recipients {
    pub canonical: Maps,
    pub sender_canonical: Maps,
    pub recipient_canonical: Maps,
    pub virtual_alias: Maps,
    pub local: Maps,
    pub virtual_mailbox: Maps,
    pub relay: Maps,
}

/// Everything that does not change.
#[derive(Debug)]
pub(crate) struct Rules {
    pub settings: Settings,
    pub lists: Lists,
    pub classes: BTreeMap<BString, List>,
    /// By the words that name them; each is one table.
    pub tables: BTreeMap<BString, Maps>,
    pub certificate_tables: BTreeMap<BString, CertificateTable>,
    pub mynetworks: MatchList,
    pub relay_domains: MatchList,
    pub mx_backup_networks: MatchList,
    pub permit_actions: MatchList,
    /// Whether access tables are searched for parent domains without a dot in front.
    pub plain_parents: bool,
    pub finder: Finder,
    pub recipients: Recipients,
    pub sender_login: Maps,
    pub client_certificates: Maps,
    pub rbl_reply: Maps,
    pub rewrite_clients: List,
    /// The addresses of `inet_interfaces`.
    pub own_addresses: Vec<IpAddr>,
}

/// What the words of lists lead to, while they are read.
struct Reader<'a> {
    tables: &'a Tables,
    defaults: Defaults,
    found: BTreeMap<BString, Maps>,
    certificates: BTreeMap<BString, CertificateTable>,
    servers: BTreeMap<BString, PolicyServer>,
}

impl Reader<'_> {
    /// Splits a list, and opens the tables that it names.
    fn list(&mut self, value: &[u8]) -> Result<List, String> {
        let mut of_policy_server = false;
        let mut words = List::new();
        for word in split_braced(value, SEPARATORS) {
            if of_policy_server {
                self.server(word)?;
            } else if word.starts_with(b"{") || word.contains(&b':') {
                self.table(word);
            }
            of_policy_server = word.eq_ignore_ascii_case(b"check_policy_service");
            words.push(word.into());
        }
        Ok(words)
    }

    fn server(&mut self, word: &[u8]) -> Result<(), String> {
        if !self.servers.contains_key(word.as_bstr()) {
            let settings = PolicySettings::parse(word, &self.defaults)?;
            self.servers.insert(word.into(), PolicyServer::new(settings));
        }
        Ok(())
    }

    fn table(&mut self, word: &[u8]) {
        if self.found.contains_key(word.as_bstr()) || self.certificates.contains_key(word.as_bstr()) {
            return;
        }
        match certificate::parse(word) {
            Ok((name, search)) => {
                let maps = self.tables.maps(&text::show(&name).to_string(), &name, Flags::LIST);
                if !word.starts_with(b"{") {
                    self.found.insert(word.into(), maps.clone());
                }
                self.certificates.insert(word.into(), CertificateTable { maps, search });
            }
            Err(problem) => problem.lines().for_each(|line| log::warn!("{line}")),
        }
    }

    fn parameter(&mut self, config: &Config, key: Key<Str>) -> Result<List, String> {
        self.list(config.get(key))
    }

    /// `smtpd_restriction_classes`.
    fn classes(&mut self, config: &Config) -> Result<BTreeMap<BString, List>, String> {
        const PREDEFINED: (&str, &[u8]) = (
            "reject_sender_login_mismatch",
            b"reject_authenticated_sender_login_mismatch reject_unauthenticated_sender_login_mismatch",
        );
        let mut classes = BTreeMap::new();
        for name in split_braced(config.get(params::SMTPD_RESTRICTION_CLASSES), SEPARATORS) {
            let value = match config.lookup(name) {
                Some(text) => config.expand(text).map_err(|error| error.to_string())?,
                None => BString::default(),
            };
            if value.is_empty() {
                return Err(format!("restriction class `{}' needs a definition", text::show(name)));
            }
            classes.insert(BString::from(name), self.list(&value)?);
        }
        classes.insert(PREDEFINED.0.into(), self.list(PREDEFINED.1)?);
        Ok(classes)
    }
}

impl Rules {
    /// Reads the parameters, opens the tables, and sees to it that relaying is guarded. Also gives the policy servers, by
    /// the word that names them.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn read(config: &Config, tables: &Tables) -> Result<(Rules, BTreeMap<BString, PolicyServer>), String> {
        let settings = Settings::read(config)?;
        let defaults = Defaults::read(config);
        let mut reader = Reader {
            tables,
            defaults,
            found: BTreeMap::new(),
            certificates: BTreeMap::new(),
            servers: BTreeMap::new(),
        };
        let lists = Lists {
            client: reader.parameter(config, params::SMTPD_CLIENT_RESTRICTIONS)?,
            helo: reader.parameter(config, params::SMTPD_HELO_RESTRICTIONS)?,
            sender: reader.parameter(config, params::SMTPD_SENDER_RESTRICTIONS)?,
            relay: reader.parameter(config, params::SMTPD_RELAY_RESTRICTIONS)?,
            recipient: reader.parameter(config, params::SMTPD_RECIPIENT_RESTRICTIONS)?,
            data: reader.parameter(config, params::SMTPD_DATA_RESTRICTIONS)?,
            end_of_data: reader.parameter(config, params::SMTPD_END_OF_DATA_RESTRICTIONS)?,
            etrn: reader.parameter(config, params::SMTPD_ETRN_RESTRICTIONS)?,
            legacy_relay: reader.list(b"permit_mynetworks, permit_sasl_authenticated, permit_auth_destination")?,
        };
        let rewrite_clients = reader.parameter(config, params::LOCAL_HEADER_REWRITE_CLIENTS)?;
        let classes = reader.classes(config)?;
        if !settings.legacy.smtpd_relay_restrictions {
            safety::check(&lists, &classes)?;
        }
        let Reader { found, certificates, servers, .. } = reader;
        let parents = ParentDomains::new(tables, config)?;
        let rules = Rules {
            mynetworks: host_list(config, tables, &parents, params::MYNETWORKS)?,
            relay_domains: host_list(config, tables, &parents, params::RELAY_DOMAINS)?,
            mx_backup_networks: host_list(config, tables, &parents, params::PERMIT_MX_BACKUP_NETWORKS)?,
            permit_actions: permit_actions(config, tables)?,
            plain_parents: parents.cover("smtpd_access_maps"),
            finder: Finder::new(tables, config)?,
            recipients: Recipients {
                canonical: maps(config, tables, params::CANONICAL_MAPS),
                sender_canonical: maps(config, tables, params::SENDER_CANONICAL_MAPS),
                recipient_canonical: maps(config, tables, params::RECIPIENT_CANONICAL_MAPS),
                virtual_alias: maps(config, tables, params::VIRTUAL_ALIAS_MAPS),
                local: maps(config, tables, params::LOCAL_RECIPIENT_MAPS),
                virtual_mailbox: maps(config, tables, params::VIRTUAL_MAILBOX_MAPS),
                relay: maps(config, tables, params::RELAY_RECIPIENT_MAPS),
            },
            sender_login: maps(config, tables, params::SMTPD_SENDER_LOGIN_MAPS),
            client_certificates: maps(config, tables, params::RELAY_CLIENTCERTS),
            rbl_reply: maps(config, tables, params::RBL_REPLY_MAPS),
            own_addresses: config.own_addresses(),
            settings,
            lists,
            classes,
            tables: found,
            certificate_tables: certificates,
            rewrite_clients,
        };
        Ok((rules, servers))
    }
}

fn host_list(config: &Config, tables: &Tables, parents: &ParentDomains, key: Key<Str>) -> Result<MatchList, String> {
    MatchList::domains(tables, parents, key.name(), config.get(key))
}

fn permit_actions(config: &Config, tables: &Tables) -> Result<MatchList, String> {
    let key = params::SMTPD_LOG_ACCESS_PERMIT_ACTIONS;
    MatchList::new(tables, key.name(), config.get(key))
}

fn maps(config: &Config, tables: &Tables, key: Key<Str>) -> Maps {
    tables.maps(key.name(), config.get(key), Flags::LIST)
}
