//! `ldap:` (tables §5.5).

mod ber;
mod filter;
mod message;
mod session;
mod settings;
mod url;
mod walk;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use table::{Error, Facts, Lookup, Map, OpenError, Owner, Request};

use crate::parameters::Parameters;
use message::{Entry, Query, code, code_text};
use session::{Access, Failure, Session};
use settings::Settings;
use walk::{Stopped, Walk};

type Shared = Arc<Mutex<Session>>;

/// The sessions of this process. Tables that reach the directory in the same way share one.
static SESSIONS: Mutex<Option<HashMap<Access, Shared>>> = Mutex::new(None);

struct Ldap {
    owner: Owner,
    settings: Settings,
    session: Shared,
}

pub fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    request.read_only()?;
    let parameters = Parameters::read(request)?;
    let settings = Settings::read(&parameters, request)?;
    let access = settings::access(&parameters)?;
    let session = session(access).map_err(|problem| OpenError(format!("{}: {problem}", parameters.label)))?;
    Ok(Box::new(Ldap { owner: parameters.owner(), settings, session }))
}

fn session(access: Access) -> Result<Shared, String> {
    let mut sessions = SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let sessions = sessions.get_or_insert_default();
    if let Some(session) = sessions.get(&access) {
        return Ok(session.clone());
    }
    let tls = access.tls.load()?;
    let session = Arc::new(Mutex::new(Session::new(access.clone(), tls)));
    sessions.insert(access, session.clone());
    Ok(session)
}

impl Ldap {
    fn search(&self, session: &mut Session, base: &[u8], filter: &[u8]) -> Result<Vec<Entry>, Failure> {
        let settings = &self.settings;
        session.search(&Query {
            base,
            scope: settings.scope,
            dereference: settings.dereference,
            size_limit: settings.size_limit,
            filter,
            attributes: &settings.attributes.names(),
        })
    }

    /// What a failed search means for the lookup.
    fn failed(&self, session: &mut Session, base: &[u8], failure: &Failure) -> Lookup {
        let (name, code) = (&self.settings.name, failure.code());
        match failure {
            Failure::Code(code::NO_SUCH_OBJECT) if !self.settings.base.is_fixed() => return Ok(None),
            Failure::Code(code::NO_SUCH_OBJECT) => {
                let (base, text) = (text::show(base), code_text(code));
                log::warn!("dict_ldap_lookup: {name}: Search base '{base}' not found: {code}: {text}");
            }
            Failure::Code(_) => {
                log::warn!("dict_ldap_lookup: Search error {code}: {} ", code_text(code));
                session.close();
            }
            Failure::Logged(_) => {}
        }
        Err(error_of(code))
    }
}

fn error_of(code: i32) -> Error {
    match code {
        code::SERVER_DOWN => Error::Retry { errno: Errno::ENOTCONN as i32 },
        _ => Error::RETRY,
    }
}

impl Map for Ldap {
    fn facts(&self) -> Facts {
        Facts::fixed(self.owner)
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        if !self.settings.domains.allow(key)? {
            return Ok(None);
        }
        let (Some(base), Some(filter)) = (self.settings.base(key), self.settings.filter(key)) else { return Ok(None) };
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match filter::encode(&filter) {
            Ok(filter) => self.search(&mut session, &base, &filter),
            Err(filter::BadFilter) => Err(Failure::Code(code::FILTER_ERROR)),
        };
        let entries = match found {
            Ok(entries) => entries,
            Err(failure) => return self.failed(&mut session, &base, &failure),
        };
        let results = self.settings.format.results(key);
        let session = &mut *session;
        let mut walk = Walk { settings: &self.settings, session, key, results, last_code: code::SUCCESS };
        let walked = walk.visit(&entries, 1);
        if walk.last_code != code::SUCCESS {
            let text = code_text(walk.last_code);
            log::warn!("dict_ldap_lookup: Had some trouble with entries returned by search: {text}");
        }
        match walked {
            Ok(()) => Ok(walk.results.finish()),
            Err(Stopped) => Err(Error::RETRY),
        }
    }
}
