//! A small name server, and instances whose /etc/resolv.conf names it.
//!
//! It answers over UDP and TCP on an address of its own in 127/8, so that many can run at once. What it does not know does not exist. It can be told to fail.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Response codes.
pub mod rcode {
    /// The question makes no sense.
    pub const FORMAT_ERROR: u8 = 1;
    /// The server is in trouble.
    pub const SERVER_FAILURE: u8 = 2;
    /// There is no such name.
    pub const NO_SUCH_NAME: u8 = 3;
    /// The server does not know that kind of question.
    pub const NOT_IMPLEMENTED: u8 = 4;
    /// The server does not want to.
    pub const REFUSED: u8 = 5;
}

const TYPES: [(&str, u16); 10] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("TLSA", 52),
];

/// What the server knows.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    /// Data of records, by lower-case name and type.
    records: HashMap<(String, u16), Vec<Vec<u8>>>,
    names: HashSet<String>,
    /// Questions that get a response code.
    failures: HashMap<(String, u16), u8>,
    /// Replies whose answer section is these bytes, with this count of records.
    raw: HashMap<(String, u16), (u16, Vec<u8>)>,
    /// Over UDP, replies longer than this are truncated.
    udp_limit: Option<usize>,
}

impl Zone {
    /// Adds records in zone file form: `name TYPE data`, one to a line. Data of MX is `preference host`; `.` is the root.
    ///
    /// # Panics
    /// When a line cannot be understood.
    #[must_use]
    pub fn with(mut self, lines: &str) -> Self {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, char::is_whitespace);
            let (name, kind) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let data = data(kind, words.next().unwrap_or("").trim());
            self.names.insert(name.to_lowercase());
            self.records.entry((name.to_lowercase(), number(kind))).or_default().push(data);
        }
        self
    }

    /// Questions for this name and type get a response code, and no answer.
    #[must_use]
    pub fn failing(mut self, name: &str, kind: &str, rcode: u8) -> Self {
        self.failures.insert((name.into(), number(kind)), rcode);
        self
    }

    /// Questions for this name and type get these bytes as `count` records.
    #[must_use]
    pub fn raw(mut self, name: &str, kind: &str, count: u16, bytes: &[u8]) -> Self {
        self.raw.insert((name.into(), number(kind)), (count, bytes.to_vec()));
        self
    }

    /// Longer replies do not go over UDP.
    #[must_use]
    pub fn udp_limit(self, limit: usize) -> Self {
        Self { udp_limit: Some(limit), ..self }
    }
}

/// The number of a type.
fn number(kind: &str) -> u16 {
    TYPES.iter().find(|(name, _)| *name == kind).unwrap_or_else(|| panic!("{kind} is no type")).1
}

fn data(kind: &str, text: &str) -> Vec<u8> {
    match kind {
        "A" | "AAAA" => match text.parse().expect("an address") {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        },
        "MX" => {
            let (preference, host) = text.split_once(' ').expect("preference and host");
            let preference: u16 = preference.parse().expect("a number");
            [&preference.to_be_bytes()[..], &name(host)].concat()
        }
        "SRV" => {
            let (numbers, host) = text.rsplit_once(' ').expect("priority, weight, port and host");
            let numbers = numbers.split(' ').flat_map(|number| number.parse::<u16>().expect("a number").to_be_bytes());
            numbers.chain(name(host)).collect()
        }
        "TXT" => [&[text.len() as u8][..], text.as_bytes()].concat(),
        _ => name(text),
    }
}

/// A name on the wire. A backslash keeps a dot, or any other byte, inside a label.
pub fn name(text: &str) -> Vec<u8> {
    let mut labels: Vec<Vec<u8>> = vec![Vec::new()];
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' => labels.push(Vec::new()),
            b'\\' => labels.last_mut().expect("a label").extend(bytes.next()),
            byte => labels.last_mut().expect("a label").push(byte),
        }
    }
    let mut packed = Vec::new();
    for label in labels.iter().filter(|label| !label.is_empty()) {
        packed.push(label.len() as u8);
        packed.extend_from_slice(label);
    }
    packed.push(0);
    packed
}

/// The server; it ends when it is dropped.
#[derive(Debug)]
pub struct NameServer {
    address: Ipv4Addr,
    asked: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
}

impl NameServer {
    /// Starts a server on an address that nobody else uses.
    ///
    /// # Panics
    /// When none is free.
    pub fn start(zone: Zone) -> Self {
        let (udp, tcp, address) = free_sockets();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let zone = Arc::new(zone);
        let (one, two, three) = (zone.clone(), asked.clone(), over.clone());
        udp.set_read_timeout(Some(Duration::from_millis(100))).expect("a time limit");
        thread::spawn(move || serve_udp(&udp, &one, &two, &three));
        let (one, two, three) = (zone, asked.clone(), over.clone());
        tcp.set_nonblocking(true).expect("a non-blocking socket");
        thread::spawn(move || serve_tcp(&tcp, &one, &two, &three));
        Self { address, asked, over }
    }

