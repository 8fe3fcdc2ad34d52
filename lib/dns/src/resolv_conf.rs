//! /etc/resolv.conf, as the system's resolver reads it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use bstr::{BString, ByteSlice};

const MAX_SERVERS: usize = 3;
const PORT: u16 = 53;

/// Which name servers are asked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// Name servers in order of preference, at most three.
    pub servers: Vec<SocketAddr>,
    /// Domains that are appended to names when a caller asks for that.
    pub search: Vec<BString>,
    /// A name with fewer dots is searched before it is tried as it is.
    pub ndots: usize,
    /// How long the first try waits; each later one twice as long as the one before.
    pub timeout: Duration,
    /// Rounds over all servers.
    pub attempts: u32,
    /// Begin with a different server each time.
    pub rotate: bool,
    /// Use TCP from the start.
    pub use_tcp: bool,
    /// Use EDNS0 from the start.
    pub edns: bool,
}

impl Default for ResolvConf {
    fn default() -> Self {
        ResolvConf {
            servers: vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT)],
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            use_tcp: false,
            edns: false,
        }
    }
}

impl ResolvConf {
    /// The system's file. A missing or unreadable one leaves the defaults, as for every program.
    pub fn system() -> Self {
        Self::read(Path::new("/etc/resolv.conf")).unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                log::warn!("open /etc/resolv.conf: {}", sys::reason(&error));
            }
            let mut conf = Self::default();
            conf.default_domain();
            conf
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::parse(&fs::read(path)?))
    }

    /// Understands the text of such a file. Lines that mean nothing are skipped.
    pub fn parse(text: &[u8]) -> Self {
        let mut conf = Self { servers: Vec::new(), ..Self::default() };
        let mut has_search = false;
        for line in text.lines() {
            if line.starts_with(b"#") || line.starts_with(b";") {
                continue;
            }
            let mut words = text::list::split(line, b" \t\r");
            match words.next() {
                Some(b"nameserver") => conf.servers.extend(words.next().and_then(server)),
                Some(b"domain") => {
                    conf.search = words.next().into_iter().map(BString::from).collect();
                    has_search = true;
                }
                Some(b"search") => {
                    conf.search = words.map(BString::from).collect();
                    has_search = true;
                }
                Some(b"options") => words.for_each(|word| conf.option(word)),
                _ => {}
            }
        }
        conf.servers.truncate(MAX_SERVERS);
        if conf.servers.is_empty() {
            conf.servers = Self::default().servers;
        }
        if !has_search {
            conf.default_domain();
        }
        conf
    }

    /// Without a search list, the domain of this machine is one.
    fn default_domain(&mut self) {
        let name = sys::process::host_name().unwrap_or_default();
        self.search =
            name.as_encoded_bytes().split_once_str(".").map(|(_, domain)| domain.into()).into_iter().collect();
    }

    fn option(&mut self, word: &[u8]) {
        let number = |limit: u32| {
            let value = word.split_once_str(":").and_then(|(_, value)| value.to_str().ok()?.parse::<u32>().ok());
            value.map(|value| value.min(limit))
        };
        match word.split_str(":").next().unwrap_or_default() {
            b"ndots" => self.ndots = number(15).map_or(self.ndots, |value| value as usize),
            b"timeout" => self.timeout = number(30).map_or(self.timeout, |value| Duration::from_secs(value.into())),
            b"attempts" => self.attempts = number(5).unwrap_or(self.attempts),
            b"rotate" => self.rotate = true,
            b"use-vc" => self.use_tcp = true,
            b"edns0" => self.edns = true,
            _ => {}
        }
    }
}

fn server(text: &[u8]) -> Option<SocketAddr> {
    let address: IpAddr = text.to_str().ok()?.parse().ok()?;
    Some(SocketAddr::new(address, PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_options() {
        let conf = ResolvConf::parse(
            b"# comment\nnameserver 192.0.2.1\nnameserver x\nnameserver ::1\nsearch a.example b.example\n\
              options ndots:2 timeout:60 attempts:9 rotate unknown edns0\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n",
        );
        let servers: Vec<String> = conf.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[::1]:53", "192.0.2.2:53"]);
        assert_eq!(conf.search, ["a.example", "b.example"]);
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (2, Duration::from_secs(30), 5));
        assert!(conf.rotate && conf.edns && !conf.use_tcp);
    }

    #[test]
    fn without_a_server_the_local_one_is_asked() {
        let conf = ResolvConf::parse(b"domain a.example\n");
        assert_eq!(conf.servers, ResolvConf::default().servers);
        assert_eq!(conf.search, ["a.example"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text: Vec<u8>) {
            let conf = ResolvConf::parse(&text);
            assert!((1..=MAX_SERVERS).contains(&conf.servers.len()));
        }
    }
}
