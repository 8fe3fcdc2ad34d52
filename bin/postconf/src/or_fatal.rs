//! Errors that end the program.

use logging::fatal;

/// The value of a result, or the end of the program.
pub trait OrFatal<T> {
    /// Gives the value, or ends the program with the error as its last words.
    fn or_fatal(self) -> T;
}

impl<T, E: std::fmt::Display> OrFatal<T> for Result<T, E> {
    fn or_fatal(self) -> T {
        self.unwrap_or_else(|error| fatal!("{error}"))
    }
}
