//! What happens to mail, as types: each is rendered once, as Postfix's exact text.

mod access;
mod content;
mod delay;
mod delivery;
mod json;
mod message;
mod notification;
mod session;

use std::fmt::{self, Display};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use config::{Config, params};

pub use access::Decision;
pub use content::{ContentAction, MimeError, Route};
pub use delay::Delay;
pub use delivery::DeliveryStatus;
pub use json::Parts;
pub use message::*;
pub use notification::{Audience, Notified, Topic};
pub use session::*;

/// Something that happened to mail, and that a log line reports. Its `Display` is the line.
pub trait Event: Display {
    /// What it is called in JSON.
    fn name(&self) -> &'static str;
    /// Tells its parts.
    fn parts(&self, parts: &mut Parts);
}

/// Logs an event; also as JSON, if `maillog_json_file` is set.
pub fn emit(event: &impl Event) {
    log::info!("{event}");
    crate::setup::send_json(|host, tag| json::object(event, host, tag));
}

static INTERNAL_ADDRESSES: AtomicBool = AtomicBool::new(false);
static DELAY_DECIMALS: AtomicUsize = AtomicUsize::new(2);

/// Follows `info_log_address_format` and `delay_logging_resolution_limit`.
pub(crate) fn configure(config: &Config) {
    let format = config.get(params::INFO_LOG_ADDRESS_FORMAT);
    INTERNAL_ADDRESSES.store(format.eq_ignore_ascii_case(b"internal"), Ordering::Relaxed);
    let decimals = usize::try_from(config.get(params::DELAY_LOGGING_RESOLUTION_LIMIT)).unwrap_or(2);
    DELAY_DECIMALS.store(decimals, Ordering::Relaxed);
}

pub(crate) fn delay_decimals() -> usize {
    DELAY_DECIMALS.load(Ordering::Relaxed)
}

/// Shows an envelope address in internal form as `info_log_address_format` wants it: quoted as in a header, or raw.
pub fn address(internal: &(impl AsRef<[u8]> + ?Sized)) -> impl Display + '_ {
    Address(internal.as_ref())
}

struct Address<'a>(&'a [u8]);

impl Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() || INTERNAL_ADDRESSES.load(Ordering::Relaxed) {
            return text::show(self.0).fmt(f);
        }
        text::show(&text::address::quote(self.0)).fmt(f)
    }
}
