//! Edits beside what Postfix 3.7.11 made of the same ones, record by record.

use std::io::Cursor;

use super::super::*;
use crate::{Reader, Writer};

/// The message of the examples below, as Postfix 3.7.11 writes it.
fn example() -> Editor<Cursor<Vec<u8>>> {
    let mut out = Writer::new(Vec::new());
    let dummy = pointer_payload(0);
    let records: [(u8, &[u8]); 33] = [
        (b'C', b"            208             318               2               0             208               0"),
        (b'T', b"1700000000 1"),
        (b'A', b"create_time=1795530262"),
        (b'S', b"al@x.org"),
        (b'p', b"    0"),
        (b'A', b"dsn_orig_rcpt=rfc822;bob@example.net"),
        (b'O', b"bob@example.net"),
        (b'R', b"bob@example.net"),
        (b'A', b"dsn_orig_rcpt=rfc822;carl@example.net"),
        (b'O', b"carl@example.net"),
        (b'R', b"carl@example.net"),
        (b'p', &dummy),
        (b'M', b""),
        (b'N', b"Received: x"),
        (b'w', b" 0"),
        (b'N', b"Subject: hi"),
        (b'w', b" 0"),
        (b'N', b"X-A: one"),
        (b'w', b"    0"),
        (b'N', b"\tmore"),
        (b'N', b"X-A: two"),
        (b'w', b"    0"),
        (b'N', b"Message-Id: <a@b>"),
        (b'N', b"Date: now"),
        (b'w', b"   0"),
        (b'N', b"From: al@x.org"),
        (b'w', b"0"),
        (b'p', &dummy),
        (b'N', b""),
        (b'N', b"hello"),
        (b'N', b"world of text that is long enough"),
        (b'p', &dummy),
        (b'X', b""),
    ];
    for (record_type, payload) in records {
        out.put(RecordType(record_type), payload).unwrap();
    }
    out.put(RecordType::POINTER, &dummy).unwrap();
    out.put(RecordType::END, b"").unwrap();
    let places = Places {
        sender: 135..152,
        recipients: Spot::new(299),
        content: 318,
        headers: Spot::new(448),
        extracted: 526,
        fate: Spot::new(528),
    };
    Editor::new(Cursor::new(out.into_inner().unwrap()), places, 2048).unwrap()
}

/// Records as they stand in the file, from an offset on, up to the first that no longer makes sense.
fn raw(editor: &Editor<Cursor<Vec<u8>>>, from: usize) -> Vec<String> {
    let mut reader = Reader::new(&editor.file.get_ref()[from..], "file", 0);
    let mut lines = Vec::new();
    while let Ok(Some(found)) = reader.next_raw() {
        let offset = from as u64 + found.offset;
        let payload = found.payload.to_string();
        lines.push(format!("{offset} {} {}", char::from(found.record_type.0), payload.trim_start_matches(' ')));
    }
    lines
}

fn assert_has(editor: &Editor<Cursor<Vec<u8>>>, from: usize, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(|line| line.trim_start_matches(' ')).collect();
    let found = raw(editor, from);
    assert_eq!(found[..expected.len().min(found.len())], expected);
}

#[test]
fn a_file_without_room_stays_as_it_is() {
    let whole = example().into_inner().into_inner();
    let places = Places { sender: 135..145, extracted: 470, ..example().places };
    let mut editor = Editor::new(Cursor::new(whole.clone()), places, 2048).unwrap();
    assert!(matches!(editor.replace_body(), Err(EditError::NoRoom(465))));
    assert!(matches!(editor.change_sender(&[], b"x", &[]), Err(EditError::NoRoom(135))));
    assert_eq!(editor.into_inner().into_inner(), whole);
}

#[test]
fn as_postfix_adds() {
    let mut editor = example();
    editor.add_header(b"X-Spam: no").unwrap();
    let dora = b"dora@example.com";
    editor.add_recipient(&[(RecordType::ORIGINAL_RECIPIENT, dora), (RecordType::RECIPIENT, dora)]).unwrap();
    editor.add_header(b"X-Tw: 1").unwrap();
    assert_has(&editor, 299, "299 p 581");
    assert_has(&editor, 448, "448 p 547");
    assert_has(
        &editor,
        545,
        "545 E 
        547 N X-Spam: no
        559 w 0
        564 p 634
        581 O dora@example.com
        599 R dora@example.com
        617 p 316
        634 N X-Tw: 1
        643 w 0
        651 p 465",
    );
    assert_eq!(editor.content_length(), 208);
}

#[test]
fn as_postfix_inserts() {
    let mut editor = example();
    editor.insert_header(1, b"X-I: first").unwrap();
    editor.insert_header(3, b"X-J: third").unwrap();
    editor.insert_header(0, b"X-K: zero").unwrap();
    editor.insert_header(99, b"X-L: last").unwrap();
    assert_has(&editor, 318, "318 p 632\n335 p 547\n352 N X-A: one");
    assert_has(&editor, 448, "448 p 683");
    assert_has(
        &editor,
        547,
        "547 N X-I: first
        559 w 0
        564 N Subject: hi
        577 w 0
        581 p 598
        598 N X-J: third
        610 w 0
        615 p 352
        632 N X-K: zero
        643 w 0
        649 N Received: x
        662 w 0
        666 p 335
        683 N X-L: last
        694 w 0
        700 p 465",
    );
}

