//! How much one client may do: asking anvil (smtpd §3).

use bstr::BString;
use config::{Config, Int, Key, params};
use ipc::anvil::Event;
use smtp_protocol::peer::Peer;
use smtp_protocol::server::reply::Refusal;
use text::cidr::{self, Network};

use crate::session::{End, Outcome, Session};

/// Whom anvil counts.
#[derive(Clone, Debug)]
pub struct Limits {
    ident: BString,
}

impl Limits {
    /// The client of a service, or the network that it is in. XCLIENT does not change it: it is about the connection.
    pub fn new(service: &str, peer: &Peer, config: &Config) -> Self {
        let ipv4 = positive(config.get(params::SMTPD_CLIENT_IPV4_PREFIX_LENGTH));
        let ipv6 = positive(config.get(params::SMTPD_CLIENT_IPV6_PREFIX_LENGTH));
        Self { ident: [service.as_bytes(), b":", &counted(&peer.address, ipv4, ipv6)].concat().into() }
    }
}

/// What is counted for an address: the network of it with so many bits, or what is no IP address as it is.
fn counted(address: &[u8], ipv4: u32, ipv6: u32) -> Vec<u8> {
    let Some(parsed) = cidr::address(address) else { return address.to_vec() };
    let network = Network::of(parsed, if parsed.is_ipv4() { ipv4 } else { ipv6 });
    match network.length() == Network::of(parsed, u32::MAX).length() {
        true => address.to_vec(),
        false => network.text().into_bytes(),
    }
}

/// A length, which the registry keeps below 129.
fn positive(length: i64) -> u32 {
    u32::try_from(length).unwrap_or(0)
}

/// A client has done something too often.
#[derive(Debug)]
pub struct OverLimit {
    refusal: Refusal,
    warning: String,
}

impl Session<'_> {
    /// Whether this client is counted.
    fn is_counted(&self) -> bool {
        let excepted = || self.site.uncounted_clients.matches_host(&self.peer.name, &self.peer.address);
        !self.stand_alone
            && self.site.anvil.is_some()
            && self.xclient_allowed != Some(true)
            && !excepted().unwrap_or(false)
    }

    /// A connection has begun: are there too many?
    pub fn limit_connections(&mut self) -> Result<(), End> {
        if !self.is_counted() {
            return Ok(());
        }
        let connections = self.site.anvil.as_mut().and_then(|anvil| anvil.connect(&self.limits.ident));
        let Some(connections) = connections else { return Ok(()) };
        let (host, client) = (self.host(), text::show(&self.peer.namaddr).to_string());
        let address = text::show(&self.peer.address).to_string();
        let text = format!("421 4.7.0 {host} Error: too many connections from {address}");
        let service = self.service;
        if self.is_over(connections.count, params::SMTPD_CLIENT_CONNECTION_COUNT_LIMIT) {
            let count = connections.count;
            self.refuse(Refusal::policy(text))?;
            log::warn!("Connection concurrency limit exceeded: {count} from {client} for service {service}");
            return Err(End::Over);
        }
        if self.is_over(connections.rate, params::SMTPD_CLIENT_CONNECTION_RATE_LIMIT) {
            let rate = connections.rate;
            self.reply(text)?;
            log::warn!("Connection rate limit exceeded: {rate} from {client} for service {service}");
            return Err(End::Over);
        }
        Ok(())
    }

    /// The connection has ended.
    pub fn uncount_connection(&mut self) {
        if self.is_counted()
            && let Some(anvil) = self.site.anvil.as_mut()
        {
            anvil.disconnect(&self.limits.ident);
        }
    }

    fn is_over(&self, value: i32, limit: Key<Int>) -> bool {
        let limit = self.config.get(limit);
        limit > 0 && i64::from(value) > limit
    }

    fn limit(&mut self, event: Event, key: Key<Int>, reply: &str, what: &str) -> Option<OverLimit> {
        if self.config.get(key) == 0 || !self.is_counted() {
            return None;
        }
        let rate = self.site.anvil.as_mut()?.rate(event, &self.limits.ident)?;
        if !self.is_over(rate, key) {
            return None;
        }
        let (client, address) = (text::show(&self.peer.namaddr), text::show(&self.peer.address));
        Some(OverLimit {
            refusal: Refusal::policy(format!("450 4.7.1 Error: {reply} from {address}")),
            warning: format!("{what} rate limit exceeded: {rate} from {client} for service {}", self.service),
        })
    }

    /// MAIL: are there too many?
    pub fn limit_messages(&mut self) -> Option<OverLimit> {
        let key = params::SMTPD_CLIENT_MESSAGE_RATE_LIMIT;
        self.limit(Event::Message, key, "too much mail", "Message delivery request")
    }

    /// RCPT or VRFY: are there too many?
    pub fn limit_recipients(&mut self) -> Option<OverLimit> {
        let key = params::SMTPD_CLIENT_RECIPIENT_RATE_LIMIT;
        self.limit(Event::Recipient, key, "too many recipients", "Recipient address")
    }

    /// AUTH: are there too many?
    pub fn limit_auth(&mut self) -> Option<OverLimit> {
        let key = params::SMTPD_CLIENT_AUTH_RATE_LIMIT;
        self.limit(Event::Auth, key, "too many AUTH commands", "AUTH command")
    }

    /// Tells the client, and the log.
    pub fn refuse_over_limit(&mut self, over: OverLimit) -> Result<Outcome, End> {
        let outcome = self.refuse(over.refusal)?;
        log::warn!("{}", over.warning);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn networks_are_counted() {
        for (address, ipv4, ipv6, expected) in [
            ("192.0.2.7", 32, 84, "192.0.2.7"),
            ("192.0.2.7", 24, 84, "192.0.2.0/24"),
            ("2001:db8::1:2:3", 32, 84, "2001:db8::/84"),
            ("2001:db8::1:2:3", 32, 128, "2001:db8::1:2:3"),
            ("192.0.2.7", 0, 0, "0.0.0.0/0"),
            ("unknown", 24, 84, "unknown"),
        ] {
            assert_eq!(counted(address.as_bytes(), ipv4, ipv6), expected.as_bytes());
        }
    }
}
