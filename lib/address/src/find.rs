//! Looking up an address, from the whole to its parts (cleanup-rewrite §6.2).

use bstr::BString;
use config::{Config, params};
use table::{Error, Maps, Tables};
use text::address::{Delimiter, quote, quote_local, split_domain};

use crate::match_list::parents;
use crate::{LocalDomains, ParentDomains};

/// Which keys are tried, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// `user+ext@domain`.
    pub full: bool,
    /// `user@domain`, if there is an extension.
    pub no_extension: bool,
    /// `user+ext` and `user`, if the domain is local.
    pub local_part: bool,
    /// `user+ext@` and `user@`, if the domain is local.
    pub local_part_at: bool,
    /// `@domain`.
    pub at_domain: bool,
    /// `domain`.
    pub domain: bool,
    /// After `domain`: its parents.
    pub parents: Parents,
    /// `user+ext@` and `user@`, for any domain.
    pub any_local_part_at: bool,
}

/// How the parents of a domain are looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parents {
    /// They are not.
    #[default]
    No,
    /// `parent`.
    Plain,
    /// `.parent`.
    Dotted,
}

impl Keys {
    /// Canonical, virtual alias, bcc, relocated and sender-dependent tables.
    pub const ADDRESS: Keys = Keys {
        full: true,
        no_extension: true,
        local_part: true,
        local_part_at: false,
        at_domain: true,
        domain: false,
        parents: Parents::No,
        any_local_part_at: false,
    };

    /// Transport tables; the parents are as `parent_domain_matches_subdomains` says for `transport_maps`.
    pub const fn transport(parents: Parents) -> Keys {
        Keys { local_part: false, at_domain: false, domain: true, parents, ..Keys::ADDRESS }
    }
}

/// How an address is written in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Quoted.
    External,
    /// As it is.
    Internal,
    /// Quoted; then, when that was not found and is different, as it is.
    ExternalThenInternal,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The result of the table.
    pub value: BString,
    /// The extension, with its delimiter, if the key was without it.
    pub extension: Option<BString>,
}

/// Looks up addresses.
#[derive(Debug)]
pub struct Finder {
    delimiters: BString,
    double_bounce_sender: BString,
    owner_request_special: bool,
    myorigin: BString,
    local: LocalDomains,
    transport_parents: Parents,
}

