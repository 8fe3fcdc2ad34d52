//! Whole messages, from the client's records to the queue file's.

use std::io::Cursor;
use std::time::{Duration, UNIX_EPOCH};

use address::Rewriter;
use bstr::BString;
use config::Config;
use ipc::bounce::Recipient;
use ipc::{Stats, Unreachable};
use proptest::prelude::*;
use queue::{Created, QueueId, Reader};
use table::{Settings, Tables};

use super::*;

/// A mail system whose domain is example.com (mail.example.org in the worked example), and whose time stands still.
#[derive(Debug)]
pub struct Mock {
    domain: &'static str,
    now: SystemTime,
    traced: Vec<Recipient>,
    verified: Vec<Recipient>,
}

impl Default for Mock {
    fn default() -> Mock {
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        Mock { domain: "example.com", now, traced: Vec::new(), verified: Vec::new() }
    }
}

impl Rewriter for Mock {
    fn rewrite(&mut self, rule: &str, address: &[u8]) -> Result<BString, Unreachable> {
        let domain = if rule == "local" { self.domain } else { "remote.invalid" };
        let is_complete = address.contains(&b'@') || address == b"\"\"";
        Ok(if is_complete { address.into() } else { [address, b"@", domain.as_bytes()].concat().into() })
    }
}

impl World for Mock {
    fn now(&self) -> SystemTime {
        self.now
    }

    fn rewriter(&mut self) -> &mut dyn Rewriter {
        self
    }

    fn trace_expansion(&mut self, _queue_id: &[u8], _stats: &Stats, recipient: &Recipient) -> bool {
        self.traced.push(recipient.clone());
        true
    }

    fn verify_expansion(&mut self, _queue_id: &[u8], _stats: &Stats, recipient: &Recipient) -> bool {
        self.verified.push(recipient.clone());
        true
    }
}

/// What became of a message.
struct Outcome {
    finished: Finished,
    bytes: Vec<u8>,
    mock: Mock,
}

fn run_bytes(parameters: &[(&str, &str)], flags: i32, records: &[(u8, Vec<u8>)], mut mock: Mock) -> Outcome {
    let defaults = [("myhostname", "mail.example.com"), ("myorigin", "example.com"), ("recipient_delimiter", "+")];
    let config = Config::for_tests(&[&defaults[..], parameters].concat());
    let site = Site::new(&Tables::new(Settings::default()), &config).unwrap();
    let created = Created {
        id: QueueId::parse("676205D2C1").unwrap(),
        path: "incoming/676205D2C1".into(),
        time: UNIX_EPOCH + Duration::new(1_795_499_046, 423_456_000),
    };
    let mut file = Cursor::new(Vec::new());
    let mut message = Message::new(&site, &mut mock, &mut file, &created, flags);
    for (record_type, payload) in records {
        if !message.is_off() {
            message.take(RecordType(*record_type), payload);
        }
    }
    let finished = message.finish();
    Outcome { finished, bytes: file.into_inner(), mock }
}

/// Records as lines of `<type> <payload>`; `^I` is a tab, `^J` a newline.
fn parse(text: &str) -> Vec<(u8, Vec<u8>)> {
    let record = |line: &str| {
        let payload = line.get(2..).unwrap_or_default().replace("^I", "\t").replace("^J", "\n");
        (line.as_bytes()[0], payload.into_bytes())
    };
    text.lines().map(str::trim_start).filter(|line| !line.is_empty()).map(record).collect()
}

fn run(parameters: &[(&str, &str)], flags: i32, text: &str) -> Outcome {
    run_bytes(parameters, flags, &parse(text), Mock::default())
}

impl Outcome {
    /// The queue file's records after the first, as lines.
    fn lines(&self) -> Vec<String> {
        let mut reader = Reader::new(Cursor::new(&self.bytes), "file", 0);
        let mut lines = Vec::new();
        while let Some(record) = reader.next_raw().unwrap() {
            let kind = char::from(record.record_type.0);
            lines.push(format!("{kind} {}", record.payload).trim_end().replace('\t', "^I"));
        }
        lines.into_iter().skip(1).collect()
    }

