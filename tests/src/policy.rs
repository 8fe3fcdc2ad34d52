//! A policy server for smtpd (access-milter-postscreen §6.2).

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::smtp::free_port;

/// What the server says to a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// These bytes.
    Bytes(String),
    /// These bytes; then it closes.
    Last(String),
}

impl Answer {
    /// An action, as it should be.
    pub fn action(action: &str) -> Self {
        Answer::Bytes(format!("action={action}\n\n"))
    }
}

/// A request: the number of its connection, and its lines.
pub type Request = (usize, Vec<String>);

/// A running server. It ends with the test.
#[derive(Clone, Debug)]
pub struct PolicyServer {
    /// Where it listens.
    pub port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl PolicyServer {
    /// Starts a server; `answer` sees how many requests there were before, and the lines of this one.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn start(answer: impl Fn(usize, &[String]) -> Answer + Send + Sync + 'static) -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a port");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (all, answer) = (requests.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let (all, answer) = (all.clone(), answer.clone());
                std::thread::spawn(move || serve(number, stream, &all, &*answer));
            }
        });
        PolicyServer { port, requests }
    }

    /// All requests so far.
    ///
    /// # Panics
    /// When a thread of the server has.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("the requests").clone()
    }
}

fn serve(
    number: usize,
    stream: TcpStream,
    all: &Mutex<Vec<Request>>,
    answer: &(dyn Fn(usize, &[String]) -> Answer + Send + Sync),
) {
    let Ok(mut output) = stream.try_clone() else { return };
    let mut lines = Vec::new();
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if !line.is_empty() {
            lines.push(line);
            continue;
        }
        let before = {
            let mut all = all.lock().expect("the requests");
            all.push((number, lines.clone()));
            all.len() - 1
        };
        match answer(before, &lines) {
            Answer::Bytes(bytes) => {
                let _ = output.write_all(bytes.as_bytes());
            }
            Answer::Last(bytes) => {
                let _ = output.write_all(bytes.as_bytes());
                return;
            }
        }
        lines.clear();
    }
}
