//! smtp-sink(1) and qmqp-sink(1) (smtpd §15.1, §15.3).

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tests::output::Output;
use tests::subject::{self, Subject};
use tests::{require_instances, wait};

fn program(name: &str) -> PathBuf {
    Subject::from_environment().program(name).expect("the program")
}

fn bare_command(name: &str) -> Command {
    let mut command = Command::new(program(name));
    if Subject::from_environment().needs_control() {
        command.env("LD_LIBRARY_PATH", subject::control_libraries());
    }
    command
}

fn command(options: &[&str]) -> Command {
    let mut command = bare_command("smtp-sink");
    command.args(["-u", "postfix"]).args(options);
    command
}

struct Sink {
    child: Child,
    port: u16,
}

impl Sink {
    fn start(options: &[&str]) -> Self {
        Self::run(command(options))
    }

    fn start_qmqp(options: &[&str]) -> Self {
        let mut command = bare_command("qmqp-sink");
        command.args(options).stderr(Stdio::piped());
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        command.args([&format!("127.0.0.1:{port}"), "10"]).stdout(Stdio::piped());
        Self { child: command.spawn().expect("a process"), port }
    }

    /// Says all of this at once, and returns what comes back until the server closes.
    fn talk(&self, said: &str) -> String {
        let connect = || TcpStream::connect(("127.0.0.1", self.port)).ok();
        let mut stream = wait::until("a connection", connect, String::new);
        stream.write_all(said.as_bytes()).expect("a write");
        if !said.contains("QUIT") {
            stream.shutdown(Shutdown::Write).expect("a shutdown");
        }
        let mut heard = Vec::new();
        // A server that closes while input is left resets the connection.
        let _ = stream.read_to_end(&mut heard);
        String::from_utf8_lossy(&heard).replace("\r\n", "\n")
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const FEATURES: &str = "250-smtp-sink\n250-PIPELINING\n250-8BITMIME\n250-AUTH PLAIN LOGIN\n250-XCLIENT NAME HELO\n\
                        250-XFORWARD NAME ADDR PROTO HELO\n250-ENHANCEDSTATUSCODES\n250-DSN\n250 \n";

#[test]
fn a_conversation() {
    require_instances!();
    let sink = Sink::start(&[]);
    let heard = sink.talk(
        "EHLO me\r\nRCPT TO:<x>\r\nMAIL FROM:<a>\r\nMAIL FROM:<b>\r\nDATA\r\nRCPT TO:<c>\r\nDATA\r\nx\r\n..\r\n.\r\nDATA\r\n\
         FOO\r\n\r\nLHLO x\r\nRSET\r\nNOOP\r\nVRFY x\r\nQUIT\r\n",
    );
    let expected = format!(
        "220 smtp-sink ESMTP\n{FEATURES}503 5.5.1 Error: need MAIL command\n250 2.1.0 Ok\n\
         503 5.5.1 Error: nested MAIL command\n503 5.5.1 Error: need RCPT command\n250 2.1.5 Ok\n\
         354 End data with <CR><LF>.<CR><LF>\n250 2.0.0 Ok\n503 5.5.1 Error: need RCPT command\n\
         500 5.5.1 Error: unknown command\n500 5.5.2 Error: unknown command\n500 5.5.1 Error: unknown command\n\
         250 2.1.0 Ok\n250 2.0.0 Ok\n250 2.0.0 Ok\n221 Bye\n"
    );
    assert_eq!(heard, expected);
}

#[test]
fn features_and_refusals_as_told() {
    require_instances!();
    let plain = Sink::start(&["-8", "-a", "-E", "-N", "-p", "-C", "-F", "-h", "name.example", "-r", "rcpt,."]);
    let heard = plain.talk("EHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nXFORWARD NAME=x\r\n.\r\nQUIT\r\n");
    let expected = "220 name.example ESMTP\n250-name.example\n250 \n250 2.1.0 Ok\n450 4.3.0 Error: command failed\n\
                    500 5.5.1 Error: unknown command\n450 4.3.0 Error: command failed\n221 Bye\n";
    assert_eq!(heard, expected);
    let hard = Sink::start(&["-f", "connect", "-B", "554 no", "-q", "vrfy", "-Q", "noop"]);
    assert_eq!(hard.talk("NOOP\r\n"), "554 no\n421 4.0.0 Server closing connection\n");
    assert_eq!(hard.talk("RSET\r\nVRFY x\r\n"), "554 no\n250 2.1.0 Ok\n");
    let masked = Sink::start(&["-P"]);
    assert_eq!(
        masked.talk("EHLO x\r\nHELO x\r\nQUIT\r\n"),
        "220 ********\n500 5.5.1 Error: unknown command\n250 smtp-sink\n221 Bye\n"
    );
    let lmtp = Sink::start(&["-L"]);
    let heard =
        lmtp.talk("LHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nDATA\r\nx\r\n.\r\nEHLO x\r\nQUIT\r\n");
    assert!(heard.ends_with("\n250 2.2.0 Ok\n250 2.2.0 Ok\n500 5.5.1 Error: unknown command\n221 Bye\n"), "{heard}");
}

#[test]
fn messages_are_kept() {
    require_instances!();
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777))
        .expect("permissions");
    let template = format!("{}/%Y/all", directory.path().display());
    let sink = Sink::start(&["-D", &template, "-S", "From x\\n"]);
    sink.talk("EHLO me\r\nMAIL FROM:<a@b> X=Y\r\nRCPT TO:<c>\r\nRCPT TO:<d>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n");
    let year = std::fs::read_dir(directory.path()).expect("files").flatten().next().expect("a directory").path();
    let text = std::fs::read_to_string(year.join("all")).expect("a file");
    let start = "From x\nX-Client-Addr: 127.0.0.1\nX-Client-Proto: ESMTP\nX-Helo-Args: me\nX-Mail-Args: <a@b> X=Y\n\
                 X-Rcpt-Args: <c>\nX-Rcpt-Args: <d>\nReceived: from me ([127.0.0.1])\n\tby smtp-sink (smtp-sink) with ESMTP id ";
    assert!(text.starts_with(start), "{text}");
    assert!(text.ends_with("\nSubject: x\n\n.dot\n\n"), "{text}");
}

