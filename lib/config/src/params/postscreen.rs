//! Screening of clients before the SMTP server sees them: postscreen(8) and dnsblog(8).

use super::keys;

keys! {
    /// How long dnsblog(8) waits before it answers; for tests. Since 2.8.
    DNSBLOG_REPLY_DELAY: Time = "dnsblog_reply_delay";
    /// The service that looks up clients in DNS lists. Since 2.8.
    DNSBLOG_SERVICE_NAME: Str = "dnsblog_service_name";
    /// Which clients pass, and which are on the deny list, by address: permit_mynetworks, permit, reject, dunno, and
    /// tables that give these; the first that matches. What is unknown, and a table that fails, ends the list with a
    /// warning. Since 2.8.
    POSTSCREEN_ACCESS_LIST: Str = "postscreen_access_list";
    /// The addresses of this machine on which a new client can pass all tests; on others it is told to come back. Since
    /// 3.6.
    POSTSCREEN_ALLOWLIST_INTERFACES: Str = "postscreen_allowlist_interfaces";
    /// What is done with a client that ends lines with LF alone: ignore, enforce (refuse its recipients), or drop.
    /// Another word ends the program. Since 2.8.
    POSTSCREEN_BARE_NEWLINE_ACTION: Str = "postscreen_bare_newline_action";
    /// Whether clients are watched for lines that end with LF alone. Since 2.8.
    POSTSCREEN_BARE_NEWLINE_ENABLE: Bool = "postscreen_bare_newline_enable";
    /// How long a client that has passed that test is not tested again. Since 2.8.
    POSTSCREEN_BARE_NEWLINE_TTL: Time = "postscreen_bare_newline_ttl";
    /// How often clients that have not come back are taken out of the cache; 0 for never. Since 2.8.
    POSTSCREEN_CACHE_CLEANUP_INTERVAL: Time = "postscreen_cache_cleanup_interval";
    /// The table, as type:name, in which postscreen(8) keeps which tests a client has passed. Only one process may have
    /// it open. Since 2.8.
    POSTSCREEN_CACHE_MAP: Str = "postscreen_cache_map";
    /// How long a client stays in the cache after its last test has expired. Since 2.8.
    POSTSCREEN_CACHE_RETENTION_TIME: Time = "postscreen_cache_retention_time";
    /// How many connections a client may have at a time; 0 for no limit. Since 2.8.
    POSTSCREEN_CLIENT_CONNECTION_COUNT_LIMIT: Int = "postscreen_client_connection_count_limit";
    /// How many commands a client may send to postscreen(8) itself in a session. Since 2.8.
    POSTSCREEN_COMMAND_COUNT_LIMIT: Int = "postscreen_command_count_limit";
    /// The table that changes commands of clients before they are looked at. Since 2.8.
    POSTSCREEN_COMMAND_FILTER: Str = "postscreen_command_filter";
    /// How long a client may take over one command. Since 2.8.
    POSTSCREEN_COMMAND_TIME_LIMIT: Time = "postscreen_command_time_limit";
    /// What is done with a client on the deny list: ignore, enforce (refuse its recipients), or drop. Another word ends
    /// the program. Since 3.6.
    POSTSCREEN_DENYLIST_ACTION: Str = "postscreen_denylist_action";
    /// Whether VRFY is refused. Since 2.8.
    POSTSCREEN_DISABLE_VRFY_COMMAND: Bool = "postscreen_disable_vrfy_command";
    /// Tables, by client address, with the EHLO keywords that are not shown. Since 2.8.
    POSTSCREEN_DISCARD_EHLO_KEYWORD_ADDRESS_MAPS: Str = "postscreen_discard_ehlo_keyword_address_maps";
    /// The EHLO keywords that are not shown. Since 2.8.
    POSTSCREEN_DISCARD_EHLO_KEYWORDS: Str = "postscreen_discard_ehlo_keywords";
    /// What is done with a client whose DNS score is too high: ignore, enforce (refuse its recipients), or drop.
    /// Another word ends the program. Since 2.8.
    POSTSCREEN_DNSBL_ACTION: Str = "postscreen_dnsbl_action";
    /// The DNS score, below 0, with which a client is spared the other tests; 0 for none. Since 3.6.
    POSTSCREEN_DNSBL_ALLOWLIST_THRESHOLD: Int = "postscreen_dnsbl_allowlist_threshold";
    /// The longest time for which a client that has passed the DNS test is not tested again. Since 3.1.
    POSTSCREEN_DNSBL_MAX_TTL: Time = "postscreen_dnsbl_max_ttl";
    /// The shortest time for which a client that has passed the DNS test is not tested again. Since 3.1.
    POSTSCREEN_DNSBL_MIN_TTL: Time = "postscreen_dnsbl_min_ttl";
    /// The table that gives the names of DNS lists as clients see them, for lists whose real name is a secret. Since
    /// 2.8.
    POSTSCREEN_DNSBL_REPLY_MAP: Str = "postscreen_dnsbl_reply_map";
    /// DNS lists, as domain=filter*weight, whose weights add up to a client's score. A bad filter, weight or domain
    /// ends the program. Empty for no such test. Since 2.8.
    POSTSCREEN_DNSBL_SITES: Str = "postscreen_dnsbl_sites";
    /// The DNS score from which on a client fails; at least 1. Since 2.8.
    POSTSCREEN_DNSBL_THRESHOLD: Int = "postscreen_dnsbl_threshold";
    /// How long answers of DNS lists are waited for; what comes later does not count. Since 3.0.
    POSTSCREEN_DNSBL_TIMEOUT: Time = "postscreen_dnsbl_timeout";
    /// Obsolete: whether TLS is mandatory. Since 2.8.
    POSTSCREEN_ENFORCE_TLS: Bool = "postscreen_enforce_tls";
    /// The bytes that values in postscreen_reject_footer may have; others become `_`. Since 2.8.
    POSTSCREEN_EXPANSION_FILTER: Raw = "postscreen_expansion_filter";
    /// The commands that no mail client sends: one fails the test for other protocols. Since 2.8.
    POSTSCREEN_FORBIDDEN_COMMANDS: Str = "postscreen_forbidden_commands";
    /// What is done with a client that talks before it is greeted: ignore, enforce (refuse its recipients), or drop.
    /// Another word ends the program. Since 2.8.
    POSTSCREEN_GREET_ACTION: Str = "postscreen_greet_action";
    /// The text of the first line of the greeting, which is sent before the wait; empty for no such test. Since 2.8.
    POSTSCREEN_GREET_BANNER: Str = "postscreen_greet_banner";
    /// How long a client that has waited for the greeting is not tested again. Since 2.8.
    POSTSCREEN_GREET_TTL: Time = "postscreen_greet_ttl";
    /// How long the rest of the greeting is held back; at most that long DNS lists are waited for. Since 2.8.
    POSTSCREEN_GREET_WAIT: Time = "postscreen_greet_wait";
    /// Whether HELO or EHLO must come before MAIL. Since 2.8.
    POSTSCREEN_HELO_REQUIRED: Bool = "postscreen_helo_required";
    /// What is done with a client that talks another protocol: ignore, enforce (refuse its recipients), or drop.
    /// Another word ends the program. Since 2.8.
    POSTSCREEN_NON_SMTP_COMMAND_ACTION: Str = "postscreen_non_smtp_command_action";
    /// Whether clients are watched for commands of other protocols. Since 2.8.
    POSTSCREEN_NON_SMTP_COMMAND_ENABLE: Bool = "postscreen_non_smtp_command_enable";
    /// How long a client that has passed that test is not tested again. Since 2.8.
    POSTSCREEN_NON_SMTP_COMMAND_TTL: Time = "postscreen_non_smtp_command_ttl";
    /// What is done with a client that sends commands without waiting for replies: ignore, enforce (refuse its
    /// recipients), or drop. Another word ends the program. Since 2.8.
    POSTSCREEN_PIPELINING_ACTION: Str = "postscreen_pipelining_action";
    /// Whether clients are watched for commands that come before the reply to the last one. Since 2.8.
    POSTSCREEN_PIPELINING_ENABLE: Bool = "postscreen_pipelining_enable";
    /// How long a client that has passed that test is not tested again. Since 2.8.
    POSTSCREEN_PIPELINING_TTL: Time = "postscreen_pipelining_ttl";
    /// How many clients may wait for an SMTP server process; at least 5. Since 2.8.
    POSTSCREEN_POST_QUEUE_LIMIT: Int = "postscreen_post_queue_limit";
    /// How many clients may be under test at a time; at least 10. At nine tenths of it the tests become shorter. Since
    /// 2.8.
    POSTSCREEN_PRE_QUEUE_LIMIT: Int = "postscreen_pre_queue_limit";
    /// A text that is added to refusals. Never expanded as a parameter; \c, \n and names in it are as in
    /// smtpd_reject_footer. Since 2.8.
    POSTSCREEN_REJECT_FOOTER: Raw = "postscreen_reject_footer";
    /// Tables, by refusal, with such texts. Since 3.4.
    POSTSCREEN_REJECT_FOOTER_MAPS: Str = "postscreen_reject_footer_maps";
    /// How long one read or write may take while a client and postscreen(8) agree on TLS. At least 1 second. Since
    /// 3.12.
    POSTSCREEN_STARTTLS_TIMEOUT: Time = "postscreen_starttls_timeout";
    /// Whether STARTTLS is offered: none, may, or encrypt, which demands it. A higher level is taken for encrypt, with
    /// a warning; another word ends the program. Since 2.8.
    POSTSCREEN_TLS_SECURITY_LEVEL: Str = "postscreen_tls_security_level";
    /// The protocol in which a proxy in front tells the client's address: haproxy, or empty for none. Since 2.10.
    POSTSCREEN_UPSTREAM_PROXY_PROTOCOL: Str = "postscreen_upstream_proxy_protocol";
    /// How long such a proxy may take to tell it. Since 2.10.
    POSTSCREEN_UPSTREAM_PROXY_TIMEOUT: Time = "postscreen_upstream_proxy_timeout";
    /// Obsolete: whether STARTTLS is offered. Since 2.8.
    POSTSCREEN_USE_TLS: Bool = "postscreen_use_tls";
    /// How long postscreen(8) may be stuck before it is ended; at least 10 seconds. Since 2.8.
    POSTSCREEN_WATCHDOG_TIMEOUT: Time = "postscreen_watchdog_timeout";
    /// The service that gets the clients that have passed. Since 2.8.
    SMTPD_SERVICE_NAME: Str = "smtpd_service_name";
}
