//! Programs of others speak with the SMTP server, and read its log (smtpd §4, §11).

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::{Child, Command};

use tempfile::TempDir;
use tests::smtp::free_port;
use tests::{Instance, Output, USERS, require_instances, skip, subject, wait};

const USER: &str = USERS[0];

fn start(port: u16) -> Instance {
    Instance::builder()
        .set("local_recipient_maps", "")
        .set("smtpd_peername_lookup", "no")
        .service(&format!("{port} inet n - n - - smtpd"))
        .start()
}

/// A program of Debian's, unpacked beside the control or installed.
fn program(name: &str) -> Option<String> {
    let unpacked = subject::control().join("usr/bin").join(name);
    let places = [unpacked, format!("/usr/bin/{name}").into()];
    places.into_iter().find(|path| path.exists()).map(|path| path.display().to_string())
}

fn run(command: &[&str]) -> Output {
    Output::of(Command::new(command[0]).args(&command[1..]), b"")
}

#[test]
fn swaks_delivers() {
    require_instances!();
    let Some(swaks) = program("swaks") else { skip!("there is no swaks") };
    let port = free_port();
    let instance = start(port);
    let server = format!("127.0.0.1:{port}");
    let to = format!("{USER}@local.example");
    let output = run(&[
        "perl",
        &swaks,
        "--to",
        &to,
        "--from",
        "s@x.example",
        "--server",
        &server,
        "--header",
        "Subject: swaks",
        "--pipeline",
    ]);
    assert_eq!(output.status, 0, "{}{}", output.stdout, output.stderr);
    assert!(instance.wait_for_mail(USER, 1)[0].contains("Subject: swaks"));
    let output = run(&[
        "perl",
        &swaks,
        "--to",
        "a@far.example",
        "--from",
        "s@x.example",
        "--server",
        &server,
        "--quit-after",
        "RCPT",
    ]);
    assert!(output.stdout.contains("550 5.1.2 <a@far.example>: Recipient address rejected"), "{}", output.stdout);
}

#[test]
fn python_delivers() {
    require_instances!();
    let Some(python) = program("python3") else { skip!("there is no python3") };
    let port = free_port();
    let instance = start(port);
    let script = format!(
        "import smtplib\n\
         s = smtplib.SMTP('127.0.0.1', {port}, local_hostname='python.example', timeout=60)\n\
         s.sendmail('s@x.example', ['{USER}@local.example', 'phtest2@local.example'], 'Subject: python\\n\\n.dot\\ncaf\\xe9'.encode('latin-1'),\n\
         mail_options=['BODY=8BITMIME', 'SIZE=100', 'RET=HDRS', 'ENVID=e'], rcpt_options=['NOTIFY=NEVER'])\n\
         print(s.noop()[0], s.verify('{USER}')[0], s.docmd('XYZ')[0], s.quit()[0])\n"
    );
    let output = run(&[&python, "-c", &script]).success();
    assert_eq!(output.stdout.trim(), "250 252 500 221", "{}", output.stderr);
    for user in USERS {
        assert!(instance.wait_for_mail(user, 1)[0].contains("\n.dot\n"));
    }
}

#[test]
fn curl_delivers() {
    require_instances!();
    let Some(curl) = program("curl") else { skip!("there is no curl") };
    let port = free_port();
    let instance = start(port);
    instance.write("mail.txt", "Subject: curl\r\n\r\nhello\r\n");
    let url = format!("smtp://127.0.0.1:{port}/curl.example");
    let (to, file) = (format!("{USER}@local.example"), instance.path("mail.txt").display().to_string());
    let output = run(&[&curl, "-sS", &url, "--mail-from", "s@x.example", "--mail-rcpt", &to, "--upload-file", &file]);
    assert_eq!(output.status, 0, "{}", output.stderr);
    assert!(instance.wait_for_mail(USER, 1)[0].contains("Subject: curl"));
}