#[test]
fn as_postfix_changes_headers() {
    let mut editor = example();
    editor.change_header(1, b"X-A", b"X-A: ONE").unwrap();
    assert!(editor.delete_header(2, b"x-a").unwrap());
    editor.change_header(1, b"X-New", b"X-New: n").unwrap();
    editor.change_header(1, b"Subject", b"Subject: new\n\tfolded").unwrap();
    editor.insert_header(2, b"X-I: i").unwrap();
    assert_has(&editor, 335, "335 p 615\n352 p 547\n369 N \tmore\n376 p 393\n393 N Message-Id: <a@b>");
    assert_has(&editor, 448, "448 p 581");
    assert_has(
        &editor,
        547,
        "547 N X-A: ONE
        557 w 0
        564 p 376
        581 N X-New: n
        591 w 0
        598 p 465
        615 N Subject: new
        629 w 0
        632 N \tfolded
        641 p 658
        658 N X-I: i
        666 w 0
        675 p 547",
    );
}

#[test]
fn as_postfix_deletes_headers() {
    let mut editor = example();
    assert!(editor.delete_header(1, b"Subject").unwrap());
    assert!(editor.delete_header(1, b"X-A").unwrap());
    editor.insert_header(1, b"X-I: i").unwrap();
    assert!(editor.delete_header(1, b"X-A").unwrap());
    editor.insert_header(2, b"X-J: j").unwrap();
    assert!(!editor.delete_header(1, b"Received").unwrap());
    assert_has(&editor, 335, "335 p 352\n352 p 547\n369 N \tmore\n376 p 581\n393 N Message-Id: <a@b>");
    assert_has(&editor, 547, "547 N X-I: i\n555 w 0\n564 p 376\n581 N X-J: j\n589 w 0\n598 p 393");
}

#[test]
fn as_postfix_changes_what_it_inserted() {
    let mut editor = example();
    editor.insert_header(1, b"X-I: i").unwrap();
    assert!(editor.delete_header(1, b"X-I").unwrap());
    editor.insert_header(1, b"X-J: j").unwrap();
    editor.change_header(1, b"Received", b"Received: no").unwrap();
    editor.change_header(1, b"Received", b"Received: zz").unwrap();
    assert_has(&editor, 335, "335 p 547");
    assert_has(&editor, 448, "448 p 632");
    assert_has(
        &editor,
        547,
        "547 p 598
        564 N Subject: hi
        577 w 0
        581 p 352
        598 N X-J: j
        606 w 0
        615 p 564
        632 p 666
        649 p 465
        666 N Received: zz
        680 w 0
        683 p 649",
    );
}

#[test]
fn as_postfix_changes_the_envelope() {
    let mut editor = example();
    editor.change_sender(&[], b"new@x.org", &[]).unwrap();
    editor.change_sender(&[], b"longer.sender@example.org", &[]).unwrap();
    assert_eq!(editor.delete_recipient(b"bob@example.net").unwrap(), 1);
    assert_has(&editor, 135, "135 p 547");
    assert_has(&editor, 207, "207 / bob@example.net\n224 A dsn_orig_rcpt=rfc822;carl@example.net");
    assert_has(&editor, 547, "547 p 581\n564 p 152\n581 S longer.sender@example.org\n608 p 564");
    editor.add_fate(&[(RecordType::FILTER, b"x:y")]).unwrap();
    assert_has(&editor, 528, "528 p 625");
    assert_has(&editor, 625, "625 L x:y\n630 p 545");
}

#[test]
fn as_postfix_replaces_bodies() {
    let replace = |editor: &mut Editor<_>, lines: &[&str]| {
        let mut body = editor.replace_body().unwrap();
        lines.iter().for_each(|line| body.put_line(line.as_bytes()).unwrap());
        body.finish().unwrap();
    };
    let mut editor = example();
    replace(&mut editor, &["short", "body"]);
    assert_has(&editor, 448, "448 p 465\n465 N \n467 N short\n474 N body\n480 p 526");
    assert_eq!((editor.content_length(), editor.file.get_ref().len()), (162, 547));

    let mut editor = example();
    let lines = ["a much longer body than before with text", "line 2 which is long as well, too long for it", "third"];
    replace(&mut editor, &lines);
    editor.add_header(b"X-S: 1").unwrap();
    assert_has(&editor, 448, &format!("448 p 618\n465 N \n467 N {}\n509 p 547\n526 X ", lines[0]));
    assert_has(&editor, 547, &format!("547 N {}\n594 N third\n601 p 526\n618 N X-S: 1\n626 w 0\n635 p 465", lines[1]));
    assert_eq!(editor.content_length(), 245);

    // All that was used for a body before is used again.
    replace(&mut editor, &["x"; 40]);
    assert_has(&editor, 448, "448 p 618");
    let end = editor.file.get_ref().len();
    replace(&mut editor, &["y"; 40]);
    assert_eq!(editor.file.get_ref().len(), end);
}
