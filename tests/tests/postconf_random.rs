//! postconf, beside the control: the same files, the same command line, the same words (config §1, §2, §8).
//!
//! Files and command lines are made at random, the same in each run; `POSTHORN_TEST_SEED` makes others.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use tests::numbers::Numbers;
use tests::{Output, Subject, subject};

/// How many files each test makes.
const CASES: usize = 160;
/// How many are tried at once: a failed command sleeps for a second.
const WORKERS: usize = 24;

const NAMES: [&str; 22] = [
    "myorigin",
    "mydomain",
    "myhostname",
    "mydestination",
    "relayhost",
    "smtpd_banner",
    "virtual_maps",
    "alias_maps",
    "mynetworks",
    "smtpd_recipient_restrictions",
    "smtpd_restriction_classes",
    "strange",
    "other",
    "Mixed_Case",
    "smtpd_expansion_filter",
    "process_id",
    "service_name",
    "smtp_destination_recipient_limit",
    "max_idle",
    "lite_dbpath",
    "relay_domain",
    "inet_protocols",
];

const PIECES: [&str; 39] = [
    "a",
    "b.example",
    " ",
    "  ",
    "\t",
    ", ",
    "\n  ",
    "\n# comment\n  ",
    "\n\n  ",
    "$mydomain",
    "${other}",
    "$(strange)",
    "$$",
    "${strange?yes}",
    "${strange:no}",
    "${strange?{yes}:{no}}",
    "${nosuch:none}",
    "${{a} == {b}?{x}:{y}}",
    "${{$other} != {}?{x}}",
    "${{12} < {9}?{less}:{more}}",
    "${{3.10} >=level {3.9}?{new}}",
    "{ a, b }",
    "{",
    "}",
    "$nosuch",
    "sqlite:lite",
    "proxy:hash:/x",
    "static:{a b}",
    "ldap:/nonexistent/x",
    "=",
    "#",
    "reject_unauth_destination",
    "permit",
    "123",
    "5m",
    "\u{e9}",
    "check_client_access inline:{a=b}",
    "a-rather-long-word-that-makes-lines-fold",
    "$process_name",
];

/// What is no reference to a name; only the first of these in a file is sure to be complained of.
const BROKEN: [&str; 6] = ["$", "${", "${{a} ~ {b}?x}", "${ a, b }", "${nosuch", "$(a b)"];

const LINES: [&str; 10] = [
    "\n",
    "# comment\n",
    "  # more\n",
    "   \n",
    " continued\n",
    "\tcontinued $other\n",
    "noequals\n",
    "= nothing\n",
    "two words = x\n",
    "a=1\n",
];

const FIELDS: [&str; 14] = ["-", "-", "-", "-", "-", "-", "n", "y", "n", "0", "1", "60?", "z", "-?"];

const ARGUMENTS: [&str; 17] = [
    "-v",
    "-vo b=c",
    "-oa=b",
    "other=$strange",
    "smtpd_banner=x",
    "{ strange = a b }",
    "{a b}",
    "{",
    "--",
    "user=nobody",
    "argv=/bin/x",
    "-o other=1",
    "-o relayhost=$service_name/$process_name",
    "${recipient}",
    "-o nosuch=1",
    "-o process_id=3",
    "-o smtpd_sender_restrictions={ permit, x }",
];

/// Services, no two of one name: what the control makes of these depends on their order.
const SERVICES: [&str; 5] = ["one", "two", "three", "local", "relay"];

/// What is asked of main.cf.
const MAIN_QUESTIONS: [&[&str]; 14] = [
    &["-n"],
    &["-nx"],
    &["-nf"],
    &["-nh"],
    &["-nH"],
    &["-n", "-C", "user"],
    &["-C", "user,service"],
    &["-x", "smtpd_banner"],
    &["myorigin", "nosuch", "other", "max_idle"],
    &["-hf", "smtpd_banner", "mydestination"],
    &["-d", "mydestination", "other"],
    &["-n", "-o", "other=$mydomain"],
    &["-n", "-o", "= 1"],
    &["-xh", "mydestination", "smtpd_expansion_filter"],
];

