//! Whole messages.

use bstr::{BString, ByteSlice};

use super::*;

const LIMITS: Limits = Limits { boundary_length: 2048, nesting: 100 };

/// Writes down what it is told.
#[derive(Default)]
struct Notes(Vec<String>);

impl Sink for Notes {
    fn header(&mut self, block: Block, text: &[u8]) {
        self.0.push(format!("{block:?} {}", text.as_bstr()));
    }

    fn headers_end(&mut self, block: Block, end: HeadersEnd) {
        if end == HeadersEnd::Text {
            self.0.push(format!("{block:?} ends at text"));
        }
    }

    fn body(&mut self, text: &[u8], end: End, _: u64) {
        self.0.push(format!("{}{}", text.as_bstr(), if end == End::Piece { "\\" } else { "" }));
    }

    fn trouble(&mut self, trouble: Trouble, text: &[u8]) {
        self.0.push(format!("{trouble:?}: {}", text.as_bstr()));
    }
}

fn read_with(options: Options, content: &str) -> Vec<String> {
    let (mut structure, mut notes) = (Structure::new(options), Notes::default());
    for line in content.lines() {
        structure.take(line.as_bytes(), End::Line, &mut notes);
    }
    structure.finish(&mut notes);
    notes.0
}

fn read(content: &str, limits: Option<Limits>) -> Vec<String> {
    read_with(Options::plain(limits), content)
}

#[test]
fn parts_and_messages_inside() {
    let content = "From : a\nContent-Type: multipart/mixed (x);\n boundary=\"b1\"\n\npre\n--b1\nX: y\n\nbody\n--b1x\n\
                   Content-type: message/rfc822\n\nSubject: in\n\ninner\n--b1--\nepilogue\nA: b";
    let expected = [
        "Primary From: a",
        "Primary Content-Type: multipart/mixed (x);\n boundary=\"b1\"",
        "",
        "pre",
        "--b1",
        "Part X: y",
        "",
        "body",
        "--b1x",
        "Part Content-type: message/rfc822",
        "",
        "Nested Subject: in",
        "",
        "inner",
        "--b1--",
        "epilogue",
        "A: b",
    ];
    assert_eq!(read(content, Some(LIMITS)), expected);
    assert_eq!(read(content, None)[5], "X: y");
}

#[test]
fn digests_hold_messages() {
    let content = "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\nb\n--b--";
    assert_eq!(read(content, Some(LIMITS))[4], "Nested Subject: x");
}

#[test]
fn an_outer_boundary_closes_the_inner_ones() {
    let content = "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; boundary=i\n\n\
                   --i\nX: 1\n\n--o\nX: 2\n\n--i\nX: 3";
    let found = read(content, Some(LIMITS));
    assert!(found.contains(&"Part X: 2".into()) && found.contains(&"X: 3".into()));
}

#[test]
fn a_line_that_is_no_header_ends_headers() {
    assert_eq!(read("A: b\nno header", None), ["Primary A: b", "Primary ends at text", "", "no header"]);
    assert_eq!(read(" first", None), ["Primary ends at text", "", " first"]);
}

#[test]
fn long_headers_are_cut() {
    let options = Options { header_size_limit: 6, ..Options::plain(None) };
    assert_eq!(read_with(options, "A: b\n c\n d\n\nx"), ["Primary A: b\n c", "", "x"]);
}

#[test]
fn pieces_of_a_line() {
    let (mut structure, mut notes) = (Structure::new(Options::plain(Some(LIMITS))), Notes::default());
    for (text, end) in
        [("A: b", End::Piece), ("c: d", End::Line), ("", End::Line), ("x", End::Piece), ("--y", End::Line)]
    {
        structure.take(text.as_bytes(), end, &mut notes);
    }
    assert_eq!(notes.0, ["Primary A: bc: d", "", "x\\", "--y"]);
}

#[test]
fn trouble_is_reported_once() {
    let all = Reports { nesting: true, eight_bit_header: true, eight_bit_body: true, domain: true, headers_end: true };
    let limits = Limits { nesting: 0, ..LIMITS };
    let options = Options { reports: all, ..Options::plain(Some(limits)) };
    let content = "Subject: \u{e4}\nX: \u{e4}\nContent-Type: multipart/mixed; boundary=a; boundary=b; boundary=c\n\
                   Content-Transfer-Encoding: base64\n\n\u{e4}\n\u{e4}\n--a\nContent-Transfer-Encoding: 8bit\n\n\u{e4}\n";
    let found = read_with(options, content);
    let troubles: Vec<&str> = found
        .iter()
        .filter(|line| !line.contains("Primary") && line.contains(": "))
        .map(|line| line.as_str())
        .collect();
    assert_eq!(troubles[0], "EightBitHeader: Subject: \u{e4}");
    assert!(troubles[1].starts_with("Nesting: Content-Type"));
    assert_eq!(troubles[2], "Domain: base64");
    assert_eq!(troubles[3], "EightBitBody: \u{e4}");
    assert_eq!(troubles.len(), 5, "{troubles:?}");
}

