//! The names of restrictions (access-milter-postscreen §3).

use dns::Type;

/// Whom a restriction looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Client,
    ReverseClient,
    Helo,
    Sender,
    Recipient,
    Etrn,
}

/// The hosts of a domain whose names and addresses are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Servers {
    /// The domain as a host.
    Own,
    /// Its mail exchangers.
    Mail,
    /// Its name servers.
    Name,
}

impl Servers {
    /// The records that name them.
    pub fn kind(self) -> Type {
        match self {
            Servers::Own => Type::A,
            Servers::Mail => Type::MX,
            Servers::Name => Type::NS,
        }
    }
}

/// A restriction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    // For everything.
    Permit,
    Reject,
    Defer,
    DeferIfPermit,
    DeferIfReject,
    WarnIfReject,
    RejectUnauthPipelining,
    RejectPlaintextSession,
    CheckPolicyService,
    Sleep,
    // About the client.
    PermitInetInterfaces,
    PermitMynetworks,
    PermitSaslAuthenticated,
    PermitTlsClientcerts,
    PermitTlsAllClientcerts,
    RejectUnknownClientHostname,
    RejectUnknownReverseClientHostname,
    CheckCcertAccess,
    CheckSaslAccess,
    RejectRblClient,
    PermitDnswlClient,
    PermitRhswlClient,
    RejectMapsRbl,
    // About the HELO name.
    RejectInvalidHeloHostname,
    RejectNonFqdnHeloHostname,
    RejectUnknownHeloHostname,
    PermitNakedIpAddress,
    // About the sender.
    RejectAuthenticatedSenderLoginMismatch,
    RejectKnownSenderLoginMismatch,
    RejectUnauthenticatedSenderLoginMismatch,
    // About the recipient.
    PermitAuthDestination,
    RejectUnauthDestination,
    DeferUnauthDestination,
    CheckRelayDomains,
    PermitMxBackup,
    RejectMultiRecipientBounce,
    // About a sender or recipient.
    RejectUnknownDomain(Target),
    RejectNonFqdn(Target),
    RejectUnverified(Target),
    RejectUnlisted(Target),
    // With a table, or a domain.
    CheckAccess(Target),
    CheckServerAccess(Target, Servers),
    RejectRhsbl(Target),
}