    /// Those of the records that begin with one of these types.
    fn only(&self, types: &str) -> Vec<String> {
        self.lines().into_iter().filter(|line| types.contains(&line[..1])).collect()
    }
}

const MAP: i32 = flag::MAP_OK;

/// A message from this machine to `recipients` (records), with headers and body.
fn local(recipients: &str, content: &str) -> String {
    format!("T 1700000000 123456\nS ann\n{recipients}\nM\nN Received: by x\n{content}\nX\nE\n")
}

/// As [`local`], from another machine.
fn remote(content: &str) -> String {
    format!("T 1700000000 1\nA rewrite_context=remote\nS ann@a.example\nR bob\nM\nN Received: by x\n{content}\nX\nE\n")
}

/// queue-files §4.5.
#[test]
fn the_worked_example_byte_for_byte() {
    let records = "T 1795499046 271828
        A rewrite_context=local
        F Alice Example
        S alice
        R bob@example.net
        M
        N Received: by mail.example.org (Postfix, from userid 1000)
        N ^Iid 676205D2C1; Tue, 24 Nov 2026 05:44:06 +0000 (UTC)
        N Subject: hi
        N
        N hello
        X
        E";
    let now = UNIX_EPOCH + Duration::from_secs(1_795_499_046);
    let mock = Mock { domain: "mail.example.org", now, ..Mock::default() };
    let parameters = [("myhostname", "mail.example.org")];
    let outcome = run_bytes(&parameters, flag::EXTERNAL, &parse(records), mock);
    assert_eq!(outcome.finished.status, 0);
    let mut expected = Vec::new();
    let mut put = |kind: u8, payload: &str| {
        expected.extend([kind, u8::try_from(payload.len()).unwrap()]);
        expected.extend(payload.as_bytes());
    };
    put(b'C', &format!("{:15} {:15} {:15} {:15} {:15} {:15}", 285, 276, 1, 0, 285, 0));
    put(b'T', "1795499046 271828");
    put(b'A', "create_time=1795499046");
    put(b'A', "rewrite_context=local");
    put(b'F', "Alice Example");
    put(b'S', "alice@mail.example.org");
    put(b'A', "dsn_orig_rcpt=rfc822;bob@example.net");
    put(b'O', "bob@example.net");
    put(b'R', "bob@example.net");
    put(b'M', "");
    put(b'N', "Received: by mail.example.org (Postfix, from userid 1000)");
    put(b'N', "\tid 676205D2C1; Tue, 24 Nov 2026 05:44:06 +0000 (UTC)");
    put(b'N', "Subject: hi");
    put(b'N', "Message-Id: <20261124054406.676205D2C1@mail.example.org>");
    put(b'N', &format!("Date: {}", text::date::header_date(now)));
    put(b'N', "From: Alice Example <alice@mail.example.org>");
    put(b'N', "");
    put(b'N', "hello");
    put(b'X', "");
    put(b'E', "");
    assert_eq!(outcome.bytes.as_slice(), expected.as_slice());
}

