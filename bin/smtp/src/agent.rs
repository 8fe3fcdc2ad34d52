//! The agent: what is opened before and after rights are given up, and one request after another.

use address::RewriteService;
use config::params;
use deliver::{Agent, Job, Outcome, Reporter, StatusFilter};
use logging::fatal;
use server::Context;

use crate::cache::Cache;
use crate::mode::Mode;
use crate::request;
use crate::site::{Services, Site};

/// A client of other mail systems.
pub struct Client {
    site: Site,
    services: Services,
}

impl Agent for Client {
    fn open(context: &Context) -> Self {
        let site = Site::open(Mode::of_process(), context);
        if let Some(error) = site.tables.fatal_error() {
            fatal!("{error}");
        }
        let services =
            Services { rewriter: RewriteService::new(&context.config), cache: Cache::open(&site, &context.config) };
        Self { site, services }
    }

    fn restart_reason(&mut self) -> Option<String> {
        self.site.tables.changed().map(|name| format!("table {name} has changed"))
    }

    fn reporter(&mut self, context: &Context) -> Reporter {
        let config = &context.config;
        let filter = self.site.mode.pick(params::SMTP_DELIVERY_STATUS_FILTER, params::LMTP_DELIVERY_STATUS_FILTER);
        let filter = StatusFilter::open(config, filter, &self.site.tables);
        Reporter::new(config).with_filter(filter).with_fast_flush(config)
    }

    fn relay(&self, _context: &Context) -> String {
        "none".into()
    }

    fn deliver(&mut self, job: &mut Job<'_>, context: &Context) -> Outcome {
        if job.request.nexthop.is_empty() {
            fatal!("empty nexthop hostname");
        }
        request::deliver(&self.site, &mut self.services, job, context)
    }
}
