//! SASL: logging in to the SMTP server, and from the SMTP and LMTP client.

use super::keys;

keys! {
    /// Whether EHLO replies have `AUTH=` besides `AUTH `, for clients of old drafts.
    BROKEN_SASL_AUTH_CLIENTS: Bool = "broken_sasl_auth_clients";
    /// Directories in which the Cyrus SASL library looks for its configuration; empty for its own choice. Since 2.5.
    CYRUS_SASL_CONFIG_PATH: Str = "cyrus_sasl_config_path";
    /// The table, `proxy:` and one name, that remembers which names and passwords a server refused with 535. Another
    /// kind of value ends the client. Empty for none. Since 2.5.
    SMTP_SASL_AUTH_CACHE_NAME: Str = "smtp_sasl_auth_cache_name";
    /// How long such a refusal is remembered. Since 2.5.
    SMTP_SASL_AUTH_CACHE_TIME: Time = "smtp_sasl_auth_cache_time";
    /// Whether mail waits, rather than comes back, when a server refuses a name and password. Since 2.5.
    SMTP_SASL_AUTH_SOFT_BOUNCE: Bool = "smtp_sasl_auth_soft_bounce";
    /// Which of the mechanisms that a server offers are used: names, `!name`, files and tables, the first that matches.
    /// Empty for all. Since 2.2.
    SMTP_SASL_MECHANISM_FILTER: Str = "smtp_sasl_mechanism_filter";
    /// The byte between name and password in results of smtp_sasl_password_maps; exactly one. Since 3.9.
    SMTP_SASL_PASSWORD_RESULT_DELIMITER: Str = "smtp_sasl_password_result_delimiter";
    /// What the SASL implementation of the client needs to find its configuration; its kind has its own rules. Since
    /// 2.3.
    SMTP_SASL_PATH: Str = "smtp_sasl_path";
    /// What mechanisms must be without, or have, in a session without TLS: noplaintext, noactive, nodictionary,
    /// noanonymous, mutual_auth, forward_secrecy.
    SMTP_SASL_SECURITY_OPTIONS: Str = "smtp_sasl_security_options";
    /// The same in a session with TLS. Since 2.2.
    SMTP_SASL_TLS_SECURITY_OPTIONS: Str = "smtp_sasl_tls_security_options";
    /// The same in a session with TLS and a server certificate that was verified. Since 2.6.
    SMTP_SASL_TLS_VERIFIED_SECURITY_OPTIONS: Str = "smtp_sasl_tls_verified_security_options";
    /// The SASL implementation of the client, one of `postconf -A`. Another name is a fatal error, after a warning.
    /// Since 2.3.
    SMTP_SASL_TYPE: Str = "smtp_sasl_type";
    /// Clients, by network or address, that are not told that they can log in. Since 2.1.
    SMTPD_SASL_EXCEPTIONS_NETWORKS: Str = "smtpd_sasl_exceptions_networks";
    /// The realm of names that log in; empty for none.
    SMTPD_SASL_LOCAL_DOMAIN: Str = "smtpd_sasl_local_domain";
    /// Which of the mechanisms that the implementation has are offered: names, `!name`, files and tables, the first
    /// that matches. When none is left, AUTH ends in a fatal error. Since 3.6.
    SMTPD_SASL_MECHANISM_FILTER: Str = "smtpd_sasl_mechanism_filter";
    /// What the SASL implementation of the server needs to find its configuration: for cyrus the name of a file, less
    /// `.conf`; for dovecot a socket. Since 2.3.
    SMTPD_SASL_PATH: Str = "smtpd_sasl_path";
    /// The longest answer of a client to a challenge, in bytes; at least 12288. Since 3.4.
    SMTPD_SASL_RESPONSE_LIMIT: Int = "smtpd_sasl_response_limit";
    /// What mechanisms must be without, or have, in a session without TLS: noplaintext, noactive, nodictionary,
    /// noanonymous, mutual_auth, forward_secrecy.
    SMTPD_SASL_SECURITY_OPTIONS: Str = "smtpd_sasl_security_options";
    /// The service name that the SASL implementation is told. Since 2.11.
    SMTPD_SASL_SERVICE: Str = "smtpd_sasl_service";
    /// The same in a session with TLS. Since 2.2.
    SMTPD_SASL_TLS_SECURITY_OPTIONS: Str = "smtpd_sasl_tls_security_options";
    /// The SASL implementation of the server, one of `postconf -a`. Another name is a fatal error, after a warning.
    /// Since 2.3.
    SMTPD_SASL_TYPE: Str = "smtpd_sasl_type";
}