/// What is asked of master.cf.
const MASTER_QUESTIONS: [&[&str]; 16] = [
    &["-M"],
    &["-Mf"],
    &["-Mx"],
    &["-F"],
    &["-Ff"],
    &["-Fh"],
    &["-FH"],
    &["-P"],
    &["-Px"],
    &["-Pf"],
    &["-PH"],
    &["-M", "one", "nosuch"],
    &["-M", "*/inet", "two/unix"],
    &["-F", "one/*/command", "two/unix/chroot"],
    &["-P", "*/*/other", "three/unix/strange"],
    &["-F", "one/unix/nosuch"],
];

const MAIN_EDITS: [&[&str]; 11] = [
    &["-e", "other=  new"],
    &["myorigin=$x"],
    &["-e", "strange"],
    &["-X", "other"],
    &["-X", "other", "strange "],
    &["-#", "smtpd_banner"],
    &["-#", "mydestination", "a"],
    &["-e", "a=1", "a=2"],
    &["-e", "  mydomain = a  b"],
    &["-X", "a=b"],
    &["-e", "#a=b"],
];

const MASTER_EDITS: [&[&str]; 18] = [
    &["-Me", "one/unix=one unix - - n - - smtp -o {a = b c} {x y}"],
    &["-Me", "new/inet=new inet n - - - 5 pipe -v w"],
    &["-Me", "*/unix=two unix - - n - - x"],
    &["-Me", "one/unix=one unix - -"],
    &["-MX", "one/unix"],
    &["-MX", "*/inet"],
    &["-M#", "two/unix"],
    &["-M#", "*/*"],
    &["-Fe", "one/unix/chroot=y"],
    &["-Fe", "*/*/command=lmtp -o a=b c"],
    &["-Fe", "one/unix/wakeup=z"],
    &["-Fe", "two/unix/nosuch=z"],
    &["-Pe", "one/unix/other=7"],
    &["-Pe", "*/*/fresh=$x"],
    &["-PX", "*/unix/other"],
    &["-Pe", "one/unix/a=b c"],
    &["-PX", "one/unix/*"],
    &["-Pe", "nosuch/unix/a=b"],
];

/// A main.cf of a few lines.
fn main_cf(numbers: &mut Numbers) -> String {
    let mut text = String::new();
    for _ in 0..numbers.below(9) {
        if numbers.below(8) == 0 {
            text += numbers.one(&LINES);
            continue;
        }
        let space = numbers.one(&["=", " = ", "  =", "= "]);
        let _ = writeln!(text, "{}{space}{}", numbers.one(&NAMES), numbers.words(&PIECES, 5));
    }
    if numbers.below(4) == 0 {
        let (before, after) = (numbers.words(&PIECES, 2), numbers.one(&["", " ", "x", "}"]));
        let _ = writeln!(text, "{} = {before}{}{after}", numbers.one(&NAMES), numbers.one(&BROKEN));
    }
    text
}

/// A master.cf of a few entries.
fn master_cf(numbers: &mut Numbers) -> String {
    let mut text = String::new();
    let first = numbers.below(SERVICES.len());
    for number in 0..numbers.below(5) {
        if numbers.below(9) == 0 {
            text += numbers.one(&LINES[..6]);
        }
        let kind = numbers.one(&["unix", "unix", "inet", "fifo", "pass", "unix-dgram", "strange"]);
        let kind = if numbers.below(3) > 0 { "unix" } else { kind };
        let _ = write!(text, "{}  {kind}", SERVICES[(first + number) % SERVICES.len()]);
        for field in 2..7 {
            let usual = ["", "", "-", "-", "n", "-", "-"][field];
            let field = if numbers.below(6) == 0 { numbers.one(&FIELDS) } else { usual };
            let _ = write!(text, " {field}");
        }
        if numbers.below(20) > 0 {
            let _ = write!(text, "\t{}", numbers.one(&["smtp", "pipe", "local", "spawn", "lmtp", "/x/y/error"]));
        }
        for _ in 0..numbers.below(6) {
            text += numbers.one(&[" ", " ", "\n  ", "\n# comment\n\t"]);
            text += numbers.one(&ARGUMENTS);
        }
        text.push('\n');
    }
    text
}

