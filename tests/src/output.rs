//! What a command said and did.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

/// The end of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Exit status; 128 and the number of a signal.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Runs a command with this text on its standard input.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn of(command: &mut Command, input: &[u8]) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        // A command may end before it has read all.
        let _ = stdin.write_all(input);
        drop(stdin);
        let output = child.wait_with_output().expect("a child can be waited for");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            status: output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// The output, if the command succeeded.
    ///
    /// # Panics
    /// When it failed.
    pub fn success(self) -> Self {
        assert_eq!(self.status, 0, "{self:?}");
        self
    }
}