impl Finder {
    /// Reads the parameters.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn new(tables: &Tables, config: &Config) -> Result<Self, String> {
        let plain = ParentDomains::new(tables, config)?.cover("transport_maps");
        Ok(Finder {
            delimiters: config.get(params::RECIPIENT_DELIMITER).into(),
            double_bounce_sender: config.get(params::DOUBLE_BOUNCE_SENDER).into(),
            owner_request_special: config.get(params::OWNER_REQUEST_SPECIAL),
            myorigin: config.get(params::MYORIGIN).into(),
            local: LocalDomains::new(tables, config)?,
            transport_parents: if plain { Parents::Plain } else { Parents::Dotted },
        })
    }

    /// How transport tables are asked about parent domains.
    pub fn transport_parents(&self) -> Parents {
        self.transport_parents
    }

    /// Which domains are ours.
    pub fn local_domains(&self) -> &LocalDomains {
        &self.local
    }

    /// How local parts are split.
    pub fn delimiter(&self) -> Delimiter<'_> {
        Delimiter {
            characters: &self.delimiters,
            double_bounce_sender: &self.double_bounce_sender,
            owner_request_special: self.owner_request_special,
        }
    }

    /// Whether a domain counts as local for keys without domain.
    fn is_local(&self, domain: &[u8]) -> Result<bool, Error> {
        Ok(domain.eq_ignore_ascii_case(&self.myorigin) || self.local.contains(domain)?)
    }

    /// Looks up an address, which is in internal form.
    ///
    /// # Errors
    /// A table failed, which has been logged.
    pub fn find(&self, maps: &Maps, address: &[u8], keys: Keys, form: Form) -> Result<Option<Found>, Error> {
        if maps.is_empty() {
            return Ok(None);
        }
        let (local_part, domain) = split_domain(address);
        let at = self.delimiter().position(local_part);
        let parts = Parts { local_part, at, domain, form, maps };
        if keys.full
            && let Some(value) = ask(form, &[quote(address), address.into()], |key| maps.find(key))?
        {
            return Ok(Some(Found { value, extension: None }));
        }
        if keys.no_extension
            && let Some(found) = parts.without_extension()?
        {
            return Ok(Some(found));
        }
        match domain {
            Some(domain) => self.find_parts(&parts, domain, keys),
            None => Ok(None),
        }
    }

    fn find_parts(&self, parts: &Parts<'_>, domain: &[u8], keys: Keys) -> Result<Option<Found>, Error> {
        if (keys.local_part || keys.local_part_at) && self.is_local(domain)? {
            if keys.local_part
                && let Some(found) = parts.local_part(b"")?
            {
                return Ok(Some(found));
            }
            if keys.local_part_at
                && let Some(found) = parts.local_part(b"@")?
            {
                return Ok(Some(found));
            }
        }
        if keys.at_domain {
            let key = [b"@", domain].concat();
            if let Some(value) = parts.maps.find_partial(&key)? {
                return Ok(Some(Found { value, extension: None }));
            }
        }
        if keys.domain
            && let Some(value) = find_domain(parts.maps, domain, keys.parents)?
        {
            return Ok(Some(Found { value, extension: None }));
        }
        if keys.any_local_part_at { parts.local_part(b"@") } else { Ok(None) }
    }
}

