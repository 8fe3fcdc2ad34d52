//! The SMTP server and the counters of its clients.

use super::keys;

keys! {
    /// How long anvil counts before its rates begin anew.
    ANVIL_RATE_TIME_UNIT: Time = "anvil_rate_time_unit";
    /// How often anvil logs its peaks.
    ANVIL_STATUS_UPDATE_TIME: Time = "anvil_status_update_time";
    /// Whether VRFY is refused.
    DISABLE_VRFY_COMMAND: Bool = "disable_vrfy_command";
    /// Who is told about errors other than bounces.
    ERROR_NOTICE_RECIPIENT: Str = "error_notice_recipient";
    /// Hosts that may submit mail with QMQP.
    QMQPD_AUTHORIZED_CLIENTS: Str = "qmqpd_authorized_clients";
    /// Whether the QMQP server's log names the port of a client.
    QMQPD_CLIENT_PORT_LOGGING: Bool = "qmqpd_client_port_logging";
    /// How long the QMQP server waits before it refuses mail.
    QMQPD_ERROR_DELAY: Time = "qmqpd_error_delay";
    /// How long the QMQP server waits for a client.
    QMQPD_TIMEOUT: Time = "qmqpd_timeout";
    /// Hosts that may ask for variable envelope return paths.
    SMTPD_AUTHORIZED_VERP_CLIENTS: Str = "smtpd_authorized_verp_clients";
    /// Hosts that may say on whose behalf they talk, for all purposes.
    SMTPD_AUTHORIZED_XCLIENT_HOSTS: Str = "smtpd_authorized_xclient_hosts";
    /// Hosts that may say on whose behalf they talk, for the log.
    SMTPD_AUTHORIZED_XFORWARD_HOSTS: Str = "smtpd_authorized_xforward_hosts";
    /// The text behind 220.
    SMTPD_BANNER: Str = "smtpd_banner";
    /// How many AUTH commands a client may send in a time unit; 0 for no limit.
    SMTPD_CLIENT_AUTH_RATE_LIMIT: Int = "smtpd_client_auth_rate_limit";
    /// How many connections a client may have at a time; 0 for no limit.
    SMTPD_CLIENT_CONNECTION_COUNT_LIMIT: Int = "smtpd_client_connection_count_limit";
    /// How many connections a client may make in a time unit; 0 for no limit.
    SMTPD_CLIENT_CONNECTION_RATE_LIMIT: Int = "smtpd_client_connection_rate_limit";
    /// Clients whose connections and mail are not counted.
    SMTPD_CLIENT_EVENT_LIMIT_EXCEPTIONS: Str = "smtpd_client_event_limit_exceptions";
    /// How many leading bits of an IPv4 address make a client whose connections and mail are counted together. Since 3.8.
    SMTPD_CLIENT_IPV4_PREFIX_LENGTH: Int = "smtpd_client_ipv4_prefix_length";
    /// How many leading bits of an IPv6 address make a client whose connections and mail are counted together. Since 3.8.
    SMTPD_CLIENT_IPV6_PREFIX_LENGTH: Int = "smtpd_client_ipv6_prefix_length";
    /// How many messages a client may begin in a time unit; 0 for no limit.
    SMTPD_CLIENT_MESSAGE_RATE_LIMIT: Int = "smtpd_client_message_rate_limit";
    /// How many TLS sessions a client may begin in a time unit; 0 for no limit.
    SMTPD_CLIENT_NEW_TLS_SESSION_RATE_LIMIT: Int = "smtpd_client_new_tls_session_rate_limit";
    /// Whether the log names the port of a client.
    SMTPD_CLIENT_PORT_LOGGING: Bool = "smtpd_client_port_logging";
    /// How many recipients a client may name in a time unit; 0 for no limit.
    SMTPD_CLIENT_RECIPIENT_RATE_LIMIT: Int = "smtpd_client_recipient_rate_limit";
    /// A table that replaces commands of clients.
    SMTPD_COMMAND_FILTER: Str = "smtpd_command_filter";
    /// Whether the queue file is made at the first good recipient, rather than at MAIL.
    SMTPD_DELAY_OPEN_UNTIL_VALID_RCPT: Bool = "smtpd_delay_open_until_valid_rcpt";
    /// As smtpd_discard_ehlo_keywords, by the address of the client.
    SMTPD_DISCARD_EHLO_KEYWORD_ADDRESS_MAPS: Str = "smtpd_discard_ehlo_keyword_address_maps";
    /// EHLO keywords that are not announced.
    SMTPD_DISCARD_EHLO_KEYWORDS: Str = "smtpd_discard_ehlo_keywords";
    /// Whether clients must use TLS; smtpd_tls_security_level replaces it.
    SMTPD_ENFORCE_TLS: Bool = "smtpd_enforce_tls";
    /// How long each reply waits after many errors.
    SMTPD_ERROR_SLEEP_TIME: Time = "smtpd_error_sleep_time";
    /// What becomes of lines that end in LF without CR: no, normalize (yes), note, reject.
    SMTPD_FORBID_BARE_NEWLINE: Str = "smtpd_forbid_bare_newline";
    /// Clients that may end lines in LF without CR.
    SMTPD_FORBID_BARE_NEWLINE_EXCLUSIONS: Str = "smtpd_forbid_bare_newline_exclusions";
    /// The code of the reply to a line that ends in LF without CR.
    SMTPD_FORBID_BARE_NEWLINE_REJECT_CODE: Int = "smtpd_forbid_bare_newline_reject_code";
    /// Whether a client that does not wait for replies that it must wait for is cut off.
    SMTPD_FORBID_UNAUTH_PIPELINING: Bool = "smtpd_forbid_unauth_pipelining";
    /// Commands that end the session: other protocols.
    SMTPD_FORBIDDEN_COMMANDS: Str = "smtpd_forbidden_commands";
    /// After how many errors a client is cut off.
    SMTPD_HARD_ERROR_LIMIT: Int = "smtpd_hard_error_limit";
    /// Whether MAIL needs a HELO or EHLO before it.
    SMTPD_HELO_REQUIRED: Bool = "smtpd_helo_required";
    /// Whether the Received: header leaves out who the client is and how the mail came in. Since 3.10.
    SMTPD_HIDE_CLIENT_SESSION: Bool = "smtpd_hide_client_session";
    /// How many lines of a session are kept for the postmaster.
    SMTPD_HISTORY_FLUSH_THRESHOLD: Int = "smtpd_history_flush_threshold";
    /// After how many commands that deliver nothing each is an error.
    SMTPD_JUNK_COMMAND_LIMIT: Int = "smtpd_junk_command_limit";
    /// Milters for mail that arrives by SMTP.
    SMTPD_MILTERS: Str = "smtpd_milters";
    /// As smtpd_milters, by the address of the client; DISABLE for none.
    SMTPD_MILTER_MAPS: Str = "smtpd_milter_maps";
    /// How many bytes per second extend the time limit of a request.
    SMTPD_MIN_DATA_RATE: Int = "smtpd_min_data_rate";
    /// Commands that are answered, and do nothing.
    SMTPD_NOOP_COMMANDS: Str = "smtpd_noop_commands";
    /// Whether the names of clients are looked up.
    SMTPD_PEERNAME_LOOKUP: Bool = "smtpd_peername_lookup";
    /// Whether the time limit is for a whole request.
    SMTPD_PER_REQUEST_DEADLINE: Bool = "smtpd_per_request_deadline";
    /// The name by which the filter is greeted.
    SMTPD_PROXY_EHLO: Str = "smtpd_proxy_ehlo";
    /// speed_adjust: the filter is contacted when a message is complete.
    SMTPD_PROXY_OPTIONS: Str = "smtpd_proxy_options";
    /// How long the filter may take.
    SMTPD_PROXY_TIMEOUT: Time = "smtpd_proxy_timeout";
    /// How many recipients a message may have.
    SMTPD_RECIPIENT_LIMIT: Int = "smtpd_recipient_limit";
    /// How many recipients beyond the limit are no error.
    SMTPD_RECIPIENT_OVERSHOOT_LIMIT: Int = "smtpd_recipient_overshoot_limit";
    /// Tables that give other replies for those that begin with 4 or 5, by their whole text. Since 3.11.
    SMTPD_REJECT_FILTER_MAPS: Str = "smtpd_reject_filter_maps";
    /// What is added to rejections.
    SMTPD_REJECT_FOOTER: Raw = "smtpd_reject_footer";
    /// As smtpd_reject_footer, by the text of the rejection.
    SMTPD_REJECT_FOOTER_MAPS: Str = "smtpd_reject_footer_maps";
    /// Whether the Received: header names the login of the client.
    SMTPD_SASL_AUTHENTICATED_HEADER: Bool = "smtpd_sasl_authenticated_header";
    /// After how many errors replies wait.
    SMTPD_SOFT_ERROR_LIMIT: Int = "smtpd_soft_error_limit";
    /// How long a client may take over each read and write.
    SMTPD_TIMEOUT: Time = "smtpd_timeout";
    /// Whether clients may or must use TLS.
    SMTPD_TLS_SECURITY_LEVEL: Str = "smtpd_tls_security_level";
    /// Whether the session begins with TLS.
    SMTPD_TLS_WRAPPERMODE: Bool = "smtpd_tls_wrappermode";
    /// The protocol in which a proxy says who the client is: haproxy.
    SMTPD_UPSTREAM_PROXY_PROTOCOL: Str = "smtpd_upstream_proxy_protocol";
    /// How long that proxy may take.
    SMTPD_UPSTREAM_PROXY_TIMEOUT: Time = "smtpd_upstream_proxy_timeout";
    /// Whether clients may use TLS; smtpd_tls_security_level replaces it.
    SMTPD_USE_TLS: Bool = "smtpd_use_tls";
    /// Whether addresses of MAIL and RCPT must be in the form of RFC 821.
    STRICT_RFC821_ENVELOPES: Bool = "strict_rfc821_envelopes";
}
