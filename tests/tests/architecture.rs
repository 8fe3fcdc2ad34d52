//! The crate graph is the security architecture: crates use lower floors only, and `unsafe` stands in one of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// The floor of each library; programs are above all of them.
const FLOORS: [(&str, u32); 17] = [
    ("sys", 1),
    ("text", 1),
    ("config", 2),
    ("ipc", 2),
    ("queue", 3),
    ("logging", 3),
    ("table", 3),
    ("dns", 3),
    ("smtp-protocol", 3),
    ("server", 4),
    ("command", 4),
    ("post", 4),
    ("address", 4),
    ("deliver", 5),
    ("access", 5),
    ("table-net", 5),
    ("tests", 99),
];
const PROGRAMS: u32 = 10;

/// Crates that only some programs may have, because of what they can do.
const RESTRICTED: [(&str, &[&str]); 3] = [
    // Whoever links the clients of databases talks to other machines with passwords. local and virtual do, for the tables that
    // decide about rights, which proxymap must not answer.
    ("table-net", &["postmap", "postalias", "proxymap", "local", "virtual"]),
    // Whoever links the delivery library can run commands and write mailboxes.
    ("deliver", &["local", "virtual", "error", "discard", "qmgr", "cleanup", "postlock", "smtp", "pipe"]),
    // Daemons are not commands, and the reverse: neither frame is found in the other's programs.
    (
        "server",
        &[
            "postlogd",
            "pickup",
            "cleanup",
            "trivial-rewrite",
            "qmgr",
            "bounce",
            "showq",
            "error",
            "discard",
            "local",
            "virtual",
            "flush",
            "verify",
            "smtpd",
            "smtp",
            "anvil",
            "scache",
            "proxymap",
            "pipe",
            "spawn",
            "qmqpd",
        ],
    ),
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--offline".into()])
        .exec()
        .unwrap_or_else(|_| {
            MetadataCommand::new().manifest_path(root().join("Cargo.toml")).exec().expect("cargo metadata")
        })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn floor(name: &str) -> u32 {
    FLOORS.iter().find(|(known, _)| *known == name).map_or(PROGRAMS, |(_, floor)| *floor)
}

/// Our crates and which of ours they use, outside their tests.
fn graph() -> BTreeMap<String, Vec<String>> {
    let metadata = metadata();
    let members: Vec<_> = metadata.workspace_packages().into_iter().collect();
    let ours = |name: &str| members.iter().any(|member| member.name.as_str() == name);
    members
        .iter()
        .map(|member| {
            let uses = member
                .dependencies
                .iter()
                .filter(|dependency| dependency.kind == DependencyKind::Normal && ours(&dependency.name))
                .map(|dependency| dependency.name.clone())
                .collect();
            (member.name.to_string(), uses)
        })
        .collect()
}

#[test]
fn a_crate_uses_only_lower_floors() {
    for (name, uses) in graph() {
        for used in uses {
            assert!(
                floor(&used) < floor(&name),
                "{name} (floor {}) uses {used} (floor {})",
                floor(&name),
                floor(&used)
            );
        }
    }
}

#[test]
fn powers_are_where_they_are_needed() {
    for (name, uses) in graph().iter().filter(|(name, _)| floor(name) == PROGRAMS) {
        for (power, allowed) in RESTRICTED {
            assert!(!uses.iter().any(|used| used == power) || allowed.contains(&name.as_str()), "{name} uses {power}");
        }
    }
}

#[test]
fn every_library_has_a_floor() {
    let metadata = metadata();
    for member in metadata.workspace_packages() {
        let is_library = member.manifest_path.as_str().contains("/lib/");
        assert!(!is_library || floor(member.name.as_str()) < PROGRAMS, "{} has no floor", member.name);
    }
}

/// Rust files below a directory.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn unsafe_stands_in_sys_alone() {
    for group in ["lib", "bin", "tests"] {
        for file in sources(&root().join(group)) {
            let shown = file.display().to_string();
            if shown.contains("/lib/sys/") || shown.contains("/fuzz/") {
                continue;
            }
            let text = fs::read_to_string(&file).expect("a source file");
            let blocks = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"];
            let is_code = |line: &&str| !line.trim_start().starts_with("//") && !line.contains('"');
            let guilty = text.lines().filter(is_code).find(|line| blocks.iter().any(|block| line.contains(block)));
            assert_eq!(guilty, None, "{shown}");
        }
    }
}

#[test]
fn every_other_crate_forbids_unsafe() {
    for group in ["lib", "bin"] {
        for entry in fs::read_dir(root().join(group)).expect("a directory").flatten() {
            let directory = entry.path();
            if !directory.join("Cargo.toml").exists() || directory.ends_with("sys") {
                continue;
            }
            let main = ["src/lib.rs", "src/main.rs"].map(|name| directory.join(name));
            let main = main.iter().find(|file| file.exists()).expect("a crate has a root");
            let text = fs::read_to_string(main).expect("a source file");
            assert!(text.contains("#![forbid(unsafe_code)]"), "{}", main.display());
        }
    }
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    for file in sources(&root().join("lib/sys/src")) {
        let text = fs::read_to_string(&file).expect("a source file");
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            if line.contains("unsafe {") && !line.trim_start().starts_with("//") {
                let before = &lines[index.saturating_sub(4)..index];
                assert!(before.iter().any(|line| line.contains("SAFETY:")), "{}:{}", file.display(), index + 1);
            }
        }
    }
}