/// `domain`, and its parents.
fn find_domain(maps: &Maps, domain: &[u8], style: Parents) -> Result<Option<BString>, Error> {
    if let Some(value) = maps.find_partial(domain)? {
        return Ok(Some(value));
    }
    if style == Parents::No {
        return Ok(None);
    }
    for parent in parents(domain, style == Parents::Plain) {
        if let Some(value) = maps.find_partial(parent)? {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// An address taken apart.
struct Parts<'a> {
    local_part: &'a [u8],
    /// Where the extension starts.
    at: Option<usize>,
    domain: Option<&'a [u8]>,
    form: Form,
    maps: &'a Maps,
}

impl Parts<'_> {
    /// `user@domain`.
    fn without_extension(&self) -> Result<Option<Found>, Error> {
        let Some(at) = self.at else { return Ok(None) };
        let mut address = self.local_part[..at].to_vec();
        if let Some(domain) = self.domain {
            address.push(b'@');
            address.extend_from_slice(domain);
        }
        let value = ask(self.form, &[quote(&address), address.into()], |key| self.maps.find_partial(key))?;
        Ok(value.map(|value| Found { value, extension: Some(self.local_part[at..].into()) }))
    }

    /// `user+ext`, then `user`, each with a suffix.
    fn local_part(&self, suffix: &[u8]) -> Result<Option<Found>, Error> {
        let whole = (self.local_part, None);
        let user = self.at.map(|at| (&self.local_part[..at], Some(self.local_part[at..].into())));
        for (local_part, extension) in std::iter::once(whole).chain(user) {
            let key = |text: &[u8]| BString::from([text, suffix].concat());
            let forms = [key(&quote_local(local_part)), key(local_part)];
            if let Some(value) = ask(self.form, &forms, |key| self.maps.find_partial(key))? {
                return Ok(Some(Found { value, extension }));
            }
        }
        Ok(None)
    }
}

/// Asks with the external and the internal form of a key, as `form` says.
fn ask(
    form: Form,
    [external, internal]: &[BString; 2],
    find: impl Fn(&[u8]) -> Result<Option<BString>, Error>,
) -> Result<Option<BString>, Error> {
    match form {
        Form::External => find(external),
        Form::Internal => find(internal),
        Form::ExternalThenInternal => match find(external)? {
            None if external != internal => find(internal),
            found => Ok(found),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use table::{Flags, Settings};

    fn setup() -> (Tables, Finder) {
        let tables = Tables::new(Settings::default());
        let config = Config::for_tests(&[
            ("recipient_delimiter", "+"),
            ("myorigin", "example.com"),
            ("mydestination", "local.example"),
        ]);
        let finder = Finder::new(&tables, &config).unwrap();
        (tables, finder)
    }

    /// Which keys are tried until one is the last: each is made the only one in a table.
    fn finds(address: &str, key: &str, keys: Keys, form: Form) -> bool {
        let (tables, finder) = setup();
        let table = format!("inline:{{ {{{key} = x}} }}");
        let maps = tables.maps("test", table.as_bytes(), Flags::LIST);
        finder.find(&maps, address.as_bytes(), keys, form).unwrap().is_some()
    }

    #[test]
    fn keys_of_canonical_tables() {
        let address = "joe user+x@example.com";
        let tried = [
            "\"joe user+x\"@example.com",
            "\"joe user\"@example.com",
            "\"joe user+x\"",
            "\"joe user\"",
            "@example.com",
        ];
        for key in tried {
            assert!(finds(address, key, Keys::ADDRESS, Form::External), "{key}");
        }
        for key in ["example.com", "@com", "x@example.com", "\"joe user\"@"] {
            assert!(!finds(address, key, Keys::ADDRESS, Form::External), "{key}");
        }
        assert!(!finds("joe@other.example", "joe", Keys::ADDRESS, Form::External));
        assert!(finds("joe@local.example", "joe", Keys::ADDRESS, Form::External));
    }

    #[test]
    fn keys_of_transport_tables() {
        let address = "joe+x@sub.one.example";
        for key in ["joe+x@sub.one.example", "joe@sub.one.example", "sub.one.example", ".one.example", ".example"] {
            assert!(finds(address, key, Keys::transport(Parents::Dotted), Form::ExternalThenInternal), "{key}");
        }
        for key in ["one.example", "@sub.one.example", "joe", ".sub.one.example"] {
            assert!(!finds(address, key, Keys::transport(Parents::Dotted), Form::ExternalThenInternal), "{key}");
        }
        assert!(finds(address, "one.example", Keys::transport(Parents::Plain), Form::ExternalThenInternal));
    }

    #[test]
    fn the_extension_is_reported_when_it_was_not_matched() {
        let (tables, finder) = setup();
        let maps =
            tables.maps("test", b"inline:{joe@example.com=a, ann+x@example.com=b, @other.example=c}", Flags::LIST);
        let find =
            |address: &str| finder.find(&maps, address.as_bytes(), Keys::ADDRESS, Form::External).unwrap().unwrap();
        assert_eq!(find("joe+x@example.com").extension, Some("+x".into()));
        assert_eq!(find("ann+x@example.com").extension, None);
        assert_eq!(find("ann+x@other.example"), Found { value: "c".into(), extension: None });
    }

    #[test]
    fn tables_of_patterns_get_the_whole_address_only() {
        let (tables, finder) = setup();
        let maps = tables.maps("test", b"regexp:{{/^(.*)$/ $1}}", Flags::LIST);
        let found = finder.find(&maps, b"joe user+x@example.com", Keys::ADDRESS, Form::ExternalThenInternal).unwrap();
        assert_eq!(found.unwrap().value, "\"joe user+x\"@example.com");
        let maps = tables.maps("test", b"regexp:{{/^@/ x}}", Flags::LIST);
        assert!(finder.find(&maps, b"joe@example.com", Keys::ADDRESS, Form::External).unwrap().is_none());
    }

    #[test]
    fn failures_end_the_search() {
        let (tables, finder) = setup();
        let maps = tables.maps("test", b"fail:x, static:y", Flags::LIST);
        assert!(finder.find(&maps, b"joe@example.com", Keys::ADDRESS, Form::External).is_err());
    }
}
