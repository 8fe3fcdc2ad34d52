//! What this build of the mail system has: lock methods, table types, SASL and TLS (config §8.2).

use text::show;

use crate::options::{Mode, Options};
use crate::output::Output;

/// The ways to lock a mailbox.
const LOCKS: &[&str] = &["flock", "fcntl", "dotlock"];
/// The SASL implementations that servers can use.
const SASL_SERVERS: &[&str] = &[];
/// The SASL implementations that clients can use.
const SASL_CLIENTS: &[&str] = &[];
/// The table types.
const TABLES: &[&str] = &[];

/// Lists what the command line asks for.
pub fn show_list(options: &Options) {
    let words = match options.mode {
        Mode::Locks => LOCKS,
        Mode::SaslServer => SASL_SERVERS,
        Mode::SaslClient => SASL_CLIENTS,
        Mode::Tables => TABLES,
        _ => return show_tls(options),
    };
    let mut output = Output::new();
    for word in words {
        output.line(word.as_bytes());
    }
    output.flush();
}

fn show_tls(options: &Options) {
    let mode = options.tls.clone().unwrap_or_default();
    match mode.as_slice() {
        b"compile-version" | b"run-version" | b"public-key-algorithms" => {
            crate::report::fatal!("TLS support is not compiled in")
        }
        _ => {
            log::warn!("unknown 'postconf -T' mode: {}", show(&mode));
            std::process::exit(1);
        }
    }
}
