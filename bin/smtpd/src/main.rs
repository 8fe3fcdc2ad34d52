//! The SMTP server: smtpd(8) (smtpd).
//!
//! | room | what it does |
//! |---|---|
//! | `site` | what a process knows for all sessions: parameters, lists, tables, connections to other services |
//! | `peer`, `upstream` | who the client is: by its socket and DNS, or by what a proxy says |
//! | `session`, `converse` | one session: its state, its replies; its commands, one after the other |
//! | `hello`, `mail`, `rcpt`, `data`, `bdat`, `misc`, `vrfy`, `etrn`, `tls` | the commands |
//! | `xclient`, `xforward` | the commands of trusted clients |
//! | `transaction`, `envelope`, `received`, `completion` | one message: its state, its records, its headers, what becomes of it |
//! | `destination`, `filter` | where it goes: cleanup, postdrop, or a filter |
//! | `limits` | how much one client may do |
//! | `decide` | restrictions |
//! | `reject_filter`, `footer`, `transcript` | what rejections are replaced by; what is added to them; what the postmaster hears |
#![forbid(unsafe_code)]

mod bdat;
mod completion;
mod converse;
mod data;
mod decide;
mod destination;
mod envelope;
mod etrn;
mod filter;
mod footer;
mod hello;
mod limits;
mod mail;
mod milter;
mod misc;
mod peer;
mod rcpt;
mod received;
mod reject_filter;
mod session;
mod site;
mod tls;
mod transaction;
mod transcript;
mod upstream;
mod vrfy;
mod xclient;
mod xforward;

use config::params;
use server::{Client, Context, Daemon, Demand, SingleService};

use session::Session;
use site::Site;

fn main() {
    server::single::<Smtpd>(&Daemon {
        program: "smtpd",
        demand: Demand::None,
        use_limit: true,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: false,
    })
}

struct Smtpd {
    site: Site,
}

impl SingleService for Smtpd {
    fn open(context: &Context) -> Smtpd {
        Smtpd { site: Site::open(context).unwrap_or_else(|error| logging::fatal!("{error}")) }
    }

    fn start(&mut self, context: &Context) {
        self.site.check(&context.config);
    }

    fn restart_reason(&mut self) -> Option<String> {
        self.site.changed_table()
    }

    fn serve(&mut self, client: Client, context: &Context) {
        if let Some(session) = Session::begin(&mut self.site, client, context) {
            session.serve();
        }
    }
}
