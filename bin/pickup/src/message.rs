//! One submission (queue-files §11.1).

use std::fs::{File, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use ipc::cleanup::{flag, status};
use logging::event::PickedUp;
use post::{Class, PatienceError, Posting};
use queue::{QueueId, Reader, RecordType};
use sys::safe_open;

use crate::copy::{Copied, Problem, copy_content, copy_envelope, copy_extracted};
use crate::{Pickup, Verdict};
use server::Context;

/// A message may be dated this far into the future without comment: clocks differ.
const MAX_AHEAD: Duration = Duration::from_secs(2 * 3600);
const DAY: Duration = Duration::from_secs(86_400);

/// A maildrop file that is open.
pub struct Submission<'a> {
    pickup: &'a Pickup,
    /// The ID in maildrop.
    id: &'a QueueId,
    path: &'a Path,
    file: File,
    metadata: Metadata,
}

impl<'a> Submission<'a> {
    /// Opens a file. What cannot be opened safely is no message, and goes; but not for lack of permission.
    pub fn open(pickup: &'a Pickup, id: &'a QueueId, path: &'a Path) -> Result<Submission<'a>, Verdict> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(nix::libc::O_NONBLOCK);
        match safe_open::open_existing(path, &options) {
            Ok((file, metadata)) => Ok(Submission { pickup, id, path, file, metadata }),
            Err(error) => Err(pickup.refused(path, &error)),
        }
    }

    /// A message that postsuper put back: it was accepted before.
    fn is_requeued(&self) -> bool {
        self.metadata.uid() == self.pickup.owner && self.metadata.mode() & 0o004 == 0
    }

    /// Hands the message to cleanup.
    pub fn process(self, context: &Context) -> Verdict {
        let mut flags = flag::BOUNCE | post::external_flags(&context.config, Class::Sendmail);
        if self.is_requeued() {
            flags &= !(flag::MILTER | flag::AUTOUTF8);
        }
        let mut posting = match Posting::open_patiently(&context.config, flags) {
            Ok(posting) => posting,
            Err(PatienceError::Unreachable(error)) => logging::fatal!("{error}"),
            Err(PatienceError::Protocol(error)) => {
                log::warn!("{error}");
                return Verdict::Keep;
            }
        };
        if let Err(problem) = self.send(&mut posting) {
            let uid = self.metadata.uid();
            match problem {
                Problem::Record(number) => log::warn!("uid={uid}: unexpected or malformed record type {number}"),
                Problem::NoSender => log::warn!("{}: uid={uid}: no envelope sender", text::show(posting.queue_id())),
            }
            return Verdict::Remove;
        }
        self.conclude(posting)
    }

    fn conclude(&self, posting: Posting) -> Verdict {
        let new_id = posting.queue_id().to_owned();
        let reply = posting.finish();
        if reply.status == 0 {
            return Verdict::Remove;
        }
        if reply.reason.is_empty() {
            let text = status::describe(reply.status).text;
            log::warn!("{}: error writing {}: {text}", self.path.display(), text::show(&new_id));
        }
        // Input that is bad today is bad tomorrow.
        if reply.status & (status::BAD | status::RCPT) != 0 { Verdict::Remove } else { Verdict::Keep }
    }

    fn send(&self, posting: &mut Posting) -> Result<(), Problem> {
        let arrival = self.arrival(posting);
        if !self.pickup.content_filter.is_empty() {
            posting.put(RecordType::FILTER, &self.pickup.content_filter);
        }
        let name = self.path.as_os_str().as_encoded_bytes();
        let mut reader = Reader::new(&self.file, name, self.pickup.line_length_limit);
        let Copied { sender } = copy_envelope(&mut reader, posting, self.metadata.mtime())?;
        logging::emit(&PickedUp {
            queue_id: posting.queue_id(),
            uid: self.metadata.uid(),
            sender: &sender,
            original_id: self.is_requeued().then(|| self.id.as_ref()),
        });
        posting.put(RecordType::MESSAGE, b"");
        posting.text(format!("{} {})", self.pickup.received_from, self.metadata.uid()).as_bytes());
        let date = text::date::header_date(arrival);
        posting.text(format!("\tid {}; {date}", posting.queue_id()).as_bytes());
        copy_content(&mut reader, posting)?;
        posting.put(RecordType::EXTRACTED, b"");
        copy_extracted(&mut reader, posting)?;
        posting.put(RecordType::END, b"");
        Ok(())
    }

    /// When the message was submitted: the file's time, unless that is nonsense.
    fn arrival(&self, posting: &Posting) -> SystemTime {
        let now = SystemTime::now();
        let arrival = text::date::from_seconds(self.metadata.mtime());
        let id = text::show(posting.queue_id());
        match arrival.duration_since(now) {
            Ok(ahead) if ahead > MAX_AHEAD => {
                log::warn!("{id}: message dated {} seconds into the future", ahead.as_secs());
                now
            }
            Ok(_) => arrival,
            Err(behind) => {
                let days = behind.duration().as_secs() / DAY.as_secs();
                if days > 0 {
                    log::warn!("{id}: message has been queued for {days} days");
                }
                arrival
            }
        }
    }
}

impl Pickup {
    fn refused(&self, path: &Path, error: &safe_open::Error) -> Verdict {
        if error.is_not_found() {
            return Verdict::Keep;
        }
        log::warn!("open input file {}: {error}", path.display());
        let denied = matches!(error, safe_open::Error::Open(error) if error.kind() == ErrorKind::PermissionDenied);
        if !denied {
            return Verdict::Remove;
        }
        let (directory, path) = (text::show(&self.queue_directory), path.display());
        log::warn!("if this file was created by Postfix < 1.1, then you may have to chmod a+r {directory}/{path}");
        Verdict::Keep
    }
}
