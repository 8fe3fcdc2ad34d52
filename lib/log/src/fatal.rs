//! How a program ends that cannot go on (master-ipc §1.1).

use std::fmt::Arguments;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use crate::record::{FATAL_TARGET, PANIC_TARGET};

/// How many errors a process may report before it gives up.
const ERROR_LIMIT: u32 = 13;

type Hook = Box<dyn FnMut() + Send>;

static STATUS: AtomicI32 = AtomicI32::new(1);
static ENDING: AtomicBool = AtomicBool::new(false);
static ERRORS: AtomicU32 = AtomicU32::new(0);
static HOOK: Mutex<Option<Hook>> = Mutex::new(None);

/// The exit status of fatal errors from now on: 75 for sendmail, 69 for postqueue, else 1.
pub fn set_fatal_status(status: i32) {
    STATUS.store(status, Ordering::Relaxed);
}

/// What a fatal error shall do before the program ends, such as removing a half-written file.
pub fn on_fatal(hook: impl FnMut() + Send + 'static) {
    *HOOK.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hook));
}

/// What [`crate::fatal!`] does.
pub fn end_fatally(text: Arguments<'_>) -> ! {
    log::error!(target: FATAL_TARGET, "{text}");
    finish()
}

/// Ends a program whose code failed in a way that nobody foresaw: logs a `panic:` record, once, and aborts.
pub fn panic_report(text: &str) -> ! {
    if !ENDING.swap(true, Ordering::SeqCst) {
        log::error!(target: PANIC_TARGET, "{text}");
        sleep(Duration::from_secs(1));
    }
    std::process::abort()
}

/// Counts an `error:` record; the thirteenth ends the program.
pub(crate) fn count_error() {
    if ERRORS.fetch_add(1, Ordering::Relaxed) + 1 == ERROR_LIMIT {
        end_fatally(format_args!("too many errors - program terminated"));
    }
}

fn finish() -> ! {
    if !ENDING.swap(true, Ordering::SeqCst)
        && let Some(mut hook) = HOOK.lock().unwrap_or_else(PoisonError::into_inner).take()
    {
        hook();
    }
    sleep(Duration::from_secs(1));
    std::process::exit(STATUS.load(Ordering::Relaxed))
}
