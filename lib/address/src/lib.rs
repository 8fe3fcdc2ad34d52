//! How addresses are looked up, rewritten and matched (floor 4; cleanup-rewrite §6, §7.3, §9.2).
//!
//! [`MatchList`]s decide whether a name is listed; [`LocalDomains`] whether a domain is ours; a [`Finder`] looks an address
//! up in tables, key by key and maps it to other addresses; the [`RewriteService`] completes and resolves addresses.
#![forbid(unsafe_code)]

mod client;
mod fast_flush;
mod find;
mod local;
mod map;
mod match_list;
mod probe_sender;
mod propagate;
mod reply_filter;
mod users;

pub use client::{Class, Resolver, RewriteService, Rewriter};
pub use fast_flush::FastFlush;
pub use find::{Finder, Form, Found, Keys, Parents};
pub use local::{LocalDomains, literal};
pub use map::{MapError, crunch};
pub use match_list::{MatchList, ParentDomains, parents};
pub use probe_sender::ProbeSender;
pub use propagate::Propagate;
pub use reply_filter::DnsReplyFilter;
pub use users::refused_user;
