//! The rewrite rules (cleanup-rewrite §8).

use address::MatchList;
use bstr::BString;
use config::{Config, params};
use table::Tables;
use text::address::{Token, internal, quote, scan};

/// An operator token.
pub const fn operator(byte: u8) -> Token {
    Token::Operator(byte)
}

/// Whether a token is this operator.
pub fn is(token: &Token, byte: u8) -> bool {
    *token == operator(byte)
}

/// Where the last of an operator is.
pub fn last(tokens: &[Token], byte: u8) -> Option<usize> {
    tokens.iter().rposition(|token| is(token, byte))
}

/// Whose domain an address gets that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Ours.
    Local,
    /// That of `remote_header_rewrite_domain`.
    Remote,
}

impl Origin {
    /// The `rule` of a request.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"local" => Some(Origin::Local),
            b"remote" => Some(Origin::Remote),
            _ => None,
        }
    }
}

/// What a context appends, as text.
#[derive(Debug)]
struct Context {
    origin: BString,
    domain: BString,
}

/// The rules, with their parameters.
#[derive(Debug)]
pub struct Rules {
    /// `swap_bangpath`.
    pub swap_bangpath: bool,
    /// `allow_percent_hack`.
    pub allow_percent_hack: bool,
    append_at_myorigin: bool,
    append_dot_mydomain: bool,
    local: Context,
    remote: Context,
    /// Set when `append_dot_mydomain` is in force because of an old compatibility level: the lists with domains that are complete.
    legacy: Option<Vec<MatchList>>,
}

impl Rules {
    /// Reads the parameters.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn new(config: &Config, tables: &Tables) -> Result<Self, String> {
        let remote = config.get(params::REMOTE_HEADER_REWRITE_DOMAIN);
        Ok(Rules {
            swap_bangpath: config.get(params::SWAP_BANGPATH),
            allow_percent_hack: config.get(params::ALLOW_PERCENT_HACK),
            append_at_myorigin: config.get(params::APPEND_AT_MYORIGIN),
            append_dot_mydomain: config.get(params::APPEND_DOT_MYDOMAIN),
            local: Context { origin: config.get(params::MYORIGIN).into(), domain: config.get(params::MYDOMAIN).into() },
            remote: Context { origin: remote.into(), domain: remote.into() },
            legacy: match config.legacy_defaults().append_dot_mydomain {
                true => Some(complete_domains(config, tables)?),
                false => None,
            },
        })
    }

    /// Rewrites an address in external form, to external form.
    pub fn rewrite(&self, origin: Origin, address: &[u8]) -> BString {
        let mut tokens = scan(address, None);
        if tokens.is_empty() {
            // White space alone is as good as nothing.
            tokens.push(Token::Quoted(BString::default()));
        }
        self.apply(origin, &mut tokens);
        quote(&internal(&tokens))
    }

    /// Applies the rules to the tokens of one address.
    pub fn apply(&self, origin: Origin, tokens: &mut Vec<Token>) {
        let context = match origin {
            Origin::Local => &self.local,
            Origin::Remote => &self.remote,
        };
        match tokens.as_slice() {
            [Token::Quoted(text)] if text.is_empty() => return,
            [only] if is(only, b'@') => {
                *tokens = vec![Token::Quoted(BString::default())];
                return;
            }
            _ => {}
        }
        strip_source_route(tokens);
        if last(tokens, b'@').is_none() {
            self.add_domain(context, tokens);
        }
        self.complete_domain(context, tokens);
        strip_trailing_dot(tokens);
    }

    /// `left!right`, then `user%domain`, then the origin.
    fn add_domain(&self, context: &Context, tokens: &mut Vec<Token>) {
        let bang = tokens.iter().position(|token| is(token, b'!'));
        let percent = last(tokens, b'%');
        match (bang, percent) {
            (Some(bang), _) if self.swap_bangpath => {
                let right = tokens.split_off(bang + 1);
                let mut left = std::mem::replace(tokens, right);
                left.truncate(bang);
                tokens.push(operator(b'@'));
                tokens.append(&mut left);
            }
            (_, Some(percent)) if self.allow_percent_hack => tokens[percent] = operator(b'@'),
            _ if self.append_at_myorigin && !context.origin.is_empty() => {
                tokens.push(operator(b'@'));
                tokens.extend(scan(&context.origin, None));
            }
            _ => {}
        }
    }

    /// A domain without a dot gets one, and the domain of the context.
    fn complete_domain(&self, context: &Context, tokens: &mut Vec<Token>) {
        let Some(at) = last(tokens, b'@').filter(|at| at + 1 < tokens.len()) else { return };
        let domain = &tokens[at + 1..];
        let is_complete = domain.iter().any(|token| is(token, b'.') || matches!(token, Token::Literal(_)));
        if !self.append_dot_mydomain || context.domain.is_empty() || is_complete {
            return;
        }
        if let Some(lists) = &self.legacy {
            warn_about_default(lists, &internal(domain), &context.domain);
        }
        tokens.push(operator(b'.'));
        tokens.extend(scan(&context.domain, None));
    }
}

/// Deletes `@host,@host:` in front.
fn strip_source_route(tokens: &mut Vec<Token>) {
    if !tokens.first().is_some_and(|token| is(token, b'@')) {
        return;
    }
    if let Some(colon) = tokens.iter().position(|token| is(token, b':'))
        && colon + 1 < tokens.len()
    {
        tokens.drain(..=colon);
    }
}

/// Deletes one dot at the end of a domain.
pub fn strip_trailing_dot(tokens: &mut Vec<Token>) {
    if let [.., before, end] = tokens.as_slice()
        && is(end, b'.')
        && !is(before, b'.')
        && !is(before, b'@')
    {
        tokens.pop();
    }
}

/// The lists in which a domain without dot may be.
fn complete_domains(config: &Config, tables: &Tables) -> Result<Vec<MatchList>, String> {
    [params::MYDESTINATION, params::VIRTUAL_ALIAS_DOMAINS, params::VIRTUAL_MAILBOX_DOMAINS, params::RELAY_DOMAINS]
        .iter()
        .map(|key| MatchList::new(tables, key.name(), config.get(*key)))
        .collect()
}

fn warn_about_default(lists: &[MatchList], name: &[u8], domain: &[u8]) {
    let is_listed = |list: &MatchList| list.matches(name).unwrap_or(false);
    let advice = match name.eq_ignore_ascii_case(b"localhost") && !lists.iter().any(is_listed) {
        true => "; please add \"localhost\" to mydestination or other address class",
        false => "",
    };
    let (name, domain) = (text::show(name), text::show(domain));
    log::info!(
        "using backwards-compatible default setting append_dot_mydomain=yes to rewrite \"{name}\" to \
         \"{name}.{domain}\"{advice}"
    );
}
