//! Results of access tables and policy servers (access-milter-postscreen §4.7).

use bstr::BString;
use text::space::{is_space, trim_start};

use crate::evaluate::Subject;
use crate::facts::Stage;
use crate::reply::rejected;
use crate::run::{Deferral, Outcome, Run, Step, Stop};
use crate::settings::TempfailAction;

/// What a result says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action<'a> {
    Dunno,
    Permit,
    /// A code from 400 to 599.
    Reply(u16, &'a [u8]),
    Reject(&'a [u8]),
    Defer(&'a [u8]),
    DeferIfPermit(&'a [u8]),
    DeferIfReject(&'a [u8]),
    Hold(&'a [u8]),
    Discard(&'a [u8]),
    Filter(&'a [u8]),
    Redirect(&'a [u8]),
    Bcc(&'a [u8]),
    Prepend(&'a [u8]),
    Info(&'a [u8]),
    Warn(&'a [u8]),
    HangUp(&'a [u8]),
    /// A table, which may not stand here.
    Table,
    /// Nothing at all.
    Empty,
    /// Names of restrictions.
    Restrictions,
}

impl<'a> Action<'a> {
    /// Reads a result. The command is in any case.
    pub fn parse(value: &'a [u8]) -> Action<'a> {
        let end = value.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(value.len());
        let (command, text) = (&value[..end], trim_start(&value[end..]));
        match command.to_ascii_uppercase().as_slice() {
            b"" => Action::Empty,
            b"DUNNO" => Action::Dunno,
            b"OK" | b"RELAY" => Action::Permit,
            b"REJECT" => Action::Reject(text),
            b"DEFER" => Action::Defer(text),
            b"DEFER_IF_PERMIT" => Action::DeferIfPermit(text),
            b"DEFER_IF_REJECT" => Action::DeferIfReject(text),
            b"HOLD" => Action::Hold(text),
            b"DISCARD" => Action::Discard(text),
            b"FILTER" => Action::Filter(text),
            b"REDIRECT" => Action::Redirect(text),
            b"BCC" => Action::Bcc(text),
            b"PREPEND" => Action::Prepend(text),
            b"INFO" => Action::Info(text),
            b"WARN" => Action::Warn(text),
            b"HANGUP" => Action::HangUp(text),
            [class @ (b'4' | b'5'), b'0'..=b'9', b'0'..=b'9'] if !text.is_empty() => {
                let rest = u16::from(command[1] - b'0') * 10 + u16::from(command[2] - b'0');
                Action::Reply(u16::from(class - b'0') * 100 + rest, text)
            }
            digits if digits.iter().all(u8::is_ascii_digit) && text.is_empty() => Action::Permit,
            _ if value.contains(&b':') => Action::Table,
            _ => Action::Restrictions,
        }
    }
}

/// Where a result comes from.
#[derive(Clone, Copy)]
struct Entry<'a> {
    table: &'a [u8],
    key: &'a [u8],
    value: &'a [u8],
}

/// A text, or what stands for it when there is none.
fn or<'a>(text: &'a [u8], default: &'a str) -> &'a [u8] {
    if text.is_empty() { default.as_bytes() } else { text }
}

impl Run<'_> {
    /// Does what the result of a table or policy server says.
    pub fn act(&mut self, table: &[u8], key: &[u8], value: &[u8], subject: Subject<'_>) -> Outcome {
        let entry = Entry { table, key, value };
        let codes = &self.rules.settings.codes;
        match Action::parse(value) {
            Action::Dunno => Ok(Step::Dunno),
            Action::Permit => {
                let command = value.split(|byte| is_space(*byte)).next().unwrap_or(value);
                self.permit(command, subject.name, subject.class, Some(table))
            }
            Action::Reply(code, text) => {
                let default = if code < 500 { "4.7.1" } else { "5.7.1" };
                Ok(self.reject_with(code.into(), default, text, subject))
            }
            Action::Reject(text) => Ok(self.reject_with(codes.access_map_reject, "5.7.1", text, subject)),
            Action::Defer(text) => Ok(self.reject_with(codes.access_map_defer, "4.7.1", text, subject)),
            Action::DeferIfPermit(text) => {
                let deferral = self.deferral(text, subject);
                Ok(self.defer_if_permit(TempfailAction::DeferIfPermit, deferral))
            }
            Action::DeferIfReject(text) => {
                let deferral = self.deferral(text, subject);
                Ok(self.defer_if_reject(deferral))
            }
            Action::HangUp(text) => {
                self.log("hangup", text);
                Err(Stop::HangUp)
            }
            Action::Info(text) => {
                self.log("info", text);
                Ok(Step::Dunno)
            }
            Action::Warn(text) => {
                self.log("warn", text);
                Ok(Step::Dunno)
            }
            Action::Prepend(text) => Ok(self.prepend(entry, text)),
            Action::Hold(text) => Ok(self.hold(entry, text, subject)),
            Action::Discard(text) => Ok(self.discard(entry, text, subject)),
            Action::Filter(text) => Ok(self.filter(entry, text, subject)),
            Action::Redirect(text) => Ok(self.redirect(entry, text, subject)),
            Action::Bcc(text) => Ok(self.bcc(entry, text, subject)),
            Action::Empty => {
                log::warn!("access table {} entry {} has empty value", text::show(table), text::show(key));
                Ok(Step::Permit)
            }
            Action::Table => Err(self.table_in_table(entry)),
            Action::Restrictions => self.evaluate_result(table, value, subject),
        }
    }

    fn reject_with(&mut self, code: i64, default: &str, text: &[u8], subject: Subject<'_>) -> Step {
        let (status, text) = subject.class.split(default, text);
        self.reject(code, &status, rejected(subject.name, subject.class, or(text, "Access denied")))
    }

    fn deferral(&self, text: &[u8], subject: Subject<'_>) -> Deferral {
        let (status, text) = subject.class.split("4.7.1", text);
        let code = self.rules.settings.codes.access_map_defer;
        Deferral::new(code, status, rejected(subject.name, subject.class, or(text, "Service unavailable")))
    }

    fn table_in_table(&mut self, entry: Entry<'_>) -> Stop {
        let (table, value) = (text::show(entry.table), text::show(entry.value));
        log::warn!("access table {table} has entry with lookup table: {value}");
        log::warn!("do not specify lookup tables inside SMTPD access maps");
        log::warn!("define a restriction class and specify its name instead.");
        self.server_error()
    }

    /// `<name>: class what`.
    fn note(&self, action: &str, subject: Subject<'_>, what: &[u8]) {
        let text = [b"<", subject.name, b">: ", subject.class.text().as_bytes(), b" ", what].concat();
        self.log(action, &text);
    }

    /// Whether the transaction, which an action is about, is one that it can have an effect on.
    fn is_available(&self, action: &str, entry: Entry<'_>) -> bool {
        let table = text::show(entry.table);
        if self.stage.is_before_mail() {
            log::warn!(
                "access table {table}: with smtpd_delay_reject=no, action {action} is always skipped in Client host or Helo command \
                 restrictions"
            );
            return false;
        }
        if action == "PREPEND" {
            return true;
        }
        if self.rules.settings.has_proxy_filter {
            log::warn!("access table {table}: with smtpd_proxy_filter specified, action {action} is unavailable");
            return false;
        }
        if self.stage == Stage::Etrn {
            log::warn!("access table {table}: action {action} is unavailable in smtpd_etrn_restrictions");
            return false;
        }
        true
    }

    fn hold(&mut self, entry: Entry<'_>, text: &[u8], subject: Subject<'_>) -> Step {
        if self.is_available("HOLD", entry) && !self.state.effects.hold {
            self.note("hold", subject, or(text, "triggers HOLD action"));
            self.state.effects.hold = true;
        }
        Step::Dunno
    }

    fn discard(&mut self, entry: Entry<'_>, text: &[u8], subject: Subject<'_>) -> Step {
        if !self.is_available("DISCARD", entry) {
            return Step::Dunno;
        }
        self.note("discard", subject, or(text, "triggers DISCARD action"));
        self.state.effects.discard = true;
        Step::Permit
    }

    fn filter(&mut self, entry: Entry<'_>, text: &[u8], subject: Subject<'_>) -> Step {
        if !self.is_available("FILTER", entry) {
            return Step::Dunno;
        }
        let (table, key) = (text::show(entry.table), text::show(entry.key));
        if text.is_empty() {
            log::warn!("access table {table} entry \"{key}\" has FILTER entry without value");
        } else if !text.contains(&b':') {
            log::warn!("access table {table} entry \"{key}\" requires transport:destination");
        } else {
            self.note("filter", subject, &[b"triggers FILTER ", text].concat());
            self.state.effects.filter = Some(text.into());
        }
        Step::Dunno
    }

    /// The address that REDIRECT and BCC take.
    fn target(&self, action: &str, entry: Entry<'_>, text: &[u8]) -> Option<BString> {
        if !self.is_available(action, entry) {
            return None;
        }
        if text.contains(&b'@') {
            return Some(text.into());
        }
        let (table, key) = (text::show(entry.table), text::show(entry.key));
        log::warn!("access table {table} entry \"{key}\" requires user@domain target");
        None
    }

    fn redirect(&mut self, entry: Entry<'_>, text: &[u8], subject: Subject<'_>) -> Step {
        if let Some(address) = self.target("REDIRECT", entry, text) {
            self.note("redirect", subject, &[b"triggers REDIRECT ", text].concat());
            self.state.effects.redirect = Some(address);
        }
        Step::Dunno
    }

    fn bcc(&mut self, entry: Entry<'_>, text: &[u8], subject: Subject<'_>) -> Step {
        if let Some(address) = self.target("BCC", entry, text) {
            self.note("bcc", subject, &[b"triggers BCC ", text].concat());
            self.state.effects.bcc.push(address);
        }
        Step::Dunno
    }

    fn prepend(&mut self, entry: Entry<'_>, text: &[u8]) -> Step {
        if !self.is_available("PREPEND", entry) {
            return Step::Dunno;
        }
        let (table, key) = (text::show(entry.table), text::show(entry.key));
        if self.stage == Stage::EndOfMessage {
            log::warn!("access table {table}: action PREPEND must be used before smtpd_end_of_data_restrictions");
        } else if text::header::is_header(text) {
            self.state.effects.prepend.push(text.into());
        } else {
            log::warn!("access table {table} entry \"{key}\" requires header: text");
        }
        Step::Dunno
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn results() {
        assert_eq!(Action::parse(b"ok whatever"), Action::Permit);
        assert_eq!(Action::parse(b"20240101"), Action::Permit);
        assert_eq!(Action::parse(b"554"), Action::Permit);
        assert_eq!(Action::parse(b"550 5.1.1 x"), Action::Reply(550, b"5.1.1 x"));
        assert_eq!(Action::parse(b"reject\t no "), Action::Reject(b"no "));
        assert_eq!(Action::parse(b"FILTER a:b"), Action::Filter(b"a:b"));
        assert_eq!(Action::parse(b"250 ok"), Action::Restrictions);
        assert_eq!(Action::parse(b"permit_mynetworks, reject"), Action::Restrictions);
        assert_eq!(Action::parse(b"hash:/x"), Action::Table);
        assert_eq!(Action::parse(b" "), Action::Empty);
    }

    proptest! {
        #[test]
        fn any_result_is_read_without_panic(value in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Action::parse(&value);
        }

        #[test]
        fn codes_come_back(code in 400u16..600, text in "[!-~][ -~]{0,20}") {
            let value = format!("{code} {text}");
            prop_assert_eq!(Action::parse(value.as_bytes()), Action::Reply(code, text.as_bytes()));
        }
    }
}
