//! VERP delimiters (queue-files §9.2).

use bstr::BString;
use config::{Config, params};

/// Checks two delimiter characters; ends the program when they are not allowed.
pub fn check(delimiters: &[u8], config: &Config) -> BString {
    let allowed = config.get(params::VERP_DELIMITER_FILTER);
    if delimiters.len() != 2 || !delimiters.iter().all(|byte| allowed.contains(byte)) {
        logging::fatal!("-V requires two characters from {}", text::show(allowed));
    }
    delimiters.into()
}
