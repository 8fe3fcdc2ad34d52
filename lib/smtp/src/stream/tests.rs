use std::os::unix::net::UnixStream;

use super::*;

fn streams(limit: Duration) -> (Stream, UnixStream) {
    let (ours, theirs) = sys::socket::pair().unwrap();
    (Stream::over_socket(ours, limit), UnixStream::from(theirs))
}

fn second() -> Duration {
    Duration::from_secs(1)
}

fn line(text: &str, ending: Ending) -> Line {
    Line { text: text.into(), ending }
}

#[test]
fn lines_end_in_lf_with_or_without_cr() {
    let (mut stream, mut peer) = streams(second());
    peer.write_all(b"one\r\ntwo\nthr\ree\r\r\nfour").unwrap();
    drop(peer);
    assert_eq!(stream.line(100).unwrap(), line("one", Ending::CrLf));
    assert_eq!(stream.line(100).unwrap(), line("two", Ending::Lf));
    assert_eq!(stream.line(100).unwrap(), line("thr\ree\r", Ending::CrLf));
    assert!(matches!(stream.line(100), Err(Fault::Lost)));
}

#[test]
fn long_lines_come_in_pieces() {
    let (mut stream, mut peer) = streams(second());
    peer.write_all(b"12345678\r\n1234\r\n12345\r\n").unwrap();
    assert_eq!(stream.line(5).unwrap(), line("12345", Ending::Open));
    assert_eq!(stream.line(5).unwrap(), line("678", Ending::CrLf));
    assert_eq!(stream.line(5).unwrap(), line("1234", Ending::CrLf));
    assert_eq!(stream.line(5).unwrap(), line("12345", Ending::Open));
    assert_eq!(stream.line(5).unwrap(), line("", Ending::CrLf));
}

#[test]
fn the_rest_of_a_line_is_skipped_within_limits() {
    let (mut stream, mut peer) = streams(second());
    peer.write_all(b"123456789\nnext\n").unwrap();
    assert!(!stream.skip_line(5).unwrap());
    assert!(stream.skip_line(5).unwrap());
    assert_eq!(stream.line(100).unwrap(), line("next", Ending::Lf));
}

#[test]
fn silence_ends_in_a_timeout() {
    let (mut stream, _peer) = streams(Duration::from_millis(20));
    assert!(matches!(stream.line(100), Err(Fault::Timeout)));
    stream.start_budget(0);
    assert!(matches!(stream.line(100), Err(Fault::Timeout)));
    assert!(matches!(stream.line(100), Err(Fault::Timeout)));
}

#[test]
fn a_budget_is_spent_over_many_reads() {
    let (mut stream, mut peer) = streams(Duration::from_millis(300));
    stream.start_budget(0);
    let feeder = std::thread::spawn(move || {
        for _ in 0..50 {
            std::thread::sleep(Duration::from_millis(20));
            if peer.write_all(b"x").is_err() {
                return;
            }
        }
    });
    assert!(matches!(stream.line(100), Err(Fault::Timeout)));
    drop(stream);
    feeder.join().unwrap();
}

#[test]
fn replies_are_sent_before_a_wait_for_input() {
    let (mut stream, mut peer) = streams(second());
    stream.write(b"250 Ok\r\n").unwrap();
    assert!(stream.has_output());
    peer.write_all(b"QUIT\r\n").unwrap();
    stream.line(100).unwrap();
    let mut reply = [0; 8];
    peer.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"250 Ok\r\n");
}

#[test]
fn a_peer_that_takes_nothing_ends_in_a_timeout() {
    let (mut stream, _peer) = streams(Duration::from_millis(20));
    let block = vec![b'x'; BUFFER_SIZE];
    assert!(matches!((0..1000).try_for_each(|_| stream.write(&block)), Err(Fault::Timeout)));
}

#[test]
fn input_can_be_stopped() {
    let (mut stream, mut peer) = streams(second());
    peer.write_all(b"one\r\ntwo\r\n").unwrap();
    stream.line(100).unwrap();
    assert!(stream.has_input());
    stream.stop_input();
    assert!(matches!(stream.line(100), Err(Fault::Lost)));
}
