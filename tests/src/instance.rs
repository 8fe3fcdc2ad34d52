//! A private mail system: its own queue, log, mailboxes, configuration.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sys::signal::Signal;
use tempfile::TempDir;

use crate::output::Output;
use crate::subject::{self, Subject};
use crate::wait;

/// The name of the machine that an instance thinks it is.
pub const HOST: &str = "test.example.com";

const QUEUE_DIRECTORIES: [(&str, u32); 14] = [
    ("active", 0o700),
    ("bounce", 0o700),
    ("corrupt", 0o700),
    ("defer", 0o700),
    ("deferred", 0o700),
    ("flush", 0o700),
    ("hold", 0o700),
    ("incoming", 0o700),
    ("private", 0o700),
    ("saved", 0o700),
    ("trace", 0o700),
    ("maildrop", 0o730),
    ("public", 0o710),
    ("pid", 0o755),
];

const MASTER_CF: &str = "\
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
postlog   unix-dgram n  -       n       -       1       postlogd
";

/// Describes an instance before it is made.
#[derive(Clone, Debug)]
pub struct Builder {
    subject: Subject,
    parameters: Vec<(String, String)>,
    master_cf: String,
    files: Vec<(String, String)>,
    resolv_conf: Option<String>,
}

impl Builder {
    /// The text of /etc/resolv.conf as this instance sees it.
    #[must_use]
    pub fn resolv_conf(self, text: &str) -> Self {
        Self { resolv_conf: Some(text.into()), ..self }
    }

    /// One more line of main.cf; the last of a name counts. `{dir}` in a value is the instance's directory.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// More lines of master.cf; a line replaces the one with the same name and type.
    #[must_use]
    pub fn service(mut self, line: &str) -> Self {
        let key: Vec<&str> = line.split_whitespace().take(2).collect();
        let kept: Vec<&str> =
            self.master_cf.lines().filter(|old| old.split_whitespace().take(2).collect::<Vec<_>>() != key).collect();
        self.master_cf = format!("{}\n{line}\n", kept.join("\n"));
        self
    }

    /// All of master.cf.
    #[must_use]
    pub fn master_cf(mut self, text: &str) -> Self {
        self.master_cf = text.into();
        self
    }

    /// A file in the instance's directory.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.into(), text.into()));
        self
    }

    /// Another subject than the environment's: for tests with two instances.
    #[must_use]
    pub fn subject(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    /// Makes the instance without starting it.
    pub fn build(self) -> Instance {
        Instance::make(self)
    }

    /// Makes the instance and starts it.
    pub fn start(self) -> Instance {
        let instance = self.build();
        instance.start();
        instance
    }
}

/// A mail system of its own. It ends, with all its processes, when it is dropped.
#[derive(Debug)]
pub struct Instance {
    directory: TempDir,
    subject: Subject,
}

impl Instance {
    /// Begins to describe an instance.
    pub fn builder() -> Builder {
        Builder {
            subject: Subject::from_environment(),
            parameters: Vec::new(),
            master_cf: MASTER_CF.into(),
            files: Vec::new(),
            resolv_conf: None,
        }
    }

    fn make(builder: Builder) -> Self {
        let directory = tempfile::Builder::new().prefix("ph.").tempdir().expect("a temporary directory");
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("permissions");
        let instance = Self { directory, subject: builder.subject.clone() };
        for name in ["etc", "q", "data", "libexec", "sbin", "log", "mail"] {
            fs::create_dir(instance.path(name)).expect("a directory");
        }
        fs::set_permissions(instance.path("mail"), Permissions::from_mode(0o1777)).expect("permissions");
        instance.make_queue();
        instance.link_programs(&builder);
        let main_cf = instance.main_cf(&builder.parameters);
        instance.write("etc/main.cf", &main_cf);
        let master_cf = instance.expand(&builder.master_cf);
        instance.write("etc/master.cf", instance.without_missing(&master_cf));
        for (name, text) in &builder.files {
            instance.write(name, instance.expand(text));
        }
        if let Some(text) = &builder.resolv_conf {
            instance.write("etc/resolv.conf", text);
        }
        instance
    }