#[test]
fn eight_bit_text_becomes_quoted_printable() {
    let options = Options { downgrade: true, ..Options::plain(Some(LIMITS)) };
    let content = "Content-Type: text/plain\nContent-transfer-encoding: 8bit\nTo: q@w.example\n\nbody caf\u{e9}=1 \n";
    let expected = [
        "Primary Content-Type: text/plain",
        "Primary To: q@w.example",
        "Primary Content-Transfer-Encoding: quoted-printable",
        "",
        "body caf=C3=A9=3D1=20",
    ];
    assert_eq!(read_with(options, content), expected);
    let parts = "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 8bit\n\n\u{e9}\n--b\n\
                 Content-Transfer-Encoding: binary\n\n\u{e9}\n--b\n\n\u{e9}\n--b--\n\u{e9}\n";
    let expected = [
        "Primary Content-Type: multipart/mixed; boundary=b",
        "Primary Content-Transfer-Encoding: 7bit",
        "",
        "\u{e9}",
        "--b",
        "Part Content-Transfer-Encoding: quoted-printable",
        "",
        "=C3=A9",
        "--b",
        "",
        "\u{e9}",
        "--b--",
        "\u{e9}",
    ];
    assert_eq!(read_with(options, parts), expected);
}

#[test]
fn long_lines_get_soft_breaks() {
    let (mut converter, mut lines) = (QuotedPrintable::default(), Vec::new());
    let mut put = |line: &[u8]| lines.push(line.to_vec());
    converter.take(&[b'a'; 74], End::Piece, &mut put);
    converter.take(b"\xe9\t", End::Line, &mut put);
    assert_eq!(lines, [[vec![b'a'; 73], b"=".to_vec()].concat(), b"a=E9=09".to_vec()]);
}

/// Counts lines.
struct Count(usize);

impl Sink for Count {
    fn header(&mut self, _: Block, text: &[u8]) {
        self.0 += text.iter().filter(|&&byte| byte == b'\n').count() + 1;
    }

    fn headers_end(&mut self, block: Block, end: HeadersEnd) {
        // An empty line is added.
        if end == HeadersEnd::Text && block == Block::Primary {
            self.0 -= 1;
        }
    }

    fn body(&mut self, _: &[u8], _: End, _: u64) {
        self.0 += 1;
    }

    fn trouble(&mut self, _: Trouble, _: &[u8]) {}
}

/// The converted text, and how long its longest line is.
struct Converted(BString, usize);

impl Sink for Converted {
    fn header(&mut self, _: Block, _: &[u8]) {}

    fn headers_end(&mut self, _: Block, _: HeadersEnd) {}

    fn body(&mut self, text: &[u8], _: End, _: u64) {
        self.0.extend_from_slice(text);
        self.1 = self.1.max(text.len());
    }

    fn trouble(&mut self, _: Trouble, _: &[u8]) {}
}

proptest::proptest! {
    #[test]
    fn no_line_is_lost(content in "[-a:;=\"()\\\\ \tb\n]{0,80}", raw in proptest::collection::vec(1u8.., 0..80)) {
        for content in [content.as_bytes(), &raw] {
            let (mut lines, mut count) = (0, Count(1));
            let mut structure = Structure::new(Options::plain(Some(LIMITS)));
            for line in content.split(|&byte| byte == b'\n') {
                lines += 1;
                structure.take(line, End::Line, &mut count);
            }
            structure.finish(&mut count);
            assert_eq!(lines, count.0 - 1);
        }
    }

    #[test]
    fn converted_text_is_short_lines_of_ascii(lines: Vec<Vec<u8>>) {
        let mut structure = Structure::new(Options { downgrade: true, ..Options::plain(Some(LIMITS)) });
        let mut converted = Converted(BString::default(), 0);
        structure.take(b"Content-Transfer-Encoding: 8bit", End::Line, &mut converted);
        structure.take(b"", End::Line, &mut converted);
        for line in lines {
            structure.take(&line, End::Line, &mut converted);
        }
        structure.finish(&mut converted);
        assert!(converted.0.is_ascii() && converted.1 <= 76);
    }
}
