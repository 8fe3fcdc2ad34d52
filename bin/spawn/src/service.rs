//! One command for each client.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use bstr::BString;
use config::service::TIME_LIMIT;
use logging::{Severity, fatal};
use server::{Client, Context, SingleService};
use sys::privilege::ActingAs;
use sys::process::{DEFAULT_PATH, StartError, UserCommand, wait_at_most};
use sys::signal::Signal;

use crate::attributes::Attributes;

/// What a child has for its exit status when it cannot execute the command.
const NOT_EXECUTED: i32 = 1;

/// The service.
pub struct Spawn {
    environment: Vec<(BString, BString)>,
    /// Found out at the first request.
    order: Option<Order>,
    _acting: ActingAs,
}

/// The command, and how long it may run.
struct Order {
    name: String,
    command: UserCommand,
    limit: Duration,
}

impl SingleService for Spawn {
    fn open(context: &Context) -> Self {
        Self { environment: context.command_environment(), order: None, _acting: context.act_as_mail_owner() }
    }

    fn serve(&mut self, client: Client, context: &Context) {
        let environment = &self.environment;
        let order = self
            .order
            .get_or_insert_with(|| Order::new(context, environment).unwrap_or_else(|error| fatal!("{error}")));
        let name = &order.name;
        let status = match order.start(client) {
            Ok(child) => order.wait(child),
            Err(StartError::Fork(error)) => fatal!("fork: {}", sys::reason(&error)),
            Err(StartError::Exec(error)) => {
                let text = format!("spawn_comand: execvp {name}: {}", sys::reason(&error));
                logging::record(Severity::Fatal, text.as_bytes());
                ExitStatus::from_raw(NOT_EXECUTED << 8)
            }
            Err(StartError::Jail(error) | StartError::Rights(error) | StartError::Directory(error)) => {
                let (uid, gid) = (order.command.uid, order.command.gid);
                let text = format!("set user and group {uid}/{gid}: {}", sys::reason(&error));
                logging::record(Severity::Fatal, text.as_bytes());
                ExitStatus::from_raw(NOT_EXECUTED << 8)
            }
        };
        if let Some(signal) = status.signal() {
            log::warn!("command {name} killed by signal {signal}");
        } else if !status.success() {
            log::warn!("command {name} exit status {}", status.code().unwrap_or_default());
        }
    }
}

impl Order {
    fn new(context: &Context, variables: &[(BString, BString)]) -> Result<Self, String> {
        let attributes = Attributes::parse(&context.arguments)?;
        let (uid, gid) = attributes.rights(&context.mail_owner())?;
        let limit = context.config.service_time(&TIME_LIMIT, context.service.as_str().into());
        let os = |text: &BString| OsString::from_vec(text.to_vec());
        let mut environment: Vec<_> = variables.iter().map(|(name, value)| (os(name), os(value))).collect();
        environment.push(("PATH".into(), DEFAULT_PATH.into()));
        Ok(Self {
            name: attributes.command.first().map(|word| text::show(word).to_string()).unwrap_or_default(),
            command: UserCommand {
                words: attributes.command.iter().map(os).collect(),
                environment,
                uid,
                gid,
                jail: None,
                directory: None,
            },
            limit: limit.map_err(|error| error.to_string())?,
        })
    }

    /// Starts the command; after that only the command has the connection.
    fn start(&self, client: Client) -> Result<Child, StartError> {
        let (input, output) = client.into_descriptors();
        let output = output.map_or_else(|| input.try_clone(), Ok::<OwnedFd, _>).map_err(StartError::Fork)?;
        let errors = output.try_clone().map_err(StartError::Fork)?;
        self.command.spawn(input, output, errors)
    }

    fn wait(&self, mut child: Child) -> ExitStatus {
        let ended = wait_at_most(&mut child, self.limit)
            .unwrap_or_else(|error| fatal!("wait for command: {}", sys::reason(&error)));
        ended.unwrap_or_else(|| {
            log::warn!("{}: process id {}: command time limit exceeded", self.name, child.id());
            self.kill(&child);
            child.wait().unwrap_or_else(|error| fatal!("wait for command: {}", sys::reason(&error)))
        })
    }

    /// Kills the command's process group, with the command's rights and no others.
    fn kill(&self, child: &Child) {
        let group = child.id().cast_signed();
        let result = ActingAs::new(self.command.uid, self.command.gid)
            .and_then(|_acting| sys::signal::send_group(group, Signal::SIGKILL));
        if let Err(error) = result {
            log::warn!("parent: kill: {}", sys::reason(&error));
        }
    }
}