/// Debian's filter finds the clients that were turned away.
#[test]
fn fail2ban_reads_the_log() {
    require_instances!();
    let (Some(program), Some(python)) = (program("fail2ban-regex"), program("python3")) else {
        skip!("there is no fail2ban");
    };
    let port = free_port();
    let instance = Instance::builder()
        .set("mynetworks", "127.0.0.9")
        .set("smtpd_peername_lookup", "no")
        .set("local_recipient_maps", "inline:{phtest1=x}")
        .service(&format!("{port} inet n - n - - smtpd"))
        .start();
    let mut session = tests::smtp::Session::hello(port);
    session.ask("MAIL FROM:<s@x.example>", "250");
    session.ask("RCPT TO:<a@far.example>", "454");
    session.ask("RCPT TO:<nobody@local.example>", "550");
    instance.wait_for_log(&["NOQUEUE: reject", "User unknown"]);
    let log = instance.path("log/mail.log").display().to_string();
    let filter = subject::control().join("etc/fail2ban/filter.d/postfix.conf").display().to_string();
    let modules = subject::control().join("usr/lib/python3/dist-packages");
    let output = Output::of(Command::new(python).arg(program).args([&log, &filter]).env("PYTHONPATH", modules), b"");
    assert!(output.stdout.contains(", 2 matched, "), "{}{}", output.stdout, output.stderr);
}

/// Exim of Debian, on a port of this machine; it keeps what it gets in its queue.
struct Exim {
    process: Child,
    directory: TempDir,
    port: u16,
}

impl Exim {
    /// Starts it, if it can be had.
    fn start() -> Option<Self> {
        let account = sys::privilege::account("Debian-exim").ok()??;
        let program = subject::control().join("usr/sbin/exim4");
        let libraries = subject::control_libraries();
        // It may lack a library, or an account.
        let version =
            Command::new(&program).args(["-C", "/dev/null", "-bV"]).env("LD_LIBRARY_PATH", &libraries).output().ok()?;
        version.status.success().then_some(())?;
        let directory = tempfile::tempdir().ok()?;
        chown(directory.path(), Some(account.uid), Some(account.gid)).ok()?;
        let (place, port) = (directory.path().display().to_string(), free_port());
        let settings = format!(
            "primary_hostname = exim.example\nexim_user = Debian-exim\nexim_group = Debian-exim\nspool_directory = {place}\n\
             log_file_path = {place}/%slog\npid_file_path = {place}/pid\nqueue_only = true\ntls_advertise_hosts =\nkeep_environment =\n\
             acl_smtp_rcpt = accept\nbegin acl\naccept:\n  deny local_parts = no\n       message = not this one\n  accept\n"
        );
        let configuration = directory.path().join("exim.conf");
        fs::write(&configuration, settings).ok()?;
        let process = Command::new(program)
            .arg("-C")
            .arg(&configuration)
            .args(["-bdf", "-oX", &format!("127.0.0.1.{port}")])
            .env("LD_LIBRARY_PATH", libraries)
            .spawn()
            .ok()?;
        Some(Self { process, directory, port })
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("mainlog")).unwrap_or_default()
    }

    /// The bodies of the messages that it has.
    fn bodies(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path().join("input")).into_iter().flatten().flatten();
        let is_body = |path: &PathBuf| path.display().to_string().ends_with("-D");
        entries.map(|entry| entry.path()).filter(is_body).filter_map(|path| fs::read_to_string(path).ok()).collect()
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn exim_receives() {
    require_instances!();
    let Some(exim) = Exim::start() else { skip!("there is no Exim") };
    wait::until("exim", || TcpStream::connect(("127.0.0.1", exim.port)).ok(), || exim.log());
    let transport = format!("static:{{smtp:[127.0.0.1]:{}}}", exim.port);
    let instance = Instance::builder().set("transport_maps", &transport).service("smtp unix - - n - - smtp").start();
    instance
        .send(&["-f", "s@x.example", "a@far.example", "no@far.example", "b@far.example"], "Subject: x\n\n.dot\nlast\n");
    instance.wait_for_log(&["to=<a@far.example>", "dsn=2.0.0, status=sent (250 OK id="]);
    instance.wait_for_log(&["to=<no@far.example>", "status=bounced (host 127.0.0.1[127.0.0.1] said: 550 not this one"]);
    // The non-delivery report for the second recipient may be there too.
    let is_ours = |body: &String| body.ends_with("-D\n.dot\nlast\n");
    assert!(exim.bodies().iter().any(is_ours), "{:?}\n{}", exim.bodies(), exim.log());
}
