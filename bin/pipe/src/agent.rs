//! The agent: one run of the command for each request (delivery-agents §4.3).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use bstr::BString;
use config::{Config, params, service};
use deliver::command::{self, Program, Settings};
use deliver::copy::Style;
use deliver::{Agent, DeliveredTo, Failure, Job, Outcome, Reporter, StatusFilter};
use ipc::bounce::{Dsn, Recipient};
use logging::fatal;
use server::Context;
use sys::privilege::ActingAs;
use table::Tables;
use text::address::Delimiter;

use crate::attributes::Attributes;
use crate::macros::{Problem, fill_in};
use crate::values::Values;

const CONFIGURATION: &str = "mail system configuration error";
/// How much of a command's output the log shows when all went well, in bytes.
const SHOWN_OUTPUT: usize = 100;

/// Everything that lasts longer than one request.
pub struct Pipe {
    tables: Tables,
    environment: Vec<(BString, BString)>,
    /// Found out at the first request.
    order: Option<Order>,
    _acting: ActingAs,
}

/// What the service's arguments and parameters say.
struct Order {
    attributes: Attributes,
    uid: u32,
    gid: u32,
    limit: Duration,
    environment: Vec<(BString, BString)>,
}

impl Agent for Pipe {
    fn open(context: &Context) -> Self {
        let environment = context.command_environment();
        // The tables of the status filter need no more than the mail owner's rights.
        let acting = context.act_as_mail_owner();
        Self { tables: Tables::new((&context.config).into()), environment, order: None, _acting: acting }
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
        let filter = StatusFilter::open(config, params::PIPE_DELIVERY_STATUS_FILTER, &self.tables);
        Reporter::new(config).with_filter(filter).with_fast_flush(config)
    }

    fn deliver(&mut self, job: &mut Job<'_>, context: &Context) -> Outcome {
        if job.request.nexthop.is_empty() {
            fatal!("empty nexthop hostname");
        }
        let environment = &self.environment;
        let order = self
            .order
            .get_or_insert_with(|| Order::new(context, environment.clone()).unwrap_or_else(|error| fatal!("{error}")));
        let result = order.carry_out(job, context);
        report(job, &result, order.attributes.flags.has(b'X'))
    }
}

impl Order {
    fn new(context: &Context, environment: Vec<(BString, BString)>) -> Result<Self, String> {
        let config = &context.config;
        let attributes = Attributes::parse(&context.arguments)?;
        let (uid, gid) = attributes.rights(context)?;
        let limit = config.service_time(&service::TIME_LIMIT, context.service.as_str().into());
        Ok(Self { attributes, uid, gid, limit: limit.map_err(|error| error.to_string())?, environment })
    }

    /// Delivers to all recipients: the text that the log has about it.
    fn carry_out(&self, job: &Job<'_>, context: &Context) -> Result<BString, Failure> {
        self.check_flags(job)?;
        let limit = self.attributes.size_limit;
        if limit > 0 && job.request.data_size > limit {
            return Err(Failure::new("5.2.3", "message too large"));
        }
        if job.is_probe() {
            let name = self.attributes.command.first().map(|word| text::show(word).to_string()).unwrap_or_default();
            return Ok(format!("delivers to command: {name}").into());
        }
        self.check_loop(job)?;
        let program = Program::Words(self.words(job, context)?);
        let output = command::run(job, &program, &self.settings(job, &context.config))?;
        Ok(success(&context.service, &output))
    }

    /// A message for several recipients has no one Delivered-To or X-Original-To.
    fn check_flags(&self, job: &Job<'_>) -> Result<(), Failure> {
        if job.request.recipients.len() > 1
            && let Some(flag) = [b'D', b'O'].into_iter().find(|letter| self.attributes.flags.has(*letter))
        {
            let (flag, service) = (char::from(flag), &job.relay);
            log::warn!("pipe flag `{flag}' requires {service}_destination_recipient_limit = 1");
            return Err(Failure::new("4.3.5", CONFIGURATION));
        }
        Ok(())
    }

