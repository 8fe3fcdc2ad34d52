//! Handing one recipient to another delivery agent (qmgr-bounce §7.6).

use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

use bstr::ByteSlice;
use ipc::bounce::{Dsn, Recipient};
use ipc::delivery::{Reply, Request};
use ipc::{Stream, protocol};

use crate::job::Job;
use crate::outcome::Outcome;

/// How often a connect is tried.
const ATTEMPTS: u32 = 11;
const PAUSE: Duration = Duration::from_secs(10);

/// Hands `recipient` to `transport[:nexthop]`; an empty next hop keeps the request's. The other agent reports, and marks the recipient as done.
pub fn pass_on(job: &mut Job<'_>, destination: &[u8], recipient: &Recipient, limit: Duration) -> Outcome {
    let (transport, nexthop) = destination.split_once_str(":").unwrap_or((destination, b""));
    let (id, transport) = (job.request.queue_id.clone(), transport.to_str_lossy().into_owned());
    log::info!("{}: passing <{}> to transport={transport}", text::show(&id), text::show(&recipient.address));
    let mut request = Request { recipients: vec![recipient.clone()], ..job.request.clone() };
    if !nexthop.is_empty() {
        request.nexthop = nexthop.into();
    }
    let mut stream = connect(&transport, limit);
    let sent = stream
        .expect_protocol(protocol::DELIVERY)
        .map_err(|error| error.to_string())
        .and_then(|()| send(&mut stream, &request).map_err(|error| sys::reason(&error)));
    let problem = match sent {
        Err(error) => {
            log::warn!("private/{transport}: {error}");
            "mail transport unavailable"
        }
        Ok(()) => match stream.receive::<Reply>() {
            Ok(reply) if reply.status == 0 => return Outcome::Done,
            Ok(_) => return Outcome::Retry,
            Err(error) => {
                log::warn!("{error}");
                "unknown mail transport error"
            }
        },
    };
    let relay = std::mem::replace(&mut job.relay, "none".into());
    let outcome = job.defer(recipient, Dsn::new("4.3.0", problem));
    job.relay = relay;
    outcome
}

fn send(stream: &mut Stream, request: &Request) -> std::io::Result<()> {
    stream.write_all(&request.to_bytes())?;
    stream.flush()
}

fn connect(transport: &str, limit: Duration) -> Stream {
    for attempt in 1.. {
        match ipc::connect("private", transport, limit) {
            Ok(stream) => return stream,
            Err(error) => {
                let text = format!("connect #{attempt} to subsystem private/{transport}: {}", sys::reason(&error));
                if attempt >= ATTEMPTS {
                    logging::fatal!("{text}");
                }
                log::warn!("{text}");
                sleep(PAUSE);
            }
        }
    }
    unreachable!("the loop ends by return or a fatal error")
}
