//! RFC 822 addresses: tokens, address lists, text, quoting, and the parts of an address (cleanup-rewrite §2 to §6.1).
//!
//! An address has an *external* form, quoted as in a message (`"joe user"@x.example`), and an *internal* form without
//! the quotes (`joe user@x.example`). [`scan`] makes tokens of external text; [`parse_list`] finds the addresses among
//! them; [`internal`] and [`external`] turn tokens back into text. [`quote`] and [`unquote`] convert whole addresses.

mod fold;
mod list;
mod output;
mod parts;
mod quote;
mod token;
mod verp;

pub use fold::{HeaderText, fold_header, join_lines};
pub use list::parse_list;
pub use output::{external, internal};
pub use parts::{Delimiter, split_domain};
pub use quote::{quote, quote_local, quote_smtp, unquote};
pub use token::{Address, Token, scan};
pub use verp::verp_sender;

use bstr::BString;

/// The addresses of a list, in internal form and in order. `<>` gives none.
///
/// ```
/// assert_eq!(text::address::addresses(b"Ann <a@x>, \"b c\"@y"), ["a@x", "b c@y"]);
/// ```
pub fn addresses(list: &[u8]) -> Vec<BString> {
    parse_list(scan(list, None))
        .iter()
        .filter_map(|token| match token {
            Token::Address(address) => Some(address.internal()),
            _ => None,
        })
        .collect()
}