    fn check_loop(&self, job: &Job<'_>) -> Result<(), Failure> {
        if !self.attributes.flags.has(b'D') {
            return Ok(());
        }
        match job.request.recipients.first() {
            Some(Recipient { address, .. }) if DeliveredTo::of(job).contains(address) => {
                Err(Failure::new("5.4.6", format!("mail forwarding loop for {}", text::show(address))))
            }
            _ => Ok(()),
        }
    }

    fn words(&self, job: &Job<'_>, context: &Context) -> Result<Vec<BString>, Failure> {
        let config = &context.config;
        let values = Values {
            request: &job.request,
            flags: &self.attributes.flags,
            null_sender: &self.attributes.null_sender,
            delimiter: Delimiter {
                characters: config.get(params::RECIPIENT_DELIMITER),
                double_bounce_sender: config.get(params::DOUBLE_BOUNCE_SENDER),
                owner_request_special: config.get(params::OWNER_REQUEST_SPECIAL),
            },
            utf8: config.get(params::SMTPUTF8_ENABLE),
        };
        fill_in(&self.attributes.command, &values, &job.request.recipients).map_err(|problem| {
            match problem {
                Problem::Syntax(error) => log::warn!("{error}"),
                Problem::UnknownName(name) => {
                    let (directory, service) = (text::show(config.directory()), &context.service);
                    let name = text::show(&name);
                    log::warn!("file {directory}/master.cf: service {service}: unknown macro name: \"{name}\"");
                }
            }
            Failure::new("4.3.5", CONFIGURATION)
        })
    }

    fn settings<'a>(&'a self, job: &'a Job<'_>, config: &Config) -> Settings<'a> {
        let attributes = &self.attributes;
        let path = |path: &BString| PathBuf::from(OsString::from_vec(path.to_vec()));
        Settings {
            uid: self.uid,
            gid: self.gid,
            directory: attributes.directory.as_ref().map(path),
            jail: attributes.jail.as_ref().map(path),
            environment: self.environment.clone(),
            variables: Vec::new(),
            limit: self.limit,
            style: self.style(job, config),
            agent: "pipe",
            utf8: config.get(params::SMTPUTF8_ENABLE),
        }
    }

    fn style<'a>(&'a self, job: &'a Job<'_>, config: &Config) -> Style<'a> {
        let flags = &self.attributes.flags;
        let first = job.request.recipients.first();
        let wants_original = flags.has(b'O') && config.get(params::ENABLE_ORIGINAL_RECIPIENT);
        Style {
            from_line: flags.has(b'F'),
            return_path: flags.has(b'R'),
            null_sender: &self.attributes.null_sender,
            original_to: first.filter(|_| wants_original).map(|recipient| recipient.original.as_slice()),
            delivered_to: first.filter(|_| flags.has(b'D')).map(|recipient| recipient.address.as_slice()),
            quote_from: flags.has(b'>'),
            stuff_dots: flags.has(b'.'),
            blank_line: flags.has(b'B'),
            eol: &self.attributes.eol,
        }
    }
}

fn success(service: &str, output: &BString) -> BString {
    let output = text::space::trim_end(output);
    let mut text = format!("delivered via {service} service").into_bytes();
    if !output.is_empty() {
        text.extend([b" (", &output[..output.len().min(SHOWN_OUTPUT)], b")"].concat());
    }
    text.into()
}

/// Tells what became of all recipients: the same for each.
fn report(job: &mut Job<'_>, result: &Result<BString, Failure>, is_final: bool) -> Outcome {
    let mut all = Outcome::Done;
    for recipient in job.request.recipients.clone() {
        let outcome = match result {
            Ok(text) => {
                let action = if is_final { "delivered" } else { "relayed" };
                let outcome = job.sent(&recipient, Dsn { action: action.into(), ..Dsn::new("2.0.0", text.clone()) });
                job.complete(&recipient, outcome)
            }
            Err(failure) => {
                let outcome = job.fail(&recipient, failure.clone());
                // A bounce that is on its way must not go out again, whatever the queue manager thinks of marking recipients.
                if outcome == Outcome::Done {
                    job.mark(&recipient);
                }
                outcome
            }
        };
        all = all.and(outcome);
    }
    all
}
