//! A table on a server that follows a script.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bson::{Binary, Document, doc, spec::BinarySubtype};
use ring::{digest, hmac, pbkdf2};
use table::{Error, Flags, Mode, Settings, Table, Tables};

use super::connection::message;

const ROUNDS: std::num::NonZeroU32 = std::num::NonZeroU32::new(4).unwrap();

/// Serves connections, each for so many commands.
fn serve(commands: usize, answer: impl Fn(&Document) -> Document + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    // The threads end with the process.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || {
                for _ in 0..commands {
                    let Some((id, command)) = read(&mut stream) else { break };
                    let mut reply = message(1, &answer(&command).to_vec().unwrap());
                    reply[8..12].copy_from_slice(&id);
                    let _ = stream.write_all(&reply);
                }
            });
        }
    });
    address
}

fn read(stream: &mut TcpStream) -> Option<([u8; 4], Document)> {
    let mut header = [0; 16];
    stream.read_exact(&mut header).ok()?;
    let length = u32::from_le_bytes(header[..4].try_into().ok()?) as usize;
    let mut body = vec![0; length - 16];
    stream.read_exact(&mut body).ok()?;
    Some((header[4..8].try_into().ok()?, Document::from_reader(&body[5..]).ok()?))
}

fn batch(documents: Vec<Document>) -> Document {
    doc! { "cursor": { "id": 0i64, "ns": "mail.users", "firstBatch": documents }, "ok": 1.0 }
}

/// The answers of a server that knows some users, and needs no login.
fn users(command: &Document) -> Document {
    if command.contains_key("hello") {
        return doc! { "isWritablePrimary": true, "ok": 1.0 };
    }
    assert_eq!(command.get_document("projection").unwrap().get_i32("_id").unwrap(), 0);
    match command.get_document("filter").unwrap().get_str("name").unwrap() {
        "ann" => batch(vec![doc! { "to": "no" }, doc! { "to": ["a@x", 5, ["b"]], "n": 7i64, "f": 1.5 }]),
        "many" => batch(vec![doc! { "to": ["a", "b", "c"] }]),
        "o\"neil\\" => batch(vec![doc! { "to": "quoted" }]),
        "bad" => doc! { "ok": 0.0, "errmsg": "no such thing" },
        _ => batch(vec![]),
    }
}

fn open(directory: &std::path::Path, lines: &str) -> Result<Table, table::OpenError> {
    let file = directory.join("t");
    std::fs::write(&file, lines).unwrap();
    let tables =
        Tables::new(Settings::default()).with_kinds(crate::KINDS, config::Config::for_tests(&[]).definitions());
    tables.try_open(format!("mongodb:{}", file.display()).as_bytes(), Flags::FOLD_FIX, Mode::ReadOnly)
}

fn find(table: &Table, key: &str) -> Result<Option<String>, Error> {
    table.lookup(key.as_bytes()).map(|value| value.map(|value| value.to_string()))
}

const COMMON: &str = "dbname = mail\ncollection = users\nquery_filter = {\"name\": \"%u\"}\n";

#[test]
fn documents_become_results() {
    let directory = tempfile::tempdir().unwrap();
    let uri = format!("uri = mongodb://{}\n{COMMON}", serve(100, users));
    let table = open(directory.path(), &format!("{uri}result_attribute = to, n, f\n")).unwrap();
    assert_eq!(find(&table, "Ann@example.com"), Ok(Some("a@x,5,b,7".into())));
    assert_eq!(find(&table, "O\"Neil\\@example.com"), Ok(Some("quoted".into())));
    assert_eq!(find(&table, "other"), Ok(None));
    assert_eq!(find(&table, "@example.com"), Ok(None));
    assert_eq!(find(&table, "bad"), Err(Error::RETRY));
    assert_eq!(find(&table, "ann"), Ok(Some("a@x,5,b,7".into())));
    let limited = "projection = {\"to\": 1}\nexpansion_limit = 2\nresult_format = <%s>\ndomain = example.com\n";
    let table = open(directory.path(), &format!("{uri}{limited}")).unwrap();
    assert_eq!(find(&table, "many@example.com"), Err(Error::RETRY));
    assert_eq!(find(&table, "many"), Ok(None));
}

