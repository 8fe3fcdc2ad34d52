//! Showing the queue: where the listing comes from, and where it goes (queue-files §12.3).

use std::ffi::OsStr;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};

use bstr::{BString, ByteSlice};
use config::{Config, params};
use ipc::showq::{Header, Item, Listing, Recipient};
use ipc::{Stream, protocol};

use crate::json::Json;
use crate::options::Format;
use crate::traditional::Traditional;

/// A way to show the queue.
pub trait View {
    /// A message begins.
    fn message(&mut self, output: &mut dyn Write, header: &Header) -> io::Result<()>;
    /// A recipient of that message.
    fn recipient(&mut self, output: &mut dyn Write, recipient: &Recipient) -> io::Result<()>;
    /// The message is complete.
    fn end_of_message(&mut self, output: &mut dyn Write) -> io::Result<()>;
    /// The queue is complete.
    fn end(&mut self, output: &mut dyn Write) -> io::Result<()>;
}

/// Shows the queue on standard output.
pub fn show(config: &Config, format: Format, verbosity: u32) {
    let utf8 = config.get(params::SMTPUTF8_ENABLE);
    let mut view: Box<dyn View> = match format {
        Format::Traditional => Box::new(Traditional::new(config.get(params::ENABLE_LONG_QUEUE_IDS))),
        Format::Json => Box::new(Json::new(utf8)),
    };
    let service = config.get(params::SHOWQ_SERVICE_NAME).to_str_lossy();
    match ipc::connect("public", &service, config.get(params::IPC_TIMEOUT)) {
        Ok(mut stream) => copy(&mut stream, view.as_mut(), utf8),
        Err(error) => {
            let why = format!(
                "Connect to the {} {service} service: {}",
                text::show(config.get(params::MAIL_NAME)),
                sys::reason(&error)
            );
            match error.kind() {
                ErrorKind::PermissionDenied => logging::fatal!("{why}"),
                _ if sys::privilege::effective_uid() == 0 => {
                    log::warn!("Mail system is down -- accessing queue directly ({why})");
                    show_directly(config, &service, view.as_mut(), utf8, verbosity);
                }
                _ => logging::fatal!("Queue report unavailable - mail system is down ({why})"),
            }
        }
    }
}

/// Runs showq for one listing.
fn show_directly(config: &Config, service: &str, view: &mut dyn View, utf8: bool, verbosity: u32) {
    let path = [config.get(params::DAEMON_DIRECTORY).as_bytes(), b"/", service.as_bytes()].concat();
    let (mut child, mut stream) = match run(&path, verbosity) {
        Ok(started) => started,
        Err(error) => logging::fatal!("Error running {}: {}", text::show(&path), sys::reason(&error)),
    };
    copy(&mut stream, view, utf8);
    drop(stream);
    match child.wait() {
        Ok(status) if status.success() => {}
        _ => logging::fatal!("Error running {}", text::show(&path)),
    }
}

fn run(path: &[u8], verbosity: u32) -> io::Result<(Child, Stream)> {
    let (ours, theirs) = sys::socket::pair()?;
    let child = Command::new(OsStr::from_bytes(path))
        .args(["-u", "-S"])
        .args((0..verbosity).map(|_| "-v"))
        .stdin(Stdio::from(theirs.try_clone()?))
        .stdout(Stdio::from(theirs))
        .spawn()?;
    Ok((child, Stream::new(ours, "showq", None)))
}

/// Shows what the server sends. A reader of the output that has seen enough is no error.
fn copy(stream: &mut Stream, view: &mut dyn View, utf8: bool) {
    if let Err(error) = stream.expect_protocol(protocol::SHOWQ) {
        malformed(&error);
    }
    let mut output = BufWriter::new(io::stdout().lock());
    match copy_items(&mut Listing::new(stream), view, &mut output, utf8).and_then(|()| output.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => logging::fatal!("output write error: {}", sys::reason(&error)),
    }
}

fn copy_items(listing: &mut Listing<'_>, view: &mut dyn View, output: &mut dyn Write, utf8: bool) -> io::Result<()> {
    let clean = |text: &mut BString| *text = text::printable(text, utf8).into_owned().into();
    loop {
        let item = match listing.take() {
            Ok(item) => item,
            Err(error) => {
                output.flush()?;
                malformed(&error)
            }
        };
        match item {
            Item::Message(mut header) => {
                clean(&mut header.queue_name);
                clean(&mut header.queue_id);
                clean(&mut header.sender);
                view.message(output, &header)?;
            }
            Item::Recipient(mut recipient) => {
                clean(&mut recipient.address);
                clean(&mut recipient.reason);
                view.recipient(output, &recipient)?;
            }
            Item::EndOfMessage => view.end_of_message(output)?,
            Item::EndOfListing => return view.end(output),
        }
    }
}

fn malformed(error: &dyn std::error::Error) -> ! {
    log::warn!("{error}");
    logging::fatal!("malformed showq server response")
}
