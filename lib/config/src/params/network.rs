//! Networks, domains and what belongs to this machine.

use super::keys;

keys! {
    /// Whether failed address probes are remembered.
    ADDRESS_VERIFY_NEGATIVE_CACHE: Bool = "address_verify_negative_cache";
    /// The tables that newaliases(1) makes.
    ALIAS_DATABASE: Str = "alias_database";
    /// The buffer for making hash and btree tables, in bytes.
    BERKELEY_DB_CREATE_BUFFER_SIZE: Int = "berkeley_db_create_buffer_size";
    /// The buffer for reading hash and btree tables, in bytes.
    BERKELEY_DB_READ_BUFFER_SIZE: Int = "berkeley_db_read_buffer_size";
    /// The table that changes status codes and texts of deliveries.
    DEFAULT_DELIVERY_STATUS_FILTER: Str = "default_delivery_status_filter";
    /// Whether host names are looked up with the system's resolver alone.
    DISABLE_DNS_LOOKUPS: Bool = "disable_dns_lookups";
    /// Whether negative DNS answers are given the life time of their SOA record.
    DNS_NCACHE_TTL_FIX_ENABLE: Bool = "dns_ncache_ttl_fix_enable";
    /// The DNS query that shows whether the resolver validates: type:name.
    DNSSEC_PROBE: Str = "dnssec_probe";
    /// Whether domain names are converted by the older IDNA standard.
    ENABLE_IDNA2003_COMPATIBILITY: Bool = "enable_idna2003_compatibility";
    /// The domains for which deferred mail is kept track of.
    FAST_FLUSH_DOMAINS: Str = "fast_flush_domains";
    /// The addresses that the mail system receives mail on: all, loopback-only, or hosts and addresses.
    INET_INTERFACES: Str = "inet_interfaces";
    /// The network protocols in use: all, ipv4, ipv6.
    INET_PROTOCOLS: Str = "inet_protocols";
    /// The initial size limit of an LMDB table, in bytes.
    LMDB_MAP_SIZE: Long = "lmdb_map_size";
    /// The domains whose mail is delivered by local_transport.
    MYDESTINATION: Str = "mydestination";
    /// The domain of this machine.
    MYDOMAIN: Str = "mydomain";
    /// The host name of the mail system.
    MYHOSTNAME: Str = "myhostname";
    /// The networks of clients that are trusted.
    MYNETWORKS: Str = "mynetworks";
    /// How the default of mynetworks is made: host, subnet or class.
    MYNETWORKS_STYLE: Str = "mynetworks_style";
    /// The domain that is added to addresses that have none.
    MYORIGIN: Str = "myorigin";
    /// The features in which example.com matches its subdomains, too.
    PARENT_DOMAIN_MATCHES_SUBDOMAINS: Str = "parent_domain_matches_subdomains";
    /// Addresses of this mail system on another machine that passes connections on.
    PROXY_INTERFACES: Str = "proxy_interfaces";
    /// The domains, with their subdomains, that mail is relayed to.
    RELAY_DOMAINS: Str = "relay_domains";
    /// Where mail goes that is not local: a host instead of its own destination.
    RELAYHOST: Str = "relayhost";
    /// Whether log records have the words allowlist and denylist.
    RESPECTFUL_LOGGING: Bool = "respectful_logging";
    /// Whether a SASL client sends its authorization ID.
    SEND_CYRUS_SASL_AUTHZID: Bool = "send_cyrus_sasl_authzid";
    /// What new mail is examined for its need of SMTPUTF8.
    SMTPUTF8_AUTODETECT_CLASSES: Str = "smtputf8_autodetect_classes";
    /// Whether UTF-8 in addresses and headers is supported.
    SMTPUTF8_ENABLE: Bool = "smtputf8_enable";
    /// The longest key that a socketmap server is asked for, in bytes; a longer one is not found, with a warning. Since 3.12.
    SOCKETMAP_MAX_QUERY_SIZE: Int = "socketmap_max_query_size";
    /// The longest reply of a socketmap server, in bytes; a longer one is a temporary error. Since 3.10.
    SOCKETMAP_MAX_REPLY_SIZE: Int = "socketmap_max_reply_size";
    /// Whether SMTPUTF8 is demanded of mail that has UTF-8.
    STRICT_SMTPUTF8: Bool = "strict_smtputf8";
}
