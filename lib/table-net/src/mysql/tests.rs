//! A connection to a server that follows a script: for ways to log in that the servers of the black-box tests do not have.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread::{self, JoinHandle};

use ring::digest::{Context, SHA256, digest};
use table::client::Endpoint;

use super::connection::{Connection, Encryption, Failure, Login};
use super::option_file::Options;
use super::packet::{frame, read};
use super::{SOCKET, parse_host};
use crate::hosts::Family;

const NONCE: &[u8; 20] = b"abcdefghijklmnopqrst";
const OK: [u8; 7] = [0, 0, 0, 2, 0, 0, 0];

fn greeting(plugin: &str) -> Vec<u8> {
    let mut packet = b"\x0a8.0.0\0\x01\0\0\0".to_vec();
    packet.extend_from_slice(&NONCE[..8]);
    packet.extend(b"\0\xff\xf7\x2d\x02\0\xff\x81\x15");
    packet.extend([0; 10]);
    packet.extend_from_slice(&NONCE[8..]);
    packet.push(0);
    packet.extend_from_slice(plugin.as_bytes());
    packet.push(0);
    packet
}

/// Greets the first client, and lets `act` go on with what it answers.
fn serve(
    socket: &Path,
    plugin: &'static str,
    act: impl FnOnce(&mut UnixStream, Vec<u8>) + Send + 'static,
) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&frame(0, &greeting(plugin))).unwrap();
        let (number, login) = read(&mut stream).unwrap();
        assert_eq!(number, 1);
        act(&mut stream, login);
    })
}

fn connect(socket: &Path, password: &str) -> Result<Connection, Failure> {
    let login = Login {
        user: "me".into(),
        password: password.into(),
        database: "mail".into(),
        charset: "utf8mb4".into(),
        encryption: Encryption::Offered(crate::tls::Settings::default().load().unwrap()),
    };
    Connection::open(&Endpoint::Unix(socket.to_str().unwrap().into()), &login)
}

/// The proof that stands in a login after the user's name.
fn proof_in(login: &[u8]) -> &[u8] {
    let rest = login[32..].strip_prefix(b"me\0").unwrap();
    &rest[1..1 + usize::from(rest[0])]
}

/// Whether a proof is one of `secret`, as a server finds out that has only the digest of its digest.
fn is_good(proof: &[u8]) -> bool {
    let stored = digest(&SHA256, digest(&SHA256, b"secret").as_ref());
    let mut mask = Context::new(&SHA256);
    mask.update(stored.as_ref());
    mask.update(NONCE);
    let mask = mask.finish();
    let once: Vec<u8> = proof.iter().zip(mask.as_ref()).map(|(proof, mask)| proof ^ mask).collect();
    digest(&SHA256, &once).as_ref() == stored.as_ref()
}

#[test]
fn a_server_that_remembers_the_password() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("s");
    let server = serve(&socket, "caching_sha2_password", |stream, login| {
        assert!(is_good(proof_in(&login)));
        stream.write_all(&[frame(2, &[1, 3]), frame(3, &OK)].concat()).unwrap();
        assert_eq!(read(stream).unwrap(), (0, b"\x03SELECT".to_vec()));
        let reply = [&b"\x01"[..], b"\x03def", b"\xfe\0\0\0\0", b"\xfb", b"\x02ab", b"\xfe\0\0\x08\0", &OK];
        let numbered = reply.iter().zip(1..).map(|(packet, number)| frame(number, packet));
        stream.write_all(&numbered.collect::<Vec<_>>().concat()).unwrap();
    });
    let mut connection = connect(&socket, "secret").unwrap();
    let answer = connection.query(b"SELECT").unwrap();
    assert_eq!(answer.rows, [vec![None], vec![Some(b"ab".to_vec())]]);
    assert_eq!(answer.result_sets, 1);
    let mut quoted = Vec::new();
    connection.quote(b"a'\"\\\n\r\0\x1ab", &mut quoted);
    assert_eq!(quoted, b"a\\'\\\"\\\\\\n\\r\\0\\Zb");
    server.join().unwrap();
}

#[test]
fn a_server_that_asks_for_the_password() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("s");
    let server = serve(&socket, "unknown_plugin", |stream, login| {
        assert!(proof_in(&login).is_empty());
        let switch = [&b"\xfecaching_sha2_password\0"[..], NONCE, b"\0"].concat();
        stream.write_all(&frame(2, &switch)).unwrap();
        let (number, proof) = read(stream).unwrap();
        assert!(number == 3 && is_good(&proof));
        stream.write_all(&frame(4, &[1, 4])).unwrap();
        assert_eq!(read(stream).unwrap(), (5, b"secret\0".to_vec()));
        stream.write_all(&frame(6, &OK)).unwrap();
    });
    assert!(connect(&socket, "secret").is_ok());
    server.join().unwrap();
}

#[test]
fn servers_that_are_refused() {
    let switch = |plugin: &'static str| {
        move |stream: &mut UnixStream, _| {
            let packet = [b"\xfe", plugin.as_bytes(), b"\0", NONCE, b"\0"].concat();
            stream.write_all(&frame(2, &packet)).unwrap();
            // Until the client has gone.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    };
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("s");
    let server = serve(&socket, "mysql_native_password", switch("client_ed25519"));
    let problem = connect(&socket, "secret").err().unwrap().to_string();
    assert_eq!(problem, "Authentication plugin 'client_ed25519' cannot be loaded");
    server.join().unwrap();
    let socket = directory.path().join("t");
    let server = serve(&socket, "mysql_native_password", |stream, _| {
        stream.write_all(&frame(2, b"\xff\x15\x04#28000Access denied")).unwrap();
    });
    assert_eq!(connect(&socket, "secret").err().unwrap().to_string(), "Access denied");
    server.join().unwrap();
}

#[test]
fn hosts() {
    let parse = |host: &str| parse_host(host.as_bytes(), &Options::default()).unwrap();
    let place = |host: &str| match parse(host).1.endpoint {
        Endpoint::Unix(path) => path.to_string(),
        Endpoint::Inet { host, port, .. } => format!("{host} {port}"),
    };
    assert_eq!(place("unix:/x"), "/x");
    assert_eq!(place("localhost:1"), SOCKET);
    assert_eq!(place("inet:localhost"), SOCKET);
    assert_eq!(place("inet:db:33"), "db 33");
    assert_eq!(place("db"), "db 3306");
    assert_eq!(place("[::1]:33"), "::1 33");
    assert_eq!(place("::1"), "::1 3306");
    assert_eq!((parse("unix:/x").0, parse("db").0), (Family::Unix, Family::Inet));
    assert!(parse_host(b"foo:", &Options::default()).is_err());
}