/// cleanup-rewrite §19.4.
#[test]
fn mail_of_a_remote_client() {
    let records = "T 1700000000 123456
        A rewrite_context=remote
        S ann@a.example
        A log_client_name=client.a.example
        A log_protocol_name=ESMTP
        R bob@example.com
        M
        N Received: from a.example (client.a.example [192.0.2.7])
        N ^Iby mail.example.com (Postfix) with ESMTP id 4B2C61A0F3
        N Subject: hi
        N
        N text
        X
        E";
    let outcome = run(&[], 178, records);
    let expected = "T 1700000000 123456
        A create_time=1700000000
        A rewrite_context=remote
        S ann@a.example
        A log_client_name=client.a.example
        A log_protocol_name=ESMTP
        A dsn_orig_rcpt=rfc822;bob@example.com
        O bob@example.com
        R bob@example.com
        M
        N Received: from a.example (client.a.example [192.0.2.7])
        N ^Iby mail.example.com (Postfix) with ESMTP id 4B2C61A0F3
        N Subject: hi
        N
        N text
        X
        E";
    let expected: Vec<&str> = expected.lines().map(str::trim_start).collect();
    assert_eq!(outcome.lines(), expected);
    assert_eq!((outcome.finished.status, outcome.finished.reason.as_slice()), (0, &b""[..]));
}

#[test]
fn the_example_of_aliases() {
    let table = "inline:{ {list@example.com = ann@a.example, bob@b.example} {bob@b.example = bobby@c.example} }";
    let outcome = run(&[("virtual_alias_maps", table)], MAP, &local("R list@example.com", "N"));
    let expected = [
        "A create_time=1700000000",
        "A dsn_orig_rcpt=rfc822;list@example.com",
        "O list@example.com",
        "R ann@a.example",
        "A dsn_orig_rcpt=rfc822;list@example.com",
        "O list@example.com",
        "R bobby@c.example",
    ];
    assert_eq!(outcome.only("AOR"), expected);
}

#[test]
fn recipients_are_completed_and_remember_what_they_were() {
    let outcome = run(&[], MAP, &local("R bob\nR \nR bob", "N"));
    assert_eq!(outcome.only("OR"), ["O bob", "R bob@example.com", "O", "R MAILER-DAEMON@example.com"]);
    assert_eq!(run(&[], MAP, "T 1\nS mailer-DAEMON@example.com\nR a").only("S"), ["S"]);
}

#[test]
fn the_same_result_by_two_ways() {
    let aliases = ("virtual_alias_maps", "inline:{ a=c@x.example, b=c@x.example }");
    assert_eq!(run(&[aliases], MAP, &local("R a\nR b", "N")).only("R").len(), 2);
    let forgetful = ("enable_original_recipient", "no");
    assert_eq!(run(&[aliases, forgetful], MAP, &local("R a\nR b", "N")).only("R").len(), 1);
}

#[test]
fn an_alias_loop_is_not_accepted() {
    let outcome = run(&[("virtual_alias_maps", "inline:{ a=b, b=a }")], MAP, &local("R a", "N"));
    assert_eq!(outcome.finished.status, status::DEFER);
    assert_eq!(outcome.finished.reason, "4.6.0 Alias expansion error");
    let outcome = run(&[("virtual_alias_maps", "fail:x")], MAP, &local("R a", "N"));
    assert_eq!(outcome.finished.status, status::WRITE);
}

#[test]
fn who_wants_to_hear_of_success_hears_of_the_alias() {
    let aliases = ("virtual_alias_maps", "inline:{ {a = b@x, c@x} }");
    let outcome = run(&[aliases], MAP, &local("A notify_flags=2\nR a", "N"));
    assert_eq!(outcome.mock.traced[0].address, "a@example.com");
    assert!(outcome.finished.is_traced);
    assert_eq!(outcome.only("A")[1], "A notify_flags=1");
    let outcome = run(&[aliases], MAP, &local("A notify_flags=6\nR a", "N"));
    assert_eq!(outcome.only("A")[1], "A notify_flags=4");
    assert!(outcome.bytes.windows(4).any(|bytes| bytes == b" 12 "), "the queue manager knows all wishes");
}

#[test]
fn a_probe_of_an_alias_ends_here() {
    let aliases = ("virtual_alias_maps", "inline:{ {a = b@x, c@x} }");
    let outcome = run(&[aliases], MAP, &format!("A trace_flags=256\n{}", local("R a", "N")));
    assert_eq!(outcome.mock.verified.len(), 1);
    assert_eq!((outcome.only("R").len(), outcome.finished.status), (0, 0));
}

