//! The parameters of an LDAP table (tables §5.5).

use std::time::Duration;

use bstr::{BString, ByteSlice};
use table::{OpenError, Request};

use super::filter;
use super::session::{Access, Bind};
use super::url::{Scope, is_url};
use crate::parameters::{Domains, Parameters};
use crate::results::Format;
use crate::template::Template;
use crate::tls::{self, Check};

/// What is searched for, and what becomes of the result.
pub struct Settings {
    pub name: String,
    pub base: Template,
    pub filter: Template,
    pub scope: Scope,
    pub dereference: i32,
    pub size_limit: i32,
    pub recursion_limit: usize,
    pub domains: Domains,
    pub format: Format,
    pub attributes: Attributes,
}

/// The attributes that a table asks for.
#[derive(Debug, Default)]
pub struct Attributes {
    pub results: Vec<BString>,
    /// They name other entries.
    pub special: Vec<BString>,
    /// Where there is one of them, nothing else counts.
    pub terminal: Vec<BString>,
    /// They count where there is nothing special.
    pub leaf: Vec<BString>,
}

fn has(list: &[BString], name: &[u8]) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(name))
}

impl Attributes {
    pub fn is_result(&self, name: &[u8]) -> bool {
        has(&self.results, name)
    }

    pub fn is_special(&self, name: &[u8]) -> bool {
        has(&self.special, name)
    }

    pub fn is_terminal(&self, name: &[u8]) -> bool {
        has(&self.terminal, name)
    }

    pub fn is_leaf(&self, name: &[u8]) -> bool {
        has(&self.leaf, name)
    }

    /// All names, for the server.
    pub fn names(&self) -> Vec<&[u8]> {
        let all = [&self.results, &self.special, &self.terminal, &self.leaf];
        all.into_iter().flatten().map(|name| name.as_slice()).collect()
    }
}

impl Settings {
    /// Reads what does not concern the connection.
    ///
    /// # Errors
    /// A bad value.
    pub fn read(parameters: &Parameters, request: &Request<'_>) -> Result<Self, OpenError> {
        let name = &parameters.name;
        let query = parameters.text("query_filter", "(mailacceptinggeneralid=%s)")?;
        let template = |text: &[u8]| Template::parse(name, "query", text);
        let filter = template(&query)?;
        if filter.is_fixed() {
            log::warn!("dict_ldap_open: {name}: Fixed query_filter {} is probably useless", text::show(&query));
        }
        let format = parameters.text("result_format", "")?;
        let format = if format.is_empty() { parameters.text("result_filter", "%s")? } else { format };
        let expansion_limit = parameters.number("expansion_limit", 0, i32::MIN)?;
        let recursion_limit = parameters.number("recursion_limit", 1000, 1)?;
        Ok(Settings {
            base: template(&parameters.text("search_base", "")?)?,
            filter,
            scope: scope(parameters)?,
            dereference: dereference(parameters)?,
            size_limit: parameters.number("size_limit", expansion_limit, i32::MIN)?,
            recursion_limit: usize::try_from(recursion_limit).unwrap_or(usize::MAX),
            domains: parameters.domains(request)?,
            format: Format::with_template(parameters, &format, 0)?,
            attributes: Attributes {
                results: parameters.list("result_attribute", "maildrop")?,
                special: parameters.list("special_result_attribute", "")?,
                terminal: parameters.list("terminal_result_attribute", "")?,
                leaf: parameters.list("leaf_result_attribute", "")?,
            },
            name: name.clone(),
        })
    }

    /// Where to search. `None`: the key has not all that the template asks for.
    pub fn base(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.base.quoted_query(key, filter::quote_name)
    }

    /// What to search for. `None`: the key has not all that the template asks for.
    pub fn filter(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.filter.quoted_query(key, filter::quote)
    }
}

fn scope(parameters: &Parameters) -> Result<Scope, OpenError> {
    let text = parameters.text("scope", "sub")?;
    Ok(match text.to_ascii_lowercase().as_slice() {
        b"sub" => Scope::Sub,
        b"one" => Scope::One,
        b"base" => Scope::Base,
        _ => {
            let (name, text) = (&parameters.name, text::show(&text));
            log::warn!("dict_ldap_open: {name}: Unrecognized value {text} specified for scope; using sub");
            Scope::Sub
        }
    })
}

fn dereference(parameters: &Parameters) -> Result<i32, OpenError> {
    let number = parameters.number("dereference", 0, 0)?;
    if (0..=3).contains(&number) {
        return Ok(number);
    }
    let name = &parameters.name;
    log::warn!("dict_ldap_open: {name} Unrecognized value {number} specified for dereference; using 0");
    Ok(0)
}

