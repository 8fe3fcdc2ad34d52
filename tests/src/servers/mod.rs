//! Real servers of other protocols, on the loopback interface, each ended with its test.

mod certificate;
mod mariadb;
mod openldap;
mod postgresql;

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sys::signal::Signal;
use tempfile::TempDir;

use crate::wait;
pub use certificate::Certificate;

/// Whom servers run as that refuse to be root.
const USER: &str = "nobody";

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    program: Program,
    arguments: Vec<String>,
    address: SocketAddr,
    /// What ends it, and all that belongs to it.
    signal: Signal,
    child: Child,
    directory: TempDir,
    /// A file that has the word `ready` in it when the server is.
    state: Option<PathBuf>,
}

/// The program of a server, and how it is run.
#[derive(Clone, Debug)]
struct Program {
    path: PathBuf,
    /// As another user than root.
    is_unprivileged: bool,
}

/// Where `tests/run` unpacks servers that are not installed.
fn unpacked() -> PathBuf {
    std::env::var_os("POSTHORN_SERVERS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/servers"), PathBuf::from)
}

/// A program, installed or unpacked; says `skipped` when it is neither.
fn find(place: &str) -> Option<PathBuf> {
    let found = [Path::new("/").join(place), unpacked().join(place)].into_iter().find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: there is no {place}");
    }
    found
}

/// A port that nobody listens on.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port")
}

/// A folder for a server's data, which belongs to whom it runs as.
fn data_directory() -> TempDir {
    let directory = tempfile::Builder::new().prefix("ph.server.").tempdir().expect("a temporary directory");
    let user = sys::privilege::account(USER).ok().flatten().expect("an account without rights");
    chown(directory.path(), Some(user.uid), Some(user.gid)).expect("ownership");
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("permissions");
    directory
}

impl Program {
    fn privileged(path: PathBuf) -> Self {
        Program { path, is_unprivileged: false }
    }

    fn unprivileged(path: PathBuf) -> Self {
        Program { path, is_unprivileged: true }
    }

    /// Gives it a folder.
    fn make_own(&self, path: &str) {
        if self.is_unprivileged {
            let user = sys::privilege::account(USER).ok().flatten().expect("an account without rights");
            chown(path, Some(user.uid), Some(user.gid)).expect("ownership");
        }
    }

    fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).current_dir("/").env("LD_LIBRARY_PATH", unpacked().join("usr/lib/x86_64-linux-gnu"));
        if self.is_unprivileged {
            let user = sys::privilege::account(USER).ok().flatten().expect("an account without rights");
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    fn spawn(&self, arguments: &[String]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a server")
    }

    /// Runs it to its end, with some input.
    fn run(&self, arguments: &[&str], input: &str) {
        use std::io::Write;
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        let mut command = self.command(&arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a program");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("input is read");
        let output = child.wait_with_output().expect("an end");
        assert!(output.status.success(), "{:?}: {}", self.path, String::from_utf8_lossy(&output.stderr));
    }
}

impl Server {
    /// Starts a memcached; `None` if there is none here.
    pub fn memcached() -> Option<Self> {
        Server::simple("usr/bin/memcached", |port| {
            ["-u", "nobody", "-U", "0", "-l", "127.0.0.1", "-m", "8", "-p", port].map(String::from).to_vec()
        })
    }

    /// Starts a Redis server with this password; `None` if there is none here.
    pub fn redis(password: &str) -> Option<Self> {
        Server::simple("usr/bin/redis-server", |port| {
            let words = ["--bind", "127.0.0.1", "--save", "", "--dir", "/", "--requirepass", password, "--port", port];
            words.map(String::from).to_vec()
        })
    }

    fn simple(place: &str, arguments: impl Fn(&str) -> Vec<String>) -> Option<Self> {
        let program = Program::privileged(find(place)?);
        let address = free_address();
        let arguments = arguments(&address.port().to_string());
        Some(Server::start(program, arguments, address, Signal::SIGKILL, data_directory()))
    }

    /// Starts it, and waits until it listens.
    fn start(
        program: Program,
        arguments: Vec<String>,
        address: SocketAddr,
        signal: Signal,
        directory: TempDir,
    ) -> Self {
        let child = program.spawn(&arguments);
        let server = Server { program, arguments, address, signal, child, directory, state: None };
        server.wait_for_start();
        server
    }

    fn wait_for_start(&self) {
        if let Some(state) = &self.state {
            let is_ready = || fs::read_to_string(state).ok().filter(|text| text.contains("ready"));
            wait::until("a server that is ready", is_ready, || format!("{:?}", self.program));
        }
        let connects = || TcpStream::connect(self.address).ok();
        wait::until("a server that answers", connects, || format!("{:?}", self.program));
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its data are, and its socket, if it has one.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Ends it, without a chance to say goodbye.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = sys::signal::send(self.child.id().cast_signed(), self.signal);
        let _ = self.child.wait();
    }

    /// Starts it again, on the same port.
    pub fn restart(&mut self) {
        self.kill();
        self.child = self.program.spawn(&self.arguments);
        self.wait_for_start();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