#[test]
fn copies() {
    let tables = [("sender_bcc_maps", "inline:{ann@example.com=s}"), ("recipient_bcc_maps", "inline:{bob=r}")];
    let parameters = [&tables[..], &[("always_bcc", "all")]].concat();
    let outcome = run(&parameters, MAP | flag::BCC_OK, &local("R bob\nR carl", "N"));
    let expected = [
        "S ann@example.com",
        "O s@example.com",
        "R s@example.com",
        "O bob",
        "R bob@example.com",
        "O r@example.com",
        "R r@example.com",
        "O carl",
        "R carl@example.com",
        "X",
        "O all@example.com",
        "R all@example.com",
    ];
    assert_eq!(outcome.only("SORX"), expected);
    assert_eq!(run(&parameters, MAP, &local("R bob", "N")).only("R"), ["R bob@example.com"]);
}

#[test]
fn canonical_mapping_and_masquerading() {
    let table = ("canonical_maps", "inline:{ @old.example=@new.example, ann=boss@m.example.net }");
    let masquerade = ("masquerade_domains", "example.net");
    let outcome = run(&[table, masquerade], MAP, &local("R a+b@old.example\nR x@m.example.net", "N To: a@old.example"));
    assert_eq!(outcome.only("SR"), ["S boss@example.net", "R a+b@new.example", "R x@m.example.net"]);
    assert!(outcome.lines().contains(&"N To: a@new.example".into()));
    assert!(outcome.lines().contains(&"N From: boss@example.net".into()));
}

fn refused(text: &str) -> bool {
    let outcome = run(&[], MAP, text);
    outcome.finished.status == status::BAD
}

#[test]
fn bad_envelopes_are_refused() {
    assert!(refused("T 1\nR a"));
    assert!(refused("S a\nR a"));
    assert!(refused("T x\nS a\nR a"));
    assert!(refused("S a\nS a"));
    assert!(refused("p 0"));
    assert!(refused("N x"));
    assert!(refused("A x"));
    assert!(refused("A =x"));
    assert!(refused("A rewrite_context=x"));
    assert!(refused("A trace_flags=-1"));
    assert!(refused("A ret_flags=3"));
    assert!(refused("A envelope_id=a\u{1}b"));
    assert!(refused("T 1\nS a\nR a\nM\nE"));
    assert!(refused("T 1\nS a\nR a\nM\nN Received: x\nX\nN x"));
    assert!(refused("T 1\nS a\nR a\nM\nN Subject: x\nN\nX\nE"));
    let many: String = (0..101).map(|number| format!("A x{number}=y\n")).collect();
    assert!(refused(&many));
}

#[test]
fn no_recipients() {
    let finished = run(&[], MAP | flag::BOUNCE, &local("", "N")).finished;
    assert_eq!(finished.status, status::RCPT);
    assert!(!finished.is_returnable());
}

#[test]
fn too_many_hops() {
    let text = |hops: usize| local("R bob", &"N Received: x\n".repeat(hops - 1));
    assert_eq!(run(&[], MAP, &text(49)).finished.status, 0);
    let finished = run(&[], MAP | flag::BOUNCE, &text(50)).finished;
    assert_eq!(finished.status, status::HOPS);
    assert!(finished.is_returnable());
}

