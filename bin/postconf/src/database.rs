//! Table references in parameter values: which names of main.cf and which lines of table files they make valid (config §8.9).

use std::collections::HashSet;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;

use bstr::{BString, ByteSlice};
use config::Dictionary;
use text::{list, show};

use crate::or_fatal::OrFatal;

/// A table type whose client has parameters.
pub struct Client {
    pub name: &'static str,
    /// The parameters' names in a file of its own, and what follows the table's name in main.cf.
    pub suffixes: &'static [&'static str],
}

static CLIENTS: [Client; 7] = [
    Client {
        name: "ldap",
        suffixes: &[
            "bind",
            "bind_dn",
            "bind_pw",
            "cache",
            "cache_expiry",
            "cache_size",
            "chase_referrals",
            "debuglevel",
            "dereference",
            "domain",
            "expansion_limit",
            "leaf_result_attribute",
            "query_filter",
            "recursion_limit",
            "result_attribute",
            "result_filter",
            "result_format",
            "sasl_authz_id",
            "sasl_mechs",
            "sasl_minssf",
            "sasl_realm",
            "scope",
            "search_base",
            "server_host",
            "server_port",
            "size_limit",
            "special_result_attribute",
            "start_tls",
            "terminal_result_attribute",
            "timeout",
            "tls_ca_cert_dir",
            "tls_ca_cert_file",
            "tls_cert",
            "tls_cipher_suite",
            "tls_key",
            "tls_random_file",
            "tls_require_cert",
            "version",
        ],
    },
    Client {
        name: "mysql",
        suffixes: &[
            "additional_conditions",
            "charset",
            "dbname",
            "domain",
            "expansion_limit",
            "hosts",
            "idle_interval",
            "option_file",
            "option_group",
            "password",
            "query",
            "require_result_set",
            "result_format",
            "retry_interval",
            "select_field",
            "table",
            "tls_CAfile",
            "tls_CApath",
            "tls_cert_file",
            "tls_ciphers",
            "tls_key_file",
            "tls_verify_cert",
            "user",
            "where_field",
        ],
    },
    Client {
        name: "pgsql",
        suffixes: &[
            "additional_conditions",
            "dbname",
            "domain",
            "encoding",
            "expansion_limit",
            "hosts",
            "idle_interval",
            "password",
            "query",
            "result_format",
            "retry_interval",
            "select_field",
            "select_function",
            "table",
            "user",
            "where_field",
        ],
    },
    Client {
        name: "sqlite",
        suffixes: &[
            "additional_conditions",
            "dbpath",
            "domain",
            "expansion_limit",
            "query",
            "result_format",
            "select_field",
            "table",
            "where_field",
        ],
    },
    Client {
        name: "memcache",
        suffixes: &[
            "backup",
            "data_size_limit",
            "domain",
            "flags",
            "key_format",
            "line_size_limit",
            "max_try",
            "memcache",
            "retry_pause",
            "timeout",
            "ttl",
        ],
    },
    Client {
        name: "mongodb",
        suffixes: &[
            "collection",
            "dbname",
            "domain",
            "expansion_limit",
            "projection",
            "query_filter",
            "result_attribute",
            "result_format",
            "uri",
        ],
    },
    Client {
        name: "redis",
        suffixes: &[
            "dbnum",
            "domain",
            "key_format",
            "max_try",
            "password",
            "redis",
            "result_format",
            "retry_pause",
            "timeout",
            "user",
        ],
    },
];

/// Looks through values for table references.
pub struct Examiner {
    /// Names that no client knows are not worth a word.
    quiet: bool,
    /// The files that have been read.
    seen: HashSet<BString>,
}

impl Examiner {
    /// Has seen nothing yet; if `quiet`, it does not tell names in table files that no client knows.
    pub fn new(quiet: bool) -> Self {
        Examiner { quiet, seen: HashSet::new() }
    }

    /// Examines an expanded value. `place` is what it belongs to, in messages; `validate` is called with names that main.cf
    /// may define for a table.
    pub fn examine(&mut self, value: &[u8], place: &str, validate: &mut dyn FnMut(&[u8])) {
        for word in list::split_braced(value, list::SEPARATORS) {
            if word.starts_with(b"{") {
                self.examine_braces(word, place, validate);
            } else {
                self.reference(word, place, validate);
            }
        }
    }

    fn examine_braces(&mut self, word: &[u8], place: &str, validate: &mut dyn FnMut(&[u8])) {
        let (inside, problem) = list::unbrace_leniently(word);
        if let Some(problem) = problem {
            log::warn!("{place}: {problem}");
        }
        self.examine(inside, place, validate);
    }

    fn reference(&mut self, mut word: &[u8], place: &str, validate: &mut dyn FnMut(&[u8])) {
        while let Some(rest) = word.strip_prefix(b"proxy:").or_else(|| word.strip_prefix(b"debug:")) {
            word = rest;
        }
        let Some((kind, name)) = word.split_once_str(":") else {
            return;
        };
        match name.first() {
            None | Some(b'.') => return,
            Some(b'{') => return self.examine_braces(name, place, validate),
            Some(_) => {}
        }
        let Some(client) = CLIENTS.iter().find(|client| client.name.as_bytes() == kind) else {
            return;
        };
        if name.starts_with(b"/") {
            if self.seen.insert(word.into()) {
                check_file(client, name, self.quiet);
            }
            return;
        }
        for suffix in client.suffixes {
            validate(&[name, b"_", suffix.as_bytes()].concat());
        }
    }
}

/// Reads the file of a table, and says which names in it no client knows.
fn check_file(client: &Client, path: &[u8], quiet: bool) {
    let (kind, shown) = (client.name, show(path));
    let text = match read(path) {
        Ok(Some(text)) => text,
        Ok(None) => return,
        Err(Failure::Open(reason)) => return log::warn!("open \"{kind}\" configuration \"{shown}\": {reason}"),
        Err(Failure::Read(reason)) => return log::warn!("read \"{kind}\" configuration \"{shown}\": {reason}"),
    };
    let mut settings = Dictionary::default();
    settings.read(&shown.to_string(), &text).or_fatal();
    if quiet {
        return;
    }
    for (name, value) in settings.iter().filter(|(name, _)| !client.suffixes.iter().any(|known| name == known)) {
        log::warn!("{kind}:{shown}: unused parameter: {}={}", show(name), show(value));
    }
}

enum Failure {
    Open(String),
    Read(String),
}

/// Reads a regular file; nothing when the caller may not read it.
fn read(path: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits());
    let mut file = match options.open(std::ffi::OsStr::from_bytes(path)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Ok(None),
        Err(error) => return Err(Failure::Open(sys::reason(&error))),
    };
    let failed = |error: std::io::Error| Failure::Read(sys::reason(&error));
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Failure::Open("not a regular file".into()));
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(failed)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_names_are_found_behind_proxy_and_in_braces() {
        let mut names = Vec::new();
        let value = b"hash:/etc/x, proxy:memcache:mc unionmap:{ sqlite:lite, pgsql:./x }";
        Examiner::new(false).examine(value, "main.cf", &mut |name| names.push(name.to_str_lossy().into_owned()));
        assert!(names.contains(&"mc_key_format".to_owned()));
        assert!(names.contains(&"lite_dbpath".to_owned()));
        assert!(!names.iter().any(|name| name.ends_with("_hosts")));
    }
}