#[test]
fn a_connection_that_is_lost_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let uri = format!("uri = mongodb://{}\n{COMMON}", serve(2, users));
    let table = open(directory.path(), &format!("{uri}result_attribute = to\n")).unwrap();
    for _ in 0..3 {
        assert_eq!(find(&table, "o\"neil\\"), Ok(Some("quoted".into())));
    }
    let table = open(directory.path(), &format!("uri = mongodb://127.0.0.1:1\n{COMMON}result_attribute = to\n"));
    assert_eq!(find(&table.unwrap(), "ann"), Err(Error::RETRY));
}

/// Plays the server's side of SCRAM-SHA-256 for this password.
fn login(password: &'static str) -> impl Fn(&Document) -> Document {
    let seen = std::sync::Mutex::new(String::new());
    move |command| {
        let payload = || String::from_utf8(command.get_binary_generic("payload").unwrap().clone()).unwrap();
        let reply = |text: String, done: bool| {
            let payload = Binary { subtype: BinarySubtype::Generic, bytes: text.into_bytes() };
            doc! { "conversationId": 1, "done": done, "payload": payload, "ok": 1.0 }
        };
        let mut seen = seen.lock().unwrap();
        if command.contains_key("saslStart") {
            assert_eq!(command.get_str("$db").unwrap(), "admin");
            let first = payload().strip_prefix("n,,").unwrap().to_owned();
            let challenge = format!("{}more,s=c2FsdA==,i={ROUNDS}", first.strip_prefix("n=me,").unwrap());
            *seen = format!("{first},{challenge}");
            return reply(challenge, false);
        }
        if !command.contains_key("saslContinue") {
            return users(command);
        }
        let (without_proof, proof) = payload().split_once(",p=").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let all = format!("{seen},{without_proof}");
        let mut salted = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, b"salt", password.as_bytes(), &mut salted);
        let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
        let client = sign(&salted, b"Client Key");
        let stored = digest::digest(&digest::SHA256, client.as_ref());
        let signature = sign(stored.as_ref(), all.as_bytes());
        let expected: Vec<u8> = client.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        if STANDARD.encode(expected) != proof {
            return doc! { "ok": 0.0, "errmsg": "Authentication failed." };
        }
        let server = sign(sign(&salted, b"Server Key").as_ref(), all.as_bytes());
        reply(format!("v={}", STANDARD.encode(server)), true)
    }
}

#[test]
fn logging_in() {
    let directory = tempfile::tempdir().unwrap();
    let place = serve(100, login("secret"));
    let table = |password: &str| {
        open(directory.path(), &format!("uri = mongodb://me:{password}@{place}\n{COMMON}result_attribute = to\n"))
    };
    assert_eq!(find(&table("secret").unwrap(), "o\"neil\\"), Ok(Some("quoted".into())));
    assert_eq!(find(&table("wrong").unwrap(), "ann"), Err(Error::RETRY));
}

#[test]
fn members_of_a_set() {
    let directory = tempfile::tempdir().unwrap();
    let member = |is_primary: bool| {
        serve(100, move |command| match command.contains_key("hello") {
            true => doc! { "setName": "rs", "isWritablePrimary": is_primary, "secondary": !is_primary, "ok": 1.0 },
            false => batch(vec![doc! { "to": if is_primary { "primary" } else { "secondary" } }]),
        })
    };
    let (one, two) = (member(false), member(true));
    let ask = |options: &str| {
        let table = format!("uri = mongodb://{one},{two}/?{options}\n{COMMON}result_attribute = to\n");
        find(&open(directory.path(), &table).unwrap(), "x")
    };
    assert_eq!(ask("replicaSet=rs"), Ok(Some("primary".into())));
    assert_eq!(ask("readPreference=secondary"), Ok(Some("secondary".into())));
    assert_eq!(ask("directConnection=true"), Ok(Some("secondary".into())));
    assert_eq!(ask("replicaSet=other"), Err(Error::RETRY));
}

#[test]
fn parameters_that_are_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let uri = format!("uri = mongodb://h\n{COMMON}");
    for (lines, problem) in [
        ("", "bad string length 0 < 1: uri = "),
        (uri.as_str(), "specify exactly one of 'projection' or 'result_attribute'"),
        (&format!("{uri}result_attribute = a\nprojection = {{}}\n"), "specify exactly one of"),
        (&format!("{uri}projection = {{\n"), "bad projection '{': "),
        (&format!("{uri}result_attribute = a\nexpansion_limit = 101\n"), "invalid expansion_limit parameter value 101"),
    ] {
        let error = open(directory.path(), lines).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}