#[test]
fn limits_end_it() {
    require_instances!();
    let mut sink = Sink::start(&["-c", "-n", "1"]);
    sink.talk("HELO x\r\nQUIT\r\n");
    assert!(sink.child.wait().expect("an end").success());
    let mut text = String::new();
    sink.child.stdout.take().expect("its output").read_to_string(&mut text).expect("text");
    assert_eq!(text, "sess=1 quit=1 mesg=0\r");
}

#[test]
fn wrong_usage() {
    require_instances!();
    for (options, expected) in [
        (&["-x", "127.0.0.1:1", "1"][..], "invalid option -- 'x'"),
        (&["127.0.0.1:1"], "fatal: usage: "),
        (&["-f", "foo", "127.0.0.1:1", "1"], "fatal: unknown command: foo"),
        (&["-b", "9xx", "127.0.0.1:1", "1"], "error: bad soft error reply: 9xx"),
    ] {
        let output = Output::of(&mut command(options), b"");
        assert_eq!(output.status, 1, "{output:?}");
        assert!(output.stderr.contains(expected), "{output:?}");
    }
    let mut as_root = bare_command("smtp-sink");
    as_root.args(["127.0.0.1:1", "1"]);
    let output = Output::of(&mut as_root, b"");
    assert!(output.stderr.contains("fatal: -u option is required if running as root"), "{output:?}");
}

#[test]
fn qmqp_is_taken() {
    require_instances!();
    let mut sink = Sink::start_qmqp(&["-c", "-x", "60"]);
    for message in ["5:hello,", "05:hello,", "5:hello,and more"] {
        assert_eq!(sink.talk(message), "3:KOk,", "{message}");
    }
    for bad in ["x", "", "5:hel"] {
        assert_eq!(sink.talk(bad), "", "{bad}");
    }
    let long = format!("300000:{},", "x".repeat(300_000));
    assert_eq!(sink.talk(&long), "3:KOk,");
    let mut source = bare_command("qmqp-source");
    source.args(["-m", "5", "-s", "2", "-r", "3", "-l", "20000", &format!("127.0.0.1:{}", sink.port)]);
    assert_eq!(Output::of(&mut source, b"").success().stderr, "");
    sink.child.kill().expect("a signal");
    let (mut counts, mut warnings) = (String::new(), String::new());
    sink.child.stdout.take().expect("its output").read_to_string(&mut counts).expect("text");
    sink.child.stderr.take().expect("its output").read_to_string(&mut warnings).expect("text");
    assert!(counts.starts_with("1\r2\r3\r4\r5\r") && counts.ends_with("9\r"), "{counts:?}");
    let warning = |text: &str| warnings.matches(&format!("qmqp-sink: warning: {text}\n")).count();
    assert_eq!((warning("netstring format error"), warning("lost connection")), (1, 2), "{warnings}");
}

#[test]
fn a_qmqp_sink_that_has_run_long_enough_ends() {
    require_instances!();
    let mut sink = Sink::start_qmqp(&["-x", "1"]);
    assert!(sink.child.wait().expect("an end").success());
}

#[test]
fn wrong_usage_of_qmqp_sink() {
    require_instances!();
    for (options, expected) in [
        (&["-z", "127.0.0.1:1", "1"][..], "invalid option -- 'z'"),
        (&["127.0.0.1:1"], "[-x time] [host]:port backlog"),
        (&["127.0.0.1:1", "x"], "fatal: usage: "),
        (&["-x", "0", "127.0.0.1:1", "1"], "fatal: usage: "),
    ] {
        let output = Output::of(bare_command("qmqp-sink").args(options), b"");
        assert_eq!(output.status, 1, "{output:?}");
        assert!(output.stderr.contains(expected), "{output:?}");
    }
}
