//! Turns what clients submit into queue files (cleanup-rewrite §10 to §19).
//!
//! The work is in [`message`], which takes records and gives the records of the queue file, and reaches what is outside
//! only through [`site`] (settings and tables), [`world`] (clock and other services) and [`output`] (the file). The
//! [`session`] around it talks to one client, and commits the file, returns the message, or removes the file.
#![forbid(unsafe_code)]

mod bounce;
mod classes;
mod duplicates;
mod expand;
mod known;
mod message;
mod milters;
mod output;
mod session;
mod site;
mod unfinished;
mod world;

use config::params;
use queue::Spool;
use server::{Client, Context, Daemon, Demand, SingleService};
use sys::signal::Signal;
use table::{Settings, Tables};

use session::Session;
use site::Site;
use world::MailSystem;

const DAEMON: Daemon = Daemon {
    program: "cleanup",
    demand: Demand::NoLimit,
    use_limit: true,
    idle_limit: true,
    watchdog: params::DAEMON_TIMEOUT,
    takes_arguments: false,
};

/// What cleanup knows for all messages.
struct Cleanup {
    tables: Tables,
    site: Site,
    spool: Spool,
    mail_system: MailSystem,
}

impl SingleService for Cleanup {
    fn open(context: &Context) -> Cleanup {
        let tables = Tables::new(Settings::from(&context.config));
        let site = Site::new(&tables, &context.config).unwrap_or_else(|error| logging::fatal!("{error}"));
        if let Some(error) = tables.fatal_error() {
            logging::fatal!("{error}");
        }
        Cleanup { tables, site, spool: Spool::from(&context.config), mail_system: MailSystem::new(&context.config) }
    }

    fn start(&mut self, _context: &Context) {
        if let Err(error) = sys::limit::set_file_size(self.site.message_size_limit) {
            logging::fatal!("setrlimit: {}", sys::reason(&error));
        }
        logging::on_fatal(unfinished::remove);
        let end = |signal: Signal| {
            unfinished::remove();
            std::process::exit(signal as i32)
        };
        if let Err(error) = sys::signal::in_thread(&[Signal::SIGTERM], end) {
            logging::fatal!("cannot catch signals: {}", sys::reason(&error));
        }
    }

    fn restart_reason(&mut self) -> Option<String> {
        self.tables.changed().map(|name| format!("table {name} has changed"))
    }

    fn serve(&mut self, client: Client, context: &Context) {
        if let Some(tokens) = context.flow()
            && !self.site.in_flow_delay.is_zero()
        {
            tokens.take_or_wait(self.site.in_flow_delay);
        }
        Session { site: &self.site, spool: &self.spool, mail_system: &mut self.mail_system, context }.serve(client);
    }
}

fn main() {
    server::single::<Cleanup>(&DAEMON)
}
