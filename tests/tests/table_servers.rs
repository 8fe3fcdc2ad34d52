//! Tables that are asked over a socket: tcp and socketmap (tables §4.15, §4.16, checklist 34 and 35).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use tests::{Instance, Output, require_instances};

/// A server on a port of its own, which handles its connections one after the other, each with its number.
fn serve(handle: impl Fn(usize, &TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    // The thread ends with the process.
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            handle(number, &stream);
        }
    });
    address
}

/// Answers lines with lines, until the client goes or there is no answer.
fn answer_lines(mut stream: &TcpStream, answer: impl Fn(&str) -> Option<&'static str>) {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    for line in lines {
        let Some(reply) = answer(&line) else { return };
        if stream.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

fn tcp_server() -> SocketAddr {
    serve(|_, stream| {
        answer_lines(stream, |line| {
            Some(match line {
                "get a%20b%25" => "200 x%0Ay%25\n",
                "get busy" => "400 busy\n",
                "get strange" => "300 what\n",
                "get broken" => "200 %zz\n",
                _ => "500 no\n",
            })
        });
    })
}

fn ask(instance: &Instance, table: &str, key: &str) -> Output {
    instance.run("postmap", &["-q", key, table])
}

#[test]
fn a_tcp_server_is_asked_line_by_line() {
    require_instances!();
    let instance = Instance::builder().build();
    let table = format!("tcp:{}", tcp_server());
    assert_eq!(ask(&instance, &table, "a b%").success().stdout, "x\ny%\n");
    let output = ask(&instance, &table, "nothing");
    assert_eq!((output.status, output.stdout.as_str(), output.stderr.as_str()), (1, "", ""));
    for (key, problem) in [("strange", "bad status code: 300 what"), ("broken", "malformed reply: 200 %zz")] {
        let output = ask(&instance, &table, key);
        let place = table.replace("tcp:", "read TCP map reply from ");
        assert!(output.stderr.contains(&format!("warning: {place}: {problem}")), "{output:?}");
        assert_eq!(output.status, 1);
    }
    let output = ask(&instance, &table, "busy");
    assert!(output.stderr.starts_with(&format!("postmap: fatal: table {table}: query error")), "{output:?}");
}

#[test]
fn many_keys_use_one_tcp_connection() {
    require_instances!();
    let instance = Instance::builder().build();
    let address = serve(|number, stream| {
        let first = number == 0;
        answer_lines(stream, |_| Some(if first { "200 first\n" } else { "200 other\n" }));
    });
    let output = instance.run_with("postmap", &["-q", "-", &format!("tcp:{address}")], "a\nb\n").success();
    assert_eq!(output.stdout, "a\tfirst\nb\tfirst\n");
}

/// Checklist 34.
#[test]
fn a_tcp_server_that_closes_is_asked_again() {
    require_instances!();
    let instance = Instance::builder().build();
    let address = serve(|number, stream| {
        let closes = number < 2;
        answer_lines(stream, |_| (!closes).then_some("200 at last\n"));
    });
    let output = ask(&instance, &format!("tcp:{address}"), "x").success();
    assert_eq!(output.stdout, "at last\n");
    let warning = format!("warning: read TCP map reply from {address}: unexpected EOF (");
    assert_eq!(output.stderr.matches(&warning).count(), 2, "{output:?}");
}

/// Reads one netstring.
fn netstring(mut stream: &TcpStream) -> Option<String> {
    let mut length = String::new();
    let mut byte = [0];
    while stream.read(&mut byte).ok()? == 1 && byte != *b":" {
        length.push(char::from(byte[0]));
    }
    let mut payload = vec![0; length.parse::<usize>().ok()? + 1];
    stream.read_exact(&mut payload).ok()?;
    payload.pop();
    String::from_utf8(payload).ok()
}

fn socketmap_server() -> SocketAddr {
    serve(|_, mut stream| {
        while let Some(request) = netstring(stream) {
            let reply = match request.as_str() {
                "virt a@b" => "6:OK c@d,",
                "virt empty" => "3:OK ,",
                "virt temp" => "9:TEMP slow,",
                "virt timeout" => "12:TIMEOUT late,",
                "virt perm" => "7:PERM no,",
                "virt other" => "7:WHAT so,",
                "virt garbage" => "hello",
                "virt close" => return,
                _ => "9:NOTFOUND ,",
            };
            if stream.write_all(reply.as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// Checklist 35.
#[test]
fn a_socketmap_server_is_asked_in_netstrings() {
    require_instances!();
    let instance = Instance::builder().build();
    let table = format!("socketmap:inet:{}:virt", socketmap_server());
    assert_eq!(ask(&instance, &table, "a@b").success().stdout, "c@d\n");
    assert_eq!(ask(&instance, &table, "empty").success().stdout, "\n");
    let output = ask(&instance, &table, "nothing");
    assert_eq!((output.status, output.stderr.as_str()), (1, ""));
    for (key, problem, end) in [
        ("temp", "temporary error: slow", "query error: "),
        ("timeout", "timeout error: late", "query error: "),
        ("perm", "permanent error: no", "query error\n"),
        ("other", "unknown error: so", "query error: "),
    ] {
        let output = ask(&instance, &table, key);
        assert!(output.stderr.contains(&format!("warning: {table} socketmap server {problem}\n")), "{output:?}");
        assert!(output.stderr.contains(&format!("fatal: table {table}: {end}")), "{output:?}");
    }
    for (key, problem) in [("garbage", "input format error"), ("close", "unexpected disconnect")] {
        let output = ask(&instance, &table, key);
        assert!(output.stderr.contains(&format!("warning: table {table} lookup error: {problem}\n")), "{output:?}");
    }
}

#[test]
fn servers_that_are_not_there_and_names_that_are_none() {
    require_instances!();
    let instance = Instance::builder().build();
    for (table, problem) in [
        ("socketmap:unix:/nowhere/socket:m", "connect to /nowhere/socket: No such file or directory\n"),
        ("socketmap:foo", "fatal: socketmap requires server:socketmap argument\n"),
        ("socketmap:foo:x:m", "fatal: invalid transport name: foo in service: foo:x\n"),
        ("tcp:127.0.0.1", "fatal: 127.0.0.1: garbage after numerical service\n"),
    ] {
        let output = ask(&instance, table, "x");
        assert!(output.stderr.contains(problem), "{output:?}");
    }
    for kind in ["tcp:127.0.0.1:1", "socketmap:inet:127.0.0.1:1:m"] {
        let output = instance.run("postmap", &["-d", "x", kind]);
        assert!(output.stderr.contains(&format!("fatal: {kind} map requires O_RDONLY access mode")), "{output:?}");
        let output = instance.run("postmap", &["-s", kind]);
        assert!(output.stderr.contains(&format!("fatal: table {kind}: sequence operation is not supported")));
    }
}
