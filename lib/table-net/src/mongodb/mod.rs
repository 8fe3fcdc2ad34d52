//! `mongodb:` (tables §5.7).

mod connection;
mod scram;
#[cfg(test)]
mod tests;
mod uri;

use bson::{Document, RawArray, RawBsonRef, RawDocument, RawDocumentBuf};
use table::{Error, Facts, Lookup, Map, OpenError, Owner, Request};

use crate::parameters::{Domains, Parameters};
use crate::results::{Format, Results, TooMany};
use crate::template::Template;
use connection::{Connection, Failure};
use uri::Uri;

/// The deepest nesting of arrays in arrays.
const DEEPEST: usize = 20;

struct MongoDb {
    label: String,
    owner: Owner,
    uri: Uri,
    database: String,
    collection: String,
    filter: Template,
    projection: Document,
    domains: Domains,
    format: Format,
    connection: Option<Connection>,
}

pub fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    request.read_only()?;
    let parameters = Parameters::read(request)?;
    let label = parameters.label.clone();
    let failed = |problem: String| OpenError(format!("{label}: {problem}"));
    let uri = Uri::parse(&parameters.required("uri")?).map_err(failed)?;
    if let Some(tls) = &uri.tls {
        // Files that are missing are found out now.
        tls.load().map_err(failed)?;
    }
    let name = |parameter| {
        let text = parameters.required(parameter)?;
        String::from_utf8(text.into()).map_err(|_| failed(format!("{parameter} is not UTF-8")))
    };
    let limit = parameters.number("expansion_limit", 10, 0)?;
    if limit > 100 {
        let name = &parameters.name;
        return Err(OpenError(format!("{name}: invalid expansion_limit parameter value {limit} > 100")));
    }
    Ok(Box::new(MongoDb {
        uri,
        database: name("dbname")?,
        collection: name("collection")?,
        filter: Template::parse(&parameters.name, "query", &parameters.required("query_filter")?)?,
        projection: projection(&parameters)?,
        domains: parameters.domains(request)?,
        format: Format::read(&parameters, 10)?,
        owner: parameters.owner(),
        label: parameters.label.clone(),
        connection: None,
    }))
}

/// What of a document is shown: never its `_id`.
fn projection(parameters: &Parameters) -> Result<Document, OpenError> {
    let label = &parameters.label;
    let text = parameters.text("projection", "")?;
    let names = parameters.list("result_attribute", "")?;
    let mut document = match (text.is_empty(), names.is_empty()) {
        (false, true) => parse_json(&text)
            .map_err(|problem| OpenError(format!("{label}: bad projection '{}': {problem}", text::show(&text))))?,
        (true, false) => names.iter().map(|name| (text::show(name).to_string(), 1.into())).collect(),
        _ => {
            let problem = "specify exactly one of 'projection' or 'result_attribute'";
            return Err(OpenError(format!("{label}: {problem}")));
        }
    };
    document.insert("_id", 0);
    Ok(document)
}

fn parse_json(text: &[u8]) -> Result<Document, String> {
    let value: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(text).map_err(|error| error.to_string())?;
    Document::try_from(value).map_err(|error| error.to_string())
}

/// Adds a text so that it is nothing but data in a JSON string.
fn quote(text: &[u8], out: &mut Vec<u8>) {
    // The key has been looked at: it is UTF-8.
    let quoted = serde_json::Value::from(std::str::from_utf8(text).unwrap_or_default()).to_string();
    out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
}

impl MongoDb {
    /// Asks the server; once more, if the connection turns out to be lost.
    fn find(&mut self, filter: &Document) -> Result<Vec<RawDocumentBuf>, Failure> {
        let mut is_new = self.connection.is_none();
        loop {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => Connection::open(&self.uri)?,
            };
            match connection.find(&self.database, &self.collection, filter.clone(), self.projection.clone()) {
                Err(Failure::Io(_)) if !is_new => is_new = true,
                result => {
                    if !matches!(result, Err(Failure::Io(_) | Failure::Malformed)) {
                        self.connection = Some(connection);
                    }
                    return result;
                }
            }
        }
    }

    /// Adds what a document has.
    fn add_document(&self, document: &RawDocument, results: &mut Results<'_>) -> Result<(), Trouble> {
        for element in document {
            let (name, value) = element.map_err(|_| Trouble::Malformed)?;
            self.add_value(name.as_str(), value, results, 0)?;
        }
        Ok(())
    }

    fn add_value(
        &self,
        name: &str,
        value: RawBsonRef<'_>,
        results: &mut Results<'_>,
        depth: usize,
    ) -> Result<(), Trouble> {
        match value {
            RawBsonRef::String(text) => results.add(text.as_bytes())?,
            RawBsonRef::Int32(number) => results.add(number.to_string().as_bytes())?,
            RawBsonRef::Int64(number) => results.add(number.to_string().as_bytes())?,
            RawBsonRef::Array(array) if depth < DEEPEST => self.add_array(name, array, results, depth + 1)?,
            RawBsonRef::Null => {}
            other => {
                let (label, kind) = (&self.label, other.element_type());
                log::warn!("{label}: ignoring the value of {name}, which is of the type {kind:?}");
            }
        }
        Ok(())
    }

    fn add_array(&self, name: &str, array: &RawArray, results: &mut Results<'_>, depth: usize) -> Result<(), Trouble> {
        for value in array {
            self.add_value(name, value.map_err(|_| Trouble::Malformed)?, results, depth)?;
        }
        Ok(())
    }
}

/// Why documents have no result.
enum Trouble {
    Malformed,
    TooMany,
}

impl From<TooMany> for Trouble {
    fn from(_: TooMany) -> Self {
        Trouble::TooMany
    }
}

impl Map for MongoDb {
    fn facts(&self) -> Facts {
        Facts::fixed(self.owner)
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        if std::str::from_utf8(key).is_err() || !self.domains.allow(key)? {
            return Ok(None);
        }
        let Some(text) = self.filter.quoted_query(key, quote) else { return Ok(None) };
        let found = match parse_json(&text) {
            Ok(filter) => self.find(&filter).map_err(|failure| failure.to_string()),
            Err(problem) => Err(format!("bad query_filter '{}': {problem}", text::show(&text))),
        };
        let documents = found.map_err(|problem| {
            log::warn!("{}: query failed: {problem}", self.label);
            Error::RETRY
        })?;
        // The last document counts.
        let Some(document) = documents.last() else { return Ok(None) };
        let mut results = self.format.results(key);
        match self.add_document(document, &mut results) {
            Ok(()) => Ok(results.finish()),
            Err(Trouble::TooMany) => {
                log::warn!("{}: Expansion limit exceeded for key: '{}'", self.label, text::show(key));
                Err(Error::RETRY)
            }
            Err(Trouble::Malformed) => {
                log::warn!("{}: query failed: {}", self.label, Failure::Malformed);
                Err(Error::RETRY)
            }
        }
    }
}
