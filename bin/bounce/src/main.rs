//! Keeps the logs that say what became of each recipient, and sends notifications made from them: non-delivery (service
//! `bounce`), delay (`defer`) and delivery reports (`trace`) (qmgr-bounce §10, §11).
//!
//! | file | what it does |
//! |---|---|
//! | `request` | checks what a client asks for |
//! | `journal` | the logs: append, read, remove |
//! | `clean` | removes the log of a request that fails, where the client wants that |
//! | `decide` | who gets which notification: the decision tables |
//! | `matter` | one message that notifications are about, and sending one of them |
//! | `original` | the queue file of that message |
//! | `notification` | the text of a notification, without I/O |
//! | `template` | what the text is made from |
#![forbid(unsafe_code)]

mod clean;
mod decide;
mod journal;
mod matter;
mod notification;
mod original;
mod request;
mod template;

use std::io::Write;

use config::{Config, params};
use ipc::{Status, Stream, protocol};
use logging::fatal;
use queue::{QueueDir, Spool};
use server::{Client, Context, Daemon, Demand, SingleService};

use journal::Journal;
use notification::System;
use template::Templates;

fn main() {
    server::single::<Bounce>(&Daemon {
        program: "bounce",
        demand: Demand::NoLimit,
        use_limit: true,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: false,
    })
}

/// The reply to what makes no sense.
const REFUSED: Status = Status(-1);
/// The reply to what could not be done.
const FAILED: Status = Status(1);

/// What this process knows for all requests.
struct Bounce {
    templates: Templates,
    system: System,
    spool: Spool,
    journal: Journal,
}

impl SingleService for Bounce {
    fn open(context: &Context) -> Bounce {
        let config = &context.config;
        let templates = Templates::load(config).unwrap_or_else(|error| fatal!("{error}"));
        show_templates(&templates, context);
        let spool = Spool::from(config);
        Bounce {
            templates,
            system: System {
                myhostname: config.get(params::MYHOSTNAME).to_owned(),
                mail_name: config.get(params::MAIL_NAME).to_owned(),
                lifetime: config.get(params::MAXIMAL_QUEUE_LIFETIME),
            },
            journal: Journal::new(log_directory(&context.service), spool.clone(), config),
            spool,
        }
    }

    fn start(&mut self, _context: &Context) {
        clean::guard_process();
    }

    fn serve(&mut self, client: Client, context: &Context) {
        let mut stream = client.into_stream(format!("{} socket", context.service), context.ipc_timeout());
        if let Err(error) = stream.announce(protocol::BOUNCE) {
            log::warn!("write {}: {}", stream.name(), sys::reason(&error));
            return;
        }
        let status = self.answer(&mut stream, &context.config);
        match stream.send(&status) {
            Ok(()) if status == Status(0) => clean::disarm(),
            Ok(()) => clean::remove(),
            Err(error) => {
                log::warn!("write {}: {}", stream.name(), sys::reason(&error));
                clean::remove();
            }
        }
    }
}

impl Bounce {
    fn answer(&self, stream: &mut Stream, config: &Config) -> Status {
        let wanted = match stream.receive::<ipc::bounce::Request>() {
            Ok(request) => request::check(request, self.journal.dir(), config.get(params::SMTPUTF8_ENABLE)),
            Err(error) => {
                if !matches!(error, ipc::Error::Closed(_)) {
                    log::warn!("{error}");
                }
                Err("malformed request".into())
            }
        };
        match wanted {
            Ok(wanted) if self.carry_out(&wanted, config) => Status(0),
            Ok(_) => FAILED,
            Err(warning) => {
                log::warn!("{warning}");
                REFUSED
            }
        }
    }
}

/// The directory for the logs of a service, which has its name.
fn log_directory(service: &str) -> QueueDir {
    match QueueDir::from_name(service.as_bytes()) {
        Some(dir @ (QueueDir::Bounce | QueueDir::Defer | QueueDir::Trace)) => dir,
        _ => fatal!("malformed service name: {service}"),
    }
}

/// Prints the templates and ends the program, when it runs under a name that asks for that.
fn show_templates(templates: &Templates, context: &Context) {
    let listing = match context.service.as_str() {
        "dump_templates" => Ok(template::dump(templates)),
        "expand_templates" => template::expanded(templates, &context.config),
        _ => return,
    };
    let listing = listing.unwrap_or_else(|error| fatal!("{error}"));
    if let Err(error) = std::io::stdout().write_all(&listing) {
        fatal!("write: {}", sys::reason(&error));
    }
    std::process::exit(0)
}
