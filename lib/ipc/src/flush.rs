//! The fast flush service (queue-files §15.1).

use bstr::BString;

use crate::attr::{Error, Message, Reader, Writer};

/// Status: done.
pub const OK: i32 = 0;
/// Status: bad syntax.
pub const BAD: i32 = 3;
/// Status: the site is not eligible.
pub const DENY: i32 = 4;
/// Status: a table could not be searched.
pub const FAIL: i32 = -1;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Remember that a message waits for a site.
    Add {
        /// The domain.
        site: BString,
        /// The message.
        queue_id: BString,
    },
    /// Deliver now what waits for a site.
    SendSite {
        /// The domain.
        site: BString,
    },
    /// Deliver one message now.
    SendFile {
        /// The message.
        queue_id: BString,
    },
    /// Refresh old logs.
    Refresh,
    /// Refresh all logs.
    Purge,
    /// A request name that means nothing.
    Unknown(BString),
}

impl Message for Request {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Add { site, queue_id } => {
                to.string("request", "add");
                to.string("site", site);
                to.string("queue_id", queue_id);
            }
            Self::SendSite { site } => {
                to.string("request", "send_site");
                to.string("site", site);
            }
            Self::SendFile { queue_id } => {
                to.string("request", "send_file");
                to.string("queue_id", queue_id);
            }
            Self::Refresh => to.string("request", "rfrsh"),
            Self::Purge => to.string("request", "purge"),
            Self::Unknown(name) => to.string("request", name),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let request = from.string("request")?;
        Ok(match request.as_slice() {
            b"add" => Self::Add { site: from.string("site")?, queue_id: from.string("queue_id")? },
            b"send_site" => Self::SendSite { site: from.string("site")? },
            b"send_file" => Self::SendFile { queue_id: from.string("queue_id")? },
            b"rfrsh" => Self::Refresh,
            b"purge" => Self::Purge,
            _ => Self::Unknown(request),
        })
    }
}
