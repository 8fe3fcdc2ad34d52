//! The harness of the black-box tests: private instances of a mail system.
//!
//! A test names no implementation. It asks for an [`Instance`], and `POSTHORN_TEST_SUBJECT` says what that is made of
//! ([`subject::Subject`]): Posthorn, the control (Debian's Postfix, unpacked), or one with some programs of the other. A test that passes on the
//! control says what Postfix does; then it judges Posthorn.
#![forbid(unsafe_code)]

pub mod cleanup;
pub mod compare;
pub mod dialogue;
pub mod instance;
pub mod lookup;
pub mod name_server;
pub mod numbers;
pub mod output;
pub mod place;
pub mod policy;
pub mod records;
pub mod script;
pub mod servers;
pub mod session;
pub mod sink;
pub mod smtp;
pub mod subject;
pub mod wait;
pub mod wire;

pub use instance::{Builder, Instance};
pub use name_server::NameServer;
pub use output::Output;
pub use subject::Subject;

/// Accounts that tests/run makes, and that mail can be delivered to.
pub const USERS: [&str; 2] = ["phtest1", "phtest2"];

/// Ends a test early, with a word on standard error that the test run counts.
#[macro_export]
macro_rules! skip {
    ($($why:tt)+) => {{
        eprintln!("skipped: {}", format_args!($($why)+));
        return;
    }};
}

/// Whether this machine can run instances: they need root, the mail accounts, and the programs. A test begins with this.
#[macro_export]
macro_rules! require_instances {
    () => {
        if let Err(why) = $crate::subject::ready() {
            $crate::skip!("{why}");
        }
    };
    // Instances with tables of these types.
    ($($kind:literal),+) => {
        $crate::require_instances!();
        for kind in [$($kind),+] {
            if let Err(why) = $crate::subject::has_table_type(kind) {
                $crate::skip!("{why}");
            }
        }
    };
}
