//! Who may send which mail: access restrictions, policy servers, address verification.

use super::keys;

keys! {
    /// The code of a DEFER result of an access table.
    ACCESS_MAP_DEFER_CODE: Int = "access_map_defer_code";
    /// The code of a REJECT result of an access table.
    ACCESS_MAP_REJECT_CODE: Int = "access_map_reject_code";
    /// How often the cache of address verification is searched for old entries.
    ADDRESS_VERIFY_CACHE_CLEANUP_INTERVAL: Time = "address_verify_cache_cleanup_interval";
    /// The table that keeps results of address verification; empty: in memory.
    ADDRESS_VERIFY_MAP: Str = "address_verify_map";
    /// How long the failure of a probe is believed.
    ADDRESS_VERIFY_NEGATIVE_EXPIRE_TIME: Time = "address_verify_negative_expire_time";
    /// How old the failure of a probe is before a new probe is sent.
    ADDRESS_VERIFY_NEGATIVE_REFRESH_TIME: Time = "address_verify_negative_refresh_time";
    /// How often to ask for the result of a probe that is under way.
    ADDRESS_VERIFY_POLL_COUNT: Int = "address_verify_poll_count";
    /// The pause between such questions.
    ADDRESS_VERIFY_POLL_DELAY: Time = "address_verify_poll_delay";
    /// How long the success of a probe is believed.
    ADDRESS_VERIFY_POSITIVE_EXPIRE_TIME: Time = "address_verify_positive_expire_time";
    /// How old the success of a probe is before a new probe is sent.
    ADDRESS_VERIFY_POSITIVE_REFRESH_TIME: Time = "address_verify_positive_refresh_time";
    /// The sender of probes.
    ADDRESS_VERIFY_SENDER: Str = "address_verify_sender";
    /// How long the sender of probes stays the same; 0: for ever.
    ADDRESS_VERIFY_SENDER_TTL: Time = "address_verify_sender_ttl";
    /// Whether mail with routing in its address is relayed for anybody.
    ALLOW_UNTRUSTED_ROUTING: Bool = "allow_untrusted_routing";
    /// The reply to what a DNS blocklist lists.
    DEFAULT_RBL_REPLY: Raw = "default_rbl_reply";
    /// The code of the restriction "defer".
    DEFER_CODE: Int = "defer_code";
    /// The code for a HELO name with bad syntax.
    INVALID_HOSTNAME_REJECT_CODE: Int = "invalid_hostname_reject_code";
    /// Which clients' mail is completed with local domain names.
    LOCAL_HEADER_REWRITE_CLIENTS: Str = "local_header_rewrite_clients";
    /// Tables of the local recipients.
    LOCAL_RECIPIENT_MAPS: Str = "local_recipient_maps";
    /// The domains of reject_maps_rbl.
    MAPS_RBL_DOMAINS: Str = "maps_rbl_domains";
    /// The code for what a DNS blocklist lists.
    MAPS_RBL_REJECT_CODE: Int = "maps_rbl_reject_code";
    /// The code for a bounce to several recipients.
    MULTI_RECIPIENT_BOUNCE_REJECT_CODE: Int = "multi_recipient_bounce_reject_code";
    /// The code for a name that is not fully qualified.
    NON_FQDN_REJECT_CODE: Int = "non_fqdn_reject_code";
    /// The networks that permit_mx_backup trusts as primary mail exchangers.
    PERMIT_MX_BACKUP_NETWORKS: Str = "permit_mx_backup_networks";
    /// The code for a session without encryption.
    PLAINTEXT_REJECT_CODE: Int = "plaintext_reject_code";
    /// The tables that the proxymap service may read.
    PROXY_READ_MAPS: Str = "proxy_read_maps";
    /// The tables that the proxywrite service may change.
    PROXY_WRITE_MAPS: Str = "proxy_write_maps";
    /// The free space in bytes that the queue's file system must have for new mail.
    QUEUE_MINFREE: Long = "queue_minfree";
    /// Tables of replies to what DNS blocklists list, by domain.
    RBL_REPLY_MAPS: Str = "rbl_reply_maps";
    /// The code of the restriction "reject".
    REJECT_CODE: Int = "reject_code";
    /// What is done when a restriction cannot be decided for the time being: defer_if_permit, defer, or a reply code.
    REJECT_TEMPFAIL_ACTION: Str = "reject_tempfail_action";
    /// Fingerprints of the TLS clients that permit_tls_clientcerts lets relay.
    RELAY_CLIENTCERTS: Str = "relay_clientcerts";
    /// The code for mail that is not relayed.
    RELAY_DOMAINS_REJECT_CODE: Int = "relay_domains_reject_code";
    /// Tables of the recipients in relay domains.
    RELAY_RECIPIENT_MAPS: Str = "relay_recipient_maps";
    /// Restrictions on clients.
    SMTPD_CLIENT_RESTRICTIONS: Str = "smtpd_client_restrictions";
    /// Restrictions on DATA.
    SMTPD_DATA_RESTRICTIONS: Str = "smtpd_data_restrictions";
    /// Whether client, HELO and sender restrictions wait for RCPT.
    SMTPD_DELAY_REJECT: Bool = "smtpd_delay_reject";
    /// The table that changes or drops DNS answers.
    SMTPD_DNS_REPLY_FILTER: Str = "smtpd_dns_reply_filter";
    /// Restrictions on the message as a whole.
    SMTPD_END_OF_DATA_RESTRICTIONS: Str = "smtpd_end_of_data_restrictions";
    /// Restrictions on ETRN.
    SMTPD_ETRN_RESTRICTIONS: Str = "smtpd_etrn_restrictions";
    /// The bytes that expanded values in replies may have.
    SMTPD_EXPANSION_FILTER: Raw = "smtpd_expansion_filter";
    /// Restrictions on HELO.
    SMTPD_HELO_RESTRICTIONS: Str = "smtpd_helo_restrictions";
    /// Which permit actions are logged.
    SMTPD_LOG_ACCESS_PERMIT_ACTIONS: Str = "smtpd_log_access_permit_actions";
    /// What the empty sender is looked up as in access tables.
    SMTPD_NULL_ACCESS_LOOKUP_KEY: Str = "smtpd_null_access_lookup_key";
    /// What a policy server that cannot be asked counts as having said.
    SMTPD_POLICY_SERVICE_DEFAULT_ACTION: Str = "smtpd_policy_service_default_action";
    /// How long an unused connection to a policy server is kept.
    SMTPD_POLICY_SERVICE_MAX_IDLE: Time = "smtpd_policy_service_max_idle";
    /// How long a connection to a policy server is used.
    SMTPD_POLICY_SERVICE_MAX_TTL: Time = "smtpd_policy_service_max_ttl";
    /// What policy servers are told as policy_context.
    SMTPD_POLICY_SERVICE_POLICY_CONTEXT: Str = "smtpd_policy_service_policy_context";
    /// How many requests a connection to a policy server serves; 0 for no limit.
    SMTPD_POLICY_SERVICE_REQUEST_LIMIT: Int = "smtpd_policy_service_request_limit";
    /// The pause before a policy server is asked again.
    SMTPD_POLICY_SERVICE_RETRY_DELAY: Time = "smtpd_policy_service_retry_delay";
    /// How long a policy server may take to be connected, to read and to answer.
    SMTPD_POLICY_SERVICE_TIMEOUT: Time = "smtpd_policy_service_timeout";
    /// How often a policy server is asked; 0 for no limit.
    SMTPD_POLICY_SERVICE_TRY_LIMIT: Int = "smtpd_policy_service_try_limit";
    /// The content filter that mail is passed through while it is received.
    SMTPD_PROXY_FILTER: Str = "smtpd_proxy_filter";
    /// Restrictions on recipients.
    SMTPD_RECIPIENT_RESTRICTIONS: Str = "smtpd_recipient_restrictions";
    /// Whether unknown recipients in our domains are rejected.
    SMTPD_REJECT_UNLISTED_RECIPIENT: Bool = "smtpd_reject_unlisted_recipient";
    /// Whether unknown senders in our domains are rejected.
    SMTPD_REJECT_UNLISTED_SENDER: Bool = "smtpd_reject_unlisted_sender";
    /// Whether relay restrictions come before recipient restrictions.
    SMTPD_RELAY_BEFORE_RECIPIENT_RESTRICTIONS: Bool = "smtpd_relay_before_recipient_restrictions";
    /// Restrictions on relaying.
    SMTPD_RELAY_RESTRICTIONS: Str = "smtpd_relay_restrictions";
    /// Names of lists of restrictions.
    SMTPD_RESTRICTION_CLASSES: Str = "smtpd_restriction_classes";
    /// Whether clients can log in.
    SMTPD_SASL_AUTH_ENABLE: Bool = "smtpd_sasl_auth_enable";
    /// Tables of the SASL logins that own a sender address.
    SMTPD_SENDER_LOGIN_MAPS: Str = "smtpd_sender_login_maps";
    /// Restrictions on senders.
    SMTPD_SENDER_RESTRICTIONS: Str = "smtpd_sender_restrictions";
    /// Whether TLS clients are asked for a certificate.
    SMTPD_TLS_ASK_CCERT: Bool = "smtpd_tls_ask_ccert";
    /// Not empty: the server is under stress.
    STRESS: Str = "stress";
    /// The code for a domain that does not exist.
    UNKNOWN_ADDRESS_REJECT_CODE: Int = "unknown_address_reject_code";
    /// What a failed lookup of a domain leads to: defer_if_permit or defer.
    UNKNOWN_ADDRESS_TEMPFAIL_ACTION: Str = "unknown_address_tempfail_action";
    /// The code for a client without a host name.
    UNKNOWN_CLIENT_REJECT_CODE: Int = "unknown_client_reject_code";
    /// What a failed lookup of a HELO name leads to: defer_if_permit or defer.
    UNKNOWN_HELO_HOSTNAME_TEMPFAIL_ACTION: Str = "unknown_helo_hostname_tempfail_action";
    /// The code for a HELO name that does not exist.
    UNKNOWN_HOSTNAME_REJECT_CODE: Int = "unknown_hostname_reject_code";
    /// The code for an unknown local recipient.
    UNKNOWN_LOCAL_RECIPIENT_REJECT_CODE: Int = "unknown_local_recipient_reject_code";
    /// The code for an unknown recipient in a relay domain.
    UNKNOWN_RELAY_RECIPIENT_REJECT_CODE: Int = "unknown_relay_recipient_reject_code";
    /// The code for an unknown recipient in a virtual alias domain.
    UNKNOWN_VIRTUAL_ALIAS_REJECT_CODE: Int = "unknown_virtual_alias_reject_code";
    /// The code for an unknown recipient in a virtual mailbox domain.
    UNKNOWN_VIRTUAL_MAILBOX_REJECT_CODE: Int = "unknown_virtual_mailbox_reject_code";
    /// The code while it is not known whether mail for a recipient can be delivered.
    UNVERIFIED_RECIPIENT_DEFER_CODE: Int = "unverified_recipient_defer_code";
    /// The code for a recipient that mail cannot be delivered to.
    UNVERIFIED_RECIPIENT_REJECT_CODE: Int = "unverified_recipient_reject_code";
    /// The text for a recipient that mail cannot be delivered to, in place of the true reason.
    UNVERIFIED_RECIPIENT_REJECT_REASON: Str = "unverified_recipient_reject_reason";
    /// What an unknown result of recipient verification leads to: defer_if_permit or defer.
    UNVERIFIED_RECIPIENT_TEMPFAIL_ACTION: Str = "unverified_recipient_tempfail_action";
    /// The code while it is not known whether mail for a sender can be delivered.
    UNVERIFIED_SENDER_DEFER_CODE: Int = "unverified_sender_defer_code";
    /// The code for a sender that mail cannot be delivered to.
    UNVERIFIED_SENDER_REJECT_CODE: Int = "unverified_sender_reject_code";
    /// The text for a sender that mail cannot be delivered to, in place of the true reason.
    UNVERIFIED_SENDER_REJECT_REASON: Str = "unverified_sender_reject_reason";
    /// What an unknown result of sender verification leads to: defer_if_permit or defer.
    UNVERIFIED_SENDER_TEMPFAIL_ACTION: Str = "unverified_sender_tempfail_action";
}
