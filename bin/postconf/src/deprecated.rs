//! Parameters that will be removed one day (config §8.8): since 3.9.

/// What to do instead of setting a parameter.
#[derive(Clone, Copy, Debug)]
pub enum Advice {
    /// Set this one.
    Use(&'static str),
    /// Nothing.
    None,
    /// Nothing: its default is right.
    Default,
}

impl std::fmt::Display for Advice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Advice::Use(name) => write!(f, "specify \"{name}\""),
            Advice::None => f.write_str("do not specify"),
            Advice::Default => f.write_str("do not specify (leave at default)"),
        }
    }
}

const DEPRECATED: [(&str, Advice); 36] = [
    ("authorized_verp_clients", Advice::Use("smtpd_authorized_verp_clients")),
    ("disable_dns_lookups", Advice::Use("smtp_dns_support_level")),
    ("fallback_relay", Advice::Use("smtp_fallback_relay")),
    ("lmtp_cname_overrides_servername", Advice::None),
    ("lmtp_enforce_tls", Advice::Use("lmtp_tls_security_level")),
    ("lmtp_per_record_deadline", Advice::Use("lmtp_per_request_deadline")),
    ("lmtp_tls_enforce_peername", Advice::Use("lmtp_tls_security_level")),
    ("lmtp_tls_per_site", Advice::Use("lmtp_tls_policy_maps")),
    ("lmtp_use_tls", Advice::Use("lmtp_tls_security_level")),
    ("postscreen_blacklist_action", Advice::Use("postscreen_denylist_action")),
    ("postscreen_dnsbl_ttl", Advice::Use("postscreen_dnsbl_max_ttl")),
    ("postscreen_dnsbl_whitelist_threshold", Advice::Use("postscreen_dnsbl_allowlist_threshold")),
    ("postscreen_enforce_tls", Advice::Use("postscreen_tls_security_level")),
    ("postscreen_use_tls", Advice::Use("postscreen_tls_security_level")),
    ("postscreen_whitelist_interfaces", Advice::Use("postscreen_allowlist_interfaces")),
    ("smtp_cname_overrides_servername", Advice::None),
    ("smtp_enforce_tls", Advice::Use("smtp_tls_security_level")),
    ("smtp_per_record_deadline", Advice::Use("smtp_per_request_deadline")),
    ("smtp_tls_enforce_peername", Advice::Use("smtp_tls_security_level")),
    ("smtp_tls_per_site", Advice::Use("smtp_tls_policy_maps")),
    ("smtp_use_tls", Advice::Use("smtp_tls_security_level")),
    ("smtpd_client_connection_limit_exceptions", Advice::Use("smtpd_client_event_limit_exceptions")),
    ("smtpd_enforce_tls", Advice::Use("smtpd_tls_security_level")),
    ("smtpd_per_record_deadline", Advice::Use("smtpd_per_request_deadline")),
    ("smtpd_tls_dh1024_param_file", Advice::Default),
    ("smtpd_tls_eecdh_grade", Advice::Default),
    ("smtpd_use_tls", Advice::Use("smtpd_tls_security_level")),
    ("tlsproxy_client_enforce_tls", Advice::Use("tlsproxy_client_security_level")),
    ("tlsproxy_client_level", Advice::Use("tlsproxy_client_security_level")),
    ("tlsproxy_client_loglevel_parameter", Advice::None),
    ("tlsproxy_client_per_site", Advice::Use("tlsproxy_client_policy_maps")),
    ("tlsproxy_client_policy", Advice::Use("tlsproxy_client_policy_maps")),
    ("tlsproxy_client_use_tls", Advice::Use("tlsproxy_client_security_level")),
    ("tlsproxy_enforce_tls", Advice::Use("tlsproxy_tls_security_level")),
    ("tlsproxy_use_tls", Advice::Use("tlsproxy_tls_security_level")),
    ("virtual_maps", Advice::Use("virtual_alias_maps")),
];

/// What to do instead of setting a parameter that will be removed; nothing for another.
pub fn advice(name: &[u8]) -> Option<Advice> {
    DEPRECATED.iter().find(|(deprecated, _)| deprecated.as_bytes() == name).map(|(_, advice)| *advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_that_of_a_parameter() {
        for (name, advice) in DEPRECATED {
            assert!(config::registry::row(name.as_bytes()).is_some(), "{name}");
            if let Advice::Use(other) = advice {
                assert!(config::registry::row(other.as_bytes()).is_some(), "{other}");
            }
        }
    }
}
