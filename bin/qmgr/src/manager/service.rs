//! The rewrite service, asked synchronously: routing a recipient takes a moment, and is needed before anything else.

use bstr::BString;
use config::{Config, params};
use ipc::rewrite::{Request, Resolved, Rewritten};
use ipc::{PersistentClient, protocol};
use std::thread::sleep;
use std::time::Duration;

use crate::resolve::Resolver;

/// A client that remembers its last answer: recipients come sorted, and many are alike.
pub struct RewriteService {
    client: PersistentClient,
    last: Option<(Request, Resolved)>,
}

impl RewriteService {
    pub fn new(config: &Config) -> Self {
        let client = PersistentClient::new(
            "private",
            config.get(params::REWRITE_SERVICE_NAME).to_string(),
            protocol::REWRITE,
            config.get(params::QMGR_IPC_TIMEOUT),
            config.get(params::IPC_IDLE),
            config.get(params::IPC_TTL),
        );
        Self { client, last: None }
    }

    /// A new batch begins: what was right a moment ago need not be right any more.
    pub fn forget(&mut self) {
        self.last = None;
    }
}

impl Resolver for RewriteService {
    fn resolve(&mut self, sender: &[u8], address: &[u8], verify: bool) -> Resolved {
        let request = Request::Resolve { verify, sender: sender.into(), address: address.into() };
        if let Some((_, reply)) = self.last.as_ref().filter(|(last, _)| *last == request) {
            return reply.clone();
        }
        loop {
            let reply: Resolved = self.client.ask(&request).unwrap_or_else(|error| logging::fatal!("{error}"));
            let what = match (reply.transport.is_empty(), reply.recipient.is_empty() && !address.is_empty()) {
                (true, _) => "transport",
                (_, true) => "recipient",
                _ => {
                    self.last = Some((request, reply.clone()));
                    return reply;
                }
            };
            log::warn!("resolve_clnt: null {what} result for: {}", text::show(address));
            sleep(Duration::from_secs(1));
        }
    }

    fn rewrite(&mut self, address: &[u8]) -> BString {
        let request = Request::Rewrite { rule: "local".into(), address: text::address::quote(address) };
        let reply: Rewritten = self.client.ask(&request).unwrap_or_else(|error| logging::fatal!("{error}"));
        text::address::unquote(&reply.address)
    }
}
