//! TLS: what the server, and every program with TLS, does; random numbers and session caches.

use super::keys;

keys! {
    /// The openssl(1) command, a path or a name that is looked up in PATH; `postfix tls` makes keys and certificates
    /// with it. Since 3.1.
    OPENSSL_PATH: Str = "openssl_path";
    /// How long one read or write may take while a client and the SMTP server agree on TLS. At least 1 second. Since
    /// 2.2.
    SMTPD_STARTTLS_TIMEOUT: Time = "smtpd_starttls_timeout";
    /// A file with the certificates of authorities that may sign those of clients, in PEM format. It is read before the
    /// server gives up root and enters a jail. One that cannot be loaded switches TLS off, with a line in the log.
    /// Since 2.2.
    SMTPD_TLS_CAFILE: Str = "smtpd_tls_CAfile";
    /// A directory with the certificates of authorities that may sign those of clients, named by their hashes as
    /// openssl-rehash(1) does. It is looked at while the server runs, so in a jail it must be inside. Since 2.2.
    SMTPD_TLS_CAPATH: Str = "smtpd_tls_CApath";
    /// Whether sessions get an ID even when no session cache is kept; some clients give up without one. Since 2.3.
    SMTPD_TLS_ALWAYS_ISSUE_SESSION_IDS: Bool = "smtpd_tls_always_issue_session_ids";
    /// Whether AUTH is neither offered nor taken before TLS. Mandatory TLS implies it. Since 2.2.
    SMTPD_TLS_AUTH_ONLY: Bool = "smtpd_tls_auth_only";
    /// How many certificates of authorities may stand between a client's and a trusted one. Since 2.2.
    SMTPD_TLS_CCERT_VERIFYDEPTH: Int = "smtpd_tls_ccert_verifydepth";
    /// The file with the server's RSA certificate, followed by those of the authorities up to the trusted one, in PEM
    /// format. With `none` there is TLS without a certificate, if no client is asked for one; empty, and without the
    /// other kinds, there is none, and the log says so. Since 2.2.
    SMTPD_TLS_CERT_FILE: Str = "smtpd_tls_cert_file";
    /// Files with private keys, each followed by its certificate and those that sign it, in PEM format. When it is set,
    /// the parameters that name one certificate or key each are overlooked, with a warning. A certificate in front of
    /// its key, or a pair that does not fit, switches TLS off. Since 3.4.
    SMTPD_TLS_CHAIN_FILES: Str = "smtpd_tls_chain_files";
    /// The lowest grade of ciphers while TLS is optional: high, medium, low, export or null. A name that is no grade
    /// makes the handshake fail. Since 2.6.
    SMTPD_TLS_CIPHERS: Str = "smtpd_tls_ciphers";
    /// The file with the server's DSA certificate. Since 2.2.
    SMTPD_TLS_DCERT_FILE: Str = "smtpd_tls_dcert_file";
    /// A file with Diffie-Hellman parameters of any size, in PEM format. Empty or `auto`: built-in ones. A file that
    /// cannot be read or understood gives a warning and the built-in ones. Since 2.2.
    SMTPD_TLS_DH1024_PARAM_FILE: Str = "smtpd_tls_dh1024_param_file";
    /// Has no effect any more. Since 2.2.
    SMTPD_TLS_DH512_PARAM_FILE: Str = "smtpd_tls_dh512_param_file";
    /// The file with the key of the server's DSA certificate. Since 2.2.
    SMTPD_TLS_DKEY_FILE: Str = "smtpd_tls_dkey_file";
    /// The file with the server's ECDSA certificate. Since 2.6.
    SMTPD_TLS_ECCERT_FILE: Str = "smtpd_tls_eccert_file";
    /// The file with the key of the server's ECDSA certificate. Since 2.6.
    SMTPD_TLS_ECKEY_FILE: Str = "smtpd_tls_eckey_file";
    /// Has no effect any more: curves are chosen by tls_eecdh_auto_curves. Since 2.6.
    SMTPD_TLS_EECDH_GRADE: Str = "smtpd_tls_eecdh_grade";
    /// Whether clients may be asked for a raw public key instead of a certificate. Since 3.9.
    SMTPD_TLS_ENABLE_RPK: Bool = "smtpd_tls_enable_rpk";
    /// Ciphers, or classes of them, that the server never uses. An element with a sign in front makes the handshake
    /// fail. Since 2.3.
    SMTPD_TLS_EXCLUDE_CIPHERS: Str = "smtpd_tls_exclude_ciphers";
    /// The digest that makes fingerprints of clients' certificates and keys. One that the TLS library does not know
    /// switches TLS off. Since 2.5.
    SMTPD_TLS_FINGERPRINT_DIGEST: Str = "smtpd_tls_fingerprint_digest";
    /// The file with the key of the server's RSA certificate, not encrypted; read before the server gives up root.
    SMTPD_TLS_KEY_FILE: Str = "smtpd_tls_key_file";
    /// What of TLS is logged: 0 nothing, 1 a summary of each session, 2 also the handshake, 3 also its packets, 4 all
    /// packets; or names of single topics, separated by commas or blanks. Since 2.2.
    SMTPD_TLS_LOGLEVEL: Str = "smtpd_tls_loglevel";
    /// Tables with the TLS log level for single clients, by address. Since 3.12.
    SMTPD_TLS_LOGLEVEL_MAPS: Str = "smtpd_tls_loglevel_maps";
    /// The lowest grade of ciphers while TLS is mandatory. Since 2.3.
    SMTPD_TLS_MANDATORY_CIPHERS: Str = "smtpd_tls_mandatory_ciphers";
    /// More ciphers that the server does not use while TLS is mandatory. Since 2.3.
    SMTPD_TLS_MANDATORY_EXCLUDE_CIPHERS: Str = "smtpd_tls_mandatory_exclude_ciphers";
    /// The protocol versions that the server uses while TLS is mandatory: `>=version` and `<=version`, names of
    /// versions, and `!name` for those to leave out. A bad list switches TLS off, with a warning. Since 2.3.
    SMTPD_TLS_MANDATORY_PROTOCOLS: Str = "smtpd_tls_mandatory_protocols";
    /// The protocol versions that the server uses while TLS is optional, in the form of smtpd_tls_mandatory_protocols.
    /// Since 2.6.
    SMTPD_TLS_PROTOCOLS: Str = "smtpd_tls_protocols";
    /// Whether the Received: header says which protocol, cipher and certificates a message came with. Since 2.2.
    SMTPD_TLS_RECEIVED_HEADER: Bool = "smtpd_tls_received_header";
    /// Whether a client without a trusted certificate is turned away, while TLS is mandatory. While it is optional,
    /// this has no effect but a warning. Since 2.2.
    SMTPD_TLS_REQ_CCERT: Bool = "smtpd_tls_req_ccert";
    /// The table, as type:name, in which tlsmgr(8) keeps sessions of the SMTP server; it is emptied at each start, and
    /// may not be that of another cache. Empty for none. Since 2.2.
    SMTPD_TLS_SESSION_CACHE_DATABASE: Str = "smtpd_tls_session_cache_database";
    /// How long a session can be taken up again, and twice as long a session ticket is good; at most 100 days. 0
    /// switches the cache off. Since 2.2.
    SMTPD_TLS_SESSION_CACHE_TIMEOUT: Time = "smtpd_tls_session_cache_timeout";
    /// The largest trace of a TLS session, in bytes, when the log level asks for one. Since 3.12.
    SMTPD_TLS_TRACE_SIZE_LIMIT: Int = "smtpd_tls_trace_size_limit";
    /// Whether the authorities that the system trusts are trusted besides those of the CAfile or CApath, if one of
    /// these is set. Since 2.4.15.
    TLS_APPEND_DEFAULT_CA: Bool = "tls_append_default_CA";
    /// The file with the settings of the TLS library: default, none, or a path that begins with a slash. Anything else,
    /// and a file that cannot be loaded, switches TLS off. Since 3.9.
    TLS_CONFIG_FILE: Str = "tls_config_file";
    /// The name of the section of that file that applies to the mail system; empty for the library's default. Since
    /// 3.9.
    TLS_CONFIG_NAME: Str = "tls_config_name";
    /// How many random bytes a program with TLS asks tlsmgr(8) for, at its start and before each handshake. Since 2.2.
    TLS_DAEMON_RANDOM_BYTES: Int = "tls_daemon_random_bytes";
    /// The digests that TLSA records may have, the preferred one first; `name=number` for those without a number of
    /// their own. A bad element is left out, with a warning. Since 2.11.
    TLS_DANE_DIGESTS: Str = "tls_dane_digests";
    /// Work-arounds of the TLS library for bugs of others that are not used: names or a hexadecimal mask. A name that
    /// is unknown is warned of. Since 2.8.
    TLS_DISABLE_WORKAROUNDS: Str = "tls_disable_workarounds";
    /// The groups for the exchange of keys over elliptic curves, the preferred one first. What the library does not
    /// have is skipped. Since 3.2.
    TLS_EECDH_AUTO_CURVES: Str = "tls_eecdh_auto_curves";
    /// Has no effect any more. Since 2.6.
    TLS_EECDH_STRONG_CURVE: Str = "tls_eecdh_strong_curve";
    /// Has no effect any more. Since 2.6.
    TLS_EECDH_ULTRA_CURVE: Str = "tls_eecdh_ultra_curve";
    /// The ciphers of the grade export, as the TLS library writes them. Since 2.3.
    TLS_EXPORT_CIPHERLIST: Str = "tls_export_cipherlist";
    /// Whether a TLS session ends without waiting for the other side to end it, too. Since 3.5.
    TLS_FAST_SHUTDOWN_ENABLE: Bool = "tls_fast_shutdown_enable";
    /// The groups for the exchange of keys over finite fields, the preferred one first. What the library does not have
    /// is skipped. Since 3.8.
    TLS_FFDHE_AUTO_GROUPS: Str = "tls_ffdhe_auto_groups";
    /// The ciphers of the grade high, as the TLS library writes them; not for TLS 1.3, which has its own. Since 2.3.
    TLS_HIGH_CIPHERLIST: Str = "tls_high_cipherlist";
    /// Whether fingerprints of keys are made of the bare key, without its algorithm, as old releases did. Since 2.9.6.
    TLS_LEGACY_PUBLIC_KEY_FINGERPRINTS: Bool = "tls_legacy_public_key_fingerprints";
    /// The ciphers of the grade low, as the TLS library writes them. Since 2.3.
    TLS_LOW_CIPHERLIST: Str = "tls_low_cipherlist";
    /// The ciphers of the grade medium and better, as the TLS library writes them. Since 2.3.
    TLS_MEDIUM_CIPHERLIST: Str = "tls_medium_cipherlist";
    /// The ciphers of the grade null: they prove who talks, and hide nothing. Since 2.3.
    TLS_NULL_CIPHERLIST: Str = "tls_null_cipherlist";
    /// Whether the server's order of ciphers counts, and not the client's. Since 2.8.
    TLS_PREEMPT_CIPHERLIST: Bool = "tls_preempt_cipherlist";
    /// How many bytes tlsmgr(8) takes from tls_random_source at a time. Since 2.2.
    TLS_RANDOM_BYTES: Int = "tls_random_bytes";
    /// The file in which tlsmgr(8) keeps random bytes from one life to the next; 1024 bytes that only the mail owner
    /// may read. Since 2.2.
    TLS_RANDOM_EXCHANGE_NAME: Str = "tls_random_exchange_name";
    /// The longest time between two updates of that file. Since 2.2.
    TLS_RANDOM_PRNG_UPDATE_PERIOD: Time = "tls_random_prng_update_period";
    /// The longest time between two readings of tls_random_source. Since 2.2.
    TLS_RANDOM_RESEED_PERIOD: Time = "tls_random_reseed_period";
    /// Where tlsmgr(8) takes random bytes from: `dev:` and a device, `egd:` and a socket, or a file that is read once.
    /// Empty gives a warning that keys may be guessed. Since 2.2.
    TLS_RANDOM_SOURCE: Str = "tls_random_source";
    /// Tables with keys and certificates for server names that clients ask for, in the form that `postmap -F` makes;
    /// looked up with the name, then its parents with a dot in front. A client whose name is not found sees the default
    /// certificate. Since 3.4.
    TLS_SERVER_SNI_MAPS: Str = "tls_server_sni_maps";
    /// The cipher of session tickets, in CBC mode, with a key of 16 to 32 bytes; another one, and an empty value,
    /// switch tickets off. Since 3.0.
    TLS_SESSION_TICKET_CIPHER: Str = "tls_session_ticket_cipher";
    /// Further options of the TLS library, such as NO_TICKET or NO_COMPRESSION: names or a hexadecimal mask. A name
    /// that is unknown is warned of. Since 2.11.
    TLS_SSL_OPTIONS: Str = "tls_ssl_options";
    /// How many TLS traces a process may write in a second. Since 3.12.
    TLS_TRACE_RATE_LIMIT: Int = "tls_trace_rate_limit";
    /// Whether a client's certificate may be one that was made for servers only. Since 3.12.
    TLS_TRUST_SERVER_CCERTS: Bool = "tls_trust_server_ccerts";
    /// Has no effect: a wildcard in a certificate stands for one label. Since 2.11.
    TLS_WILDCARD_MATCHES_MULTIPLE_LABELS: Bool = "tls_wildcard_matches_multiple_labels";
    /// The service that keeps TLS sessions and random numbers. Since 2.11.
    TLSMGR_SERVICE_NAME: Str = "tlsmgr_service_name";
    /// Obsolete: whether TLS is mandatory for clients behind tlsproxy(8). Since 2.8.
    TLSPROXY_ENFORCE_TLS: Bool = "tlsproxy_enforce_tls";
    /// The service that does TLS for others. Since 2.8.
    TLSPROXY_SERVICE_NAME: Str = "tlsproxy_service_name";
    /// Obsolete: whether TLS is offered to clients behind tlsproxy(8). Since 2.8.
    TLSPROXY_USE_TLS: Bool = "tlsproxy_use_tls";
    /// How long tlsproxy(8) may be stuck before it is ended; at least 10 seconds. Since 2.8.
    TLSPROXY_WATCHDOG_TIMEOUT: Time = "tlsproxy_watchdog_timeout";
    /// Obsolete: whether TLS is mandatory for servers that tlsproxy(8) talks to. Since 3.4.
    TLSPROXY_CLIENT_ENFORCE_TLS: Bool = "tlsproxy_client_enforce_tls";
    /// The name of the parameter that warnings about a bad client log level show. Since 3.4.
    TLSPROXY_CLIENT_LOGLEVEL_PARAMETER: Str = "tlsproxy_client_loglevel_parameter";
    /// Obsolete: whether tlsproxy(8) uses TLS with servers that offer it. Since 3.4.
    TLSPROXY_CLIENT_USE_TLS: Bool = "tlsproxy_client_use_tls";
}
