//! What an SMTP server makes of the bytes of a client: commands, arguments, content, and the texts of replies, all without I/O
//! (smtpd §4 to §9).
//!
//! | room | what it does |
//! |---|---|
//! | [`words`] | a command line as words |
//! | [`verb`] | the commands, and what is special about each |
//! | [`address`] | an address out of a word |
//! | [`options`] | what MAIL and RCPT take behind the address |
//! | [`ehlo`] | the features, and which of them are held back |
//! | [`counters`] | what a session did, and what it did wrong |
//! | [`content`] | message content, after DATA and in BDAT chunks |
//! | [`newline`] | what a line end without CR means |
//! | [`identity`] | attributes of XCLIENT and XFORWARD |
//! | [`haproxy`] | the header that a proxy sends before the client's first byte |
//! | [`reply`] | replies in their final form: footer, soft bounce, lines |

pub mod address;
pub mod content;
pub mod counters;
pub mod ehlo;
pub mod haproxy;
pub mod identity;
pub mod newline;
pub mod options;
pub mod reply;
pub mod verb;
pub mod words;
