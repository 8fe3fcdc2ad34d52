//! What types share that ask a server of another protocol.

mod endpoint;

pub use endpoint::{ConnectError, Endpoint};
