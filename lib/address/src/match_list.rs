//! Lists that say whether a name or address is one of some (access-milter-postscreen §1, cleanup-rewrite §6.6).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use bstr::{BString, ByteSlice};
use config::{Config, params};
use table::{Error, Flags, Mode, Table, Tables};
use text::cidr::{Network, address};
use text::list::{SEPARATORS, split_braced};

/// The deepest nesting of files in files.
const DEEPEST: usize = 20;

/// The features whose lists match subdomains of what they name: `parent_domain_matches_subdomains`.
#[derive(Debug)]
pub struct ParentDomains {
    list: MatchList,
}

impl ParentDomains {
    /// Reads the parameter.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn new(tables: &Tables, config: &Config) -> Result<Self, String> {
        let key = params::PARENT_DOMAIN_MATCHES_SUBDOMAINS;
        Ok(ParentDomains { list: MatchList::new(tables, key.name(), config.get(key))? })
    }

    /// Whether the lists of this parameter match subdomains. A list that cannot be searched counts as a no.
    pub fn cover(&self, parameter: &str) -> bool {
        self.list.matches(parameter.as_bytes()).unwrap_or(false)
    }
}

/// A list of patterns, tables, and negations of these.
#[derive(Debug)]
pub struct MatchList {
    /// The parameter, for messages.
    title: String,
    items: Vec<Item>,
    /// Subjects are domains.
    of_domains: bool,
    /// Patterns match subdomains too.
    parents: bool,
    utf8: bool,
}

#[derive(Debug)]
struct Item {
    pattern: Pattern,
    negated: bool,
}

#[derive(Debug)]
enum Pattern {
    /// A name or address, folded.
    Text(BString),
    /// Whatever is in the table.
    Table(Table),
    /// A file that could not be opened: its label, and the reason.
    NoFile(String, String),
}

