//! One program, two protocols: the name that it is called by says which (smtp-client §1, §17).

use std::path::Path;

use bstr::ByteSlice;
use config::KeyKind;
use config::{Config, Key};
use logging::fatal;

/// SMTP or LMTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Called `smtp`.
    Smtp,
    /// Called `lmtp`.
    Lmtp,
}

impl Mode {
    /// What this process was called by.
    pub fn of_process() -> Self {
        let called = std::env::args_os().next().unwrap_or_default();
        let name = Path::new(&called).file_name().unwrap_or_default();
        match name.as_encoded_bytes() {
            b"smtp" => Mode::Smtp,
            b"lmtp" => Mode::Lmtp,
            other => {
                fatal!("unexpected process name \"{}\" - specify \"smtp\" or \"lmtp\"", text::show(other.as_bstr()))
            }
        }
    }

    /// The program's name.
    pub fn name(self) -> &'static str {
        self.pick("smtp", "lmtp")
    }

    /// Whether it is LMTP.
    pub fn is_lmtp(self) -> bool {
        self == Mode::Lmtp
    }

    /// One of two.
    pub fn pick<T>(self, smtp: T, lmtp: T) -> T {
        match self {
            Mode::Smtp => smtp,
            Mode::Lmtp => lmtp,
        }
    }

    /// The value of a parameter that has a twin.
    pub fn get<K: KeyKind>(self, config: &Config, smtp: Key<K>, lmtp: Key<K>) -> K::Value<'_> {
        config.get(self.pick(smtp, lmtp))
    }
}
