//! TLS in the SMTP and LMTP client.

use super::keys;

keys! {
    /// Whether delivery lines of the log say, as `tls=`, which TLS policy was asked for and which was kept. Since 3.11.
    SMTP_LOG_TLS_FEATURE_STATUS: Bool = "smtp_log_tls_feature_status";
    /// Which servers must offer REQUIRETLS for mail that demands it: a list, of which the first answer counts, of
    /// enforce, opportunistic+starttls, opportunistic, disable, and of tables that give one of these for a next hop. An
    /// unknown word makes mail wait, with a warning. Since 3.11.
    SMTP_REQUIRETLS_POLICY: Str = "smtp_requiretls_policy";
    /// How long one read or write may take while the client and a server agree on TLS. At least 1 second. Since 2.2.
    SMTP_STARTTLS_TIMEOUT: Time = "smtp_starttls_timeout";
    /// A file with the certificates of authorities that may sign those of servers, in PEM format. It is read before the
    /// client gives up root and enters a jail. One that cannot be loaded switches TLS off, with a line in the log.
    /// Since 2.2.
    SMTP_TLS_CAFILE: Str = "smtp_tls_CAfile";
    /// A directory with the certificates of authorities that may sign those of servers, named by their hashes as
    /// openssl-rehash(1) does. It is looked at while the client runs, so in a jail it must be inside. Since 2.2.
    SMTP_TLS_CAPATH: Str = "smtp_tls_CApath";
    /// Whether mail waits when a reply has come before MAIL was sent through TLS: someone may have put commands in
    /// before TLS began. Since 2.7.
    SMTP_TLS_BLOCK_EARLY_MAIL_REPLY: Bool = "smtp_tls_block_early_mail_reply";
    /// The file with the client's RSA certificate, followed by those of the authorities up to the trusted one, in PEM
    /// format. Most clients need none. Since 2.2.
    SMTP_TLS_CERT_FILE: Str = "smtp_tls_cert_file";
    /// Files with private keys, each followed by its certificate and those that sign it, in PEM format. When it is set,
    /// the parameters that name one certificate or key each are overlooked. A certificate in front of its key, or a
    /// pair that does not fit, switches TLS off. Since 3.4.
    SMTP_TLS_CHAIN_FILES: Str = "smtp_tls_chain_files";
    /// The lowest grade of ciphers while TLS is optional: high, medium, low, export or null. A name that is no grade
    /// makes the handshake fail. Since 2.6.
    SMTP_TLS_CIPHERS: Str = "smtp_tls_ciphers";
    /// Whether connections with TLS are kept for more mail; tlsproxy(8) then does their TLS. Since 3.4.
    SMTP_TLS_CONNECTION_REUSE: Bool = "smtp_tls_connection_reuse";
    /// What is done with TLSA records of servers whose MX records are not signed: may, encrypt or dane. Another word is
    /// a fatal error. Since 3.1.
    SMTP_TLS_DANE_INSECURE_MX_POLICY: Str = "smtp_tls_dane_insecure_mx_policy";
    /// The file with the client's DSA certificate. Since 2.2.
    SMTP_TLS_DCERT_FILE: Str = "smtp_tls_dcert_file";
    /// The file with the key of the client's DSA certificate. Since 2.2.
    SMTP_TLS_DKEY_FILE: Str = "smtp_tls_dkey_file";
    /// The file with the client's ECDSA certificate. Since 2.6.
    SMTP_TLS_ECCERT_FILE: Str = "smtp_tls_eccert_file";
    /// The file with the key of the client's ECDSA certificate. Since 2.6.
    SMTP_TLS_ECKEY_FILE: Str = "smtp_tls_eckey_file";
    /// Whether servers may be asked for a raw public key instead of a certificate. Since 3.9.
    SMTP_TLS_ENABLE_RPK: Bool = "smtp_tls_enable_rpk";
    /// Obsolete: whether mandatory TLS demands that the server's certificate has its name. Since 2.2.
    SMTP_TLS_ENFORCE_PEERNAME: Bool = "smtp_tls_enforce_peername";
    /// Whether servers that a domain's MTA-STS policy does not name are skipped, when a policy table passes such a
    /// policy on. Since 3.10.5.
    SMTP_TLS_ENFORCE_STS_MX_PATTERNS: Bool = "smtp_tls_enforce_sts_mx_patterns";
    /// Ciphers, or classes of them, that the client never uses. An element with a sign in front makes the handshake
    /// fail. Since 2.3.
    SMTP_TLS_EXCLUDE_CIPHERS: Str = "smtp_tls_exclude_ciphers";
    /// The fingerprints of certificates or keys that servers may have at the level fingerprint: hexadecimal, with or
    /// without colons. A malformed one is left out, with a warning; if none is left, mail waits. Since 2.5.
    SMTP_TLS_FINGERPRINT_CERT_MATCH: Str = "smtp_tls_fingerprint_cert_match";
    /// The digest that makes fingerprints of servers' certificates and keys. One that the TLS library does not know
    /// switches TLS off. Since 2.5.
    SMTP_TLS_FINGERPRINT_DIGEST: Str = "smtp_tls_fingerprint_digest";
    /// Whether TLSA records are looked up for a server whose address is not signed. Since 2.11.
    SMTP_TLS_FORCE_INSECURE_HOST_TLSA_LOOKUP: Bool = "smtp_tls_force_insecure_host_tlsa_lookup";
    /// The file with the key of the client's RSA certificate, not encrypted; read before the client gives up root.
    /// Since 2.2.
    SMTP_TLS_KEY_FILE: Str = "smtp_tls_key_file";
    /// What of TLS is logged: 0 nothing, 1 a summary of each session, 2 also the handshake, 3 also its packets, 4 all
    /// packets; or names of single topics, separated by commas or blanks. Since 2.2.
    SMTP_TLS_LOGLEVEL: Str = "smtp_tls_loglevel";
    /// Tables with the TLS log level for single servers, by name and address. Since 3.12.
    SMTP_TLS_LOGLEVEL_MAPS: Str = "smtp_tls_loglevel_maps";
    /// The lowest grade of ciphers while TLS is mandatory. Since 2.3.
    SMTP_TLS_MANDATORY_CIPHERS: Str = "smtp_tls_mandatory_ciphers";
    /// More ciphers that the client does not use while TLS is mandatory. Since 2.3.
    SMTP_TLS_MANDATORY_EXCLUDE_CIPHERS: Str = "smtp_tls_mandatory_exclude_ciphers";
    /// The protocol versions that the client uses while TLS is mandatory: `>=version` and `<=version`, names of
    /// versions, and `!name` for those to leave out. A bad list ends the session, with a warning. Since 2.3.
    SMTP_TLS_MANDATORY_PROTOCOLS: Str = "smtp_tls_mandatory_protocols";
    /// Whether the log names servers that offer TLS while none is used with them. Since 2.2.
    SMTP_TLS_NOTE_STARTTLS_OFFER: Bool = "smtp_tls_note_starttls_offer";
    /// The protocol versions that the client uses while TLS is optional, in the form of smtp_tls_mandatory_protocols.
    /// Since 2.6.
    SMTP_TLS_PROTOCOLS: Str = "smtp_tls_protocols";
    /// How many certificates of authorities may stand between a server's and a trusted one. Since 2.2.
    SMTP_TLS_SCERT_VERIFYDEPTH: Int = "smtp_tls_scert_verifydepth";
    /// The names that a server's certificate may have at the level secure: nexthop, dot-nexthop for its subdomains,
    /// hostname, or names. Since 2.3.
    SMTP_TLS_SECURE_CERT_MATCH: Str = "smtp_tls_secure_cert_match";
    /// The name that a server is asked for in the TLS handshake: a name, hostname, or nexthop; empty for none. What is
    /// no host name makes mail wait. DANE has its own. Since 3.4.
    SMTP_TLS_SERVERNAME: Str = "smtp_tls_servername";
    /// The table, as type:name, in which tlsmgr(8) keeps sessions of the SMTP client; it is emptied at each start, and
    /// may not be that of another cache. Empty for none. Since 2.2.
    SMTP_TLS_SESSION_CACHE_DATABASE: Str = "smtp_tls_session_cache_database";
    /// How long a session can be taken up again; at most 100 days. 0 switches the cache off. Since 2.2.
    SMTP_TLS_SESSION_CACHE_TIMEOUT: Time = "smtp_tls_session_cache_timeout";
    /// The largest trace of a TLS session, in bytes, when the log level asks for one. Since 3.12.
    SMTP_TLS_TRACE_SIZE_LIMIT: Int = "smtp_tls_trace_size_limit";
    /// Files with certificates and keys, in PEM format, that alone are trusted at the levels verify and secure. One
    /// that cannot be read makes mail wait. Since 2.11.
    SMTP_TLS_TRUST_ANCHOR_FILE: Str = "smtp_tls_trust_anchor_file";
    /// The names that a server's certificate may have at the level verify, in the form of smtp_tls_secure_cert_match.
    /// Since 2.3.
    SMTP_TLS_VERIFY_CERT_MATCH: Str = "smtp_tls_verify_cert_match";
    /// Whether TLS successes and failures are reported for domains that ask for it with a TLSRPT record. Not for LMTP.
    /// Since 3.10.
    SMTP_TLSRPT_ENABLE: Bool = "smtp_tlsrpt_enable";
    /// Whether sessions that are taken up again are left out of those reports. Since 3.10.
    SMTP_TLSRPT_SKIP_REUSED_HANDSHAKES: Bool = "smtp_tlsrpt_skip_reused_handshakes";
    /// The socket, below the queue directory, of the collector that gets those reports. Since 3.10.
    SMTP_TLSRPT_SOCKET_NAME: Str = "smtp_tlsrpt_socket_name";
}
