//! `redis:`: values of a Redis server, configured as memcache is; a type of our own (tables §5).
//!
//! `redis` (the endpoint), `user`, `password`, `dbnum`, `key_format`, `result_format`, `domain`, `timeout`, `max_try`,
//! `retry_pause`. A key is asked for with GET.

use std::io::Read;

use bstr::{BString, ByteSlice};
use ipc::Stream;
use table::{Facts, Lookup, Map, OpenError, Owner, Request};

use crate::line::{Server, Trouble, read_data, read_line, send};
use crate::parameters::{Domains, Parameters};
use crate::template::Template;

/// The longest line, and the longest value, in bytes.
const LINE_LIMIT: usize = 1024;
const VALUE_LIMIT: usize = 1 << 20;

struct Redis {
    server: Server,
    login: Login,
    key_format: Template,
    result_format: Template,
    domains: Domains,
}

/// What is said first on a connection.
struct Login {
    user: BString,
    password: BString,
    database: i32,
}

pub fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    request.authenticated("security-sensitive")?;
    request.read_only()?;
    let parameters = Parameters::read(request)?;
    let template = |what, parameter| Template::parse(&parameters.name, what, &parameters.text(parameter, "%s")?);
    Ok(Box::new(Redis {
        server: Server::new("redis", &parameters, "inet:localhost:6379")?,
        login: Login {
            user: parameters.text("user", "")?,
            password: parameters.text("password", "")?,
            database: parameters.number("dbnum", 0, 0)?,
        },
        key_format: template("query", "key_format")?,
        result_format: template("result", "result_format")?,
        domains: parameters.domains(request)?,
    }))
}

/// A request: an array of strings.
fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        request.extend_from_slice(word);
        request.extend_from_slice(b"\r\n");
    }
    request
}

/// Reads the reply to GET.
fn read_value(input: &mut impl Read) -> Result<Option<BString>, Trouble> {
    let line = read_line(input, LINE_LIMIT)?;
    if line == b"$-1" || line == b"_" {
        return Ok(None);
    }
    let length = line.strip_prefix(b"$").and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    match length.filter(|length| *length <= VALUE_LIMIT) {
        Some(length) => read_data(input, length).map(|value| Some(value.into())),
        None => Err(Trouble::Unexpected(line)),
    }
}

fn expect_ok(input: &mut impl Read) -> Result<(), Trouble> {
    match read_line(input, LINE_LIMIT)? {
        line if line == b"+OK" => Ok(()),
        line => Err(Trouble::Unexpected(line)),
    }
}

impl Login {
    fn say(&self, stream: &mut Stream) -> Result<(), Trouble> {
        if !self.password.is_empty() {
            let words: [&[u8]; 3] = [b"AUTH", &self.user, &self.password];
            let words = if self.user.is_empty() { vec![words[0], words[2]] } else { words.to_vec() };
            send(stream, &command(&words))?;
            expect_ok(stream)?;
        }
        if self.database != 0 {
            send(stream, &command(&[b"SELECT", self.database.to_string().as_bytes()]))?;
            expect_ok(stream)?;
        }
        Ok(())
    }
}

impl Map for Redis {
    fn facts(&self) -> Facts {
        Facts::fixed(Owner::Unknown)
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        if key.is_empty() || !self.domains.allow(key)? {
            return Ok(None);
        }
        let Some(server_key) = self.key_format.query(key) else { return Ok(None) };
        let Redis { server, login, .. } = self;
        let value = server.talk(
            |stream| login.say(stream),
            |stream| {
                send(stream, &command(&[b"GET", &server_key]))?;
                read_value(stream)
            },
        )?;
        let result = value.filter(|value| !value.is_empty()).and_then(|value| self.result_format.result(key, &value));
        Ok(result.filter(|result| !result.is_empty()).map(BString::from))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests_and_replies() {
        assert_eq!(command(&[b"GET", b"a b"]), b"*2\r\n$3\r\nGET\r\n$3\r\na b\r\n");
        let read = |mut reply: &[u8]| read_value(&mut reply);
        assert_eq!(read(b"$3\r\na\nb\r\n").unwrap(), Some("a\nb".into()));
        assert_eq!(read(b"$-1\r\n").unwrap(), None);
        assert!(matches!(read(b"-ERR no\r\n"), Err(Trouble::Unexpected(_))));
        assert!(matches!(read(b"$99999999\r\n"), Err(Trouble::Unexpected(_))));
        assert!(matches!(read(b"$3\r\na"), Err(Trouble::Closed)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_understood(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = read_value(&mut bytes.as_slice());
        }
    }
}