/// Reads what concerns the connection.
///
/// # Errors
/// A bad value.
pub fn access(parameters: &Parameters) -> Result<Access, OpenError> {
    let name = &parameters.name;
    let servers = servers(parameters)?;
    let start_tls = parameters.boolean("start_tls", false)?;
    let mut version = parameters.number("version", 3, i32::MIN)?;
    if !(2..=3).contains(&version) {
        log::warn!("dict_ldap_open: {name} Unknown version {version}, using 3.");
        version = 3;
    }
    if version == 2 {
        version = version_for(name, &servers, start_tls);
    }
    let seconds = u64::try_from(parameters.number("timeout", 10, i32::MIN)?).ok().filter(|&seconds| seconds > 0);
    let tls_check = if parameters.boolean("tls_require_cert", false)? { Check::IssuerAndName } else { Check::Nothing };
    warn_about_unused(parameters)?;
    Ok(Access {
        servers,
        version,
        bind: bind(parameters)?,
        // None, or a strange one, means as long as anybody would wait.
        timeout: Duration::from_secs(seconds.unwrap_or(3600)),
        start_tls,
        chase_referrals: parameters.boolean("chase_referrals", false)?,
        tls: tls::Settings {
            check: tls_check,
            ca_file: parameters.text("tls_ca_cert_file", "")?,
            ca_directory: parameters.text("tls_ca_cert_dir", "")?,
            certificate: parameters.text("tls_cert", "")?,
            key: parameters.text("tls_key", "")?,
            ciphers: parameters.text("tls_cipher_suite", "")?,
        },
    })
}

/// Version 2 knows nothing of encryption or of sockets.
fn version_for(name: &str, servers: &[u8], start_tls: bool) -> i32 {
    let schemes = servers.split(|&byte| byte == b' ').filter_map(|url| url.split_once_str("://"));
    let newer = schemes.map(|(scheme, _)| scheme).find(|scheme| !scheme.eq_ignore_ascii_case(b"ldap"));
    if let Some(scheme) = newer {
        log::warn!("dict_ldap_open: URL scheme {} requires protocol version 3", text::show(scheme));
    } else if start_tls {
        log::warn!("dict_ldap_open: {name} start_tls requires protocol version 3");
    }
    if newer.is_some() || start_tls { 3 } else { 2 }
}

/// Parameters that mean nothing: any more, or for the ways to log in that there are.
fn warn_about_unused(parameters: &Parameters) -> Result<(), OpenError> {
    for name in ["cache", "cache_expiry", "cache_size", "tls_random_file", "debuglevel", "sasl_realm"] {
        let value = parameters.text(name, "")?;
        if !matches!(value.to_ascii_lowercase().as_slice(), b"" | b"no" | b"0" | b"-1") {
            log::warn!("dict_ldap_open: {} ignoring {name}", parameters.name);
        }
    }
    Ok(())
}

/// URLs; other elements are hosts, with or without a port.
fn servers(parameters: &Parameters) -> Result<BString, OpenError> {
    let port = parameters.number("server_port", 389, i32::MIN)?;
    let mut urls = Vec::new();
    for host in parameters.list("server_host", "localhost")? {
        urls.push(match host.contains_str("://") {
            true if is_url(&host) => host.to_vec(),
            true => {
                let (label, host) = (&parameters.label, text::show(&host));
                return Err(OpenError(format!("{label}: unsupported parameter value: server_host = {host}")));
            }
            false => {
                let has_port = crate::hosts::split_port(&host).1.is_some();
                let port = if has_port { String::new() } else { format!(":{port}") };
                [&b"ldap://"[..], &host, port.as_bytes()].concat()
            }
        });
    }
    Ok(urls.join(&b' ').into())
}

fn bind(parameters: &Parameters) -> Result<Bind, OpenError> {
    let text = parameters.text("bind", "yes")?;
    let name = parameters.text("bind_dn", "")?;
    let password = parameters.text("bind_pw", "")?;
    match text.to_ascii_lowercase().as_slice() {
        b"no" | b"none" => Ok(Bind::No),
        b"yes" | b"simple" => Ok(Bind::Simple { name, password }),
        b"sasl" => Ok(Bind::Sasl {
            mechanisms: parameters.list("sasl_mechs", "")?,
            name,
            password,
            authorization: parameters.text("sasl_authz_id", "")?,
            minimum: parameters.number("sasl_minssf", 0, 0)?,
        }),
        _ => {
            let (name, text) = (&parameters.name, text::show(&text));
            Err(OpenError(format!("{name}: unsupported parameter value: bind = {text}")))
        }
    }
}
