//! The listing: every complete message, with its recipients and why they wait (queue-files §12.1).

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, ErrorKind, Seek, Write};
use std::os::unix::fs::MetadataExt;

use bstr::{BStr, BString, ByteSlice};
use ipc::showq::{END, Header, Recipient};
use queue::file::{Access, mode};
use queue::message::parse_arrival_time;
use queue::status_log::LogReader;
use queue::{QueueDir, QueueId, Reader, Record, RecordType, Scan, Spool};

/// What is listed, in order.
const LISTED: [QueueDir; 5] =
    [QueueDir::Maildrop, QueueDir::Active, QueueDir::Incoming, QueueDir::Deferred, QueueDir::Hold];

/// How messages are shown.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `empty_address_recipient`: what stands for the null address.
    pub empty_address: BString,
    /// `duplicate_filter_limit`: how many recipients of one message are remembered; 0 for no limit.
    pub duplicate_limit: usize,
    /// `smtputf8_enable`: UTF-8 text is shown as it is.
    pub utf8: bool,
}

impl Settings {
    fn address(&self, address: &[u8]) -> BString {
        match address {
            b"" => self.empty_address.clone(),
            _ => self.printable(&text::address::quote(address)),
        }
    }

    fn printable(&self, text: &[u8]) -> BString {
        text::printable(text, self.utf8).into_owned().into()
    }
}

/// Sends the whole listing, and its end. Messages come and go meanwhile; one that moves may be missed, or seen twice.
///
/// # Errors
/// The client is gone. A queue directory that cannot be read ends the program.
pub fn send(output: &mut impl Write, spool: &Spool, settings: &Settings) -> io::Result<()> {
    for dir in LISTED {
        let scan = Scan::new(spool, dir).unwrap_or_else(|error| logging::fatal!("{error}"));
        let mut last = None;
        for entry in scan {
            let entry = entry.unwrap_or_else(|error| logging::fatal!("{error}"));
            let Some(id) = entry.id() else { continue };
            if last.as_ref() == Some(&id) {
                log::warn!("readdir loop on queue {dir} id {id}");
                break;
            }
            if let Some(metadata) = spool.complete_message(dir, &id) {
                send_message(output, spool, settings, dir, &id, &metadata)?;
            }
            last = Some(id);
        }
    }
    output.write_all(END)?;
    output.flush()
}

fn send_message(
    output: &mut impl Write,
    spool: &Spool,
    settings: &Settings,
    dir: QueueDir,
    id: &QueueId,
    metadata: &Metadata,
) -> io::Result<()> {
    let file = match spool.open(dir, id, Access::Read) {
        Ok(file) => file,
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                log::warn!("open {dir} {id}: {}", sys::reason(&error));
            }
            return Ok(());
        }
    };
    let reader = Reader::new(file, spool.path(dir, id).into_os_string().into_encoded_bytes(), 0);
    let mut message = Message { spool, settings, dir, id, metadata, arrival: 0, size: None, sent: None };
    message.send(reader, output)?;
    if message.sent.is_some() {
        output.write_all(END)?;
    }
    output.flush()
}

/// A message whose records are being read.
struct Message<'a> {
    spool: &'a Spool,
    settings: &'a Settings,
    dir: QueueDir,
    id: &'a QueueId,
    metadata: &'a Metadata,
    /// Seconds since the epoch; 0 while unknown.
    arrival: i64,
    /// Size in bytes that the file states.
    size: Option<i64>,
    /// The recipients that the defer log had, once the sender is sent.
    sent: Option<HashSet<BString>>,
}

