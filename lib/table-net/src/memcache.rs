//! `memcache:`: a cache, perhaps with a table behind it (tables §5.6).

use std::io::Read;

use bstr::{BString, ByteSlice};
use table::{Change, Error, Facts, Flags, Lookup, Map, Mode, OpenError, Owner, Request, Table};

use crate::line::{Server, Trouble, read_data, read_line, send};
use crate::parameters::{Domains, Parameters};
use crate::template::Template;

struct Memcache {
    /// The name in messages.
    name: String,
    server: Server,
    backup: Option<Table>,
    key_format: Template,
    domains: Domains,
    /// Of what is stored: seconds, and a number that means something to others.
    ttl: i32,
    flags: i32,
    line_limit: usize,
    data_limit: usize,
}

pub fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    request.authenticated("security-sensitive")?;
    if request.mode == Mode::Truncate {
        return Err(OpenError(format!("{} map requires O_RDONLY or O_RDWR access mode", request.full_name())));
    }
    let parameters = Parameters::read(request)?;
    let size = |number: i32| usize::try_from(number).unwrap_or(0);
    let backup = parameters.text("backup", "")?;
    let backup = match backup.is_empty() {
        true => None,
        false => Some(request.tables.try_open(&backup, request.flags.without(Flags::UTF8_ACTIVE), request.mode)?),
    };
    Ok(Box::new(Memcache {
        server: Server::new("memcache", &parameters, "inet:localhost:11211")?,
        backup,
        key_format: Template::parse(&parameters.name, "query", &parameters.text("key_format", "%s")?)?,
        domains: parameters.domains(request)?,
        ttl: parameters.number("ttl", 3600, 0)?,
        flags: parameters.number("flags", 0, 0)?,
        line_limit: size(parameters.number("line_size_limit", 1024, 1)?),
        data_limit: size(parameters.number("data_size_limit", 10240, 1)?),
        name: parameters.name,
    }))
}

/// What is cached for a key.
fn parse_value(input: &mut impl Read, line_limit: usize, data_limit: usize) -> Result<Option<BString>, Trouble> {
    let line = read_line(input, line_limit)?;
    if line == b"END" {
        return Ok(None);
    }
    let words: Vec<_> = line.split(|&byte| byte == b' ').collect();
    let length = match words.as_slice() {
        [b"VALUE", _, _, length] => length.to_str().ok().and_then(|length| length.parse::<usize>().ok()),
        _ => None,
    };
    let Some(length) = length.filter(|length| *length <= data_limit) else { return Err(Trouble::Unexpected(line)) };
    let data = read_data(input, length)?;
    match read_line(input, line_limit)? {
        end if end == b"END" => Ok(Some(data.into())),
        other => Err(Trouble::Unexpected(other)),
    }
}

impl Memcache {
    /// The key as the server has it; or why there is none.
    fn server_key(&self, key: &[u8]) -> Result<Result<Vec<u8>, &'static str>, Error> {
        if key.is_empty() {
            return Ok(Err("empty key"));
        }
        if !self.domains.allow(key)? {
            return Ok(Err("domain mismatch"));
        }
        Ok(match self.key_format.query(key) {
            None => Err("key does not fit key_format"),
            Some(key) if key.is_empty() => Err("empty key"),
            Some(key) if key.iter().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) => {
                Err("key contains white space")
            }
            Some(key) => Ok(key),
        })
    }

    fn get(&mut self, key: &[u8]) -> Lookup {
        let (line_limit, data_limit) = (self.line_limit, self.data_limit);
        let request = [b"get ", key, b"\r\n"].concat();
        self.server.talk(
            |_| Ok(()),
            |stream| {
                send(stream, &request)?;
                parse_value(stream, line_limit, data_limit)
            },
        )
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<Change, Error> {
        if value.len() > self.data_limit {
            let (name, limit) = (&self.name, self.data_limit);
            let key = text::show(key);
            log::warn!(
                "database memcache:{name}: data for key {key} is too long (data_size_limit={limit}) -- not stored"
            );
            return Err(Error::RETRY);
        }
        let numbers = format!(" {} {} {}\r\n", self.flags, self.ttl, value.len());
        let request = [b"set ", key, numbers.as_bytes(), value, b"\r\n"].concat();
        self.command(&request, &[(b"STORED", Change::Done)])
    }

    /// Sends a request that one of these lines answers.
    fn command(&mut self, request: &[u8], replies: &[(&[u8], Change)]) -> Result<Change, Error> {
        let limit = self.line_limit;
        self.server.talk(
            |_| Ok(()),
            |stream| {
                send(stream, request)?;
                let line = read_line(stream, limit)?;
                let known = replies.iter().find(|(reply, _)| *reply == line.as_slice());
                known.map(|(_, change)| *change).ok_or(Trouble::Unexpected(line))
            },
        )
    }

    /// The cache is changed first; what is behind it, if anything, decides about success.
    fn change(
        &mut self,
        key: &[u8],
        cache: impl FnOnce(&mut Self, &[u8]) -> Result<Change, Error>,
        backup: impl FnOnce(&Table) -> Result<Change, Error>,
    ) -> Result<Change, Error> {
        let cached = match self.server_key(key)? {
            Ok(server_key) => cache(self, &server_key),
            Err(reason) => {
                log::warn!("{}: skipping update for name \"{}\": {reason}", self.name, text::show(key));
                Ok(Change::Nothing)
            }
        };
        match &self.backup {
            Some(table) => backup(table),
            None => cached,
        }
    }
}

