//! Queue files that were edited in place, as their readers see them (queue-files §5).
//!
//! The editor has its own tests beside it. Here postcat, also the genuine one, reads files that it has made.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use queue::edit::{Editor, Places, Spot};
use queue::message::SizeRecord;
use queue::record::{filler, pointer_payload};
use queue::{RecordType, Writer};
use tests::numbers::Numbers;
use tests::{Instance, USERS, require_instances};

/// What a reader must find.
struct Message {
    sender: String,
    recipients: Vec<String>,
    headers: Vec<String>,
    body: Vec<String>,
}

impl Message {
    fn content(&self) -> String {
        let headers: String = self.headers.iter().map(|header| format!("{header}\n")).collect();
        let body: String = self.body.iter().map(|line| format!("{line}\n")).collect();
        format!("{headers}\n{body}")
    }

    fn envelope(&self) -> Vec<String> {
        let recipients = self.recipients.iter().map(|address| format!("recipient: {address}"));
        [format!("sender: {}", self.sender)].into_iter().chain(recipients).collect()
    }
}

/// Writes a message that can be edited.
fn create(path: &Path, message: &Message) -> Places {
    let mut out = Writer::new(File::create(path).expect("a file"));
    let mut put = |record_type: RecordType, payload: &[u8]| {
        let offset = out.position();
        out.put(record_type, payload).expect("room on the disk");
        offset
    };
    let dummy = pointer_payload(0);
    put(RecordType::SIZE, SizeRecord::default().to_string().as_bytes());
    put(RecordType::TIME, b"1700000000 1");
    let sender = put(RecordType::SENDER, message.sender.as_bytes());
    let padding = filler(message.sender.len()).expect("a short sender");
    let behind = put(RecordType::POINTER, &padding) + 2 + padding.len() as u64;
    for recipient in &message.recipients {
        put(RecordType::RECIPIENT, recipient.as_bytes());
    }
    let recipients = Spot::new(put(RecordType::POINTER, &dummy));
    let content = put(RecordType::MESSAGE, b"") + 2;
    for header in &message.headers {
        put(RecordType::TEXT, header.as_bytes());
        if let Some(padding) = filler(header.len()) {
            put(RecordType::PADDING, &padding);
        }
    }
    let headers = Spot::new(put(RecordType::POINTER, &dummy));
    put(RecordType::TEXT, b"");
    for line in &message.body {
        put(RecordType::TEXT, line.as_bytes());
    }
    put(RecordType::POINTER, &dummy);
    let extracted = put(RecordType::EXTRACTED, b"");
    let fate = Spot::new(put(RecordType::POINTER, &dummy));
    put(RecordType::END, b"");
    let mut file = out.into_inner().expect("room on the disk");
    let places = Places { sender: sender..behind, recipients, content, headers, extracted, fate };
    put_numbers(&mut file, &places, extracted - content, message.recipients.len() as u64);
    places
}

/// Writes the first record, which comes last.
fn put_numbers(file: &mut File, places: &Places, content_length: u64, recipients: u64) {
    let number = |number: u64| i64::try_from(number).expect("a small file");
    let numbers = SizeRecord {
        size: number(places.extracted - places.content),
        data_offset: number(places.content),
        recipients: number(recipients),
        content_length: number(content_length),
        ..SizeRecord::default()
    };
    file.seek(SeekFrom::Start(0)).expect("an offset");
    queue::record::write(file, RecordType::SIZE, numbers.to_string().as_bytes()).expect("room on the disk");
}

fn edit(numbers: &mut Numbers, message: &mut Message, editor: &mut Editor<File>) {
    let header =
        |numbers: &mut Numbers| format!("{}: {}", numbers.one(&["X-A", "X-B"]), numbers.words(&["a", "bcd"], 9));
    let named = |message: &Message, name: &str| {
        message.headers.iter().skip(1).position(|header| header.starts_with(name)).map(|at| at + 1)
    };
    match numbers.below(7) {
        0 => {
            let address = numbers.one(&["dora@x", "erik@far.example"]).to_owned();
            editor.add_recipient(&[(RecordType::RECIPIENT, address.as_bytes())]).expect("an edit");
            message.recipients.push(address);
        }
        1 => {
            message.sender = numbers.one(&["", "new@x", "a.longer.sender@far.example"]).to_owned();
            editor.change_sender(&[], message.sender.as_bytes(), &[]).expect("an edit");
        }
        2 => {
            let (before, header) = (numbers.below(6), header(numbers));
            editor.insert_header(before, header.as_bytes()).expect("an edit");
            message.headers.insert(before.min(message.headers.len()), header);
        }
        3 => {
            let header = header(numbers);
            editor.change_header(1, b"X-A", header.as_bytes()).expect("an edit");
            match named(message, "X-A") {
                Some(at) => message.headers[at] = header,
                None => message.headers.push(header),
            }
        }
        4 => {
            let place = named(message, "X-B");
            assert_eq!(editor.delete_header(1, b"X-B").expect("an edit"), place.is_some());
            place.map(|at| message.headers.remove(at));
        }
        5 => {
            message.body = (0..numbers.below(12)).map(|_| numbers.words(&["line", "of text"], 5)).collect();
            let mut body = editor.replace_body().expect("an edit");
            message.body.iter().for_each(|line| body.put_line(line.as_bytes()).expect("an edit"));
            body.finish().expect("an edit");
        }
        _ => {
            editor.delete_recipient(b"dora@x").expect("an edit");
            message.recipients.retain(|address| address != "dora@x");
        }
    }
}