#[test]
fn headers_that_stay_and_headers_that_change() {
    let headers = |text: String| run(&[], MAP, &text).only("N");
    let untouched = "N To: ann@a.example,bob@b.example (B)";
    assert_eq!(headers(local("R bob", untouched))[1], untouched);
    assert_eq!(headers(local("R bob", "N To: ann,bob@b.example"))[1], "N To: ann@example.com, bob@b.example");
    assert_eq!(headers(remote("N To: ann"))[1], "N To: ann");
    assert_eq!(headers(local("R bob", "N Subject : x"))[1], "N Subject: x");
    assert!(!headers(local("R bob", "N Bcc: x@y\nN Return-Path: <a@b>")).iter().any(|line| line.contains("Bcc")));
    assert_eq!(
        headers(local("R bob", "N Subject: x\nN body"))[2..],
        [
            "N Message-Id: <20261124054406.676205D2C1@mail.example.com>",
            "N Date: Tue, 14 Nov 2023 22:13:20 +0000 (UTC)",
            "N From: ann@example.com",
            "N",
            "N body"
        ]
    );
}

/// cleanup-rewrite §4.3.
#[test]
fn the_example_of_folding() {
    let content = "N TO : Ann Long-Name <ann>, \"Bob, the builder\" <bob@b.example>, carol (C. Arol), \
                   dave.the.fourth@department.example.net, Eve <eve>,\nN ^Ifriends: frank, gina;, undisclosed:;";
    let outcome = run(&[], MAP, &local("R bob", content));
    let expected = [
        "N TO: Ann Long-Name <ann@example.com>,",
        "N ^I\"Bob, the builder\" <bob@b.example>, carol@example.com (C. Arol),",
        "N ^Idave.the.fourth@department.example.net, Eve <eve@example.com>,",
        "N ^Ifriends: frank@example.com, gina@example.com;, undisclosed: ;",
    ];
    assert_eq!(outcome.only("N")[1..5], expected);
}

#[test]
fn long_headers_are_cut() {
    let (a, b, c) = ("a".repeat(50), "b".repeat(50), "c".repeat(50));
    let content = format!("N X-Long: {a}\nN  {b}\nN  {c}");
    let lines = |limit: &str| run(&[("header_size_limit", limit)], MAP, &local("R bob", &content)).only("N");
    assert_eq!(lines("112")[1..3], [format!("N X-Long: {a}"), format!("N  {b}")]);
    assert!(lines("112")[3].starts_with("N Message-Id"));
    assert_eq!(lines("130")[3], format!("N  {}", "c".repeat(18)));
}

#[test]
fn resent_messages_get_resent_headers() {
    let lines = run(&[], MAP, &local("R bob", "N Resent-To: x@y")).only("N");
    let names: Vec<&str> = lines[2..5].iter().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(names, ["N Resent-Message-Id", "N Resent-Date", "N Resent-From"]);
}

#[test]
fn the_encoding_is_learned() {
    let outcome = run(&[], MAP, &local("R bob", "N Content-Transfer-Encoding: 8BIT"));
    assert_eq!(outcome.lines().iter().rev().take(3).collect::<Vec<_>>(), ["E", "A encoding=8bit", "X"]);
    assert_eq!(outcome.finished.encoding, "8bit");
}

#[test]
fn smtputf8_is_detected() {
    let text = local("R bob", "N Subject: Grüße");
    let enabled = [("smtputf8_enable", "yes")];
    assert_eq!(run(&enabled, MAP | flag::AUTOUTF8, &text).finished.smtputf8, utf8::REQUESTED | utf8::HEADER);
    assert_eq!(run(&enabled, MAP, &text).finished.smtputf8, utf8::HEADER);
    assert_eq!(run(&[("smtputf8_enable", "no")], MAP, &text).finished.smtputf8, 0);
    let outcome = run(&enabled, MAP | flag::AUTOUTF8, &local("R jörg@x", "N"));
    assert_eq!(outcome.only("A")[1], "A dsn_orig_rcpt=utf-8;jörg@x");
}

