//! Header and body checks on the way out (smtp-client §13).

use bstr::{BString, ByteSlice};
use config::{Config, Key, Str, params};
use table::{Flags, Maps, Tables};
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
        judge(queue_id, maps, "header", header)
    }

    /// Judges a line of the body, or a piece of a long one: what is sent in its place.
    ///
    /// # Errors
    /// A table failed, which has been logged.
    pub fn body(&self, queue_id: &[u8], line: &[u8]) -> Result<Vec<BString>, Broken> {
        judge(queue_id, &self.body, "body", line)
    }
}

fn judge(queue_id: &[u8], maps: &Maps, place: &str, text: &[u8]) -> Result<Vec<BString>, Broken> {
    let Ok(found) = maps.find(text) else {
        log::warn!("{}: {} lookup error", text::show(queue_id), maps.title().replace('_', " "));
        return Err(Broken::LocalData);
    };
    let Some(value) = found else { return Ok(vec![text.into()]) };
    let (command, argument) = value.split_once_str(" ").unwrap_or((&value, b""));
    let argument = text::space::trim_start(argument);
    let note = |word: &str| {
        let (id, start) = (text::show(queue_id), text::show(&text[..text.len().min(SHOWN)]));
        match argument {
            b"" => log::info!("{id}: {word}: {place} {start}"),
            _ => log::info!("{id}: {word}: {place} {start}: {}", text::show(argument)),
        }
    };
    Ok(match command.to_ascii_uppercase().as_slice() {
        b"DUNNO" | b"OK" => vec![text.into()],
        b"INFO" => {
            note("info");
            vec![text.into()]
        }
        b"WARN" => {
            note("warning");
            vec![text.into()]
        }
        b"IGNORE" => Vec::new(),
        b"STRIP" => {
            note("strip");
            Vec::new()
        }
        b"REPLACE" | b"PREPEND" if argument.is_empty() => {
            log::warn!("{} action without text in {} map", text::show(command), maps.title());
            vec![text.into()]
        }
        b"REPLACE" => {
            note("replace");
            vec![argument.into()]
        }
        b"PREPEND" => {
            note("prepend");
            vec![argument.into(), text.into()]
        }
        _ => {
            log::warn!("unsupported command in {} map: {}", maps.title(), text::show(command));
            vec![text.into()]
        }
    })
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