#[test]
fn edited_files_are_read_as_they_were_meant() {
    require_instances!();
    let instance = Instance::builder().master_cf("").build();
    let path = instance.path("message");
    let name = path.display().to_string();
    let mut numbers = Numbers::seeded();
    for _ in 0..25 {
        let mut message = Message {
            sender: "al@x.org".into(),
            recipients: vec!["bob@example.net".into()],
            headers: ["Received: x", "X-A: 1", "Subject: hi", "X-B: 2", "From: a@b"].map(str::to_owned).to_vec(),
            body: (0..numbers.below(9)).map(|_| numbers.words(&["hello", "world"], 6)).collect(),
        };
        let places = create(&path, &message);
        let file = File::options().read(true).write(true).open(&path).expect("the file");
        let mut editor = Editor::new(file, places, 2048).expect("an editor");
        for _ in 0..=numbers.below(12) {
            edit(&mut numbers, &mut message, &mut editor);
        }
        let content = instance.run("postcat", &["-hb", &name]).success();
        assert_eq!((content.stdout, content.stderr.as_str()), (message.content(), ""));
        let envelope = instance.run("postcat", &["-e", &name]).success().stdout;
        let is_address = |line: &&str| line.starts_with("sender: ") || line.starts_with("recipient: ");
        assert_eq!(envelope.lines().filter(is_address).collect::<Vec<_>>(), message.envelope());
    }
}

/// queue-files 9, without the Milter: the daemons that read the queue see what was added.
#[test]
fn edited_messages_are_delivered_as_they_were_meant() {
    require_instances!();
    let instance = Instance::builder().build();
    let path = instance.path("message");
    let headers = ["Received: x", "Subject: hi", "To: gone@here.example", "X-Old: 1"].map(str::to_owned).to_vec();
    let message =
        Message { sender: "al@x.org".into(), recipients: vec![USERS[0].into()], headers, body: vec!["old".into()] };
    let places = create(&path, &message);
    let file = File::options().read(true).write(true).open(&path).expect("the file");
    let mut editor = Editor::new(file, places.clone(), 2048).expect("an editor");
    editor.add_header(b"X-Spam: no").expect("an edit");
    editor.add_recipient(&[(RecordType::RECIPIENT, USERS[1].as_bytes())]).expect("an edit");
    editor.add_recipient(&[(RecordType::RECIPIENT, b"gone@far.example")]).expect("an edit");
    editor.change_sender(&[], USERS[0].as_bytes(), &[]).expect("an edit");
    assert!(editor.delete_header(1, b"X-Old").expect("an edit"));
    let mut body = editor.replace_body().expect("an edit");
    for number in 0..50 {
        body.put_line(format!("new line {number}").as_bytes()).expect("an edit");
    }
    body.finish().expect("an edit");
    let length = editor.content_length();
    put_numbers(&mut editor.into_inner(), &places, length, 3);
    instance.place("incoming", &std::fs::read(&path).expect("the file"), 0o700);
    instance.start();
    let is_new = |mail: &str| {
        mail.contains("\nX-Spam: no\n\nnew line 0\n") && mail.contains("\nnew line 49\n") && !mail.contains("X-Old")
    };
    let mail = instance.wait_for_mail(USERS[1], 1).join("");
    assert!(is_new(&mail) && mail.contains("\nSubject: hi\n"), "{mail}");
    // The first user gets the message, and the notification about the recipient that there is not.
    let mails = instance.wait_for_mail(USERS[0], 2);
    assert!(mails.iter().any(|mail| is_new(mail) && mail.contains("Subject: hi")), "{mails:?}");
    assert!(mails.iter().any(|mail| mail.contains("<gone@far.example>") && mail.contains("new line 49")), "{mails:?}");
    instance.wait_for_log(&["postfix/qmgr[", &format!("from=<{}>, size={length}, nrcpt=3 (queue active)", USERS[0])]);
    instance.wait_for_empty_queue();
}
