use std::io::Seek;

use config::Config;
use ipc::delivery::Request;
use queue::RecordType;

use super::*;

fn run_command(command: &str, limit: Duration) -> Result<BString, Failure> {
    let mut file = tempfile::tempfile().unwrap();
    for _ in 0..5000 {
        queue::record::write(&mut file, RecordType::TEXT, b"a line of the message that is long enough").unwrap();
    }
    queue::record::write(&mut file, RecordType::EXTRACTED, b"").unwrap();
    file.rewind().unwrap();
    let mut reporter = crate::Reporter::new(&Config::for_tests(&[]));
    let request = Request { sender: "s@x".into(), ..Request::default() };
    let job =
        Job { request, file, path: "active/1".into(), relay: "local".into(), avoid: None, reporter: &mut reporter };
    let nobody = sys::privilege::account("nobody").unwrap().unwrap();
    let settings = Settings {
        uid: nobody.uid,
        gid: nobody.gid,
        directory: None,
        jail: None,
        environment: Vec::new(),
        variables: vec![("USER".into(), "nobody".into())],
        limit,
        style: Style::PLAIN,
        agent: "local",
        utf8: true,
    };
    run(&job, &Program::Shell { command: command.into(), shell: "".into() }, &settings)
}

fn reason(command: &str) -> (String, String) {
    match run_command(command, Duration::from_secs(20)) {
        Err(Failure::Because(dsn)) => (dsn.status.to_string(), dsn.reason.to_string()),
        other => panic!("{command}: {other:?}"),
    }
}

/// Commands run as another user, which only root can do.
fn is_root() -> bool {
    sys::privilege::effective_uid() == 0
}

#[test]
fn ends_of_commands_have_their_meanings() {
    if !is_root() {
        return;
    }
    let cases = [
        ("exit 67", "5.1.1", "user unknown"),
        ("exit 75", "4.3.0", "temporary failure"),
        ("echo 5.7.9 go away; exit 1", "5.7.9", "go away "),
        ("echo hi; exit 1", "5.3.0", "Command died with status 1: \"echo hi; exit 1\". Command output: hi "),
        ("kill -9 $$", "4.3.0", "Command died with signal 9: \"kill -9 $$\""),
        (
            "/no/such/program",
            "4.3.0",
            "temporary failure. Command output: local: fatal: execvp /no/such/program: No such file or directory ",
        ),
    ];
    for (command, status, text) in cases {
        assert_eq!(reason(command), (status.to_owned(), text.to_owned()));
    }
}

#[test]
fn success_gives_the_output_even_when_nothing_was_read() {
    if !is_root() {
        return;
    }
    assert_eq!(run_command("true", Duration::from_secs(20)).unwrap(), "");
    assert_eq!(run_command("id -un; cat >/dev/null", Duration::from_secs(20)).unwrap(), "nobody ");
    assert_eq!(run_command("wc -l", Duration::from_secs(20)).unwrap(), "5000 ");
}

#[test]
fn a_slow_command_is_killed() {
    if !is_root() {
        return;
    }
    let result = run_command("sleep 100; true", Duration::from_millis(300));
    let Err(Failure::Because(dsn)) = result else { panic!("{result:?}") };
    assert_eq!(
        (dsn.status.to_string().as_str(), dsn.reason.to_string().as_str()),
        ("5.3.0", "Command time limit exceeded: \"sleep 100; true\"",)
    );
}
