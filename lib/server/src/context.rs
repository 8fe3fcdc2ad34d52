//! What a running service may know about itself.

use std::time::Duration;

use bstr::{BString, ByteSlice};
use config::{Config, params};

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

    /// Ends the program with a fatal error when the service was given arguments that it does not take.
    pub(crate) fn refuse_arguments(&self) {
        if let Some(argument) = self.arguments.first() {
            logging::fatal!("unexpected command-line argument: {}", text::show(argument.as_bytes()));
        }
    }
}