impl Map for Memcache {
    fn facts(&self) -> Facts {
        Facts { flags: Flags::FIXED | Flags::MULTI_WRITER, ..Facts::fixed(Owner::Unknown) }
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        let Ok(server_key) = self.server_key(key)? else { return Ok(None) };
        let cached = self.get(&server_key);
        let Some(backup) = &self.backup else { return cached };
        if let Ok(Some(value)) = cached {
            return Ok(Some(value));
        }
        let found = backup.lookup(key)?;
        if let Some(value) = &found {
            // A cache that fails has said so; the answer is there nevertheless.
            let _ = self.set(&server_key, value);
        }
        Ok(found)
    }

    fn update(&mut self, key: &[u8], value: &[u8], flags: Flags) -> Option<Result<Change, Error>> {
        let store = |map: &mut Self, server_key: &[u8]| map.set(server_key, value);
        Some(self.change(key, store, |backup| backup.update_with(key, value, flags)))
    }

    fn delete(&mut self, key: &[u8]) -> Option<Result<Change, Error>> {
        let replies: [(&[u8], Change); 2] = [(b"DELETED", Change::Done), (b"NOT_FOUND", Change::Nothing)];
        let remove =
            |map: &mut Self, server_key: &[u8]| map.command(&[b"delete ", server_key, b"\r\n"].concat(), &replies);
        Some(match self.server_key(key) {
            // What cannot be in the cache is silently not there.
            Ok(Err(_)) => self.backup.as_ref().map_or(Ok(Change::Nothing), |backup| backup.delete(key)),
            _ => self.change(key, remove, |backup| backup.delete(key)),
        })
    }

    fn sequence(&mut self, restart: bool) -> Option<Result<Option<(BString, BString)>, Error>> {
        Some(match &self.backup {
            Some(backup) => backup.sequence(restart),
            None => {
                log::warn!("database memcache:{}: first/next support requires backup database", self.name);
                Ok(None)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(mut reply: &[u8]) -> Result<Option<BString>, Trouble> {
        parse_value(&mut reply, 100, 10)
    }

    #[test]
    fn values() {
        assert_eq!(parse(b"VALUE k 0 3\r\nabc\r\nEND\r\n").unwrap(), Some("abc".into()));
        assert_eq!(parse(b"VALUE k 0 3\na\nb\nEND\n").unwrap(), Some("a\nb".into()));
        assert_eq!(parse(b"END\r\n").unwrap(), None);
        assert!(matches!(parse(b"VALUE k 0 11\r\n"), Err(Trouble::Unexpected(_))));
        assert!(matches!(parse(b"VALUE k 0 3\r\nabcd\r\nEND\r\n"), Err(Trouble::Unexpected(_))));
        assert!(matches!(parse(b"VALUE k 0 3\r\nab"), Err(Trouble::Closed)));
        assert!(matches!(parse(b"ERROR\r\n"), Err(Trouble::Unexpected(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_understood(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse(&bytes);
        }
    }
}
