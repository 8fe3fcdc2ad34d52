//! Real servers of other protocols, on the loopback interface, each ended with its test.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::wait;

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    command: PathBuf,
    arguments: Vec<String>,
    address: SocketAddr,
    child: Child,
}

/// Where `tests/run` unpacks servers that are not installed.
fn unpacked() -> PathBuf {
    std::env::var_os("POSTHORN_SERVERS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/servers"), PathBuf::from)
}

fn find(program: &str) -> Option<PathBuf> {
    let installed = Path::new("/usr/bin").join(program);
    let own = unpacked().join("usr/bin").join(program);
    [installed, own].into_iter().find(|path| path.exists())
}

impl Server {
    /// Starts a memcached; `None` if there is none here.
    pub fn memcached() -> Option<Self> {
        Server::start("memcached", |port| {
            ["-u", "nobody", "-U", "0", "-l", "127.0.0.1", "-m", "8", "-p", port].map(String::from).to_vec()
        })
    }

    /// Starts a Redis server with this password; `None` if there is none here.
    pub fn redis(password: &str) -> Option<Self> {
        Server::start("redis-server", |port| {
            let words = ["--bind", "127.0.0.1", "--save", "", "--dir", "/", "--requirepass", password, "--port", port];
            words.map(String::from).to_vec()
        })
    }

    fn start(program: &str, arguments: impl Fn(&str) -> Vec<String>) -> Option<Self> {
        let Some(command) = find(program) else {
            eprintln!("skipped: there is no {program}");
            return None;
        };
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let arguments = arguments(&address.port().to_string());
        let child = spawn(&command, &arguments);
        let server = Server { command, arguments, address, child };
        server.wait_for_start();
        Some(server)
    }

    fn wait_for_start(&self) {
        let connects = || TcpStream::connect(self.address).ok();
        wait::until("a server that answers", connects, || format!("{:?}", self.command));
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again, on the same port.
    pub fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.command, &self.arguments);
        self.wait_for_start();
    }
}

fn spawn(command: &Path, arguments: &[String]) -> Child {
    Command::new(command)
        .args(arguments)
        .env("LD_LIBRARY_PATH", unpacked().join("usr/lib/x86_64-linux-gnu"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a server")
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
