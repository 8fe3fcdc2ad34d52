//! Delivery to a command (delivery-agents §2.7).

use bstr::{BString, ByteSlice};
use deliver::command::{Program, Settings as CommandSettings, run};
use deliver::copy::Style;
use deliver::{Failure, Outcome};
use text::expand::{Options, expand};

use crate::destination::path;
use crate::state::State;
use crate::walk::Walk;

impl Walk<'_, '_> {
    /// Runs a command with the message on its standard input.
    pub fn deliver_command(&mut self, parent: &State, command: BString) -> Outcome {
        let state = parent.deeper();
        let user = &state.parts.user;
        if !self.is_new([b"command ", user.as_slice(), format!(":{} ", state.uid()).as_bytes(), &command].concat()) {
            return Outcome::Done;
        }
        let shown = text::show(&command).to_string();
        if self.job.is_probe() {
            return self.sent(&state, format!("delivers to command: {shown}"));
        }
        let directory = match self.execution_directory(&state) {
            Ok(directory) => directory,
            Err(()) => return self.fail_with(&state, "4.3.5", "mail system configuration error"),
        };
        let (original, delivered) = self.envelope_addresses(&state);
        let settings = &self.agent.settings;
        let (uid, gid) = state.safe_ids(settings);
        let style = Style {
            from_line: true,
            return_path: true,
            original_to: original.as_deref().map(Vec::as_slice),
            delivered_to: settings.delivered_header_for_commands().then_some(delivered.as_slice()),
            ..Style::PLAIN
        };
        let command_settings = CommandSettings {
            uid,
            gid,
            directory: directory.map(|directory| path(&directory)),
            jail: None,
            environment: settings.environment.clone(),
            variables: self.variables(&state),
            limit: settings.command_limit,
            style,
            agent: "local",
            utf8: settings.utf8,
        };
        let program = Program::Shell { command, shell: settings.command_shell.clone() };
        match run(self.job, &program, &command_settings) {
            Ok(_output) => self.sent(&state, format!("delivered to command: {shown}")),
            Err(Failure::Corrupt) => Outcome::Retry,
            Err(failure) => self.fail_to_owner(&state, failure),
        }
    }

    /// `command_execution_directory` for this user; none: where this agent is.
    fn execution_directory(&self, state: &State) -> Result<Option<BString>, ()> {
        let settings = &self.agent.settings;
        let options = Options { recursive: false, filter: Some(&settings.directory_filter) };
        match expand(&settings.execution_directory, &options, &mut |name| self.macro_value(state, name)) {
            Ok(expanded) => Ok((!expanded.text.is_empty()).then_some(expanded.text)),
            Err(error) => {
                let value = text::show(&settings.execution_directory);
                log::warn!("{error}");
                log::warn!("bad parameter value syntax for command_execution_directory: {value}");
                Err(())
            }
        }
    }

    /// What the command finds in its environment about the delivery. Bytes that a shell could misunderstand are `_`.
    fn variables(&self, state: &State) -> Vec<(BString, BString)> {
        let filter = &self.agent.settings.command_filter;
        let request = &self.job.request;
        let mut variables = Vec::new();
        let mut set = |name: &str, value: &[u8]| {
            let clean: BString = value.iter().map(|byte| if filter.contains(byte) { *byte } else { b'_' }).collect();
            variables.push((name.into(), clean));
        };
        if let Some(account) = &state.rights {
            set("HOME", account.home.as_os_str().as_encoded_bytes());
            set("SHELL", account.shell.as_os_str().as_encoded_bytes());
        }
        set("LOGNAME", &state.parts.user);
        set("USER", &state.parts.user);
        set("SENDER", &state.sender);
        set("RECIPIENT", &state.recipient.address);
        set("LOCAL", &state.parts.local);
        if let Some(domain) = &state.parts.domain {
            set("DOMAIN", domain);
        }
        if let Some(extension) = &state.parts.extension {
            set("EXTENSION", extension);
        }
        let client = &request.client;
        let optional = [
            ("ORIGINAL_RECIPIENT", &state.recipient.original),
            ("CLIENT_HOSTNAME", &client.name),
            ("CLIENT_ADDRESS", &client.address),
            ("CLIENT_HELO", &client.helo),
            ("CLIENT_PROTOCOL", &client.protocol),
            ("SASL_METHOD", &client.sasl_method),
            ("SASL_SENDER", &client.sasl_sender),
            ("SASL_USERNAME", &client.sasl_username),
        ];
        for (name, value) in optional {
            if !value.as_bytes().is_empty() {
                set(name, value);
            }
        }
        variables
    }
}
