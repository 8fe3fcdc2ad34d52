//! Header and body checks on the way out (smtp-client §13).

use bstr::BString;
use config::{Config, Key, Str, params};
use table::{Flags, Maps, Tables};
use text::checks::{self, Action, Subject};
use text::mime::Block;

use crate::mode::Mode;
use crate::session::Broken;

/// How much of a line a record in the log shows, in bytes.
const SHOWN: usize = 60;

/// The tables.
pub struct Checks {
    header: Maps,
    mime: Maps,
    nested: Maps,
    body: Maps,
}

/// Headers that describe the body.
const MIME_HEADERS: [&str; 6] = [
    "Content-Description",
    "Content-Disposition",
    "Content-ID",
    "Content-Transfer-Encoding",
    "Content-Type",
    "MIME-Version",
];

impl Checks {
    /// Opens the tables.
    pub fn open(mode: Mode, config: &Config, tables: &Tables) -> Self {
        let maps = |smtp: Key<Str>, lmtp: Key<Str>| {
            let key = mode.pick(smtp, lmtp);
            tables.maps(key.name(), config.get(key), Flags::LIST)
        };
        Checks {
            header: maps(params::SMTP_HEADER_CHECKS, params::LMTP_HEADER_CHECKS),
            mime: maps(params::SMTP_MIME_HEADER_CHECKS, params::LMTP_MIME_HEADER_CHECKS),
            nested: maps(params::SMTP_NESTED_HEADER_CHECKS, params::LMTP_NESTED_HEADER_CHECKS),
            body: maps(params::SMTP_BODY_CHECKS, params::LMTP_BODY_CHECKS),
        }
    }

    /// Whether nothing is to be looked at.
    pub fn is_empty(&self) -> bool {
        [&self.header, &self.mime, &self.nested, &self.body].iter().all(|maps| maps.is_empty())
    }

    /// Judges a header with its continuation lines: what is sent in its place.
    ///
    /// # Errors
    /// A table failed, which has been logged.
    pub fn header(&self, queue_id: &[u8], block: Block, header: &[u8]) -> Result<Vec<BString>, Broken> {
        let name = text::header::split(header).map_or(&b""[..], |(name, _)| name);
        let is_mime = MIME_HEADERS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name));
        let maps = match block {
            _ if is_mime => &self.mime,
            Block::Primary => &self.header,
            Block::Part => &self.mime,
            Block::Nested => &self.nested,
        };
        judge(queue_id, maps, Subject::Header, header)
    }

    /// Judges a line of the body, or a piece of a long one: what is sent in its place.
    ///
    /// # Errors
    /// A table failed, which has been logged.
    pub fn body(&self, queue_id: &[u8], line: &[u8]) -> Result<Vec<BString>, Broken> {
        judge(queue_id, &self.body, Subject::Body, line)
    }
}

fn judge(queue_id: &[u8], maps: &Maps, subject: Subject, text: &[u8]) -> Result<Vec<BString>, Broken> {
    let place = match subject {
        Subject::Header => "header",
        Subject::Body => "body",
    };
    let Ok(found) = maps.find(text) else {
        log::warn!("{}: smtp {place} checks lookup error", text::show(queue_id));
        return Err(Broken::LocalData);
    };
    let unchanged = || Ok(vec![BString::from(text)]);
    let Some(value) = found else { return unchanged() };
    let action = match checks::parse(maps.title(), subject, &value) {
        Ok(action) => action,
        Err(warning) => {
            log::warn!("{warning}");
            return unchanged();
        }
    };
    let (argument, lines): (&[u8], Vec<BString>) = match action {
        Action::Dunno => return unchanged(),
        Action::Ignore => return Ok(Vec::new()),
        Action::Info(argument) | Action::Warn(argument) => (argument, vec![text.into()]),
        Action::Strip(argument) => (argument, Vec::new()),
        Action::Replace(argument) => (argument, vec![argument.into()]),
        Action::Prepend(argument) => (argument, vec![argument.into(), text.into()]),
        _ => {
            log::warn!("unsupported command in {} map: {}", maps.title(), text::show(&value));
            return unchanged();
        }
    };
    if let Some(word) = action.log_word() {
        let (id, start) = (text::show(queue_id), text::show(&text[..text.len().min(SHOWN)]));
        let colon = if argument.is_empty() { "" } else { ": " };
        log::info!("{id}: {word}: {place} {start}{colon}{}", text::show(argument));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use table::Settings;

    fn header(block: Block, text: &str) -> Result<Vec<BString>, Broken> {
        let tables = Tables::new(Settings::default());
        let config = Config::for_tests(&[
            ("smtp_header_checks", "regexp:{{/^Bad:/ IGNORE}, {/^Old: (.*)/ REPLACE New: $$1}, {/^X:/ PREPEND Y: z}}"),
            ("smtp_mime_header_checks", "regexp:{{/^content-type:/ STRIP gone}}"),
            ("smtp_nested_header_checks", "fail:x"),
        ]);
        Checks::open(Mode::Smtp, &config, &tables).header(b"ID", block, text.as_bytes())
    }

    #[test]
    fn actions_change_headers() {
        assert_eq!(header(Block::Primary, "Bad: x").unwrap(), Vec::<BString>::new());
        assert_eq!(header(Block::Primary, "Old: x").unwrap(), ["New: x"]);
        assert_eq!(header(Block::Primary, "X: a").unwrap(), ["Y: z", "X: a"]);
        assert_eq!(header(Block::Primary, "Other: a\n b").unwrap(), ["Other: a\n b"]);
        assert!(header(Block::Primary, "Content-Type: x").unwrap().is_empty());
        assert_eq!(header(Block::Part, "Bad: x").unwrap(), ["Bad: x"]);
        assert_eq!(header(Block::Nested, "Bad: x"), Err(Broken::LocalData));
    }
}
