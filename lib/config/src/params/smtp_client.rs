//! The SMTP and LMTP client, and its connection cache.

use super::keys;

keys! {
    /// Whether mail servers are looked up by MX records when the SRV lookup fails in any way. Since 3.8.
    ALLOW_SRV_LOOKUP_FALLBACK: Bool = "allow_srv_lookup_fallback";
    /// Where mail goes for which this machine is the best mail server, and did not expect that.
    BEST_MX_TRANSPORT: Str = "best_mx_transport";
    /// How long the connection cache may take to answer.
    CONNECTION_CACHE_PROTOCOL_TIMEOUT: Time = "connection_cache_protocol_timeout";
    /// The service that keeps connections.
    CONNECTION_CACHE_SERVICE_NAME: Str = "connection_cache_service_name";
    /// How often the connection cache logs its statistics.
    CONNECTION_CACHE_STATUS_UPDATE_TIME: Time = "connection_cache_status_update_time";
    /// The longest time that the connection cache keeps anything.
    CONNECTION_CACHE_TTL_LIMIT: Time = "connection_cache_ttl_limit";
    /// Whether the host itself is tried when its MX lookup fails.
    IGNORE_MX_LOOKUP_ERROR: Bool = "ignore_mx_lookup_error";
    /// Whether mail servers are looked up by MX records when the SRV lookup fails for the time being. Since 3.8.
    IGNORE_SRV_LOOKUP_ERROR: Bool = "ignore_srv_lookup_error";
    /// Which address family is tried first: ipv4, ipv6, or any, for LMTP.
    LMTP_ADDRESS_PREFERENCE: Str = "lmtp_address_preference";
    /// Which reply tells whether a probed address is good: that to rcpt, or to data, for LMTP.
    LMTP_ADDRESS_VERIFY_TARGET: Str = "lmtp_address_verify_target";
    /// Obsolete: whether delivery by LMTP counts as final.
    LMTP_ASSUME_FINAL: Bool = "lmtp_assume_final";
    /// Whether a limited list of addresses has some of each address family, for LMTP.
    LMTP_BALANCE_INET_PROTOCOLS: Bool = "lmtp_balance_inet_protocols";
    /// The IPv4 address that connections are made from, for LMTP.
    LMTP_BIND_ADDRESS: Str = "lmtp_bind_address";
    /// The IPv6 address that connections are made from, for LMTP.
    LMTP_BIND_ADDRESS6: Str = "lmtp_bind_address6";
    /// Whether mail waits when the address to connect from cannot be used, for LMTP.
    LMTP_BIND_ADDRESS_ENFORCE: Bool = "lmtp_bind_address_enforce";
    /// Tables that lines of the body are looked up in on the way out, for LMTP.
    LMTP_BODY_CHECKS: Str = "lmtp_body_checks";
    /// Whether the name behind CNAME records counts as the server name, for LMTP.
    LMTP_CNAME_OVERRIDES_SERVERNAME: Bool = "lmtp_cname_overrides_servername";
    /// How long a connection may take to be made; 0 leaves that to the system, for LMTP.
    LMTP_CONNECT_TIMEOUT: Time = "lmtp_connect_timeout";
    /// The destinations whose connections are always kept for further mail, for LMTP.
    LMTP_CONNECTION_CACHE_DESTINATIONS: Str = "lmtp_connection_cache_destinations";
    /// Whether connections are kept while there is a lot of mail for a destination, for LMTP.
    LMTP_CONNECTION_CACHE_ON_DEMAND: Bool = "lmtp_connection_cache_on_demand";
    /// How long an unused connection is kept, for LMTP.
    LMTP_CONNECTION_CACHE_TIME_LIMIT: Time = "lmtp_connection_cache_time_limit";
    /// How many messages a connection may carry; 0 for any number, for LMTP.
    LMTP_CONNECTION_REUSE_COUNT_LIMIT: Int = "lmtp_connection_reuse_count_limit";
    /// How long a connection may be used, for LMTP.
    LMTP_CONNECTION_REUSE_TIME_LIMIT: Time = "lmtp_connection_reuse_time_limit";
    /// How long the reply to the end of a message may take, for LMTP.
    LMTP_DATA_DONE_TIMEOUT: Time = "lmtp_data_done_timeout";
    /// How long DATA and its reply may take, for LMTP.
    LMTP_DATA_INIT_TIMEOUT: Time = "lmtp_data_init_timeout";
    /// How long the content of a message may be stuck, for LMTP.
    LMTP_DATA_XFER_TIMEOUT: Time = "lmtp_data_xfer_timeout";
    /// Whether mail waits when no mail server of a domain has an address, for LMTP.
    LMTP_DEFER_IF_NO_MX_ADDRESS_FOUND: Bool = "lmtp_defer_if_no_mx_address_found";
    /// The table that changes status codes and texts of deliveries, for LMTP.
    LMTP_DELIVERY_STATUS_FILTER: Str = "lmtp_delivery_status_filter";
    /// Tables, by server address, with the LHLO keywords to overlook.
    LMTP_DISCARD_LHLO_KEYWORD_ADDRESS_MAPS: Str = "lmtp_discard_lhlo_keyword_address_maps";
    /// The LHLO keywords to overlook.
    LMTP_DISCARD_LHLO_KEYWORDS: Str = "lmtp_discard_lhlo_keywords";
    /// Tables that remove records from DNS replies, for LMTP.
    LMTP_DNS_REPLY_FILTER: Str = "lmtp_dns_reply_filter";
    /// Options for address lookups: res_defnames, res_dnsrch, for LMTP.
    LMTP_DNS_RESOLVER_OPTIONS: Str = "lmtp_dns_resolver_options";
    /// How DNS is used: disabled, enabled, or dnssec, for LMTP.
    LMTP_DNS_SUPPORT_LEVEL: Str = "lmtp_dns_support_level";
    /// Obsolete: whether TLS is mandatory, for LMTP.
    LMTP_ENFORCE_TLS: Bool = "lmtp_enforce_tls";
    /// Hosts that get the mail when its destination is not found or cannot be reached, for LMTP.
    LMTP_FALLBACK_RELAY: Str = "lmtp_fallback_relay";
    /// Tables that replace local addresses by others in mail that goes out, for LMTP.
    LMTP_GENERIC_MAPS: Str = "lmtp_generic_maps";
    /// Tables that message headers are looked up in on the way out, for LMTP.
    LMTP_HEADER_CHECKS: Str = "lmtp_header_checks";
    /// How host names are looked up: dns, native, or both, for LMTP.
    LMTP_HOST_LOOKUP: Str = "lmtp_host_lookup";
    /// The name in LHLO.
    LMTP_LHLO_NAME: Str = "lmtp_lhlo_name";
    /// How long the greeting, and the reply to LHLO, may take.
    LMTP_LHLO_TIMEOUT: Time = "lmtp_lhlo_timeout";
    /// The longest line of a message, in bytes; longer ones are broken. 0 for no limit, for LMTP.
    LMTP_LINE_LENGTH_LIMIT: Int = "lmtp_line_length_limit";
    /// How long MAIL and its reply may take, for LMTP.
    LMTP_MAIL_TIMEOUT: Time = "lmtp_mail_timeout";
    /// Tables that MIME headers are looked up in on the way out, for LMTP.
    LMTP_MIME_HEADER_CHECKS: Str = "lmtp_mime_header_checks";
    /// The slowest acceptable transfer of content, in bytes per second, when limits are for a whole request, for LMTP.
    LMTP_MIN_DATA_RATE: Int = "lmtp_min_data_rate";
    /// How many addresses of a destination are tried; 0 for all, for LMTP.
    LMTP_MX_ADDRESS_LIMIT: Int = "lmtp_mx_address_limit";
    /// How many servers of a destination are talked to; 0 for all, for LMTP.
    LMTP_MX_SESSION_LIMIT: Int = "lmtp_mx_session_limit";
    /// Tables that headers of attached messages are looked up in on the way out, for LMTP.
    LMTP_NESTED_HEADER_CHECKS: Str = "lmtp_nested_header_checks";
    /// Whether time limits are for a whole command with its reply, instead of each read and write, for LMTP.
    LMTP_PER_REQUEST_DEADLINE: Bool = "lmtp_per_request_deadline";
    /// How long to wait before the final dot, for firewalls that need it, for LMTP.
    LMTP_PIX_WORKAROUND_DELAY_TIME: Time = "lmtp_pix_workaround_delay_time";
    /// Tables, by server address, with the work-arounds for firewalls, for LMTP.
    LMTP_PIX_WORKAROUND_MAPS: Str = "lmtp_pix_workaround_maps";
    /// How old a message is before the pause for firewalls is made, for LMTP.
    LMTP_PIX_WORKAROUND_THRESHOLD_TIME: Time = "lmtp_pix_workaround_threshold_time";
    /// The work-arounds for firewalls that tamper with SMTP, for LMTP.
    LMTP_PIX_WORKAROUNDS: Str = "lmtp_pix_workarounds";
    /// How long QUIT and its reply may take, for LMTP.
    LMTP_QUIT_TIMEOUT: Time = "lmtp_quit_timeout";
    /// Whether addresses are quoted in commands, for LMTP.
    LMTP_QUOTE_RFC821_ENVELOPE: Bool = "lmtp_quote_rfc821_envelope";
    /// Whether equally good servers are tried in random order, for LMTP.
    LMTP_RANDOMIZE_ADDRESSES: Bool = "lmtp_randomize_addresses";
    /// How long RCPT and its reply may take, for LMTP.
    LMTP_RCPT_TIMEOUT: Time = "lmtp_rcpt_timeout";
    /// The table that changes replies of servers, line by line, for LMTP.
    LMTP_REPLY_FILTER: Str = "lmtp_reply_filter";
    /// How long RSET and its reply may take, for LMTP.
    LMTP_RSET_TIMEOUT: Time = "lmtp_rset_timeout";
    /// Whether to log in to servers, for LMTP.
    LMTP_SASL_AUTH_ENABLE: Bool = "lmtp_sasl_auth_enable";
    /// Tables with names and passwords for servers, for LMTP.
    LMTP_SASL_PASSWORD_MAPS: Str = "lmtp_sasl_password_maps";
    /// Whether MAIL says AUTH=<>, for LMTP.
    LMTP_SEND_DUMMY_MAIL_AUTH: Bool = "lmtp_send_dummy_mail_auth";
    /// Whether servers are told of the original client, for LMTP.
    LMTP_SEND_XFORWARD_COMMAND: Bool = "lmtp_send_xforward_command";
    /// Whether the next server is tried when one greets with a 5xx reply, for LMTP.
    LMTP_SKIP_5XX_GREETING: Bool = "lmtp_skip_5xx_greeting";
    /// Whether the reply to QUIT is not waited for, for LMTP.
    LMTP_SKIP_QUIT_RESPONSE: Bool = "lmtp_skip_quit_response";
    /// The port of servers, for LMTP.
    LMTP_TCP_PORT: Str = "lmtp_tcp_port";
    /// Obsolete: tables with the TLS policy of each server, for LMTP.
    LMTP_TLS_PER_SITE: Str = "lmtp_tls_per_site";
    /// Tables with the TLS policy of each destination, for LMTP.
    LMTP_TLS_POLICY_MAPS: Str = "lmtp_tls_policy_maps";
    /// How TLS is used: none, may, encrypt, and stronger ones, for LMTP.
    LMTP_TLS_SECURITY_LEVEL: Str = "lmtp_tls_security_level";
    /// Whether connections begin with TLS, for LMTP.
    LMTP_TLS_WRAPPERMODE: Bool = "lmtp_tls_wrappermode";
    /// Obsolete: whether TLS is used when a server offers it, for LMTP.
    LMTP_USE_TLS: Bool = "lmtp_use_tls";
    /// How long XFORWARD and its reply may take, for LMTP.
    LMTP_XFORWARD_TIMEOUT: Time = "lmtp_xforward_timeout";
    /// Which address family is tried first: ipv4, ipv6, or any.
    SMTP_ADDRESS_PREFERENCE: Str = "smtp_address_preference";
    /// Which reply tells whether a probed address is good: that to rcpt, or to data.
    SMTP_ADDRESS_VERIFY_TARGET: Str = "smtp_address_verify_target";
    /// Whether EHLO is said to every server.
    SMTP_ALWAYS_SEND_EHLO: Bool = "smtp_always_send_ehlo";
    /// Whether a limited list of addresses has some of each address family.
    SMTP_BALANCE_INET_PROTOCOLS: Bool = "smtp_balance_inet_protocols";
    /// The IPv4 address that connections are made from.
    SMTP_BIND_ADDRESS: Str = "smtp_bind_address";
    /// The IPv6 address that connections are made from.
    SMTP_BIND_ADDRESS6: Str = "smtp_bind_address6";
    /// Whether mail waits when the address to connect from cannot be used.
    SMTP_BIND_ADDRESS_ENFORCE: Bool = "smtp_bind_address_enforce";
    /// Tables that lines of the body are looked up in on the way out.
    SMTP_BODY_CHECKS: Str = "smtp_body_checks";
    /// Whether the name behind CNAME records counts as the server name.
    SMTP_CNAME_OVERRIDES_SERVERNAME: Bool = "smtp_cname_overrides_servername";
    /// How long a connection may take to be made; 0 leaves that to the system.
    SMTP_CONNECT_TIMEOUT: Time = "smtp_connect_timeout";
    /// The destinations whose connections are always kept for further mail.
    SMTP_CONNECTION_CACHE_DESTINATIONS: Str = "smtp_connection_cache_destinations";
    /// Whether connections are kept while there is a lot of mail for a destination.
    SMTP_CONNECTION_CACHE_ON_DEMAND: Bool = "smtp_connection_cache_on_demand";
    /// How long an unused connection is kept.
    SMTP_CONNECTION_CACHE_TIME_LIMIT: Time = "smtp_connection_cache_time_limit";
    /// How many messages a connection may carry; 0 for any number.
    SMTP_CONNECTION_REUSE_COUNT_LIMIT: Int = "smtp_connection_reuse_count_limit";
    /// How long a connection may be used.
    SMTP_CONNECTION_REUSE_TIME_LIMIT: Time = "smtp_connection_reuse_time_limit";
    /// How long the reply to the end of a message may take.
    SMTP_DATA_DONE_TIMEOUT: Time = "smtp_data_done_timeout";
    /// How long DATA and its reply may take.
    SMTP_DATA_INIT_TIMEOUT: Time = "smtp_data_init_timeout";
    /// How long the content of a message may be stuck.
    SMTP_DATA_XFER_TIMEOUT: Time = "smtp_data_xfer_timeout";
    /// Whether mail waits when no mail server of a domain has an address.
    SMTP_DEFER_IF_NO_MX_ADDRESS_FOUND: Bool = "smtp_defer_if_no_mx_address_found";
    /// The table that changes status codes and texts of deliveries.
    SMTP_DELIVERY_STATUS_FILTER: Str = "smtp_delivery_status_filter";
    /// Tables, by server address, with the EHLO keywords to overlook.
    SMTP_DISCARD_EHLO_KEYWORD_ADDRESS_MAPS: Str = "smtp_discard_ehlo_keyword_address_maps";
    /// The EHLO keywords to overlook.
    SMTP_DISCARD_EHLO_KEYWORDS: Str = "smtp_discard_ehlo_keywords";
    /// Tables that remove records from DNS replies.
    SMTP_DNS_REPLY_FILTER: Str = "smtp_dns_reply_filter";
    /// Options for address lookups: res_defnames, res_dnsrch.
    SMTP_DNS_RESOLVER_OPTIONS: Str = "smtp_dns_resolver_options";
    /// How DNS is used: disabled, enabled, or dnssec.
    SMTP_DNS_SUPPORT_LEVEL: Str = "smtp_dns_support_level";
    /// Obsolete: whether TLS is mandatory.
    SMTP_ENFORCE_TLS: Bool = "smtp_enforce_tls";
    /// Hosts that get the mail when its destination is not found or cannot be reached.
    SMTP_FALLBACK_RELAY: Str = "smtp_fallback_relay";
    /// Tables that replace local addresses by others in mail that goes out.
    SMTP_GENERIC_MAPS: Str = "smtp_generic_maps";
    /// Tables that message headers are looked up in on the way out.
    SMTP_HEADER_CHECKS: Str = "smtp_header_checks";
    /// The name in EHLO and HELO.
    SMTP_HELO_NAME: Str = "smtp_helo_name";
    /// How long the greeting, and the reply to EHLO, may take.
    SMTP_HELO_TIMEOUT: Time = "smtp_helo_timeout";
    /// How host names are looked up: dns, native, or both.
    SMTP_HOST_LOOKUP: Str = "smtp_host_lookup";
    /// The longest line of a message, in bytes; longer ones are broken. 0 for no limit.
    SMTP_LINE_LENGTH_LIMIT: Int = "smtp_line_length_limit";
    /// How long MAIL and its reply may take.
    SMTP_MAIL_TIMEOUT: Time = "smtp_mail_timeout";
    /// Tables that MIME headers are looked up in on the way out.
    SMTP_MIME_HEADER_CHECKS: Str = "smtp_mime_header_checks";
    /// The slowest acceptable transfer of content, in bytes per second, when limits are for a whole request.
    SMTP_MIN_DATA_RATE: Int = "smtp_min_data_rate";
    /// How many addresses of a destination are tried; 0 for all.
    SMTP_MX_ADDRESS_LIMIT: Int = "smtp_mx_address_limit";
    /// How many servers of a destination are talked to; 0 for all.
    SMTP_MX_SESSION_LIMIT: Int = "smtp_mx_session_limit";
    /// Tables that headers of attached messages are looked up in on the way out.
    SMTP_NESTED_HEADER_CHECKS: Str = "smtp_nested_header_checks";
    /// Whether EHLO is said to no server.
    SMTP_NEVER_SEND_EHLO: Bool = "smtp_never_send_ehlo";
    /// Whether time limits are for a whole command with its reply, instead of each read and write.
    SMTP_PER_REQUEST_DEADLINE: Bool = "smtp_per_request_deadline";
    /// How long to wait before the final dot, for firewalls that need it.
    SMTP_PIX_WORKAROUND_DELAY_TIME: Time = "smtp_pix_workaround_delay_time";
    /// Tables, by server address, with the work-arounds for firewalls.
    SMTP_PIX_WORKAROUND_MAPS: Str = "smtp_pix_workaround_maps";
    /// How old a message is before the pause for firewalls is made.
    SMTP_PIX_WORKAROUND_THRESHOLD_TIME: Time = "smtp_pix_workaround_threshold_time";
    /// The work-arounds for firewalls that tamper with SMTP.
    SMTP_PIX_WORKAROUNDS: Str = "smtp_pix_workarounds";
    /// How long QUIT and its reply may take.
    SMTP_QUIT_TIMEOUT: Time = "smtp_quit_timeout";
    /// Whether addresses are quoted in commands.
    SMTP_QUOTE_RFC821_ENVELOPE: Bool = "smtp_quote_rfc821_envelope";
    /// Whether equally good servers are tried in random order.
    SMTP_RANDOMIZE_ADDRESSES: Bool = "smtp_randomize_addresses";
    /// How long RCPT and its reply may take.
    SMTP_RCPT_TIMEOUT: Time = "smtp_rcpt_timeout";
    /// The table that changes replies of servers, line by line.
    SMTP_REPLY_FILTER: Str = "smtp_reply_filter";
    /// How long RSET and its reply may take.
    SMTP_RSET_TIMEOUT: Time = "smtp_rset_timeout";
    /// Whether to log in to servers.
    SMTP_SASL_AUTH_ENABLE: Bool = "smtp_sasl_auth_enable";
    /// Tables with names and passwords for servers.
    SMTP_SASL_PASSWORD_MAPS: Str = "smtp_sasl_password_maps";
    /// Whether MAIL says AUTH=<>.
    SMTP_SEND_DUMMY_MAIL_AUTH: Bool = "smtp_send_dummy_mail_auth";
    /// Whether servers are told of the original client.
    SMTP_SEND_XFORWARD_COMMAND: Bool = "smtp_send_xforward_command";
    /// Whether passwords are looked up by sender.
    SMTP_SENDER_DEPENDENT_AUTHENTICATION: Bool = "smtp_sender_dependent_authentication";
    /// Whether the next server is tried when one greets with a 5xx reply.
    SMTP_SKIP_5XX_GREETING: Bool = "smtp_skip_5xx_greeting";
    /// Whether the reply to QUIT is not waited for.
    SMTP_SKIP_QUIT_RESPONSE: Bool = "smtp_skip_quit_response";
    /// The port of servers.
    SMTP_TCP_PORT: Str = "smtp_tcp_port";
    /// Obsolete: tables with the TLS policy of each server.
    SMTP_TLS_PER_SITE: Str = "smtp_tls_per_site";
    /// Tables with the TLS policy of each destination.
    SMTP_TLS_POLICY_MAPS: Str = "smtp_tls_policy_maps";
    /// How TLS is used: none, may, encrypt, and stronger ones.
    SMTP_TLS_SECURITY_LEVEL: Str = "smtp_tls_security_level";
    /// Whether connections begin with TLS.
    SMTP_TLS_WRAPPERMODE: Bool = "smtp_tls_wrappermode";
    /// Obsolete: whether TLS is used when a server offers it.
    SMTP_USE_TLS: Bool = "smtp_use_tls";
    /// How long XFORWARD and its reply may take.
    SMTP_XFORWARD_TIMEOUT: Time = "smtp_xforward_timeout";
    /// The services, such as submission, whose servers are looked up by SRV records. Since 3.8.
    USE_SRV_LOOKUP: Str = "use_srv_lookup";
}