    /// The instance's directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A path below the instance's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What the instance is made of.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Replaces `{dir}` by the instance's directory.
    pub fn expand(&self, text: &str) -> String {
        text.replace("{dir}", &self.directory().display().to_string())
    }

    /// Writes a file below the instance's directory.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file is in a directory")).expect("a directory");
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Reads a file below the instance's directory; empty when it is not there.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).unwrap_or_default()).into_owned()
    }

    fn make_queue(&self) {
        let owner = sys::privilege::account("postfix").ok().flatten().expect("the mail owner");
        let submitters = sys::privilege::group("postdrop").ok().flatten().expect("the group of submitters");
        for (name, mode) in QUEUE_DIRECTORIES {
            let path = self.path("q").join(name);
            fs::create_dir(&path).expect("a directory");
            let group = if matches!(name, "maildrop" | "public") { submitters } else { owner.gid };
            if name != "pid" {
                chown(&path, Some(owner.uid), Some(group)).expect("ownership");
            }
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("permissions");
        }
        // Programs that give up root's rights write to the log themselves while postlogd is down.
        for name in ["data", "log"] {
            chown(self.path(name), Some(owner.uid), Some(owner.gid)).expect("ownership");
        }
    }

    fn link_programs(&self, builder: &Builder) {
        for name in subject::COMMANDS {
            if let Some(program) = builder.subject.program(name) {
                symlink(program, self.path("sbin").join(name)).expect("a link");
            }
        }
        let daemons = [
            "anvil",
            "bounce",
            "cleanup",
            "discard",
            "error",
            "flush",
            "lmtp",
            "local",
            "master",
            "pickup",
            "pipe",
            "postlogd",
            "proxymap",
            "qmgr",
            "qmqpd",
            "scache",
            "showq",
            "smtp",
            "smtpd",
            "spawn",
            "trivial-rewrite",
            "verify",
            "virtual",
            "postfix-script",
            "post-install",
            "postfix-wrapper",
            "postmulti-script",
        ];
        for name in daemons {
            if let Some(program) = builder.subject.program(name) {
                symlink(program, self.path("libexec").join(name)).expect("a link");
            }
        }
    }

    /// Leaves out services whose program the subject does not have.
    fn without_missing(&self, master_cf: &str) -> String {
        let there = |line: &&str| match line.split_whitespace().nth(7) {
            Some(program) if !line.starts_with([' ', '#']) => {
                self.path("libexec").join(program).exists() || !is_known_daemon(program)
            }
            _ => true,
        };
        master_cf.lines().filter(there).fold(String::new(), |text, line| text + line + "\n")
    }

    fn main_cf(&self, parameters: &[(String, String)]) -> String {
        let mut text = self.expand(&format!(
            "compatibility_level = 3.6\n\
             queue_directory = {{dir}}/q\n\
             data_directory = {{dir}}/data\n\
             daemon_directory = {{dir}}/libexec\n\
             command_directory = {{dir}}/sbin\n\
             mail_name = Postfix\n\
             sendmail_path = {{dir}}/sbin/sendmail\n\
             mail_owner = postfix\n\
             setgid_group = postdrop\n\
             myhostname = {HOST}\n\
             mydestination = $myhostname, localhost, local.example\n\
             mynetworks = 127.0.0.0/8\n\
             inet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\n\
             default_transport = error:5.1.2 not in this test\n\
             relay_transport = $default_transport\n\
             maillog_file_prefixes = /\n\
             maillog_file = {{dir}}/log/mail.log\n\
             alias_maps =\n\
             alias_database =\n\
             biff = no\n\
             default_database_type = lmdb\n\
             mail_spool_directory = {{dir}}/mail\n\
             virtual_mailbox_base = {{dir}}/vmail\n\
             meta_directory = {{dir}}/etc\n"
        ));
        if self.subject.needs_control() {
            let libraries = subject::control_libraries();
            let _ = write!(
                text,
                "shlib_directory = {}\n\
                 import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ XAUTHORITY DISPLAY LANG=C POSTLOG_SERVICE \
                 POSTLOG_HOSTNAME LD_LIBRARY_PATH={libraries}\n\
                 export_environment = TZ MAIL_CONFIG LANG LD_LIBRARY_PATH={libraries}\n",
                subject::control().join("usr/lib/postfix").display()
            );
            let maps = subject::control().join("usr/share/postfix/dynamicmaps.cf");
            self.write("etc/dynamicmaps.cf", fs::read(maps).unwrap_or_default());
            self.write("etc/postfix-files", "");
        }
        for (name, value) in parameters {
            let lines: Vec<&str> = text.lines().filter(|line| line.split(' ').next() != Some(name)).collect();
            text = format!("{}\n{name} = {}\n", lines.join("\n"), self.expand(value));
        }
        text
    }

    /// A program of the command directory, set up for this instance.
    pub fn command(&self, name: &str) -> Command {
        self.prepared(Command::new(self.path("sbin").join(name)))
    }

    /// A daemon's program, set up for this instance, in its queue directory.
    pub fn daemon(&self, name: &str) -> Command {
        let mut command = self.prepared(Command::new(self.path("libexec").join(name)));
        command.current_dir(self.path("q"));
        command
    }

    fn prepared(&self, mut command: Command) -> Command {
        command.env("MAIL_CONFIG", self.path("etc")).env("TZ", "UTC").env_remove("MAIL_LOGTAG");
        if self.subject.needs_control() {
            command.env("LD_LIBRARY_PATH", subject::control_libraries());
        }
        command
    }

    /// Runs a command of this instance.
    pub fn run(&self, name: &str, arguments: &[&str]) -> Output {
        self.run_with(name, arguments, "")
    }

    /// Runs a command of this instance with a text on its standard input.
    pub fn run_with(&self, name: &str, arguments: &[&str], input: impl AsRef<[u8]>) -> Output {
        Output::of(self.command(name).args(arguments), input.as_ref())
    }

    /// Runs a command of this instance with the rights of a user.
    pub fn run_as(&self, user: &str, name: &str, arguments: &[&str], input: impl AsRef<[u8]>) -> Output {
        let account = sys::privilege::account(user).ok().flatten().expect("an account");
        Output::of(self.command(name).args(arguments).uid(account.uid).gid(account.gid), input.as_ref())
    }

    /// Submits a message.
    ///
    /// # Panics
    /// When it is refused.
    pub fn send(&self, arguments: &[&str], message: impl AsRef<[u8]>) {
        self.run_with("sendmail", arguments, message).success();
    }

    /// Starts master, in a session of its own.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&self) {
        let output = Output::of(&mut self.master(), b"");
        assert_eq!(output.status, 0, "master does not start: {output:?}\n{}", self.log());
    }

    /// The command that starts master: with a view of the file system of its own, when it has its own name servers.
    fn master(&self) -> Command {
        if !self.path("etc/resolv.conf").exists() {
            let mut command = self.daemon("master");
            command.arg("-w");
            return command;
        }
        let mut command = self.prepared(Command::new("unshare"));
        command.args(["--mount", "sh", "-c", "mount --bind \"$1\" /etc/resolv.conf && exec \"$2\" -w", "sh"]);
        command.arg(self.path("etc/resolv.conf")).arg(self.path("libexec/master")).current_dir(self.path("q"));
        command
    }

    /// master's process ID; nothing when it does not run.
    pub fn master_pid(&self) -> Option<i32> {
        let pid = self.read("q/pid/master.pid").trim().parse().ok()?;
        Path::new("/proc").join(i32::to_string(&pid)).exists().then_some(pid)
    }

    /// Stops the mail system, and waits until none of its processes is left.
    pub fn stop(&self) {
        if let Some(pid) = self.master_pid() {
            let _ = sys::signal::send(pid, Signal::SIGTERM);
            let deadline = Instant::now() + Duration::from_secs(10);
            while !processes_of_session(pid).is_empty() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        self.kill_all();
    }

    /// Kills every process of the mail system at once.
    pub fn kill_all(&self) {
        let Ok(pid) = self.read("q/pid/master.pid").trim().parse() else { return };
        for process in processes_of_session(pid) {
            let _ = sys::signal::send(process, Signal::SIGKILL);
        }
    }

    /// The processes of the mail system, and their commands.
    pub fn processes(&self) -> Vec<(i32, String)> {
        let Ok(pid) = self.read("q/pid/master.pid").trim().parse() else { return Vec::new() };
        processes_of_session(pid).into_iter().map(|pid| (pid, command_line(pid))).collect()
    }

    /// The processes of one program.
    pub fn processes_named(&self, program: &str) -> Vec<i32> {
        let is = |line: &String| line.split(' ').next().is_some_and(|word| word.rsplit('/').next() == Some(program));
        self.processes().into_iter().filter(|(_, line)| is(line)).map(|(pid, _)| pid).collect()
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.read("log/mail.log")
    }

    /// The lines of the log that have a text in them.
    pub fn log_lines(&self, text: &str) -> Vec<String> {
        self.log().lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }

    /// Waits for a line of the log that has all of these texts in it.
    ///
    /// # Panics
    /// When it does not come.
    pub fn wait_for_log(&self, texts: &[&str]) -> String {
        let find = || self.log().lines().find(|line| texts.iter().all(|text| line.contains(text))).map(str::to_owned);
        wait::until(&format!("{texts:?} in the log"), find, || self.log())
    }

    /// Waits until a user's mailbox has this many messages.
    ///
    /// # Panics
    /// When they do not come.
    pub fn wait_for_mail(&self, user: &str, count: usize) -> Vec<String> {
        let find = || {
            let messages = self.mailbox(user);
            (messages.len() >= count).then_some(messages)
        };
        wait::until(&format!("{count} messages for {user}"), find, || self.log())
    }

    /// The messages in a user's mailbox.
    pub fn mailbox(&self, user: &str) -> Vec<String> {
        let text = self.read(&format!("mail/{user}"));
        let mut messages: Vec<String> = Vec::new();
        for line in text.split_inclusive('\n') {
            if line.starts_with("From ") {
                messages.push(String::new());
            }
            if let Some(message) = messages.last_mut() {
                message.push_str(line);
            }
        }
        messages
    }

    /// Waits until no message is in the queue.
    ///
    /// # Panics
    /// When some stay.
    pub fn wait_for_empty_queue(&self) {
        let empty =
            || ["maildrop", "incoming", "active", "deferred", "hold"].iter().all(|name| self.queue(name).is_empty());
        wait::until("an empty queue", || empty().then_some(()), || self.log());
    }

    /// The files in a queue directory, at any hash level.
    pub fn queue(&self, name: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut waiting = vec![self.path("q").join(name)];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => waiting.push(entry.path()),
                    _ => files.push(entry.path()),
                }
            }
        }
        files.sort();
        files
    }

    /// The queue ID of the only message in a queue directory.
    ///
    /// # Panics
    /// When there is not exactly one.
    pub fn only_id(&self, name: &str) -> String {
        let files = self.queue(name);
        assert_eq!(files.len(), 1, "{files:?}\n{}", self.log());
        files[0].file_name().and_then(OsStr::to_str).expect("a name").to_owned()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("--- log ---\n{}", self.log());
        }
    }
}

fn is_known_daemon(program: &str) -> bool {
    MASTER_CF.lines().filter_map(|line| line.split_whitespace().nth(7)).any(|known| known == program)
        || matches!(program, "smtp" | "smtpd" | "lmtp" | "pipe" | "spawn" | "anvil" | "scache" | "qmqpd")
}

/// Processes whose session is this one, without those that only wait to be buried.
fn processes_of_session(session: i32) -> Vec<i32> {
    let stat = |pid: i32| fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    let belongs = |pid: &i32| {
        stat(*pid).is_some_and(|text| {
            // The name in parentheses may have blanks; state, parent, group, session follow.
            let fields: Vec<&str> = text.rsplit(") ").next().unwrap_or_default().split(' ').collect();
            fields.get(3).and_then(|field| field.parse().ok()) == Some(session) && fields.first() != Some(&"Z")
        })
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(belongs).collect()
}

fn command_line(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').replace('\0', " ")
}
