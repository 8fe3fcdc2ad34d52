//! Asking policy servers (access-milter-postscreen §6).

mod client;
mod protocol;
mod settings;

pub(crate) use client::PolicyServer;
pub(crate) use protocol::request;
pub(crate) use settings::{Defaults, PolicySettings};