/// What a list is asked about.
enum Subject<'a> {
    Text(&'a [u8]),
    Domain(&'a [u8]),
    Address(&'a [u8]),
}

impl MatchList {
    /// Reads a list. `title` is the name of the parameter. Its patterns do not match subdomains.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn new(tables: &Tables, title: &str, list: &[u8]) -> Result<Self, String> {
        let utf8 = tables.settings().smtputf8_enable;
        let mut new = MatchList { title: title.into(), items: Vec::new(), of_domains: false, parents: false, utf8 };
        new.add(tables, list, false, 0)?;
        Ok(new)
    }

    /// Reads a list of domains, which match subdomains if `parent_domain_matches_subdomains` says so for this parameter.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn domains(tables: &Tables, parents: &ParentDomains, title: &str, list: &[u8]) -> Result<Self, String> {
        Ok(MatchList { of_domains: true, parents: parents.cover(title), ..MatchList::new(tables, title, list)? })
    }

    /// The name of the parameter.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn add(&mut self, tables: &Tables, list: &[u8], negated: bool, depth: usize) -> Result<(), String> {
        for word in split_braced(list, SEPARATORS) {
            if word.starts_with(b"#") {
                let start = word.as_ptr() as usize - list.as_ptr() as usize;
                let rest = text::show(&list[start..]);
                log::warn!("{}: comment at end of line is not supported: {rest}", self.title);
                return Ok(());
            }
            let pattern = word.trim_start_with(|character| character == '!');
            let negated = negated ^ ((word.len() - pattern.len()) % 2 == 1);
            if pattern.is_empty() {
                return Err(format!("{}: no pattern after '!'", self.title));
            }
            self.add_pattern(tables, pattern, negated, depth)?;
        }
        Ok(())
    }

    fn add_pattern(&mut self, tables: &Tables, pattern: &[u8], negated: bool, depth: usize) -> Result<(), String> {
        let pattern = match pattern {
            [b'/', ..] => match std::fs::read(OsStr::from_bytes(pattern)) {
                Ok(_) if depth == DEEPEST => {
                    return Err(format!("{}: too many nested files: {}", self.title, text::show(pattern)));
                }
                Ok(content) => return self.add_file(tables, &content, negated, depth + 1),
                Err(error) => {
                    let path = text::show(pattern);
                    let reason = format!("open file {path}: {}", sys::reason(&error));
                    Pattern::NoFile(format!("nofile:{path}"), reason)
                }
            },
            [first, ..] if *first != b'[' && pattern.contains(&b':') => {
                Pattern::Table(tables.open(pattern, Flags::LIST, Mode::ReadOnly))
            }
            _ => Pattern::Text(text::fold(pattern, self.utf8)),
        };
        self.items.push(Item { pattern, negated });
        Ok(())
    }

    fn add_file(&mut self, tables: &Tables, content: &[u8], negated: bool, depth: usize) -> Result<(), String> {
        let lines = content.lines().filter(|line| !line.starts_with(b"#"));
        for line in lines {
            self.add(tables, line, negated, depth)?;
        }
        Ok(())
    }

    /// Whether a text is listed: as it is, or, in a list of domains, by a parent domain.
    ///
    /// # Errors
    /// A table failed, which has been logged.
    pub fn matches(&self, text: &[u8]) -> Result<bool, Error> {
        let text = text::fold(text, self.utf8);
        self.decide(&[if self.of_domains { Subject::Domain(&text) } else { Subject::Text(&text) }])
    }

    /// Whether a network address, in text form, is listed, by itself or by its network.
    ///
    /// # Errors
    /// A table failed or a network pattern is bad, which has been logged.
    pub fn matches_address(&self, address: &[u8]) -> Result<bool, Error> {
        self.decide(&[Subject::Address(&text::fold(address, self.utf8))])
    }

    /// Whether a host is listed, by its name or its address.
    ///
    /// # Errors
    /// As for [`MatchList::matches_address`].
    pub fn matches_host(&self, name: &[u8], address: &[u8]) -> Result<bool, Error> {
        let (name, address) = (text::fold(name, self.utf8), text::fold(address, self.utf8));
        self.decide(&[Subject::Domain(&name), Subject::Address(&address)])
    }

    /// The first item that matches any subject decides.
    fn decide(&self, subjects: &[Subject<'_>]) -> Result<bool, Error> {
        for item in &self.items {
            for subject in subjects {
                if self.item_matches(&item.pattern, subject)? {
                    return Ok(!item.negated);
                }
            }
        }
        Ok(false)
    }

    fn item_matches(&self, pattern: &Pattern, subject: &Subject<'_>) -> Result<bool, Error> {
        match (pattern, subject) {
            (Pattern::NoFile(label, reason), _) => {
                log::warn!("{label} is unavailable. {reason}");
                self.trouble(label, Error::RETRY)
            }
            (Pattern::Text(pattern), Subject::Text(text)) => Ok(pattern == text),
            (Pattern::Text(pattern), Subject::Domain(domain)) => Ok(self.domain_matches(pattern, domain)),
            (Pattern::Text(pattern), Subject::Address(address)) => self.address_matches(pattern, address),
            (Pattern::Table(table), Subject::Text(text)) => self.is_in(table, text),
            (Pattern::Table(table), Subject::Domain(domain)) => self.domain_is_in(table, domain),
            (Pattern::Table(table), Subject::Address(address)) => {
                Ok(is_address_text(address) && self.is_in(table, address)?)
            }
        }
    }

    fn trouble<T>(&self, label: &str, error: Error) -> Result<T, Error> {
        log::warn!("{}: {label}: table lookup problem", self.title);
        Err(error)
    }

    fn is_in(&self, table: &Table, key: &[u8]) -> Result<bool, Error> {
        match table.lookup(key) {
            Ok(found) => Ok(found.is_some()),
            Err(error) => {
                if let Error::Fatal(text) = &error {
                    log::warn!("{text}");
                }
                self.trouble(&text::show(table.name()).to_string(), error)
            }
        }
    }

    fn domain_matches(&self, pattern: &[u8], domain: &[u8]) -> bool {
        if pattern == domain {
            return true;
        }
        match (self.parents, domain.strip_suffix(pattern)) {
            (true, Some(rest)) => rest.ends_with(b"."),
            (false, Some(rest)) => pattern.starts_with(b".") && !rest.is_empty(),
            (_, None) => false,
        }
    }

    fn domain_is_in(&self, table: &Table, domain: &[u8]) -> Result<bool, Error> {
        if self.is_in(table, domain)? {
            return Ok(true);
        }
        if !table.is_fixed() {
            return Ok(false);
        }
        for parent in parents(domain, self.parents) {
            if self.is_in(table, parent)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn address_matches(&self, pattern: &[u8], text: &[u8]) -> Result<bool, Error> {
        if !is_address_text(text) {
            return Ok(false);
        }
        let bare = pattern.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]"));
        if pattern == text || bare == Some(text) {
            return Ok(true);
        }
        if !is_network_text(pattern) || pattern.contains(&b':') != text.contains(&b':') {
            return Ok(false);
        }
        match Network::parse(pattern) {
            Ok(network) => Ok(address(text).is_some_and(|address| network.contains(address))),
            Err(problem) => {
                log::warn!("{}: {problem}", self.title);
                Err(Error::Config)
            }
        }
    }
}

/// The parent domains, the nearest first: without, or with, the dot in front.
pub fn parents(domain: &[u8], plain: bool) -> impl Iterator<Item = &[u8]> {
    let dots = domain.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'.').map(|(at, _)| at);
    dots.map(move |at| if plain { &domain[at + 1..] } else { &domain[at..] }).filter(|parent| !parent.is_empty())
}

