//! Taking our own domains off an address (cleanup-rewrite §9.3).

use address::LocalDomains;
use bstr::{BString, ByteSlice};
use config::{Config, params};
use table::Error;
use text::address::{Token, internal, quote, scan};

use crate::rewrite::{Origin, Rules, is, last, operator, strip_trailing_dot};

/// More rounds than an address has bytes are a loop; this many more are no sign of one.
const EXTRA_ROUNDS: usize = 100;

/// The parameters.
#[derive(Debug)]
pub struct Stripper {
    resolve_dequoted_address: bool,
    resolve_null_domain: bool,
    empty_address_recipient: BString,
    myhostname: BString,
}

/// An address without what is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stripped {
    /// The recipient, in internal form.
    pub recipient: BString,
    /// Whether it is for us.
    pub is_local: bool,
}

/// Why an address could not be resolved; it has been logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

impl From<Error> for Failed {
    fn from(_: Error) -> Self {
        Failed
    }
}

impl Stripper {
    /// Reads the parameters.
    pub fn new(config: &Config) -> Self {
        Stripper {
            resolve_dequoted_address: config.get(params::RESOLVE_DEQUOTED_ADDRESS),
            resolve_null_domain: config.get(params::RESOLVE_NULL_DOMAIN),
            empty_address_recipient: config.get(params::EMPTY_ADDRESS_RECIPIENT).into(),
            myhostname: config.get(params::MYHOSTNAME).into(),
        }
    }

    /// Strips local domains until there is a remote one, or none.
    pub fn strip(&self, rules: &Rules, local: &LocalDomains, address: &[u8]) -> Result<Stripped, Failed> {
        let mut tokens = scan(&quote(address), None);
        let mut saved = None;
        let limit = address.len() + EXTRA_ROUNDS;
        for _ in 0..limit {
            self.tidy(&mut tokens);
            if let Some(at) = last(&tokens, b'@') {
                let domain = internal(&tokens[at + 1..]);
                if at + 1 < tokens.len() && !local.contains(&domain)? {
                    return Ok(Stripped { recipient: internal(&tokens), is_local: false });
                }
                saved = Some(tokens.split_off(at));
            }
            if !self.continue_with(rules, &mut tokens, saved.is_some()) {
                tokens.extend(saved.unwrap_or_else(|| self.at_myhostname()));
                return Ok(Stripped { recipient: internal(&tokens), is_local: true });
            }
        }
        log::warn!("resolve_addr: <{}>: giving up after {limit} iterations", text::show(address));
        Err(Failed)
    }

    fn at_myhostname(&self) -> Vec<Token> {
        let mut tokens = vec![operator(b'@')];
        tokens.extend(scan(&self.myhostname, None));
        tokens
    }

    /// A dot, and perhaps an `@`, at the end mean nothing.
    fn tidy(&self, tokens: &mut Vec<Token>) {
        if last(tokens, b'@').is_some() {
            strip_trailing_dot(tokens);
        }
        if self.resolve_null_domain && tokens.last().is_some_and(|token| is(token, b'@')) {
            tokens.pop();
        }
    }

    /// What is left after a local domain was cut off may lead on. False: it does not.
    fn continue_with(&self, rules: &Rules, tokens: &mut Vec<Token>, has_domain: bool) -> bool {
        let routes = |token: &Token| {
            is(token, b'@') || (rules.swap_bangpath && is(token, b'!')) || (rules.allow_percent_hack && is(token, b'%'))
        };
        if tokens.iter().any(routes) {
            rules.apply(Origin::Local, tokens);
            return true;
        }
        if let Some(opened) = self.open_quotes(rules, tokens) {
            *tokens = opened;
            rules.apply(Origin::Local, tokens);
            return true;
        }
        if matches!(tokens.as_slice(), [Token::Quoted(text)] if text.is_empty()) {
            tokens.clear();
        }
        if tokens.is_empty() {
            *tokens = scan(&self.empty_address_recipient, None);
            return true;
        }
        if !has_domain {
            tokens.extend(self.at_myhostname());
            return true;
        }
        false
    }

    /// A quoted local part that hides an address: its tokens.
    fn open_quotes(&self, rules: &Rules, tokens: &[Token]) -> Option<Vec<Token>> {
        let [Token::Quoted(text)] = tokens else { return None };
        if !self.resolve_dequoted_address {
            return None;
        }
        let find = |byte: u8, allowed: bool| text.rfind_byte(byte).filter(|_| allowed);
        if find(b'@', true).is_some() {
            return Some(scan(&quote(text), None));
        }
        if let Some(percent) = find(b'%', rules.allow_percent_hack) {
            let mut text = text.clone();
            text[percent] = b'@';
            return Some(scan(&quote(&text), None));
        }
        find(b'!', rules.swap_bangpath).map(|_| scan(text, None))
    }
}
