//! Sending probes: messages of an envelope only (access-milter-postscreen §12.4).

use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use address::{ProbeSender, RewriteService};
use bstr::BString;
use config::{Config, params};
use ipc::delivery::flag;
use logging::fatal;
use post::{Class, Posting};
use queue::RecordType;

/// Sends probes, one after the other, while this process goes on: cleanup may have to ask it something before it takes a probe.
#[derive(Debug)]
pub struct Prober {
    addresses: Option<Sender<BString>>,
    thread: Option<JoinHandle<()>>,
}

/// What every probe is made of.
struct Probes {
    sender: ProbeSender,
    is_complete: bool,
    rewriter: RewriteService,
    cleanup: BString,
    limit: Duration,
    flags: i32,
    host: BString,
    mail_name: BString,
}

impl Prober {
    /// Starts the thread that sends.
    pub fn start(config: &Config) -> Result<Prober, String> {
        let mut probes = Probes {
            sender: ProbeSender::read(config)?,
            is_complete: false,
            rewriter: RewriteService::new(config),
            cleanup: config.get(params::CLEANUP_SERVICE_NAME).into(),
            limit: config.get(params::IPC_TIMEOUT),
            flags: post::internal_flags(config, Class::Verify),
            host: config.get(params::MYHOSTNAME).into(),
            mail_name: config.get(params::MAIL_NAME).into(),
        };
        let (addresses, waiting) = mpsc::channel::<BString>();
        let thread = std::thread::Builder::new()
            .spawn(move || waiting.into_iter().for_each(|address| probes.send(&address)))
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(Prober { addresses: Some(addresses), thread: Some(thread) })
    }

    /// Has a probe sent to an address.
    pub fn send(&self, address: BString) {
        let sent = self.addresses.as_ref().map(|addresses| addresses.send(address));
        if !matches!(sent, Some(Ok(()))) {
            log::warn!("no probe is sent: the thread that sends them has ended");
        }
    }

    /// Waits until all probes are sent.
    pub fn finish(&mut self) {
        self.addresses = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::warn!("the thread that sends probes has ended early");
        }
    }
}

impl Probes {
    fn send(&mut self, address: &[u8]) {
        if !self.is_complete {
            let completed = self.sender.complete(&mut self.rewriter);
            completed.unwrap_or_else(|error| fatal!("{error}"));
            self.is_complete = true;
        }
        let mut posting = match Posting::open_service(&self.cleanup, self.limit, self.flags) {
            Ok(posting) => posting,
            Err(error) => return log::warn!("{error}"),
        };
        let now = SystemTime::now();
        posting.envelope_time(now);
        posting.attribute("log_message_origin", b"local");
        posting.attribute("trace_flags", flag::MTA_VERIFY.to_string().as_bytes());
        posting.put(RecordType::SENDER, &self.sender.at(now));
        posting.put(RecordType::RECIPIENT, address);
        posting.put(RecordType::MESSAGE, b"");
        let date = text::date::header_date(now);
        posting.text(&[b"Received: by ", self.host.as_slice(), b" (", &self.mail_name, b")"].concat());
        let id = posting.queue_id().to_owned();
        posting.text(&[b"\tid ", id.as_slice(), b"; ", date.as_bytes()].concat());
        posting.text(&[b"Date: ", date.as_bytes()].concat());
        posting.put(RecordType::EXTRACTED, b"");
        posting.put(RecordType::END, b"");
        let reply = posting.finish();
        if reply.status != 0 {
            log::warn!("{}: probe for {} is not accepted", text::show(&id), text::show(address));
        }
    }
}
