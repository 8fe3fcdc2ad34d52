//! Names of log files (queue-files §15.2).

use text::idn::{IdnError, to_ascii};

/// The name of a site's log: its ASCII form in lower case, with `_` for what is no letter or digit.
///
/// # Errors
/// The site has no ASCII form.
pub fn log_name(site: &[u8]) -> Result<String, IdnError> {
    let ascii = match std::str::from_utf8(site) {
        Ok(site) if site.is_ascii() => site.to_owned(),
        _ => to_ascii(site)?,
    };
    let safe = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    Ok(ascii.chars().map(safe).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names() {
        assert_eq!(log_name(b"Example.COM").unwrap(), "example_com");
        assert_eq!(log_name(b"[192.0.2.1]").unwrap(), "_192_0_2_1_");
        assert_eq!(log_name("B\u{fc}cher.example".as_bytes()).unwrap(), "xn__bcher_kva_example");
        assert_eq!(log_name(b"\xff"), Err(IdnError::Utf8));
    }

    proptest! {
        #[test]
        fn a_name_is_no_path(site: Vec<u8>) {
            if let Ok(name) = log_name(&site) {
                prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
            }
        }
    }
}
