//! Being stopped by a signal in the middle of something.

use std::sync::{Arc, Mutex, PoisonError};

use sys::signal::Signal;

/// What is unfinished, shared between the program and whatever stops it.
///
/// While the program holds it through [`with`](Stop::with), a signal waits: so a file is either finished or unfinished.
#[derive(Debug, Default)]
pub struct Stop<T>(Arc<Mutex<T>>);

impl<T> Clone for Stop<T> {
    fn clone(&self) -> Self {
        Stop(Arc::clone(&self.0))
    }
}

impl<T> Stop<T> {
    /// Shares the state of the work.
    pub fn new(state: T) -> Stop<T> {
        Stop(Arc::new(Mutex::new(state)))
    }

    /// Looks at, or changes, the state of the work.
    pub fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// From now on SIGINT and SIGQUIT, and SIGTERM and SIGHUP unless they were ignored, end the program: `clean_up` is run
/// on the state of the work, and the exit status is the number of the signal.
///
/// Call this after the environment is settled, and where nothing is forked later: the signals arrive in a thread.
pub fn on_stop<T: Send + 'static>(work: &Stop<T>, clean_up: impl Fn(&mut T) + Send + 'static) {
    let mut signals = vec![Signal::SIGINT, Signal::SIGQUIT];
    signals.extend([Signal::SIGTERM, Signal::SIGHUP].into_iter().filter(|&signal| !sys::signal::is_ignored(signal)));
    let work = work.clone();
    let started = sys::signal::in_thread(&signals, move |signal| {
        work.with(|state| {
            clean_up(state);
            std::process::exit(signal as i32)
        })
    });
    if let Err(error) = started {
        logging::fatal!("signal handling: {}", sys::reason(&error));
    }
}
