//! Edits beside a plain model of a message.

mod examples;

use std::io::Cursor;

use bstr::{BString, ByteSlice};
use proptest::prelude::*;

use super::*;
use crate::{Reader, Writer};

type Record = (RecordType, BString);

fn record(record_type: RecordType, payload: impl Into<BString>) -> Record {
    (record_type, payload.into())
}

/// A message as its reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Model {
    /// What senders before had in front of them, and the sender with what belongs to it.
    sender: Vec<Record>,
    /// Original recipient, if there is one, and recipient.
    recipients: Vec<(Option<BString>, BString, bool)>,
    headers: Vec<BString>,
    body: Vec<BString>,
    fate: Vec<Record>,
}

impl Model {
    fn records(&self, line_limit: usize) -> Vec<Record> {
        let mut all = vec![record(RecordType::TIME, "1 2")];
        all.extend(self.sender.clone());
        for (original, address, is_canceled) in &self.recipients {
            all.extend(original.iter().map(|original| record(RecordType::ORIGINAL_RECIPIENT, original.clone())));
            let kind = if *is_canceled { RecordType::CANCELED } else { RecordType::RECIPIENT };
            all.push(record(kind, address.clone()));
        }
        all.push(record(RecordType::MESSAGE, ""));
        all.extend(self.headers.iter().flat_map(|header| header_lines(header, line_limit)));
        all.extend(self.body.iter().flat_map(|line| pieces(line, line_limit)));
        all.push(record(RecordType::EXTRACTED, ""));
        all.extend(self.fate.clone());
        all.push(record(RecordType::END, ""));
        all
    }

    fn named(&self, number: usize, name: &[u8]) -> Option<usize> {
        let has_name =
            |header: &BString| header.split_once_str(":").is_some_and(|(own, _)| own.eq_ignore_ascii_case(name));
        let places = (1..self.headers.len()).filter(|&at| has_name(&self.headers[at]));
        places.collect::<Vec<_>>().get(number.saturating_sub(1)).copied()
    }
}

fn pieces(line: &[u8], limit: usize) -> Vec<Record> {
    let mut pieces: Vec<Record> = line.chunks(limit).map(|piece| record(RecordType::UNTERMINATED, piece)).collect();
    match pieces.last_mut() {
        Some(last) => last.0 = RecordType::TEXT,
        None => pieces.push(record(RecordType::TEXT, "")),
    }
    pieces
}

fn header_lines(header: &[u8], limit: usize) -> Vec<Record> {
    let line = |(number, line): (usize, &[u8])| match number {
        1.. if !line.starts_with(b" ") && !line.starts_with(b"\t") => pieces(&[b"\t", line].concat(), limit),
        _ => pieces(line, limit),
    };
    header.split_str("\n").enumerate().flat_map(line).collect()
}

/// A file of the model, and where it can be edited. `is_padded` tells which headers have room for a pointer.
fn create(model: &Model, line_limit: usize, is_padded: impl Fn(usize) -> bool) -> (Vec<u8>, Places) {
    let mut out = Writer::new(Vec::new());
    let mut put = |record_type: RecordType, payload: &[u8]| {
        let offset = out.position();
        out.put(record_type, payload).unwrap();
        offset
    };
    let dummy = pointer_payload(0);
    put(RecordType::TIME, b"1 2");
    let mut sender = 0..0;
    for (record_type, payload) in &model.sender {
        sender.start = put(*record_type, payload);
        sender.end = sender.start + 2 + payload.len() as u64;
        if let Some(filler) = filler(payload.len()) {
            sender.end = put(RecordType::POINTER, &filler) + 2 + filler.len() as u64;
        }
    }
    for (original, address, _) in &model.recipients {
        if let Some(original) = original {
            put(RecordType::ORIGINAL_RECIPIENT, original);
        }
        put(RecordType::RECIPIENT, address);
    }
    let recipients = Spot::new(put(RecordType::POINTER, &dummy));
    let content = put(RecordType::MESSAGE, b"") + 2;
    for (number, header) in model.headers.iter().enumerate() {
        for (line, (record_type, payload)) in header_lines(header, line_limit).iter().enumerate() {
            put(*record_type, payload);
            if let Some(filler) = filler(payload.len()).filter(|_| line == 0 && is_padded(number)) {
                put(RecordType::PADDING, &filler);
            }
        }
    }
    let headers = Spot::new(put(RecordType::POINTER, &dummy));
    for (record_type, payload) in model.body.iter().flat_map(|line| pieces(line, line_limit)) {
        put(record_type, &payload);
    }
    put(RecordType::POINTER, &dummy);
    let extracted = put(RecordType::EXTRACTED, b"");
    let fate = Spot::new(put(RecordType::POINTER, &dummy));
    put(RecordType::END, b"");
    (out.into_inner().unwrap(), Places { sender, recipients, content, headers, extracted, fate })
}

