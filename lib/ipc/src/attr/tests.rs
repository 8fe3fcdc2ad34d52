use proptest::prelude::*;

use super::*;

#[derive(Debug, PartialEq)]
struct Sample {
    request: Vec<u8>,
    ttl: i32,
    blob: Vec<u8>,
}

impl Message for Sample {
    fn write(&self, to: &mut Writer) {
        to.string("request", &self.request);
        to.int("ttl", self.ttl);
        to.data("blob", &self.blob);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { request: from.string("request")?.into(), ttl: from.int("ttl")?, blob: from.data("blob")? })
    }
}

struct Lenient(i32);

impl Message for Lenient {
    fn write(&self, to: &mut Writer) {
        to.int("status", self.0);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self(from.int("status")?))
    }

    const STRICT: bool = false;
}

fn written(message: &Sample, encoding: Encoding) -> Vec<u8> {
    let mut writer = Writer::new(encoding);
    message.write(&mut writer);
    writer.end();
    writer.into_bytes()
}

fn failure<M: Message>(bytes: &[u8], encoding: Encoding) -> String {
    match M::take(&mut Slice::new(bytes, "x"), encoding) {
        Ok(_) => "no failure".into(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_worked_example_in_its_three_forms() {
    let sample = Sample { request: b"lookup".to_vec(), ttl: 5, blob: vec![1, 2] };
    let forms: [(Encoding, &[u8]); 3] = [
        (Encoding::Null, b"request\0lookup\0ttl\x005\0blob\0AQI=\0\0"),
        (Encoding::Plain, b"request=lookup\nttl=5\nblob=AQI=\n\n"),
        (Encoding::Base64, b"cmVxdWVzdA==:bG9va3Vw\ndHRs:NQ==\nYmxvYg==:AQI=\n\n"),
    ];
    for (encoding, bytes) in forms {
        assert_eq!(written(&sample, encoding), bytes);
        let mut input = Slice::new(bytes, "x");
        assert_eq!(Sample::take(&mut input, encoding).unwrap(), sample);
        assert_eq!(input.taken(), bytes.len());
    }
}

#[test]
fn negative_numbers_wrap() {
    let mut writer = Writer::default();
    writer.int("status", -1);
    assert_eq!(writer.into_bytes(), b"status\x004294967295\0");
    assert_eq!(Lenient::take(&mut Slice::new(b"status\x004294967295\0\0", "x"), Encoding::Null).unwrap().0, -1);
    assert_eq!(Lenient::take(&mut Slice::new(b"status\0 -1\0\0", "x"), Encoding::Null).unwrap().0, -1);
}

#[test]
fn failures_have_the_texts_of_the_log() {
    let cases: [(&[u8], &str); 4] = [
        (b"request\0a\0\0", "missing attribute ttl in input from x"),
        (b"request\0a\0tool\x005\0\0", "unexpected attribute tool from x (expecting: ttl)"),
        (b"request\0a\0ttl\0five\0\0", "malformed numerical data from x while reading input attribute value: five"),
        (b"request\0a\0ttl\x005\0blob\0*\0\0", "malformed base64 data from x while reading input attribute value: *"),
    ];
    for (bytes, text) in cases {
        assert_eq!(failure::<Sample>(bytes, Encoding::Null), text);
    }
    assert_eq!(failure::<Sample>(b"request\n", Encoding::Plain), "missing value for string attribute request from x");
    assert_eq!(
        failure::<Sample>(b"cmVxdWVzdA==:bG9va3Vw:bG9va3Vw\n", Encoding::Base64),
        "multiple values for attribute request from x"
    );
}

#[test]
fn a_lenient_reader_skips_before_and_behind() {
    let bytes = b"a\0b\0status\x007\0c\0d\0\0rest";
    let mut input = Slice::new(bytes, "x");
    assert_eq!(Lenient::take(&mut input, Encoding::Null).unwrap().0, 7);
    assert_eq!(input.taken(), bytes.len() - 4);
}

#[test]
fn attributes_behind_the_last_are_skipped() {
    let bytes = b"request\0a\0ttl\x005\0blob\0AQI=\0more\0b\0\0";
    let mut input = Slice::new(bytes, "x");
    assert_eq!(Sample::take(&mut input, Encoding::Null).unwrap().ttl, 5);
    assert_eq!(input.taken(), bytes.len());
}

#[test]
fn every_cut_of_a_list_is_incomplete() {
    let bytes = written(&Sample { request: b"x".to_vec(), ttl: 1, blob: vec![] }, Encoding::Null);
    for length in 0..bytes.len() {
        assert!(matches!(
            Sample::take(&mut Slice::new(&bytes[..length], "x"), Encoding::Null),
            Err(Error::Incomplete(_))
        ));
    }
}

#[test]
fn hashes_come_bracketed_and_bare() {
    for encoding in [Encoding::Null, Encoding::Plain, Encoding::Base64] {
        let mut writer = Writer::new(encoding);
        writer.hash([("a", &b"1"[..]), ("b", b"2"), ("a", b"3")]);
        writer.end();
        let bytes = writer.into_bytes();
        let mut input = Slice::new(&bytes, "x");
        let mut reader = Reader::new(&mut input, encoding, true);
        let members = reader.hash().unwrap();
        reader.end().unwrap();
        assert_eq!(members, [("a".into(), "1".into()), ("b".into(), "2".into())]);
    }
    let mut input = Slice::new(b"a\x001\0\0", "x");
    assert_eq!(Reader::new(&mut input, Encoding::Null, true).hash().unwrap(), [("a".into(), "1".into())]);
}

#[test]
fn a_value_cannot_forge_an_attribute() {
    let mut writer = Writer::new(Encoding::Plain);
    writer.string("a", "1\nadmin=yes");
    assert_eq!(writer.into_bytes(), b"a=1\n");
}

proptest! {
    #[test]
    fn any_sample_survives_the_wire(request in "[^\0\n]*", ttl: i32, blob: Vec<u8>) {
        let sample = Sample { request: request.into_bytes(), ttl, blob };
        for encoding in [Encoding::Null, Encoding::Plain, Encoding::Base64] {
            let bytes = written(&sample, encoding);
            prop_assert_eq!(&Sample::take(&mut Slice::new(&bytes, "x"), encoding).unwrap(), &sample);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        for encoding in [Encoding::Null, Encoding::Plain, Encoding::Base64] {
            let _ = Sample::take(&mut Slice::new(&bytes, "x"), encoding);
            let _ = Reader::new(&mut Slice::new(&bytes, "x"), encoding, false).hash();
        }
    }
}
