//! Access restrictions: lists, tables, policy servers, recipient validation (floor 5; access-milter-postscreen §1-§6, §12).
//!
//! [`Access`] decides, from the [`Facts`] that smtpd knows, whether a request is accepted: [`Access::check`] at each
//! [`Stage`] gives a [`Verdict`]. What tables and policy servers want done with the message adds up in [`Effects`]. Everything
//! outside is behind [`Doors`].
//!
//! `smtpd_delay_reject` is seen to here: smtpd calls [`Access::check`] at every stage, and client, HELO and sender restrictions are
//! evaluated there, or at RCPT and ETRN.
//!
//! ```no_run
//! # fn main() -> Result<(), String> {
//! # let config = config::Config::for_tests(&[]);
//! use access::{Access, Facts, Stage, Verdict};
//!
//! let tables = table::Tables::new(table::Settings::from(&config));
//! let mut access = Access::open(&config, &tables)?; // before the jail
//! let facts = Facts { sender: Some("a@b.example".into()), recipient: Some("c@d.example".into()), ..Facts::default() };
//! match access.check(Stage::Rcpt, &facts).map_err(|fatal| fatal.to_string())? {
//!     Verdict::Accept => {}
//!     Verdict::Reject(reply) => println!("{}", reply.text), // it has been logged
//!     Verdict::HangUp => std::process::exit(0),
//! }
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod action;
mod address_checks;
mod cache;
mod certificate;
mod check;
mod destination;
mod doors;
mod effects;
mod evaluate;
mod facts;
mod hosts;
mod login;
mod lookup;
mod mx_backup;
mod names;
mod policy;
mod rbl;
mod reply;
mod rewrite_context;
mod rule;
mod rules;
mod run;
mod safety;
mod servers;
mod settings;
mod system;
mod unlisted;
mod unverified;

pub use check::{Access, Verdict};
pub use doors::*;
pub use effects::Effects;
pub use facts::*;
pub use reply::{Cause, Reply};
pub use rewrite_context::Context;
pub use run::Fatal;
pub use table::client::{ConnectError, Endpoint};

#[cfg(test)]
mod tests;
