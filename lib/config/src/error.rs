//! What ends a program that reads its configuration; each Display is the text after `fatal: `.

use bstr::BString;
use text::hostname::HostnameError;
use text::list::BraceError;
use text::{NameValueError, show};
use thiserror::Error;

/// Why the configuration cannot be used (config §1.2, §3, §4.5).
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "fields hold the parts of the message")]
pub enum Error {
    /// A file cannot be opened.
    #[error("open {path}: {}", sys::reason(source))]
    Open { path: String, source: std::io::Error },
    /// The default main.cf cannot be opened, to see which other configuration directories it allows.
    #[error("open file {path}: {}", sys::reason(source))]
    OpenDefault { path: String, source: std::io::Error },
    /// A file cannot be read.
    #[error("read {path}: {}", sys::reason(source))]
    Read { path: String, source: std::io::Error },
    /// A line that is not `name = value`.
    #[error("{path}, line {line}: {problem}: \"{}\"", show(text))]
    Line { path: String, line: usize, problem: NameValueError, text: BString },
    /// A configuration directory that a privileged program may not use for its caller.
    #[error(
        "specify \"alternate_config_directories = {0}\" or \"multi_instance_directories = {0}\" in {1}/main.cf",
        show(directory),
        show(default)
    )]
    Directory { directory: BString, default: BString },
    /// An expansion failed; a warning has said why.
    #[error("dictionary mail_dict: macro processing error")]
    Expansion,
    /// A number in a comparison is too large.
    #[error(transparent)]
    Conversion(text::expand::Error),
    /// Not a compatibility level.
    #[error("malformed compatibility level syntax: \"{}\"", show(.0))]
    Level(BString),
    /// Neither yes nor no.
    #[error("bad boolean configuration: {name} = {}", show(value))]
    Bool { name: String, value: BString },
    /// Not a number, or one that does not fit.
    #[error("bad numerical configuration: {name} = {}", show(value))]
    Number { name: String, value: BString },
    /// A number below the minimum.
    #[error("invalid {name} parameter value {value} < {min}")]
    NumberMin { name: String, value: i64, min: i64 },
    /// A number above the maximum.
    #[error("invalid {name} parameter value {value} > {max}")]
    NumberMax { name: String, value: i64, max: i64 },
    /// Not a time.
    #[error("parameter {name}: bad time value or unit: {}", show(value))]
    Time { name: String, value: BString },
    /// A time, in seconds, below the minimum.
    #[error("invalid {name}: {value} (min {min})")]
    TimeMin { name: String, value: i64, min: i64 },
    /// A time, in seconds, above the maximum.
    #[error("invalid {name}: {value} (max {max})")]
    TimeMax { name: String, value: i64, max: i64 },
    /// A text that is too short.
    #[error("bad string length {} < {min}: {name} = {}", value.len(), show(value))]
    TextMin { name: String, value: BString, min: i64 },
    /// A text that is too long.
    #[error("bad string length {} > {max}: {name} = {}", value.len(), show(value))]
    TextMax { name: String, value: BString, max: i64 },
    /// A text that is never expanded and is too short.
    #[error("bad string length ({} < {min}): {name} = {}", value.len(), show(value))]
    RawMin { name: String, value: BString, min: i64 },
    /// A text that is never expanded and is too long.
    #[error("bad string length ({} > {max}): {name} = {}", value.len(), show(value))]
    RawMax { name: String, value: BString, max: i64 },
    /// A word that is not among those that a parameter may have.
    #[error("unknown {context} value \"{}\" in \"{}\"", show(word), show(value))]
    Word { context: String, word: BString, value: BString },
    /// The system's host name cannot be used.
    #[error("unable to use my own hostname")]
    SystemName,
    /// A check of parameters, alone or against each other, failed.
    #[error("file {path}: {problem}")]
    Check { path: String, problem: String },
    /// Two parameters that may not be the same.
    #[error("myhostname and relayhost parameter settings must not be identical: {}", show(.0))]
    RelayIsMyself(BString),
    /// More than one domain.
    #[error("myorigin parameter setting must not contain multiple values: {}", show(.0))]
    ManyOrigins(BString),
    /// The file that myorigin names.
    #[error("{}", .0)]
    OriginFile(String),
    /// A bad style.
    #[error("bad mynetworks_style value: {}; specify exactly one value", show(.0))]
    NetworksStyle(BString),
    /// An IPv4 address without a class.
    #[error("mynetworks_core: unknown address class: {0}")]
    AddressClass(std::net::Ipv4Addr),
    /// A name that has no address.
    #[error("config variable {parameter}: host not found: {}", show(host))]
    HostNotFound { parameter: &'static str, host: BString },
    /// An address that is not this machine's.
    #[error("parameter inet_interfaces: no local interface found for {0}")]
    NotLocal(std::net::IpAddr),
    /// This machine has no address.
    #[error("could not find any active network interfaces")]
    NoInterfaces,
    /// The network cannot be examined.
    #[error("{call}: {}", sys::reason(source))]
    Network { call: &'static str, source: std::io::Error },
    /// A list with braces that do not match.
    #[error("{name}: {problem}")]
    Braces { name: String, problem: BraceError },
    /// An element of an environment list.
    #[error("{function}: {problem} in: {}", show(element))]
    Environment { function: &'static str, problem: NameValueError, element: BString },
    /// A master.cf that cannot be used.
    #[error("{path}: line {line}: {problem}")]
    Master { path: String, line: usize, problem: crate::master::Problem },
}

impl Error {
    /// The end of an expansion: logs why, as each place that expands does.
    pub(crate) fn expansion(error: text::expand::Error) -> Self {
        if matches!(error, text::expand::Error::Conversion(_)) {
            return Error::Conversion(error);
        }
        log::warn!("{error}");
        Error::Expansion
    }

    /// A host or domain name that does not look like one.
    pub(crate) fn hostname(path: &str, parameter: &str, value: &[u8], problem: &HostnameError) -> Self {
        log::warn!("valid_hostname: {problem}");
        Error::Check {
            path: path.to_owned(),
            problem: format!("parameter {parameter}: bad parameter value: {}", show(value)),
        }
    }
}