/// Could this be a network address?
fn is_address_text(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'))
}

/// Could this be a network pattern, and not an IPv4 address or a name?
fn is_network_text(pattern: &[u8]) -> bool {
    let ipv4 = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let network = |byte: &u8| byte.is_ascii_hexdigit() || b".:[]/".contains(byte);
    pattern.iter().any(|byte| matches!(byte, b':' | b'/')) && !pattern.iter().all(ipv4) && pattern.iter().all(network)
}

#[cfg(test)]
mod tests {
    use super::*;
    use table::Settings;

    fn tables() -> Tables {
        Tables::new(Settings::default())
    }

    fn list(text: &str) -> MatchList {
        MatchList::new(&tables(), "test", text.as_bytes()).unwrap()
    }

    fn domains(parameter: &str, text: &str) -> MatchList {
        let config = Config::for_tests(&[]);
        let parents = ParentDomains::new(&tables(), &config).unwrap();
        MatchList::domains(&tables(), &parents, parameter, text.as_bytes()).unwrap()
    }

    #[test]
    fn first_match_decides() {
        let list = list("!a, !!b inline:{c=x, d=} !static:all e");
        let matches = |text: &str| list.matches(text.as_bytes()).unwrap();
        assert!(!matches("a") && matches("B") && matches("c") && matches("d") && !matches("e"));
    }

    #[test]
    fn parent_domains() {
        let relay = domains("relay_domains", "example.com inline:{table.example=x}");
        let matches = |list: &MatchList, text: &str| list.matches(text.as_bytes()).unwrap();
        assert!(matches(&relay, "Example.com") && matches(&relay, "a.b.example.com"));
        assert!(!matches(&relay, "badexample.com") && !matches(&relay, "com"));
        assert!(matches(&relay, "a.table.example"));
        let other = domains("other", "example.com .dot.example inline:{.table.example=x}");
        assert!(!matches(&other, "a.example.com") && matches(&other, "a.dot.example"));
        assert!(!matches(&other, "dot.example") && !matches(&other, "table.example"));
        assert!(matches(&other, "a.table.example"));
    }

    #[test]
    fn hosts_by_name_or_address() {
        let list = domains("mynetworks", "!10.1.1.1 10.0.0.0/8 [::1]/128 [2001:db8::1] 127.0.0.1 trusted.example");
        let matches = |name: &str, address: &str| list.matches_host(name.as_bytes(), address.as_bytes()).unwrap();
        assert!(matches("unknown", "10.2.3.4") && !matches("unknown", "10.1.1.1"));
        assert!(matches("unknown", "::1") && matches("unknown", "2001:db8::1") && matches("x", "127.0.0.1"));
        assert!(matches("a.trusted.example", "192.0.2.1") && !matches("unknown", "192.0.2.1"));
        assert!(list.matches_address(b"10.0.0.1").unwrap() && !list.matches_address(b"x").unwrap());
    }

    #[test]
    fn errors() {
        assert_eq!(MatchList::new(&tables(), "p", b"a !").unwrap_err(), "p: no pattern after '!'");
        assert!(list("/no/such/file").matches(b"x").is_err());
        assert!(list("fail:x, a").matches(b"a").is_err());
        assert!(list("a, fail:x").matches(b"a").unwrap());
        assert!(list("10.0.0.1/8").matches_address(b"10.0.0.1").is_err());
        assert!(list("a #b, c").matches(b"a").unwrap());
        assert!(!list("a #b, c").matches(b"c").unwrap());
    }

    #[test]
    fn files_are_read_in_place() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "# comment\na, b\n!c\n").unwrap();
        let list = list(&format!("!{} static:x", file.path().display()));
        let matches = |text: &str| list.matches(text.as_bytes()).unwrap();
        assert!(!matches("a") && !matches("b") && matches("c") && matches("d"));
    }
}