#[test]
fn places_for_milters() {
    let text = "T 1795499046 271828
        S al@x.org
        R bob@example.net
        M
        N Received: x
        N Subject: hi
        N Message-Id: <a@b>
        N Date: now
        N From: al@x.org
        N
        N hello
        X
        E";
    let outcome = run(&[("non_smtpd_milters", "inet:localhost:9")], MAP, text);
    let lines = outcome.lines();
    assert!(lines.contains(&"p     0".into()) && lines.contains(&"w  0".into()), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| *line == "p               0").count(), 4);
    assert_eq!(outcome.finished.status, 0);
    let parameters = [("non_smtpd_milters", "inet:localhost:9")];
    assert_eq!(run(&parameters, MAP | flag::MILTER, text).finished.status, status::DEFER);
    let parameters = [("non_smtpd_milters", "inet:localhost:9"), ("milter_default_action", "accept")];
    assert_eq!(run(&parameters, MAP | flag::MILTER, text).finished.status, 0);
}

#[test]
fn held_and_discarded() {
    assert_eq!(run(&[], MAP, &format!("f 4\n{}", local("R bob", "N"))).finished.flags & flag::HOLD, flag::HOLD);
    let finished = run(&[], MAP, &format!("f 8\n{}", local("R bob", "N"))).finished;
    assert!(finished.is_discarded() && finished.status == 0);
    assert_eq!(run(&[], MAP, &format!("f 16\n{}", local("R bob", "N"))).finished.flags, MAP);
}

#[test]
fn delay_warnings() {
    let delay = ("delay_warning_time", "4h");
    let outcome = run(&[delay], MAP, &local("R bob", "N"));
    assert_eq!(outcome.only("W"), ["W      1700014400"]);
    assert!(run(&[delay], MAP, "T 1\nS \nR bob").only("W").is_empty());
}

#[test]
fn records_among_recipients_are_noted() {
    let flags = |recipients: &str| {
        let outcome = run(&[], MAP, &local(recipients, "N"));
        SizeRecord::parse(&outcome.bytes[2..97]).unwrap().flags
    };
    assert_eq!(flags("R a\nA dsn_orig_rcpt=rfc822;x\nR b"), 0);
    assert_eq!(flags("R a\nA encoding=8bit\nR b"), SizeRecord::MIXED_RECIPIENTS);
}

proptest! {
    #[test]
    fn any_records_are_taken_without_panic(
        flags in 0..1024,
        milters: bool,
        records in proptest::collection::vec(
            (prop_oneof![Just(b'N'), Just(b'L'), Just(b'A'), Just(b'R'), Just(b'M'), Just(b'X'), any::<u8>()],
             prop_oneof![r"[a-zA-Z]{1,9}: ?[a <>@,;()\x22\\]{0,20}", ".{0,30}", r"[a-z_]{1,9}=[0-9a-z]{0,3}"]),
            0..40)
    ) {
        let milter = [("non_smtpd_milters", "inet:localhost:9")];
        let mut all = parse("T 1700000000 1\nS ann");
        all.extend(records.into_iter().map(|(kind, payload)| (kind, payload.into_bytes())));
        let outcome = run_bytes(if milters { &milter } else { &[] }, flags, &all, Mock::default());
        prop_assert!(outcome.finished.status == 0 || !outcome.finished.is_discarded());
        outcome.lines();
    }

    #[test]
    fn any_content_comes_out_as_one_message(
        lines in proptest::collection::vec(prop_oneof!["[a-zA-Z-]{1,9} ?:.{0,80}", "[ \t].{0,30}", ".{0,30}"], 0..20)
    ) {
        let mut records = parse("T 1700000000 1\nS ann\nR bob\nM\nN Received: x");
        records.extend(lines.into_iter().map(|line| (b'N', line.into_bytes())));
        records.extend(parse("X\nE"));
        let outcome = run_bytes(&[], MAP, &records, Mock::default());
        prop_assert_eq!(outcome.finished.status, 0);
        let numbers = SizeRecord::parse(&outcome.bytes[2..97]).unwrap();
        let end = (numbers.data_offset + numbers.size) as usize;
        prop_assert_eq!(&outcome.bytes[end..], b"X\0E\0");
    }
}
