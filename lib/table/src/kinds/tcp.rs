//! `tcp:host:port`: a server that is asked line by line (tables §4.15).

use std::io::{self, Read, Write};
use std::thread::sleep;
use std::time::Duration;

use bstr::BString;
use ipc::Stream;

use super::Request;
use crate::client::Endpoint;
use crate::map::{Facts, Map, Owner};
use crate::{Error, Lookup, OpenError};

/// For connecting, and for each read and write.
const TIME_LIMIT: Duration = Duration::from_secs(100);
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);
/// The longest reply, in bytes.
const REPLY_LIMIT: usize = 4096;
/// How much of a bad reply is logged.
const SHOWN: usize = 100;

struct Tcp {
    /// `host:port`, for messages.
    name: String,
    endpoint: Endpoint,
    stream: Option<Stream>,
}

pub(super) fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    request.authenticated("security sensitive")?;
    request.read_only()?;
    let endpoint = Endpoint::inet(request.name).map_err(OpenError)?;
    Ok(Box::new(Tcp { name: text::show(request.name).to_string(), endpoint, stream: None }))
}

/// What a reply line says.
#[derive(Debug, PartialEq, Eq)]
enum Reply {
    Found(BString),
    NotFound,
    Busy,
    /// Not three digits, white space, and well-encoded text.
    Malformed,
    /// Another kind of status than there is.
    BadStatus,
}

impl Reply {
    fn parse(line: &[u8]) -> Reply {
        let [a, b, c, space, text @ ..] = line else { return Reply::Malformed };
        if ![a, b, c].iter().all(|digit| digit.is_ascii_digit()) || !text::space::is_space(*space) {
            return Reply::Malformed;
        }
        let Some(value) = decode(text) else { return Reply::Malformed };
        match a {
            b'2' => Reply::Found(value),
            b'4' => Reply::Busy,
            b'5' => Reply::NotFound,
            _ => Reply::BadStatus,
        }
    }
}

/// Every byte that is `%`, white space or no printable ASCII becomes `%XX`.
fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'%' => encoded.extend_from_slice(b"%25"),
            b'!'..=b'~' => encoded.push(byte),
            _ => encoded.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    encoded
}

fn decode(text: &[u8]) -> Option<BString> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let digit = |at: usize| tail.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        let value = digit(0)? * 16 + digit(1)?;
        decoded.push(u8::try_from(value).ok()?);
        rest = &tail[2..];
    }
    Some(decoded.into())
}

/// Why there is no reply.
enum Trouble {
    Connect(io::Error),
    /// The connection ended; with the error, if there was one: else messages show what connect(2) left behind.
    Lost(Option<io::Error>),
    TooLong,
}

impl Tcp {
    /// Sends a request; its reply, without the newline.
    fn ask(&mut self, key: &[u8]) -> Result<Vec<u8>, Trouble> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let socket = self.endpoint.connect_or_warn(TIME_LIMIT).map_err(Trouble::Connect)?;
                none.insert(Stream::new(socket, self.name.clone(), Some(TIME_LIMIT)))
            }
        };
        let lost = |error| Trouble::Lost(Some(error));
        let request = [b"get ", encode(key).as_slice(), b"\n"].concat();
        stream.write_all(&request).and_then(|()| stream.flush()).map_err(lost)?;
        let (mut reply, mut byte) = (Vec::new(), [0]);
        loop {
            match stream.read(&mut byte).map_err(lost)? {
                0 => return Err(Trouble::Lost(None)),
                _ if byte == *b"\n" => return Ok(reply),
                _ if reply.len() >= REPLY_LIMIT => return Err(Trouble::TooLong),
                _ => reply.push(byte[0]),
            }
        }
    }

    /// Logs why there is no reply; what the lookup fails with, if it is not tried again.
    fn explain(&self, trouble: Trouble) -> Error {
        let name = &self.name;
        match trouble {
            Trouble::Connect(error) => {
                log::warn!("connect to TCP map {name}: {}", sys::reason(&error));
                Error::system(&error)
            }
            Trouble::Lost(error) => {
                let error = error.unwrap_or_else(|| nix::errno::Errno::EINPROGRESS.into());
                log::warn!("read TCP map reply from {name}: unexpected EOF ({})", sys::reason(&error));
                Error::system(&error)
            }
            Trouble::TooLong => {
                log::warn!("read TCP map reply from {name}: text longer than {REPLY_LIMIT}");
                Error::NO_ANSWER
            }
        }
    }

    /// A reply that tells nothing: the connection is not used again.
    fn give_up(&mut self, problem: Option<(&str, &[u8])>) -> Error {
        self.stream = None;
        if let Some((problem, line)) = problem {
            let start = text::show(&line[..line.len().min(SHOWN)]);
            log::warn!("read TCP map reply from {}: {problem}: {start}", self.name);
        }
        Error::NO_ANSWER
    }
}

impl Map for Tcp {
    fn facts(&self) -> Facts {
        Facts::pattern(Owner::Unknown)
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        let mut attempt = 1;
        let line = loop {
            match self.ask(key) {
                Ok(line) => break line,
                Err(trouble) => {
                    self.stream = None;
                    let error = self.explain(trouble);
                    if attempt >= ATTEMPTS {
                        return Err(error);
                    }
                }
            }
            attempt += 1;
            sleep(PAUSE);
        };
        match Reply::parse(&line) {
            Reply::Found(value) => Ok(Some(value)),
            Reply::NotFound => Ok(None),
            Reply::Busy => Err(self.give_up(None)),
            Reply::Malformed => Err(self.give_up(Some(("malformed reply", &line)))),
            Reply::BadStatus => Err(self.give_up(Some(("bad status code", &line)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replies() {
        assert_eq!(Reply::parse(b"200 x%0Ay"), Reply::Found("x\ny".into()));
        assert_eq!(Reply::parse(b"210\t%7e"), Reply::Found("~".into()));
        assert_eq!(Reply::parse(b"200 "), Reply::Found("".into()));
        assert_eq!(Reply::parse(b"500 no"), Reply::NotFound);
        assert_eq!(Reply::parse(b"400 busy"), Reply::Busy);
        assert_eq!(Reply::parse(b"300 x"), Reply::BadStatus);
        for bad in ["", "200", "20 x", "2000 x", "200 a%zz", "200 a%4", "abc d"] {
            assert_eq!(Reply::parse(bad.as_bytes()), Reply::Malformed, "{bad}");
        }
        assert_eq!(encode(b"a b%"), b"a%20b%25");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let encoded = encode(&bytes);
            prop_assert!(encoded.iter().all(u8::is_ascii_graphic));
            prop_assert_eq!(decode(&encoded).unwrap(), bytes);
        }

        #[test]
        fn any_line_is_understood(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            Reply::parse(&bytes);
        }
    }
}
