//! The agent: tables, settings, and the loop over a request's recipients.

use address::RewriteService;
use bstr::BString;
use config::{Key, Str, params};
use deliver::mailbox;
use deliver::{Agent, DeliveredTo, Job, Outcome, Reporter, StatusFilter};
use logging::fatal;
use server::Context;
use sys::privilege::ActingAs;
use table::{Flags, Maps, Tables};

use crate::settings::Settings;
use crate::walk::Walk;

/// Everything that lasts longer than one request.
pub struct Local {
    pub settings: Settings,
    pub service: String,
    pub aliases: Maps,
    pub mailbox_commands: Maps,
    pub mailbox_transports: Maps,
    pub fallback_transports: Maps,
    pub rewrite: RewriteService,
    tables: Tables,
    /// Root's rights are given up between deliveries.
    _acting: Option<ActingAs>,
}

impl Agent for Local {
    fn open(context: &Context) -> Self {
        let config = &context.config;
        mailbox::limit_size(config, params::MAILBOX_SIZE_LIMIT).unwrap_or_else(|error| fatal!("{error}"));
        let settings = Settings::new(config);
        let tables = Tables::new(config.into()).with_kinds(table_net::KINDS, config.definitions());
        let open = |key: Key<Str>, flags: Flags| tables.maps(key.name(), config.get(key), flags);
        let paranoid = Flags::LOCK | Flags::PARANOID | Flags::UTF8_REQUEST;
        let transports = Flags::LOCK | Flags::NO_REGSUB | Flags::UTF8_REQUEST;
        Self {
            aliases: open(params::ALIAS_MAPS, paranoid | Flags::FOLD_FIX),
            mailbox_commands: open(params::MAILBOX_COMMAND_MAPS, paranoid),
            mailbox_transports: open(params::MAILBOX_TRANSPORT_MAPS, transports),
            fallback_transports: open(params::FALLBACK_TRANSPORT_MAPS, transports),
            rewrite: RewriteService::new(config),
            service: context.service.clone(),
            settings,
            tables,
            _acting: None,
        }
    }

    fn start(&mut self, context: &Context) {
        if let Some(error) = self.tables.fatal_error() {
            fatal!("{error}");
        }
        self._acting = Some(context.act_as_mail_owner());
    }

    fn restart_reason(&mut self) -> Option<String> {
        self.tables.changed().map(|name| format!("table {name} has changed"))
    }

    fn reporter(&mut self, context: &Context) -> Reporter {
        let config = &context.config;
        let filter = StatusFilter::open(config, params::LOCAL_DELIVERY_STATUS_FILTER, &self.tables);
        Reporter::new(config).with_filter(filter).with_fast_flush(config)
    }

    fn deliver(&mut self, job: &mut Job<'_>, context: &Context) -> Outcome {
        let delivered_to = DeliveredTo::of(job);
        let mut all = Outcome::Done;
        for recipient in job.request.recipients.clone() {
            let outcome = Walk::new(self, job, &context.config, &delivered_to).deliver(&recipient);
            all = all.and(job.complete(&recipient, outcome));
        }
        all
    }
}

impl Local {
    /// Looks up a name in a table list whose errors mean "later".
    pub fn transport_for(maps: &Maps, fixed: &BString, user: &[u8]) -> Result<Option<BString>, table::Error> {
        if let Some(found) = maps.find(user)? {
            return Ok(Some(found));
        }
        Ok((!text::space::trim(fixed).is_empty()).then(|| fixed.clone()))
    }
}
