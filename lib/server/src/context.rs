//! What a running service may know about itself.

use std::time::Duration;

use bstr::{BString, ByteSlice};
use config::{Config, environment, params};
use logging::fatal;
use sys::privilege::{Account, ActingAs};

use crate::flow::Tokens;

/// The configuration and the circumstances of this process.
#[derive(Debug)]
pub struct Context {
    /// Parameters, with this service's overrides.
    pub config: Config,
    /// The service name of master.cf.
    pub service: String,
    /// Words of the command line that belong to the service.
    pub arguments: Vec<BString>,
    /// Whether this process serves one client on standard input and output.
    pub stand_alone: bool,
    /// Whether this process keeps root's rights.
    pub privileged: bool,
    /// The tag in the log.
    pub program: &'static str,
    pub(crate) flow: Option<Tokens>,
}

impl Context {
    /// The time limit of internal conversations.
    pub fn ipc_timeout(&self) -> Duration {
        self.config.get(params::IPC_TIMEOUT)
    }

    /// The flow control pipe; a stand-alone process has none.
    pub fn flow(&self) -> Option<&Tokens> {
        self.flow.as_ref()
    }

    /// The account of `mail_owner`; without one the program ends.
    pub fn mail_owner(&self) -> Account {
        let owner = self.config.get(params::MAIL_OWNER);
        match sys::privilege::account(&owner.to_str_lossy()) {
            Ok(Some(account)) => account,
            _ => fatal!("unknown user: {}", text::show(owner)),
        }
    }

    /// What commands find in their environment: `export_environment`. Ask for it before [`Context::act_as_mail_owner`], since a process
    /// with two user IDs trusts no variable. A list that cannot be read ends the program.
    pub fn command_environment(&self) -> Vec<(BString, BString)> {
        let elements = self.config.export_environment().unwrap_or_else(|error| fatal!("{error}"));
        environment::select(&elements, environment::safe_variable)
    }

    /// Acts as `mail_owner`, as privileged agents do between deliveries, and keeps root's real user ID (delivery-agents §1.1).
    pub fn act_as_mail_owner(&self) -> ActingAs {
        let owner = self.mail_owner();
        ActingAs::new(owner.uid, owner.gid)
            .unwrap_or_else(|error| fatal!("set_eugid: seteuid({}): {}", owner.uid, sys::reason(&error)))
    }

    /// Ends the program with a fatal error when the service was given arguments that it does not take.
    pub(crate) fn refuse_arguments(&self) {
        if let Some(argument) = self.arguments.first() {
            fatal!("unexpected command-line argument: {}", text::show(argument.as_bytes()));
        }
    }
}