fn cooked(bytes: &[u8]) -> Vec<Record> {
    let mut reader = Reader::new(Cursor::new(bytes), "file", 0);
    let mut records = Vec::new();
    while let Some(found) = reader.next_cooked().unwrap() {
        records.push((found.record_type, found.payload.to_owned()));
    }
    records
}

/// A file that remembers how it was after each write.
#[derive(Debug)]
struct Watched {
    file: Cursor<Vec<u8>>,
    moments: Vec<Vec<u8>>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.moments.push(self.file.get_ref().clone());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Watched {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[derive(Clone, Debug)]
enum Edit {
    AddRecipient(bool, String),
    DeleteRecipient(String),
    Sender(bool, String, bool),
    AddHeader(String),
    InsertHeader(usize, String),
    ChangeHeader(usize, String, String),
    DeleteHeader(usize, String),
    Body(Vec<String>),
    Fate(String),
}

/// Does the same to the model and to the file.
fn apply(edit: &Edit, model: &mut Model, editor: &mut Editor<Watched>) {
    match edit {
        Edit::AddRecipient(has_original, address) => {
            let original = has_original.then(|| BString::from("orig"));
            let original_record =
                original.as_ref().map(|original| (RecordType::ORIGINAL_RECIPIENT, original.as_slice()));
            let recipient = (RecordType::RECIPIENT, address.as_bytes());
            let records: Vec<NewRecord<'_>> = original_record.into_iter().chain([recipient]).collect();
            editor.add_recipient(&records).unwrap();
            model.recipients.push((original, address.as_str().into(), false));
        }
        Edit::DeleteRecipient(address) => {
            let mut count = 0;
            for (original, recipient, is_canceled) in &mut model.recipients {
                if !*is_canceled && original.as_ref().unwrap_or(recipient) == address.as_bytes() {
                    *is_canceled = true;
                    count += 1;
                }
            }
            assert_eq!(editor.delete_recipient(address.as_bytes()).unwrap(), count);
        }
        Edit::Sender(has_id, sender, has_copy) => {
            let id: &[NewRecord<'_>] = if *has_id { &[(RecordType::ATTRIBUTE, b"envelope_id=x")] } else { &[] };
            let copy: &[NewRecord<'_>] = if *has_copy { &[(RecordType::ATTRIBUTE, b"y=z")] } else { &[] };
            editor.change_sender(id, sender.as_bytes(), copy).unwrap();
            model.sender.retain(|(kind, payload)| *kind == RecordType::ATTRIBUTE && payload != "y=z");
            model.sender.extend(id.iter().map(|(kind, payload)| record(*kind, *payload)));
            model.sender.push(record(RecordType::SENDER, sender.as_str()));
            model.sender.extend(copy.iter().map(|(kind, payload)| record(*kind, *payload)));
        }
        Edit::AddHeader(header) => {
            editor.add_header(header.as_bytes()).unwrap();
            model.headers.push(header.as_str().into());
        }
        Edit::InsertHeader(before, header) => {
            editor.insert_header(*before, header.as_bytes()).unwrap();
            model.headers.insert((*before).min(model.headers.len()), header.as_str().into());
        }
        Edit::ChangeHeader(number, name, header) => {
            editor.change_header(*number, name.as_bytes(), header.as_bytes()).unwrap();
            match model.named(*number, name.as_bytes()) {
                Some(at) => model.headers[at] = header.as_str().into(),
                None => model.headers.push(header.as_str().into()),
            }
        }
        Edit::DeleteHeader(number, name) => {
            let place = model.named(*number, name.as_bytes());
            assert_eq!(editor.delete_header(*number, name.as_bytes()).unwrap(), place.is_some());
            place.map(|at| model.headers.remove(at));
        }
        Edit::Body(lines) => {
            let mut body = editor.replace_body().unwrap();
            for line in lines {
                body.put_line(line.as_bytes()).unwrap();
            }
            body.finish().unwrap();
            model.body = [""].into_iter().chain(lines.iter().map(String::as_str)).map(BString::from).collect();
        }
        Edit::Fate(filter) => {
            editor.add_fate(&[(RecordType::FILTER, filter.as_bytes())]).unwrap();
            model.fate.push(record(RecordType::FILTER, filter.as_str()));
        }
    }
}

const HEADER: &str = "[A-C]: [a-z]{0,20}(\n[ \t]?[a-z]{1,30}){0,2}";

fn any_edit() -> impl Strategy<Value = Edit> {
    let address = "[a-c]@x(-----------------)?";
    prop_oneof![
        (any::<bool>(), address).prop_map(|(original, address)| Edit::AddRecipient(original, address)),
        prop_oneof![address, Just("orig".into())].prop_map(Edit::DeleteRecipient),
        (any::<bool>(), "[a-z@]{0,20}", any::<bool>()).prop_map(|(id, sender, copy)| Edit::Sender(id, sender, copy)),
        HEADER.prop_map(Edit::AddHeader),
        (0..12usize, HEADER).prop_map(|(before, header)| Edit::InsertHeader(before, header)),
        (0..4usize, "[A-Ca-c]", HEADER).prop_map(|(number, name, header)| Edit::ChangeHeader(number, name, header)),
        (0..4usize, "[A-Ca-c]").prop_map(|(number, name)| Edit::DeleteHeader(number, name)),
        proptest::collection::vec("[a-z -]{0,60}", 0..8).prop_map(Edit::Body),
        "[a-z]{1,9}:".prop_map(Edit::Fate),
    ]
}

prop_compose! {
    fn any_model()(
        sender in "[a-z@]{0,20}",
        recipients in proptest::collection::vec("[a-c]@x", 0..3),
        headers in proptest::collection::vec(HEADER, 0..5),
        body in proptest::collection::vec("[a-z]{0,50}", 0..5),
    ) -> Model {
        Model {
            sender: vec![record(RecordType::SENDER, sender)],
            recipients: recipients.into_iter().map(|address| (None, address.into(), false)).collect(),
            headers: ["A: own".into()].into_iter().chain(headers.into_iter().map(BString::from)).collect(),
            body: [""].into_iter().map(BString::from).chain(body.into_iter().map(BString::from)).collect(),
            fate: Vec::new(),
        }
    }
}

proptest! {
    /// Also where headers were not made to be edited, and whenever the file is looked at.
    #[test]
    fn files_are_read_as_the_model_says(
        mut model in any_model(),
        edits in proptest::collection::vec(any_edit(), 0..14),
        padded: u8,
        line_limit in 20..70usize,
    ) {
        let (bytes, places) = create(&model, line_limit, |number| padded & (1 << (number % 8)) != 0);
        prop_assert_eq!(cooked(&bytes), model.records(line_limit));
        let watched = Watched { file: Cursor::new(bytes), moments: Vec::new() };
        let mut editor = Editor::new(watched, places, line_limit).unwrap();
        for edit in &edits {
            let mut states = vec![model.records(line_limit), Model { body: Vec::new(), ..model.clone() }.records(line_limit)];
            apply(edit, &mut model, &mut editor);
            states.push(model.records(line_limit));
            let moments = std::mem::take(&mut editor.file.moments);
            if !matches!(edit, Edit::DeleteRecipient(_)) {
                for moment in &moments {
                    prop_assert!(states.contains(&cooked(moment)), "{edit:?}");
                }
            }
            prop_assert_eq!(cooked(editor.file.file.get_ref()), model.records(line_limit), "{:?}", edit);
        }
    }

    #[test]
    fn any_file_is_edited_without_panic(bytes: Vec<u8>, offsets: [u8; 8], edits in proptest::collection::vec(any_edit(), 0..4)) {
        let at = |number: usize| u64::from(offsets[number]);
        let spot = |number: usize| Spot { pointer: at(number), target: at(number + 1) };
        let places = Places {
            sender: at(0)..at(1),
            recipients: spot(2),
            content: at(4).min(at(5)),
            headers: Spot { pointer: at(4).max(at(5)), target: 300 },
            extracted: 400,
            fate: spot(6),
        };
        let mut editor = Editor::new(Cursor::new(bytes), places, 50).unwrap();
        for edit in edits {
            let _ = match edit {
                Edit::DeleteRecipient(address) => editor.delete_recipient(address.as_bytes()).map(|_| ()),
                Edit::InsertHeader(before, header) => editor.insert_header(before, header.as_bytes()),
                Edit::DeleteHeader(number, name) => editor.delete_header(number, name.as_bytes()).map(|_| ()),
                Edit::Sender(_, sender, _) => editor.change_sender(&[], sender.as_bytes(), &[]),
                Edit::Body(_) => editor.replace_body().and_then(BodyEdit::finish),
                _ => Ok(()),
            };
        }
    }
}