    /// Text for /etc/resolv.conf.
    pub fn resolv_conf(&self) -> String {
        format!("nameserver {}\n", self.address)
    }

    /// What was asked so far: `name TYPE`, in order; with `/tcp` behind when it came over TCP.
    ///
    /// # Panics
    /// When the server has panicked.
    pub fn questions(&self) -> Vec<String> {
        self.asked.lock().expect("a lock").clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// A loopback address whose port 53 nobody uses.
///
/// # Panics
/// When none is free.
pub fn free_address() -> Ipv4Addr {
    free_sockets().2
}

fn free_sockets() -> (UdpSocket, TcpListener, Ipv4Addr) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let count = NEXT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let octets = [127, 53 + (process >> 8) as u8 % 100, process as u8, (count % 250) as u8 + 1];
        let address = Ipv4Addr::from(octets);
        let at = SocketAddr::from((address, 53));
        if let (Ok(udp), Ok(tcp)) = (UdpSocket::bind(at), TcpListener::bind(at)) {
            return (udp, tcp, address);
        }
        assert!(count < 60_000, "no address is free");
    }
}

fn serve_udp(socket: &UdpSocket, zone: &Zone, asked: &Mutex<Vec<String>>, over: &AtomicBool) {
    let mut buffer = [0; 4096];
    while !over.load(Ordering::Relaxed) {
        let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
        let Some(reply) = answer(zone, &buffer[..length], asked, "") else { continue };
        let limit = zone.udp_limit.unwrap_or(usize::MAX);
        let _ = socket.send_to(&if reply.len() > limit { truncated(&reply) } else { reply }, peer);
    }
}

fn serve_tcp(listener: &TcpListener, zone: &Zone, asked: &Mutex<Vec<String>>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let Ok((mut stream, _)) = listener.accept() else {
            thread::sleep(Duration::from_millis(20));
            continue;
        };
        let _ = stream.set_nonblocking(false);
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let mut length = [0; 2];
        if stream.read_exact(&mut length).is_err() {
            continue;
        }
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut question).is_ok()
            && let Some(reply) = answer(zone, &question, asked, "/tcp")
        {
            let _ = stream.write_all(&[&(reply.len() as u16).to_be_bytes()[..], &reply].concat());
        }
    }
}

/// Header and question alone, with the bit that says that more is there.
fn truncated(reply: &[u8]) -> Vec<u8> {
    let (_, end) = question(reply).expect("our own reply");
    let mut short = reply[..end].to_vec();
    short[2] |= 2;
    short[6..12].fill(0);
    short
}

/// The name that is asked for, and where the question ends.
fn question(message: &[u8]) -> Option<(String, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let name = if labels.is_empty() { ".".to_owned() } else { labels.join(".") };
    (message.len() >= at + 4).then_some((name, at + 4))
}

fn answer(zone: &Zone, message: &[u8], asked: &Mutex<Vec<String>>, over: &str) -> Option<Vec<u8>> {
    let (name, end) = question(message)?;
    let kind = u16::from_be_bytes([message[end - 4], message[end - 3]]);
    let shown = TYPES.iter().find(|(_, number)| *number == kind).map_or("?", |(name, _)| name);
    asked.lock().ok()?.push(format!("{name} {shown}{over}"));
    let (code, count, records) = find(zone, &name, kind);
    let mut reply = message[..end].to_vec();
    reply[2] = 0x84 | (message[2] & 1);
    reply[3] = 0x80 | code;
    reply[4..12].copy_from_slice(&[0, 1, (count >> 8) as u8, count as u8, 0, 0, 0, 0]);
    reply.extend(records);
    Some(reply)
}

/// Response code, number of records, and the records.
fn find(zone: &Zone, name: &str, kind: u16) -> (u8, u16, Vec<u8>) {
    if let Some(code) = zone.failures.get(&(name.to_owned(), kind)) {
        return (*code, 0, Vec::new());
    }
    if let Some((count, bytes)) = zone.raw.get(&(name.to_owned(), kind)) {
        return (0, *count, bytes.clone());
    }
    let (mut owner, mut count, mut bytes) = (name.to_owned(), 0, Vec::new());
    for _ in 0..4 {
        if let Some(found) = zone.records.get(&(owner.clone(), kind)) {
            for data in found {
                bytes.extend(record(&owner, kind, data));
                count += 1;
            }
            break;
        }
        let Some(alias) = zone.records.get(&(owner.clone(), number("CNAME"))) else { break };
        bytes.extend(record(&owner, number("CNAME"), &alias[0]));
        count += 1;
        owner = question(&[&[0; 12][..], &alias[0], &[0; 4]].concat()).expect("a name").0;
    }
    let exists = count > 0 || zone.names.contains(name);
    (if exists { 0 } else { rcode::NO_SUCH_NAME }, count, bytes)
}

fn record(owner: &str, kind: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = name(owner);
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&[0, 1, 0, 0, 0x0e, 0x10]);
    bytes.extend_from_slice(&(data.len() as u16).to_be_bytes());
    bytes.extend_from_slice(data);
    bytes
}