/// All names; the obsolete ones too.
const CATALOGUE: [(&str, Rule); 77] = {
    use Rule::*;
    use Servers::{Mail, Name, Own};
    use Target::{Client, Etrn, Helo, Recipient, ReverseClient, Sender};
    [
        ("permit", Permit),
        ("reject", Reject),
        ("defer", Defer),
        ("defer_if_permit", DeferIfPermit),
        ("defer_if_reject", DeferIfReject),
        ("warn_if_reject", WarnIfReject),
        ("reject_unauth_pipelining", RejectUnauthPipelining),
        ("reject_plaintext_session", RejectPlaintextSession),
        ("check_policy_service", CheckPolicyService),
        ("sleep", Sleep),
        ("permit_inet_interfaces", PermitInetInterfaces),
        ("permit_mynetworks", PermitMynetworks),
        ("permit_sasl_authenticated", PermitSaslAuthenticated),
        ("permit_tls_clientcerts", PermitTlsClientcerts),
        ("permit_tls_all_clientcerts", PermitTlsAllClientcerts),
        ("reject_unknown_client_hostname", RejectUnknownClientHostname),
        ("reject_unknown_client", RejectUnknownClientHostname),
        ("reject_unknown_reverse_client_hostname", RejectUnknownReverseClientHostname),
        ("check_ccert_access", CheckCcertAccess),
        ("check_sasl_access", CheckSaslAccess),
        ("reject_rbl_client", RejectRblClient),
        ("reject_rbl", RejectRblClient),
        ("permit_dnswl_client", PermitDnswlClient),
        ("permit_rhswl_client", PermitRhswlClient),
        ("reject_maps_rbl", RejectMapsRbl),
        ("reject_invalid_helo_hostname", RejectInvalidHeloHostname),
        ("reject_invalid_hostname", RejectInvalidHeloHostname),
        ("reject_non_fqdn_helo_hostname", RejectNonFqdnHeloHostname),
        ("reject_non_fqdn_hostname", RejectNonFqdnHeloHostname),
        ("reject_unknown_helo_hostname", RejectUnknownHeloHostname),
        ("reject_unknown_hostname", RejectUnknownHeloHostname),
        ("permit_naked_ip_address", PermitNakedIpAddress),
        ("reject_authenticated_sender_login_mismatch", RejectAuthenticatedSenderLoginMismatch),
        ("reject_known_sender_login_mismatch", RejectKnownSenderLoginMismatch),
        ("reject_unauthenticated_sender_login_mismatch", RejectUnauthenticatedSenderLoginMismatch),
        ("permit_auth_destination", PermitAuthDestination),
        ("reject_unauth_destination", RejectUnauthDestination),
        ("defer_unauth_destination", DeferUnauthDestination),
        ("check_relay_domains", CheckRelayDomains),
        ("permit_mx_backup", PermitMxBackup),
        ("reject_multi_recipient_bounce", RejectMultiRecipientBounce),
        ("reject_unknown_sender_domain", RejectUnknownDomain(Sender)),
        ("reject_unknown_address", RejectUnknownDomain(Sender)),
        ("reject_unknown_recipient_domain", RejectUnknownDomain(Recipient)),
        ("reject_non_fqdn_sender", RejectNonFqdn(Sender)),
        ("reject_non_fqdn_recipient", RejectNonFqdn(Recipient)),
        ("reject_unverified_sender", RejectUnverified(Sender)),
        ("reject_unverified_recipient", RejectUnverified(Recipient)),
        ("reject_unlisted_sender", RejectUnlisted(Sender)),
        ("reject_unlisted_recipient", RejectUnlisted(Recipient)),
        ("check_recipient_maps", RejectUnlisted(Recipient)),
        ("check_client_access", CheckAccess(Client)),
        ("check_reverse_client_hostname_access", CheckAccess(ReverseClient)),
        ("check_helo_access", CheckAccess(Helo)),
        ("check_sender_access", CheckAccess(Sender)),
        ("check_recipient_access", CheckAccess(Recipient)),
        ("check_etrn_access", CheckAccess(Etrn)),
        ("check_client_a_access", CheckServerAccess(Client, Own)),
        ("check_client_mx_access", CheckServerAccess(Client, Mail)),
        ("check_client_ns_access", CheckServerAccess(Client, Name)),
        ("check_reverse_client_hostname_a_access", CheckServerAccess(ReverseClient, Own)),
        ("check_reverse_client_hostname_mx_access", CheckServerAccess(ReverseClient, Mail)),
        ("check_reverse_client_hostname_ns_access", CheckServerAccess(ReverseClient, Name)),
        ("check_helo_a_access", CheckServerAccess(Helo, Own)),
        ("check_helo_mx_access", CheckServerAccess(Helo, Mail)),
        ("check_helo_ns_access", CheckServerAccess(Helo, Name)),
        ("check_sender_a_access", CheckServerAccess(Sender, Own)),
        ("check_sender_mx_access", CheckServerAccess(Sender, Mail)),
        ("check_sender_ns_access", CheckServerAccess(Sender, Name)),
        ("check_recipient_a_access", CheckServerAccess(Recipient, Own)),
        ("check_recipient_mx_access", CheckServerAccess(Recipient, Mail)),
        ("check_recipient_ns_access", CheckServerAccess(Recipient, Name)),
        ("reject_rhsbl_client", RejectRhsbl(Client)),
        ("reject_rhsbl_reverse_client", RejectRhsbl(ReverseClient)),
        ("reject_rhsbl_helo", RejectRhsbl(Helo)),
        ("reject_rhsbl_sender", RejectRhsbl(Sender)),
        ("reject_rhsbl_recipient", RejectRhsbl(Recipient)),
    ]
};

impl Rule {
    /// The restriction of a name, in any case.
    pub fn named(name: &[u8]) -> Option<Rule> {
        CATALOGUE.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes())).map(|(_, rule)| *rule)
    }

    /// The name, without those that are obsolete.
    pub fn name(self) -> &'static str {
        CATALOGUE.iter().find(|(_, rule)| *rule == self).map_or("", |(name, _)| name)
    }

    /// Whether the next word is a table.
    pub fn takes_table(self) -> bool {
        matches!(
            self,
            Rule::CheckAccess(_) | Rule::CheckServerAccess(..) | Rule::CheckCcertAccess | Rule::CheckSaslAccess
        )
    }

    /// Whether the next word is a domain.
    pub fn takes_domain(self) -> bool {
        matches!(self, Rule::RejectRblClient | Rule::PermitDnswlClient | Rule::PermitRhswlClient | Rule::RejectRhsbl(_))
    }

    /// Whether it can keep an open relay shut (§2.3).
    pub fn guards_relaying(self) -> bool {
        matches!(
            self,
            Rule::RejectUnauthDestination
                | Rule::DeferUnauthDestination
                | Rule::Reject
                | Rule::Defer
                | Rule::DeferIfPermit
                | Rule::CheckRelayDomains
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_case() {
        assert_eq!(Rule::named(b"Reject_Unknown_Client"), Some(Rule::RejectUnknownClientHostname));
        assert_eq!(Rule::named(b"reject_unknown_forward_client_hostname"), None);
        assert_eq!(Rule::named(b""), None);
        assert_eq!(Rule::CheckAccess(Target::Etrn).name(), "check_etrn_access");
    }
}
