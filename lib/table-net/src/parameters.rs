//! Where the parameters of a table come from: a file of its own, or main.cf (tables §5.1).

use std::fs;
use std::os::unix::fs::MetadataExt;

use address::MatchList;
use bstr::{BString, ByteSlice};
use config::{Definitions, Dictionary};
use table::{Error, KeptFile, OpenError, Owner, Request};
use text::list::{SEPARATORS, split};

/// The parameters of one table.
pub struct Parameters {
    /// The file, or the first part of the names in main.cf, for messages.
    pub name: String,
    /// `type:name`, for messages.
    pub label: String,
    source: Source,
    owner: Owner,
}

enum Source {
    File(Dictionary),
    MainCf(BString, Definitions),
}

impl Parameters {
    /// Reads the file that the table's name is, or takes main.cf's parameters that begin with the name.
    ///
    /// # Errors
    /// The file cannot be read, or has a line that is not `name = value`.
    pub fn read(request: &Request<'_>) -> Result<Self, OpenError> {
        let name = text::show(request.name).to_string();
        if !matches!(request.name.first(), Some(b'/' | b'.')) {
            let Some(definitions) = request.tables.definitions() else {
                return Err(OpenError(format!("{}: no parameters", request.full_name())));
            };
            let owner = fs::metadata(definitions.file()).map_or(Owner::Unknown, |status| Owner::of(status.uid()));
            let source = Source::MainCf(request.name.into(), definitions.clone());
            return Ok(Parameters { name, label: request.full_name(), source, owner });
        }
        let read = request.tables.read_file(request.name);
        let KeptFile { text, owner } =
            read.map_err(|error| OpenError(format!("open {name}: {}", sys::reason(&error))))?;
        let mut dictionary = Dictionary::default();
        dictionary.read(&name, &text).map_err(|error| OpenError(error.to_string()))?;
        Ok(Parameters { name, label: request.full_name(), source: Source::File(dictionary), owner })
    }

    /// Who vouches for the parameters, and so for the table (tables §1.5).
    pub fn owner(&self) -> Owner {
        self.owner
    }

    fn find(&self, parameter: &str) -> Result<Option<BString>, OpenError> {
        match &self.source {
            Source::File(dictionary) => Ok(dictionary.get(parameter.as_bytes()).map(BString::from)),
            Source::MainCf(prefix, definitions) => {
                let name = [prefix.as_slice(), b"_", parameter.as_bytes()].concat();
                definitions.value(&name).map_err(|error| OpenError(error.to_string()))
            }
        }
    }

    /// A text.
    ///
    /// # Errors
    /// main.cf has a bad `$name` in it.
    pub fn text(&self, parameter: &str, default: &str) -> Result<BString, OpenError> {
        Ok(self.find(parameter)?.unwrap_or_else(|| default.into()))
    }

    /// A text that must not be empty.
    ///
    /// # Errors
    /// It is; or main.cf has a bad `$name` in it.
    pub fn required(&self, parameter: &str) -> Result<BString, OpenError> {
        let text = self.text(parameter, "")?;
        match text.is_empty() {
            true => Err(OpenError(format!("{}: bad string length 0 < 1: {parameter} = ", self.name))),
            false => Ok(text),
        }
    }

    /// The words of a list.
    ///
    /// # Errors
    /// main.cf has a bad `$name` in it.
    pub fn list(&self, parameter: &str, default: &str) -> Result<Vec<BString>, OpenError> {
        Ok(split(&self.text(parameter, default)?, SEPARATORS).map(BString::from).collect())
    }

    /// `yes` or `no`.
    ///
    /// # Errors
    /// It is neither.
    pub fn boolean(&self, parameter: &str, default: bool) -> Result<bool, OpenError> {
        let Some(text) = self.find(parameter)?.filter(|text| !text.is_empty()) else { return Ok(default) };
        match text.to_ascii_lowercase().as_slice() {
            b"yes" => Ok(true),
            b"no" => Ok(false),
            _ => {
                let text = text::show(&text);
                Err(OpenError(format!("{}: bad boolean configuration: {parameter} = {text}", self.name)))
            }
        }
    }

    /// A number, not less than `minimum`.
    ///
    /// # Errors
    /// It is no number, or a smaller one.
    pub fn number(&self, parameter: &str, default: i32, minimum: i32) -> Result<i32, OpenError> {
        let Some(text) = self.find(parameter)?.filter(|text| !text.is_empty()) else { return Ok(default) };
        let value = text.to_str().ok().and_then(|text| text.parse::<i32>().ok()).ok_or_else(|| {
            let text = text::show(&text);
            OpenError(format!("{}: bad numerical configuration: {parameter} = {text}", self.name))
        })?;
        match value < minimum {
            true => Err(OpenError(format!("{}: invalid {parameter} parameter value {value} < {minimum}", self.name))),
            false => Ok(value),
        }
    }

    /// The domains that keys must have (`domain`).
    ///
    /// # Errors
    /// The list is bad.
    pub fn domains(&self, request: &Request<'_>) -> Result<Domains, OpenError> {
        let list = self.text("domain", "")?;
        let list = MatchList::new(request.tables, "domain", &list).map_err(OpenError)?;
        Ok(Domains { label: self.label.clone(), list: Some(list).filter(|list| !list.is_empty()) })
    }
}

/// The domains that keys must have; none: any key will do.
pub struct Domains {
    /// `type:name`, for messages.
    label: String,
    list: Option<MatchList>,
}

impl Domains {
    /// Whether a key is one to look up. An empty one is not, with a warning.
    ///
    /// # Errors
    /// A table in the list failed.
    pub fn allow(&self, key: &[u8]) -> Result<bool, Error> {
        let Some(list) = &self.list else {
            if key.is_empty() {
                log::warn!("table \"{}\": empty query string -- ignored", self.label);
            }
            return Ok(!key.is_empty());
        };
        match key.rsplit_once_str("@") {
            Some((local, domain)) if !local.is_empty() && !domain.is_empty() => list.matches(domain),
            _ => Ok(false),
        }
    }
}
