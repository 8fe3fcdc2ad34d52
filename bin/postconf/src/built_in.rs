//! What this build of the mail system has: lock methods, table types, SASL and TLS (config §8.2).

use config::Config;
use logging::fatal;
use text::show;

use crate::options::{Mode, Options};
use crate::or_fatal::OrFatal;
use crate::output::Output;

/// The ways to lock a mailbox.
const LOCKS: &[&str] = &["flock", "fcntl", "dotlock"];
/// The SASL implementations that servers can use.
const SASL_SERVERS: &[&str] = &[];
/// The SASL implementations that clients can use.
const SASL_CLIENTS: &[&str] = &[];

/// Lists what the command line asks for.
pub fn show_list(options: &Options) {
    let words = match options.mode {
        Mode::Locks => LOCKS,
        Mode::SaslServer => SASL_SERVERS,
        Mode::SaslClient => SASL_CLIENTS,
        Mode::Tables => &tables(options),
        _ => return show_tls(options),
    };
    let mut output = Output::new();
    for word in words {
        output.line(word.as_bytes());
    }
    output.flush();
}

/// The table types. What is installed may depend on the configuration, so that is looked at first, as by a program that
/// uses tables.
fn tables(options: &Options) -> Vec<&'static str> {
    Config::load("postconf", &options.overrides()).or_fatal();
    table::kinds().collect()
}

fn show_tls(options: &Options) {
    let mode = options.tls.clone().unwrap_or_default();
    match mode.as_slice() {
        b"compile-version" | b"run-version" | b"public-key-algorithms" => {
            fatal!("TLS support is not compiled in")
        }
        _ => {
            log::warn!("unknown 'postconf -T' mode: {}", show(&mode));
            std::process::exit(1);
        }
    }
}
