//! The format that mailq has had for decades (queue-files §12.4).

use std::io::{self, Write};

use bstr::{BStr, BString, ByteSlice};
use ipc::showq::{Header, Recipient};

use crate::listing::View;

/// The columns, which differ by the style of queue IDs.
struct Columns {
    id: usize,
    size: usize,
    time: usize,
    headings: [&'static str; 4],
}

const SHORT: Columns = Columns {
    id: 11,
    size: 7,
    time: 20,
    headings: ["-Queue ID-", "--Size--", "----Arrival Time----", "-Sender/Recipient-------"],
};
const LONG: Columns = Columns {
    id: 17,
    size: 8,
    time: 19,
    headings: ["----Queue ID-----", "--Size--", "---Arrival Time----", "--Sender/Recipient------"],
};

/// Where a reason ends.
const REASON_END: usize = 76;

/// What was shown so far.
pub struct Traditional {
    columns: Columns,
    messages: u64,
    bytes: i64,
    last_reason: BString,
}

impl Traditional {
    /// `long_ids`: the columns are those for long queue IDs.
    pub fn new(long_ids: bool) -> Traditional {
        let columns = if long_ids { LONG } else { SHORT };
        Traditional { columns, messages: 0, bytes: 0, last_reason: BString::default() }
    }

    fn heading(&self, output: &mut dyn Write) -> io::Result<()> {
        let Columns { id, size, time, headings: [a, b, c, d] } = self.columns;
        writeln!(output, "{a:id$} {b:>size$} {c:time$} {d}")
    }

    /// In front of a recipient whose reason is not that of the one before.
    fn reason(&mut self, output: &mut dyn Write, reason: &BStr) -> io::Result<()> {
        if reason == self.last_reason {
            return Ok(());
        }
        self.last_reason = reason.to_owned();
        let shown = if reason.is_empty() { b"reason unavailable".as_bstr() } else { reason };
        write!(output, "{:1$}", "", REASON_END.saturating_sub(shown.len()))?;
        line(output, &[b"(", shown, b")"])
    }
}

impl View for Traditional {
    fn message(&mut self, output: &mut dyn Write, header: &Header) -> io::Result<()> {
        if self.messages == 0 {
            self.heading(output)?;
        } else {
            writeln!(output)?;
        }
        self.messages += 1;
        self.bytes = self.bytes.saturating_add(header.size);
        self.last_reason.clear();
        let mut id = header.queue_id.to_string();
        match header.queue_name.as_bytes() {
            b"active" => id.push('*'),
            b"hold" => id.push('!'),
            _ => {}
        }
        if header.forced_expire {
            id.push('#');
        }
        let date = text::date::ctime(text::date::from_seconds(header.time));
        let Columns { id: id_width, size: size_width, time: time_width, .. } = self.columns;
        let date: String = date.chars().take(time_width).collect();
        write!(output, "{id:id_width$} {:size_width$} {date:>time_width$} ", header.size)?;
        line(output, &[&header.sender])
    }

    fn recipient(&mut self, output: &mut dyn Write, recipient: &Recipient) -> io::Result<()> {
        self.reason(output, recipient.reason.as_bstr())?;
        let Columns { id, size, time, .. } = self.columns;
        write!(output, "{:id$} {:size$} {:time$} ", "", "", "")?;
        line(output, &[&recipient.address])
    }

    fn end_of_message(&mut self, _output: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, output: &mut dyn Write) -> io::Result<()> {
        if self.messages == 0 {
            return writeln!(output, "Mail queue is empty");
        }
        let plural = if self.messages == 1 { "" } else { "s" };
        writeln!(output, "\n-- {} Kbytes in {} Request{plural}.", self.bytes / 1024, self.messages)
    }
}

fn line(output: &mut dyn Write, parts: &[&[u8]]) -> io::Result<()> {
    for part in parts {
        output.write_all(part)?;
    }
    writeln!(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queue, ID, size, and recipients with their reasons.
    type Message<'a> = (&'a str, &'a str, i64, &'a [(&'a str, &'a str)]);

    fn show(long_ids: bool, messages: &[Message<'_>]) -> String {
        let mut output = Vec::new();
        let mut view = Traditional::new(long_ids);
        for (queue, id, size, recipients) in messages {
            let header = Header {
                queue_name: (*queue).into(),
                queue_id: (*id).into(),
                time: 1_795_499_046,
                size: *size,
                forced_expire: *queue == "hold",
                sender: "s@x".into(),
            };
            view.message(&mut output, &header).unwrap();
            for (address, reason) in *recipients {
                let recipient = Recipient { address: (*address).into(), reason: (*reason).into() };
                view.recipient(&mut output, &recipient).unwrap();
            }
            view.end_of_message(&mut output).unwrap();
        }
        view.end(&mut output).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn an_empty_queue() {
        assert_eq!(show(false, &[]), "Mail queue is empty\n");
    }

    #[test]
    fn two_messages() {
        let recipients = [("a@x", "later"), ("b@x", "later"), ("c@x", "")];
        let text = show(false, &[("active", "676205D2C1", 285, &[("d@x", "")]), ("hold", "0A1", 1024, &recipients)]);
        let time = &text::date::ctime(text::date::from_seconds(1_795_499_046))[..20];
        let indent = " ".repeat(41);
        let expected = format!(
            "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n\
             676205D2C1*     285 {time} s@x\n{indent}d@x\n\n\
             0A1!#          1024 {time} s@x\n{later}(later)\n{indent}a@x\n{indent}b@x\n{none}(reason unavailable)\n\
             {indent}c@x\n\n-- 1 Kbytes in 2 Requests.\n",
            later = " ".repeat(71),
            none = " ".repeat(58),
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn long_columns() {
        let text = show(true, &[("deferred", "4jYWvp30bNz2rj0", 285, &[("d@x", "")])]);
        let mut lines = text.lines();
        assert_eq!(lines.next().unwrap(), "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------");
        assert!(lines.next().unwrap().starts_with("4jYWvp30bNz2rj0        285 "));
        assert_eq!(lines.next().unwrap(), format!("{}d@x", " ".repeat(47)));
    }
}