/// Files, and what is done with them.
struct Case {
    main_cf: String,
    master_cf: String,
    arguments: Vec<&'static str>,
}

fn cases(questions: &[&[&'static str]]) -> Vec<Case> {
    let mut numbers = Numbers::seeded();
    let mut case = || {
        let (main_cf, master_cf) = (main_cf(&mut numbers), master_cf(&mut numbers));
        Case { main_cf, master_cf, arguments: questions[numbers.below(questions.len())].to_vec() }
    };
    (0..CASES).map(|_| case()).collect()
}

/// What a program makes of a case: its words, and the files as they are afterwards.
#[derive(PartialEq, Eq, Debug)]
struct Seen {
    status: i32,
    stdout: String,
    stderr: Vec<String>,
    main_cf: String,
    master_cf: String,
}

impl Seen {
    /// Whether a value of main.cf was the end of the program. Of several bad ones either program takes the one that it needs first.
    fn ends_in_a_value(&self) -> bool {
        let is_of_value =
            |line: &str| line.ends_with("macro processing error") || line.contains("unknown inet_protocols value ");
        self.status == 1 && self.stderr.iter().any(|line| line.starts_with("fatal: ") && is_of_value(line))
    }
}

fn observe(program: &Path, directory: &Path, case: &Case) -> Seen {
    for (name, text) in [("main.cf", &case.main_cf), ("master.cf", &case.master_cf)] {
        let path = directory.join(name);
        fs::write(&path, text).expect("a file");
        // A file that is being edited is read again and again.
        let past = SystemTime::now() - Duration::from_secs(3600);
        File::options().write(true).open(path).and_then(|file| file.set_modified(past)).expect("a time stamp");
    }
    let mut command = Command::new(program);
    command.env_clear().arg("-c").arg(directory).args(&case.arguments);
    if program == subject::genuine("postconf") {
        command.env("LD_LIBRARY_PATH", subject::control_libraries());
    }
    let Output { status, stdout, stderr } = Output::of(&mut command, b"");
    let read = |name: &str| String::from_utf8_lossy(&fs::read(directory.join(name)).expect("a file")).into_owned();
    let prefix = format!("{}: ", program.display());
    let stdout = stdout.replace("ESMTP Posthorn", "ESMTP Postfix");
    Seen { status, stdout, stderr: said(&stderr, &prefix), main_cf: read("main.cf"), master_cf: read("master.cf") }
}

/// Messages without the program's name, and without what only one program has to say: names that are like those that nobody uses, and since
/// 3.8 names that will be removed and comments that are none. The control brings those of
/// one kind in no particular order, and shows no UTF-8; of what comes before a fatal error in a value it brings more or
/// less, as the order has it.
fn said(stderr: &str, prefix: &str) -> Vec<String> {
    let lines = stderr.lines().map(|line| line.strip_prefix(prefix).unwrap_or(line).replace('\u{e9}', "??"));
    let newer =
        [": is it meant to be ", ": support for parameter \"", "DEPRECATION_README", ": #comment after other text "];
    let mut lines: Vec<String> = lines.filter(|line| !newer.iter().any(|text| line.contains(text))).collect();
    lines.sort();
    if lines.iter().any(|line| line.ends_with("macro processing error")) {
        lines.retain(|line| line.starts_with("fatal: "));
    }
    lines
}

/// Tries cases, a few at a time.
fn compare(cases: &[Case]) {
    let (ours, genuine) = (subject::ours("postconf"), subject::genuine("postconf"));
    if Subject::from_environment() == Subject::Control || !genuine.exists() || !ours.exists() {
        tests::skip!("there are no two programs to compare");
    }
    let next = AtomicUsize::new(0);
    let place = tempfile::tempdir().expect("a directory");
    let differences = Mutex::new(Vec::new());
    let worker = |directory: PathBuf| {
        fs::create_dir(&directory).expect("a directory");
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (seen, expected) = (observe(&ours, &directory, case), observe(&genuine, &directory, case));
            // A value that refers to itself makes the control crash now and then.
            if seen != expected && expected.status < 128 && !(seen.ends_in_a_value() && expected.ends_in_a_value()) {
                differences.lock().expect("no worker panics here").push(difference(case, &seen, &expected));
            }
        }
    };
    std::thread::scope(|scope| {
        for number in 0..WORKERS {
            let (directory, worker) = (place.path().join(number.to_string()), &worker);
            scope.spawn(move || worker(directory));
        }
    });
    let differences = differences.into_inner().expect("no worker panics here");
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

/// What a case is, and all that differs.
fn difference(case: &Case, ours: &Seen, genuine: &Seen) -> String {
    let Case { main_cf, master_cf, arguments } = case;
    let mut text = format!("=== postconf {arguments:?}\n--- main.cf\n{main_cf}\n--- master.cf\n{master_cf}\n");
    let parts = |seen: &Seen| {
        let Seen { status, stdout, stderr, main_cf, master_cf } = seen;
        [status.to_string(), stdout.clone(), stderr.join("\n"), main_cf.clone(), master_cf.clone()]
    };
    for (ours, genuine) in parts(ours).iter().zip(&parts(genuine)).filter(|(ours, genuine)| ours != genuine) {
        let _ = writeln!(text, "--- ours\n{ours}\n--- control\n{genuine}");
    }
    text
}

#[test]
fn parameters_of_main_cf_are_shown_as_by_the_control() {
    compare(&cases(&MAIN_QUESTIONS));
}

#[test]
fn services_of_master_cf_are_shown_as_by_the_control() {
    compare(&cases(&MASTER_QUESTIONS));
}

#[test]
fn main_cf_is_edited_as_by_the_control() {
    compare(&cases(&MAIN_EDITS));
}

#[test]
fn master_cf_is_edited_as_by_the_control() {
    compare(&cases(&MASTER_EDITS));
}

/// Defaults that say who made the program, where it is installed, or what the package of the control changed.
const OF_THE_BUILD: [&str; 8] = [
    "alias_maps",
    "daemon_directory",
    "html_directory",
    "mail_name",
    "manpage_directory",
    "process_id",
    "readme_directory",
    "shlib_directory",
];

/// Parameters that Postfix 3.8 to 3.12 added, which the control does not have.
const NEWER: &str = "\
    allow_srv_lookup_fallback default_cache_db_type force_mime_input_conversion full_name_encoding_charset \
    ignore_srv_lookup_error lmtp_log_tls_feature_status lmtp_requiretls_policy lmtp_sasl_password_result_delimiter \
    lmtp_tls_enable_rpk lmtp_tls_enforce_sts_mx_patterns lmtp_tls_loglevel_maps lmtp_tls_trace_size_limit \
    lmtp_tlsrpt_enable lmtp_tlsrpt_skip_reused_handshakes lmtp_tlsrpt_socket_name maillog_file_permissions \
    non_bdb_custom_mapping non_bdb_migration_allow_root_prefixes non_bdb_migration_allow_user_prefixes \
    non_bdb_migration_level non_bdb_migration_log_redirect non_bdb_migration_service_name \
    non_empty_end_of_header_action postscreen_starttls_timeout postscreen_tls_CAfile postscreen_tls_CApath \
    postscreen_tls_always_issue_session_ids postscreen_tls_ask_ccert postscreen_tls_ccert_verifydepth \
    postscreen_tls_cert_file postscreen_tls_chain_files postscreen_tls_ciphers postscreen_tls_dcert_file \
    postscreen_tls_dh1024_param_file postscreen_tls_dh512_param_file postscreen_tls_dkey_file \
    postscreen_tls_eccert_file postscreen_tls_eckey_file postscreen_tls_eecdh_grade postscreen_tls_enable_rpk \
    postscreen_tls_exclude_ciphers postscreen_tls_fingerprint_digest postscreen_tls_key_file \
    postscreen_tls_loglevel postscreen_tls_loglevel_maps postscreen_tls_mandatory_ciphers \
    postscreen_tls_mandatory_exclude_ciphers postscreen_tls_mandatory_protocols postscreen_tls_protocols \
    postscreen_tls_req_ccert postscreen_tls_trace_size_limit relocated_prefix_enable requiretls_enable \
    requiretls_esmtp_header requiretls_redact_dsn smtp_log_tls_feature_status smtp_requiretls_policy \
    smtp_sasl_password_result_delimiter smtp_tls_enable_rpk smtp_tls_enforce_sts_mx_patterns \
    smtp_tls_loglevel_maps smtp_tls_trace_size_limit smtp_tlsrpt_enable smtp_tlsrpt_skip_reused_handshakes \
    smtp_tlsrpt_socket_name smtpd_client_ipv4_prefix_length smtpd_client_ipv6_prefix_length \
    smtpd_hide_client_session smtpd_reject_filter_maps smtpd_tls_enable_rpk smtpd_tls_loglevel_maps \
    smtpd_tls_trace_size_limit socketmap_max_query_size socketmap_max_reply_size tls_ffdhe_auto_groups \
    tls_required_enable tls_trace_rate_limit tls_trust_server_ccerts tlsproxy_tls_enable_rpk use_srv_lookup";

/// Parameters that only Posthorn has.
const OURS: &str = "maillog_json_file";

/// Whether a line of a listing is about a parameter that the control does not have.
fn is_newer(line: &str) -> bool {
    NEWER.split(' ').chain(OURS.split(' ')).any(|name| line.split(' ').next() == Some(name))
}

/// All defaults, those of services included.
#[test]
fn defaults_are_those_of_the_control() {
    let services =
        "one unix - - n - - smtp\ntwo unix - - n - - pipe\nlocal unix - n n - - local\nx unix - - n - - spawn\n";
    let (ours, genuine) = (subject::ours("postconf"), subject::genuine("postconf"));
    if !genuine.exists() || !ours.exists() {
        tests::skip!("there are no two programs to compare");
    }
    let place = tempfile::tempdir().expect("a directory");
    for arguments in [vec!["-d"], vec!["-df"], vec!["-dH"], vec!["-dC", "service"], vec![]] {
        let case = Case { main_cf: String::new(), master_cf: services.into(), arguments };
        let shown = |program: &Path| {
            let seen = observe(program, place.path(), &case);
            assert_eq!((seen.status, seen.stderr.len()), (0, 0), "{:?}", seen.stderr);
            seen.stdout
        };
        let (ours, genuine) = (shown(&ours), shown(&genuine));
        // A folded line belongs to the name before it.
        let mut newer = false;
        let ours = ours.lines().filter(|line| {
            newer = is_newer(line) || newer && line.starts_with(' ');
            !newer
        });
        let ours: Vec<&str> = ours.collect();
        assert_eq!(ours.len(), genuine.lines().count(), "{:?}", case.arguments);
        let is_named = |line: &str| OF_THE_BUILD.iter().any(|name| line.split(' ').next() == Some(name));
        for (ours, genuine) in ours.into_iter().zip(genuine.lines()).filter(|(_, line)| !is_named(line)) {
            assert_eq!(ours, genuine, "{:?}", case.arguments);
        }
    }
}