/// A parameter with a typed key that no program reads would be accepted and ignored.
#[test]
fn every_parameter_key_is_read() {
    let mut code = String::new();
    for group in ["lib", "bin"] {
        for file in sources(&root().join(group)) {
            if !file.display().to_string().contains("/lib/config/src/params/") {
                code.push_str(&fs::read_to_string(&file).expect("a source file"));
            }
        }
    }
    let mut unread = Vec::new();
    for file in sources(&root().join("lib/config/src/params")) {
        let text = fs::read_to_string(&file).expect("a source file");
        for line in text.lines() {
            let Some((name, _)) = line.trim().split_once(": ").filter(|(name, _)| is_constant(name)) else { continue };
            if !code.contains(&format!("params::{name}")) && !code.contains(&format!("{name}.name()")) {
                unread.push(name.to_owned());
            }
        }
    }
    let waiting: Vec<String> =
        unread.iter().filter(|name| !later().any(|later| later == name.as_str())).cloned().collect();
    assert!(waiting.is_empty(), "parameters that no program reads: {waiting:?}");
}

/// Keys that nobody reads by name, each with its reason.
const LATER: &[&str] = &[
    // config itself reads these, by their rows.
    "COMPATIBILITY_LEVEL",
    "CONFIG_DIRECTORY",
    "DEFAULT_DELIVERY_STATUS_FILTER",
    "KNOWN_TCP_PORTS",
    "MYNETWORKS_STYLE",
    "PROCESS_ID",
    "PROCESS_NAME",
    "SERVICE_NAME",
    // Other values refer to these.
    "DEFAULT_CACHE_DB_TYPE",
    "REJECT_TEMPFAIL_ACTION",
    // Defaults of service families, which read them by their suffix.
    "DEFAULT_DELIVERY_SLOT_COST",
    "DEFAULT_DELIVERY_SLOT_DISCOUNT",
    "DEFAULT_DELIVERY_SLOT_LOAN",
    "DEFAULT_DESTINATION_CONCURRENCY_FAILED_COHORT_LIMIT",
    "DEFAULT_DESTINATION_CONCURRENCY_LIMIT",
    "DEFAULT_DESTINATION_CONCURRENCY_NEGATIVE_FEEDBACK",
    "DEFAULT_DESTINATION_CONCURRENCY_POSITIVE_FEEDBACK",
    "DEFAULT_DESTINATION_RATE_DELAY",
    "DEFAULT_DESTINATION_RECIPIENT_LIMIT",
    "DEFAULT_EXTRA_RECIPIENT_LIMIT",
    "DEFAULT_MINIMUM_DELIVERY_SLOTS",
    "DEFAULT_RECIPIENT_LIMIT",
    "DEFAULT_RECIPIENT_REFILL_DELAY",
    "DEFAULT_RECIPIENT_REFILL_LIMIT",
    "DEFAULT_TRANSPORT_RATE_DELAY",
    "INITIAL_DESTINATION_CONCURRENCY",
    "LOCAL_DESTINATION_CONCURRENCY_LIMIT",
    "LOCAL_DESTINATION_RECIPIENT_LIMIT",
    // Of the old queue manager.
    "QMGR_FUDGE_FACTOR",
    // Programs and features that are not here yet: TLS, SASL, Milters, postscreen; and some of the DNS that nobody asks for.
    "DNS_NCACHE_TTL_FIX_ENABLE",
    "DONT_REMOVE",
    "ENABLE_IDNA2003_COMPATIBILITY",
    "FAULT_INJECTION_CODE",
    "MAIL_RELEASE_DATE",
    "MILTER_COMMAND_TIMEOUT",
    "MILTER_CONNECT_MACROS",
    "MILTER_CONNECT_TIMEOUT",
    "MILTER_CONTENT_TIMEOUT",
    "MILTER_DATA_MACROS",
    "MILTER_END_OF_DATA_MACROS",
    "MILTER_END_OF_HEADER_MACROS",
    "MILTER_HEADER_CHECKS",
    "MILTER_HELO_MACROS",
    "MILTER_MACRO_DAEMON_NAME",
    "MILTER_MACRO_DEFAULTS",
    "MILTER_MACRO_V",
    "MILTER_MAIL_MACROS",
    "MILTER_PROTOCOL",
    "MILTER_RCPT_MACROS",
    "MILTER_UNKNOWN_COMMAND_MACROS",
    "PROCESS_ID_DIRECTORY",
    "RESPECTFUL_LOGGING",
    "SEND_CYRUS_SASL_AUTHZID",
];

/// [`LATER`], and the names that a file lists.
fn later() -> impl Iterator<Item = &'static str> {
    let listed = include_str!("architecture/later.txt").lines().filter(|line| !line.starts_with('#'));
    LATER.iter().copied().chain(listed)
}

/// A name that is read by now must leave the list.
#[test]
fn the_list_of_unread_parameters_is_no_longer_than_it_must_be() {
    let code: String = ["lib", "bin"]
        .iter()
        .flat_map(|group| sources(&root().join(group)))
        .filter(|file| !file.display().to_string().contains("/lib/config/src/params/"))
        .map(|file| fs::read_to_string(file).expect("a source file"))
        .collect();
    for name in later() {
        assert!(!code.contains(&format!("params::{name})")), "{name} is read");
    }
}

fn is_constant(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}
