//! What an instance is made of.

use std::env;
use std::path::{Path, PathBuf};

/// Programs of the command directory; all others are daemons.
pub const COMMANDS: [&str; 19] = [
    "postfix",
    "postconf",
    "postmap",
    "postalias",
    "postcat",
    "postsuper",
    "postqueue",
    "postdrop",
    "postlog",
    "postkick",
    "postlock",
    "sendmail",
    "postmulti",
    "mailq",
    "newaliases",
    "qmqp-sink",
    "qmqp-source",
    "smtp-sink",
    "smtp-source",
];

/// Which programs an instance has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// All are Posthorn's, as far as it has them.
    Posthorn,
    /// All are genuine.
    Control,
    /// Genuine, but for these.
    Swap(Vec<String>),
    /// Posthorn's, but for these.
    Reverse(Vec<String>),
}

impl Subject {
    /// What `POSTHORN_TEST_SUBJECT` says: `posthorn` (the default), `control`, `swap:<program>,...`, `reverse:<program>,...`.
    ///
    /// # Panics
    /// When it says something else.
    pub fn from_environment() -> Self {
        let text = env::var("POSTHORN_TEST_SUBJECT").unwrap_or_else(|_| "posthorn".into());
        let list = |programs: &str| programs.split(',').map(str::to_owned).collect();
        match text.split_once(':') {
            None if text == "posthorn" => Self::Posthorn,
            None if text == "control" => Self::Control,
            Some(("swap", programs)) => Self::Swap(list(programs)),
            Some(("reverse", programs)) => Self::Reverse(list(programs)),
            _ => panic!("POSTHORN_TEST_SUBJECT={text} means nothing"),
        }
    }

    /// Whether a program is genuine.
    pub fn is_genuine(&self, program: &str) -> bool {
        let program = if program == "lmtp" { "smtp" } else { program };
        let named = |programs: &[String]| programs.iter().any(|name| name == program);
        match self {
            Self::Posthorn => false,
            Self::Control => true,
            Self::Swap(programs) => !named(programs),
            Self::Reverse(programs) => named(programs),
        }
    }

    /// Whether any program of an instance may be genuine.
    pub fn needs_control(&self) -> bool {
        *self != Self::Posthorn
    }

    /// Where a program is; `None` when the subject has none of that name.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let path = if self.is_genuine(name) { genuine(name) } else { ours(name) };
        path.exists().then_some(path)
    }
}

/// Posthorn's program, built before the tests run.
pub fn ours(name: &str) -> PathBuf {
    let name = match name {
        "mailq" | "newaliases" => "sendmail",
        "lmtp" => "smtp",
        name => name,
    };
    binaries().join(name)
}

/// The control's program.
pub fn genuine(name: &str) -> PathBuf {
    let name = if matches!(name, "mailq" | "newaliases") { "sendmail" } else { name };
    let directory = if COMMANDS.contains(&name) { "usr/sbin" } else { "usr/lib/postfix/sbin" };
    control().join(directory).join(name)
}

/// The unpacked package tree of the control.
pub fn control() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/control");
    env::var_os("POSTHORN_CONTROL").map_or_else(default, PathBuf::from)
}

/// Where the control's programs find their libraries.
pub fn control_libraries() -> String {
    let root = control();
    let places = ["usr/lib/postfix", "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "lib/x86_64-linux-gnu"];
    let paths: Vec<String> = places.iter().map(|place| root.join(place).display().to_string()).collect();
    paths.join(":")
}

fn binaries() -> PathBuf {
    if let Some(directory) = env::var_os("POSTHORN_BIN_DIR") {
        return PathBuf::from(directory);
    }
    // A test program is target/<profile>/deps/<name>; the binaries are beside `deps`.
    let test = env::current_exe().expect("a test has a program");
    test.parent().and_then(Path::parent).expect("the program is below target").to_owned()
}

/// Whether tables of a type can be opened here: the control has some of them in packages of their own.
///
/// # Errors
/// What is missing.
pub fn has_table_type(kind: &str) -> Result<(), String> {
    let module = control().join(format!("usr/lib/postfix/postfix-{kind}.so"));
    match Subject::from_environment().needs_control() && !module.exists() {
        true => Err(format!("the control has no postfix-{kind}")),
        false => Ok(()),
    }
}

/// Whether instances can be made here.
///
/// # Errors
/// What is missing.
pub fn ready() -> Result<(), String> {
    if sys::privilege::effective_uid() != 0 {
        return Err("instances need root".into());
    }
    for user in ["postfix", crate::USERS[0], crate::USERS[1]] {
        if !matches!(sys::privilege::account(user), Ok(Some(_))) {
            return Err(format!("there is no user {user}; tests/run makes it"));
        }
    }
    let subject = Subject::from_environment();
    if subject.needs_control() && !genuine("master").exists() {
        return Err("the control is not here; tests/run fetches it".into());
    }
    if !subject.is_genuine("master") && !ours("master").exists() {
        return Err("the programs are not built".into());
    }
    Ok(())
}