impl Message<'_> {
    fn send(&mut self, mut reader: Reader<File>, output: &mut impl Write) -> io::Result<()> {
        loop {
            let record = match reader.next_cooked() {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(()),
                Err(error) => {
                    log::warn!("{error}");
                    return Ok(());
                }
            };
            match record.record_type {
                RecordType::END => return Ok(()),
                RecordType::MESSAGE => {
                    if !self.skip_content(&mut reader) {
                        return Ok(());
                    }
                }
                _ => {
                    if !self.take(record, output)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Without a size, the content is read through.
    fn skip_content(&self, reader: &mut Reader<impl io::Read + Seek>) -> bool {
        let Some(size) = self.size else { return true };
        let target = reader.position().saturating_add(size.unsigned_abs());
        match reader.seek(target) {
            Ok(()) => true,
            Err(error) => {
                log::warn!("seek {} {}: {}", self.dir, self.id, sys::reason(&error));
                false
            }
        }
    }

    /// Takes an envelope record. False when the rest of the file is not worth reading.
    fn take(&mut self, record: Record<'_>, output: &mut impl Write) -> io::Result<bool> {
        match record.record_type {
            RecordType::TIME if self.arrival == 0 => {
                self.arrival = text::date::to_seconds(parse_arrival_time(record.payload));
            }
            RecordType::SIZE if self.size.is_none() => self.take_size(record.payload),
            RecordType::SENDER => return self.take_sender(record.payload, output),
            RecordType::RECIPIENT => return self.take_recipient(record.payload, output),
            _ => {}
        }
        Ok(true)
    }

    fn take_size(&mut self, payload: &BStr) {
        let first = payload
            .split(|byte| *byte == b' ')
            .find(|field| !field.is_empty())
            .and_then(|field| field.to_str().ok()?.parse().ok());
        let is_plain = payload.iter().all(|byte| byte.is_ascii_digit() || *byte == b' ');
        match first.filter(|&size: &i64| size >= 0 && is_plain) {
            Some(size) => self.size = Some(size),
            None => {
                let shown = text::show(payload);
                log::warn!("{}: malformed size record: {shown} -- using file size instead", self.id);
            }
        }
    }

    fn take_sender(&mut self, sender: &BStr, output: &mut impl Write) -> io::Result<bool> {
        let address = self.settings.address(sender);
        if self.sent.is_some() {
            let shown = text::show(&address);
            log::warn!("{}: duplicate sender address: {shown} -- skipping remainder of this file", self.id);
            return Ok(false);
        }
        let header = Header {
            queue_name: self.dir.name().into(),
            queue_id: self.id.as_str().into(),
            time: if self.arrival > 0 { self.arrival } else { self.metadata.mtime() },
            size: self.size.unwrap_or(self.metadata.len() as i64),
            forced_expire: self.metadata.mode() & mode::EXPIRE != 0,
            sender: address,
        };
        output.write_all(&header.to_bytes())?;
        self.sent = Some(self.send_deferred(output)?);
        Ok(true)
    }

    /// Sends what the defer log knows, and returns the recipients.
    fn send_deferred(&self, output: &mut impl Write) -> io::Result<HashSet<BString>> {
        let mut seen = HashSet::new();
        let Ok(file) = self.spool.open(QueueDir::Defer, self.id, Access::Read) else { return Ok(seen) };
        let path = self.spool.path(QueueDir::Defer, self.id);
        let mut log = LogReader::new(BufReader::new(file), path.to_string_lossy(), QueueDir::Defer, self.settings.utf8);
        loop {
            match log.next_entry() {
                Ok(Some(entry)) => {
                    let limit = self.settings.duplicate_limit;
                    if limit == 0 || seen.len() < limit {
                        seen.insert(entry.recipient.clone());
                    }
                    output.write_all(&Recipient { address: entry.recipient, reason: entry.reason }.to_bytes())?;
                }
                Ok(None) => return Ok(seen),
                Err(error) => {
                    log::warn!("{}: {}", path.display(), sys::reason(&error));
                    return Ok(seen);
                }
            }
        }
    }

    fn take_recipient(&self, recipient: &BStr, output: &mut impl Write) -> io::Result<bool> {
        let address = self.settings.address(recipient);
        let Some(seen) = &self.sent else {
            let shown = text::show(&address);
            log::warn!("{}: missing sender address: {shown} -- skipping remainder of this file", self.id);
            return Ok(false);
        };
        if !seen.contains(&address) {
            output.write_all(&Recipient { address, reason: BString::default() }.to_bytes())?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use queue::IdStyle;
    use queue::file::{Complete, Mtime};
    use queue::record::write;

    fn settings() -> Settings {
        Settings { empty_address: "MAILER-DAEMON".into(), duplicate_limit: 1000, utf8: true }
    }

    /// A queue with one message in deferred, made of these records.
    fn listing(records: &[(RecordType, &str)], log: Option<&str>) -> String {
        let root = tempfile::tempdir().unwrap();
        let spool = Spool::new(b"deferred, defer", 1, IdStyle::Short).at(root.path());
        for dir in ["maildrop", "active", "incoming", "deferred", "hold"] {
            std::fs::create_dir(root.path().join(dir)).unwrap();
        }
        let (mut file, created) = spool.create(QueueDir::Deferred).unwrap();
        for (record_type, payload) in records {
            write(&mut file, *record_type, payload.as_bytes()).unwrap();
        }
        Complete::Queue.commit(&file, &created.path, Mtime::AsIs).unwrap();
        if let Some(log) = log {
            let path = spool.path(QueueDir::Defer, &created.id);
            queue::make_parents(&path).unwrap();
            std::fs::write(path, log).unwrap();
        }
        let mut output = Vec::new();
        send(&mut output, &spool, &settings()).unwrap();
        String::from_utf8(output).unwrap().replace('\0', "|").replace(created.id.as_str(), "ID")
    }

    #[test]
    fn a_message_with_a_defer_log() {
        let records = [
            (RecordType::SIZE, "            285              97               1"),
            (RecordType::TIME, "1795499046 1"),
            (RecordType::SENDER, ""),
            (RecordType::RECIPIENT, "a b@x"),
            (RecordType::DONE, "done@x"),
            (RecordType::RECIPIENT, "c@x"),
        ];
        let text = listing(&records, Some("\nrecipient=\"a b\"@x\nreason=later\n\n"));
        assert_eq!(
            text,
            "queue_name|deferred|queue_id|ID|time|1795499046|size|285|forced_expire|0|sender|MAILER-DAEMON|\
             recipient|\"a b\"@x|reason|later|recipient|c@x|reason|||||"
                .replace("reason|||||", "reason||||")
        );
    }

    #[test]
    fn a_file_without_sender_is_not_listed() {
        assert_eq!(listing(&[(RecordType::RECIPIENT, "c@x"), (RecordType::SENDER, "s@x")], None), "|");
    }
}
