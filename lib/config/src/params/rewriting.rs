//! Cleanup and trivial-rewrite: headers, addresses, resolution.

use super::keys;

keys! {
    /// As default_transport, for address probes.
    ADDRESS_VERIFY_DEFAULT_TRANSPORT: Str = "address_verify_default_transport";
    /// As local_transport, for address probes.
    ADDRESS_VERIFY_LOCAL_TRANSPORT: Str = "address_verify_local_transport";
    /// As relay_transport, for address probes.
    ADDRESS_VERIFY_RELAY_TRANSPORT: Str = "address_verify_relay_transport";
    /// As relayhost, for address probes.
    ADDRESS_VERIFY_RELAYHOST: Str = "address_verify_relayhost";
    /// As sender_dependent_default_transport_maps, for address probes.
    ADDRESS_VERIFY_SENDER_DEPENDENT_DEFAULT_TRANSPORT_MAPS: Str = "address_verify_sender_dependent_default_transport_maps";
    /// As sender_dependent_relayhost_maps, for address probes.
    ADDRESS_VERIFY_SENDER_DEPENDENT_RELAYHOST_MAPS: Str = "address_verify_sender_dependent_relayhost_maps";
    /// As transport_maps, for address probes.
    ADDRESS_VERIFY_TRANSPORT_MAPS: Str = "address_verify_transport_maps";
    /// As virtual_transport, for address probes.
    ADDRESS_VERIFY_VIRTUAL_TRANSPORT: Str = "address_verify_virtual_transport";
    /// Whether user names may begin with a hyphen.
    ALLOW_MIN_USER: Bool = "allow_min_user";
    /// Whether user%domain becomes user@domain.
    ALLOW_PERCENT_HACK: Bool = "allow_percent_hack";
    /// Whether From, To, Date and Message-ID are added to mail of remote clients, too.
    ALWAYS_ADD_MISSING_HEADERS: Bool = "always_add_missing_headers";
    /// An address that gets a copy of all mail.
    ALWAYS_BCC: Str = "always_bcc";
    /// Whether @$myorigin is added to addresses without a domain.
    APPEND_AT_MYORIGIN: Bool = "append_at_myorigin";
    /// Whether .$mydomain is added to domains without a dot.
    APPEND_DOT_MYDOMAIN: Bool = "append_dot_mydomain";
    /// Tables that lines of message bodies are matched against.
    BODY_CHECKS: Str = "body_checks";
    /// How many bytes of a message part body_checks looks at.
    BODY_CHECKS_SIZE_LIMIT: Int = "body_checks_size_limit";
    /// The addresses that canonical_maps rewrites.
    CANONICAL_CLASSES: Str = "canonical_classes";
    /// Tables that rewrite addresses in envelopes and headers.
    CANONICAL_MAPS: Str = "canonical_maps";
    /// Whether lone carriage returns and newlines within lines become blanks.
    CLEANUP_REPLACE_STRAY_CR_LF: Bool = "cleanup_replace_stray_cr_lf";
    /// The transport, and next hop, of all mail before it is delivered.
    CONTENT_FILTER: Str = "content_filter";
    /// The transport, and next hop, of domains that have no other.
    DEFAULT_TRANSPORT: Str = "default_transport";
    /// Whether the encoding headers of mail decide if its text has 8 bits.
    DETECT_8BIT_ENCODING_HEADER: Bool = "detect_8bit_encoding_header";
    /// Whether MIME in incoming mail is left alone.
    DISABLE_MIME_INPUT_PROCESSING: Bool = "disable_mime_input_processing";
    /// Whether outgoing mail is never converted to 7 bits.
    DISABLE_MIME_OUTPUT_CONVERSION: Bool = "disable_mime_output_conversion";
    /// Whether VERP requests of the sender are ignored for mail that is returned.
    DISABLE_VERP_BOUNCES: Bool = "disable_verp_bounces";
    /// How many recipients are remembered to leave out duplicates; 0 for no limit.
    DUPLICATE_FILTER_LIMIT: Int = "duplicate_filter_limit";
    /// What the null sender is looked up as in sender_dependent_default_transport_maps.
    EMPTY_ADDRESS_DEFAULT_TRANSPORT_MAPS_LOOKUP_KEY: Str = "empty_address_default_transport_maps_lookup_key";
    /// The recipient of mail to the null address.
    EMPTY_ADDRESS_RECIPIENT: Str = "empty_address_recipient";
    /// What the null sender is looked up as in sender_dependent_relayhost_maps.
    EMPTY_ADDRESS_RELAYHOST_MAPS_LOOKUP_KEY: Str = "empty_address_relayhost_maps_lookup_key";
    /// Whether the recipient before rewriting is kept.
    ENABLE_ORIGINAL_RECIPIENT: Bool = "enable_original_recipient";
    /// How many address tokens of one header are looked at.
    HEADER_ADDRESS_TOKEN_LIMIT: Int = "header_address_token_limit";
    /// Whether 8-bit text in incoming mail becomes quoted-printable.
    FORCE_MIME_INPUT_CONVERSION: Bool = "force_mime_input_conversion";
    /// The character set of full names that are not ASCII, as From headers of mail without one declare it.
    FULL_NAME_ENCODING_CHARSET: Str = "full_name_encoding_charset";
    /// Tables that headers of messages are matched against.
    HEADER_CHECKS: Str = "header_checks";
    /// How the From header of mail without one is written: standard or obsolete.
    HEADER_FROM_FORMAT: Str = "header_from_format";
    /// How many bytes of one header are kept.
    HEADER_SIZE_LIMIT: Int = "header_size_limit";
    /// How many Received headers a message may have.
    HOPCOUNT_LIMIT: Int = "hopcount_limit";
    /// What mail that the mail system makes is filtered: bounce, notify.
    INTERNAL_MAIL_FILTER_CLASSES: Str = "internal_mail_filter_classes";
    /// How many bytes of a line are put into one record.
    LINE_LENGTH_LIMIT: Int = "line_length_limit";
    /// The transport of mydestination.
    LOCAL_TRANSPORT: Str = "local_transport";
    /// The addresses that masquerade_domains applies to.
    MASQUERADE_CLASSES: Str = "masquerade_classes";
    /// The domains whose subdomains are left out of addresses.
    MASQUERADE_DOMAINS: Str = "masquerade_domains";
    /// User names that are not masqueraded.
    MASQUERADE_EXCEPTIONS: Str = "masquerade_exceptions";
    /// The headers that are dropped.
    MESSAGE_DROP_HEADERS: Str = "message_drop_headers";
    /// Bytes that a message may not have.
    MESSAGE_REJECT_CHARACTERS: Str = "message_reject_characters";
    /// Bytes that are taken out of messages.
    MESSAGE_STRIP_CHARACTERS: Str = "message_strip_characters";
    /// How long a milter may take over a command; at least 1 second. A milter may have its own.
    MILTER_COMMAND_TIMEOUT: Time = "milter_command_timeout";
    /// The macros that milters get when a client connects.
    MILTER_CONNECT_MACROS: Str = "milter_connect_macros";
    /// How long a connection to a milter may take, with the negotiation; at least 1 second. A milter may have its own.
    MILTER_CONNECT_TIMEOUT: Time = "milter_connect_timeout";
    /// How long a milter may take over the content of a message; at least 1 second. A milter may have its own.
    MILTER_CONTENT_TIMEOUT: Time = "milter_content_timeout";
    /// The macros that milters get with DATA.
    MILTER_DATA_MACROS: Str = "milter_data_macros";
    /// What happens to mail when a milter cannot be reached or breaks the protocol: accept, reject, tempfail, quarantine (hold),
    /// shutdown. A milter may have its own.
    MILTER_DEFAULT_ACTION: Str = "milter_default_action";
    /// The macros that milters get at the end of a message.
    MILTER_END_OF_DATA_MACROS: Str = "milter_end_of_data_macros";
    /// The macros that milters get at the end of the headers.
    MILTER_END_OF_HEADER_MACROS: Str = "milter_end_of_header_macros";
    /// Tables that headers from milters are matched against.
    MILTER_HEADER_CHECKS: Str = "milter_header_checks";
    /// The macros that milters get with HELO.
    MILTER_HELO_MACROS: Str = "milter_helo_macros";
    /// The value of the macro {daemon_name}.
    MILTER_MACRO_DAEMON_NAME: Str = "milter_macro_daemon_name";
    /// Values of macros that have none: name=value, or { name = value }. A malformed element is a fatal error; of two for a name
    /// the first counts, with a warning.
    MILTER_MACRO_DEFAULTS: Str = "milter_macro_defaults";
    /// The value of the macro v.
    MILTER_MACRO_V: Str = "milter_macro_v";
    /// The macros that milters get with MAIL FROM.
    MILTER_MAIL_MACROS: Str = "milter_mail_macros";
    /// The version of the milter protocol, 2, 3, 4 or 6, and keywords of what it leaves out, such as no_header_reply. A bad word makes
    /// the milter fail, with a warning. A milter may have its own.
    MILTER_PROTOCOL: Str = "milter_protocol";
    /// The macros that milters get with RCPT TO.
    MILTER_RCPT_MACROS: Str = "milter_rcpt_macros";
    /// The macros that milters get with an unknown command.
    MILTER_UNKNOWN_COMMAND_MACROS: Str = "milter_unknown_command_macros";
    /// How many bytes of a MIME boundary are compared.
    MIME_BOUNDARY_LENGTH_LIMIT: Int = "mime_boundary_length_limit";
    /// Tables that MIME headers are matched against.
    MIME_HEADER_CHECKS: Str = "mime_header_checks";
    /// How deep MIME parts may be nested.
    MIME_NESTING_LIMIT: Int = "mime_nesting_limit";
    /// Tables that headers of attached messages are matched against.
    NESTED_HEADER_CHECKS: Str = "nested_header_checks";
    /// What happens when a line that is no header ends the headers of a message: fix_quietly, add_header, reject.
    NON_EMPTY_END_OF_HEADER_ACTION: Str = "non_empty_end_of_header_action";
    /// The milters for mail that did not come by SMTP: inet:host:port, unix:path, or { one of these, option=value } with
    /// connect_timeout, command_timeout, content_timeout, protocol and default_action.
    NON_SMTPD_MILTERS: Str = "non_smtpd_milters";
    /// Whether owner-name and name-request are addresses of lists, never split.
    OWNER_REQUEST_SPECIAL: Bool = "owner_request_special";
    /// The rewriting that keeps the address extension of the address it replaces.
    PROPAGATE_UNMATCHED_EXTENSIONS: Str = "propagate_unmatched_extensions";
    /// How many attributes a queue file may have.
    QUEUE_FILE_ATTRIBUTE_COUNT_LIMIT: Int = "queue_file_attribute_count_limit";
    /// Which work on new mail is left out: no_unknown_recipient_checks, no_address_mappings, no_header_body_checks,
    /// no_milters.
    RECEIVE_OVERRIDE_OPTIONS: Str = "receive_override_options";
    /// Tables of addresses that get copies, by recipient.
    RECIPIENT_BCC_MAPS: Str = "recipient_bcc_maps";
    /// The addresses that recipient_canonical_maps rewrites.
    RECIPIENT_CANONICAL_CLASSES: Str = "recipient_canonical_classes";
    /// Tables that rewrite recipient addresses.
    RECIPIENT_CANONICAL_MAPS: Str = "recipient_canonical_maps";
    /// The bytes that separate a user name from an address extension.
    RECIPIENT_DELIMITER: Str = "recipient_delimiter";
    /// The transport of relay_domains.
    RELAY_TRANSPORT: Str = "relay_transport";
    /// Tables of users and domains that have moved.
    RELOCATED_MAPS: Str = "relocated_maps";
    /// Whether results of relocated_maps are new addresses; if not, they are status codes with text.
    RELOCATED_PREFIX_ENABLE: Bool = "relocated_prefix_enable";
    /// The domain that is added to incomplete addresses in headers of remote mail; empty to leave these alone.
    REMOTE_HEADER_REWRITE_DOMAIN: Str = "remote_header_rewrite_domain";
    /// Whether a wish for TLS all the way (REQUIRETLS) is heard, and kept with the message.
    REQUIRETLS_ENABLE: Bool = "requiretls_enable";
    /// Whether the header Require-TLS-ESMTP is understood, and added, as a wish for TLS all the way.
    REQUIRETLS_ESMTP_HEADER: Bool = "requiretls_esmtp_header";
    /// Whether notifications about mail that wants TLS all the way have headers only, and may travel without.
    REQUIRETLS_REDACT_DSN: Bool = "requiretls_redact_dsn";
    /// Whether an @, % or ! in quotes counts in address resolution.
    RESOLVE_DEQUOTED_ADDRESS: Bool = "resolve_dequoted_address";
    /// Whether user@ is resolved as a local user.
    RESOLVE_NULL_DOMAIN: Bool = "resolve_null_domain";
    /// Whether user@1.2.3.4 is resolved as user@[1.2.3.4].
    RESOLVE_NUMERIC_DOMAIN: Bool = "resolve_numeric_domain";
    /// Tables of addresses that get copies, by sender.
    SENDER_BCC_MAPS: Str = "sender_bcc_maps";
    /// The addresses that sender_canonical_maps rewrites.
    SENDER_CANONICAL_CLASSES: Str = "sender_canonical_classes";
    /// Tables that rewrite sender addresses.
    SENDER_CANONICAL_MAPS: Str = "sender_canonical_maps";
    /// Tables of what replaces default_transport, by sender.
    SENDER_DEPENDENT_DEFAULT_TRANSPORT_MAPS: Str = "sender_dependent_default_transport_maps";
    /// Tables of what replaces relayhost, by sender.
    SENDER_DEPENDENT_RELAYHOST_MAPS: Str = "sender_dependent_relayhost_maps";
    /// Whether "User unknown" says in which table.
    SHOW_USER_UNKNOWN_TABLE_NAME: Bool = "show_user_unknown_table_name";
    /// Whether mail with 8-bit headers is refused.
    STRICT_7BIT_HEADERS: Bool = "strict_7bit_headers";
    /// Both strict_7bit_headers and strict_8bitmime_body.
    STRICT_8BITMIME: Bool = "strict_8bitmime";
    /// Whether mail with 8-bit text is refused that does not declare it.
    STRICT_8BITMIME_BODY: Bool = "strict_8bitmime_body";
    /// Whether composite MIME types with a bad encoding are refused.
    STRICT_MIME_ENCODING_DOMAIN: Bool = "strict_mime_encoding_domain";
    /// Whether site!user becomes user@site.
    SWAP_BANGPATH: Bool = "swap_bangpath";
    /// Whether the header "TLS-Required: no" is heard, and kept with the message.
    TLS_REQUIRED_ENABLE: Bool = "tls_required_enable";
    /// Tables of transports and next hops, by recipient.
    TRANSPORT_MAPS: Str = "transport_maps";
    /// The header of mail without recipient headers; empty for none.
    UNDISCLOSED_RECIPIENTS_HEADER: Str = "undisclosed_recipients_header";
    /// How long an address may grow by virtual_alias_maps.
    VIRTUAL_ALIAS_ADDRESS_LENGTH_LIMIT: Int = "virtual_alias_address_length_limit";
    /// Domains all of whose addresses are aliases.
    VIRTUAL_ALIAS_DOMAINS: Str = "virtual_alias_domains";
    /// How many addresses one recipient may become.
    VIRTUAL_ALIAS_EXPANSION_LIMIT: Int = "virtual_alias_expansion_limit";
    /// Tables that turn recipients into others, of any domain.
    VIRTUAL_ALIAS_MAPS: Str = "virtual_alias_maps";
    /// How deep virtual aliases may be nested.
    VIRTUAL_ALIAS_RECURSION_LIMIT: Int = "virtual_alias_recursion_limit";
    /// Domains whose mail is delivered by virtual_transport.
    VIRTUAL_MAILBOX_DOMAINS: Str = "virtual_mailbox_domains";
    /// Tables of the mailboxes of virtual_mailbox_domains.
    VIRTUAL_MAILBOX_MAPS: Str = "virtual_mailbox_maps";
    /// The transport of virtual_mailbox_domains.
    VIRTUAL_TRANSPORT: Str = "virtual_transport";
}
