//! The agent: tables, and the loop over a request's recipients.

use std::path::PathBuf;

use address::{Finder, Form, Keys};
use bstr::{BString, ByteSlice};
use config::{Key, Str, params};
use deliver::mailbox::{self, Locking};
use deliver::{Agent, Failure, Job, Outcome, Reporter, StatusFilter};
use ipc::bounce::{Dsn, Recipient};
use logging::fatal;
use server::Context;
use sys::privilege::ActingAs;
use table::{Flags, Maps, Tables};

use crate::mailbox::Mailbox;
use crate::owner::parse_id;

/// In this order: the whole address; without its extension; the local part, if the domain is local; the domain.
const KEYS: Keys = Keys::ADDRESS;

/// Everything that lasts longer than one request.
pub struct Virtual {
    base: BString,
    mailboxes: Maps,
    uids: Maps,
    gids: Maps,
    minimum_uid: u32,
    pub locking: Locking,
    pub strict_ownership: bool,
    pub original_recipient: bool,
    utf8: bool,
    finder: Finder,
    tables: Tables,
    /// Root's rights are given up between deliveries.
    _acting: ActingAs,
}

const CONFIGURATION: &str = "mail system configuration error";

impl Agent for Virtual {
    fn open(context: &Context) -> Self {
        let config = &context.config;
        mailbox::limit_size(config, params::VIRTUAL_MAILBOX_LIMIT).unwrap_or_else(|error| fatal!("{error}"));
        // Tables are opened as the mail owner: they need no more.
        let acting = context.act_as_mail_owner();
        let tables = Tables::new(config.into()).with_kinds(table_net::KINDS, config.definitions());
        let open = |key: Key<Str>| {
            let flags = Flags::LOCK | Flags::PARANOID | Flags::UTF8_REQUEST;
            tables.maps(key.name(), config.get(key), flags)
        };
        let locking =
            Locking::from_config(config, params::VIRTUAL_MAILBOX_LOCK).unwrap_or_else(|error| fatal!("{error}"));
        Self {
            base: config.get(params::VIRTUAL_MAILBOX_BASE).into(),
            mailboxes: open(params::VIRTUAL_MAILBOX_MAPS),
            uids: open(params::VIRTUAL_UID_MAPS),
            gids: open(params::VIRTUAL_GID_MAPS),
            minimum_uid: u32::try_from(config.get(params::VIRTUAL_MINIMUM_UID)).unwrap_or(u32::MAX),
            locking,
            strict_ownership: config.get(params::STRICT_MAILBOX_OWNERSHIP),
            original_recipient: config.get(params::ENABLE_ORIGINAL_RECIPIENT),
            utf8: config.get(params::SMTPUTF8_ENABLE),
            finder: Finder::new(&tables, config).unwrap_or_else(|error| fatal!("{error}")),
            tables,
            _acting: acting,
        }
    }

    fn start(&mut self, _context: &Context) {
        if let Some(error) = self.tables.fatal_error() {
            fatal!("{error}");
        }
    }

    fn restart_reason(&mut self) -> Option<String> {
        self.tables.changed().map(|name| format!("table {name} has changed"))
    }

    fn reporter(&mut self, context: &Context) -> Reporter {
        let config = &context.config;
        let filter = StatusFilter::open(config, params::VIRTUAL_DELIVERY_STATUS_FILTER, &self.tables);
        Reporter::new(config).with_filter(filter).with_fast_flush(config)
    }

    fn deliver(&mut self, job: &mut Job<'_>, _context: &Context) -> Outcome {
        if !self.base.starts_with(b"/") {
            fatal!("do not specify relative pathname: virtual_mailbox_base = {}", text::show(&self.base));
        }
        let mut all = Outcome::Done;
        for recipient in job.request.recipients.clone() {
            let outcome = match self.deliver_one(job, &recipient) {
                Ok(text) => job.sent(&recipient, Dsn::new("2.0.0", text)),
                Err(failure) => job.fail(&recipient, failure),
            };
            all = all.and(job.complete(&recipient, outcome));
        }
        all
    }
}

impl Virtual {
    /// Delivers to one recipient: what the log says about it.
    fn deliver_one(&mut self, job: &Job<'_>, recipient: &Recipient) -> Result<&'static str, Failure> {
        let address = text::fold(&recipient.address, self.utf8);
        let mailbox = self.find_mailbox(&address)?;
        if job.is_probe() {
            return Ok(if mailbox.is_maildir() { "delivers to maildir" } else { "delivers to mailbox" });
        }
        mailbox.deliver(self, job, recipient)
    }

    fn find_mailbox(&self, address: &[u8]) -> Result<Mailbox, Failure> {
        let shown = text::show(address);
        let Some(result) = self.look_up(&self.mailboxes, address)? else {
            return Err(Failure::new("5.1.1", format!("unknown user: \"{shown}\"")));
        };
        let path = [self.base.as_slice(), b"/", &result].concat();
        if path[self.base.len()..].contains_str("/../") {
            let result = text::show(&result);
            log::warn!("recipient {shown}: bad mailbox path {result} in virtual_mailbox_maps");
            return Err(Failure::new("4.3.5", CONFIGURATION));
        }
        let uid = self.find_id(&self.uids, address, "uid", self.minimum_uid)?;
        let gid = self.find_id(&self.gids, address, "gid", 1)?;
        Ok(Mailbox { path: PathBuf::from(path.to_os_str_lossy().into_owned()), uid, gid, address: address.into() })
    }

    fn find_id(&self, maps: &Maps, address: &[u8], what: &str, minimum: u32) -> Result<u32, Failure> {
        let (shown, title) = (text::show(address), maps.title());
        match self.look_up(maps, address)? {
            None => log::warn!("recipient {shown}: not found in {title}"),
            Some(text) => match parse_id(&text, minimum) {
                Some(id) => return Ok(id),
                None => log::warn!("recipient {shown}: bad {what} {} in {title}", text::show(&text)),
            },
        }
        Err(Failure::new("4.3.5", CONFIGURATION))
    }

    fn look_up(&self, maps: &Maps, address: &[u8]) -> Result<Option<BString>, Failure> {
        match self.finder.find(maps, address, KEYS, Form::ExternalThenInternal) {
            Ok(found) => Ok(found.map(|found| found.value)),
            Err(error) => {
                log::warn!("table {}: lookup {}: {error}", maps.title(), text::show(address));
                Err(Failure::new("4.3.5", CONFIGURATION))
            }
        }
    }
}
