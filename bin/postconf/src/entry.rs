//! Entries of master.cf as they are written: fields and arguments (config §8.7).

use bstr::{BStr, BString, ByteSlice};
use text::{list, show, split_name_value};

use crate::output::{INDENT, WIDTH};
use crate::scope::Settings;

/// The names of the fields.
pub const FIELDS: [&str; 8] =
    ["service", "type", "private", "unprivileged", "chroot", "wakeup", "process_limit", "command"];

/// The column that each field begins in.
const COLUMNS: [usize; 8] = [0, 11, 17, 25, 33, 41, 49, 57];

/// The option that sets a parameter.
const SETTING: &str = "-o";

const TYPES: [&str; 5] = ["inet", "unix", "fifo", "pass", "unix-dgram"];

/// Where in the text of a command its arguments stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// A whole entry.
    Entry,
    /// The command alone.
    Command,
}

/// An argument of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// An option without a value: `-v`.
    Flag(BString),
    /// An option with a value: `-o name=value`.
    Option {
        /// `-o`
        option: BString,
        /// What follows it, without braces.
        value: BString,
    },
    /// A word after the options.
    Word(BString),
}

/// An entry.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The number of its first line in master.cf, if it is from there.
    pub line: usize,
    /// The eight fields.
    pub fields: [BString; 8],
    pub arguments: Vec<Argument>,
    /// The `-o` settings, as a name space.
    pub settings: Settings,
}

/// Why a text is no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Fewer than eight fields.
    FieldCount,
    /// A field with a value that it cannot have; the text says all.
    Field(String),
}

impl Entry {
    /// Reads a logical line. Braces that do not match are logged, and mended.
    pub fn parse(text: &[u8]) -> Result<Self, Problem> {
        let mut words = list::split_braced(text, list::BLANKS);
        let mut entry = Entry::default();
        for field in &mut entry.fields {
            *field = words.next().ok_or(Problem::FieldCount)?.into();
        }
        for (index, field) in entry.fields.iter().enumerate() {
            check_field(index, field, text).map_err(Problem::Field)?;
        }
        entry.arguments = arguments(words);
        entry.collect_settings();
        Ok(entry)
    }

    /// Field 1.
    pub fn service(&self) -> &BStr {
        self.fields[0].as_bstr()
    }

    /// Field 2.
    pub fn transport(&self) -> &BStr {
        self.fields[1].as_bstr()
    }

    /// `service/type`, for messages.
    pub fn name(&self) -> String {
        format!("{}/{}", show(self.service()), show(self.transport()))
    }

    /// Field 8, without arguments.
    pub fn command(&self) -> &BStr {
        self.fields[7].as_bstr()
    }

    /// The names that a service has values for without any setting.
    pub fn implied(&self, name: &[u8]) -> Option<BString> {
        match name {
            b"service_name" => Some(self.fields[0].clone()),
            b"process_name" => {
                Some(self.command().rsplit_once_str("/").map_or(self.command().into(), |(_, base)| base.into()))
            }
            _ => None,
        }
    }

    /// Replaces the command and its arguments.
    pub fn set_command(&mut self, text: &[u8]) {
        let mut words = list::split_braced(text, list::BLANKS);
        self.fields[7] = words.next().unwrap_or_default().into();
        self.arguments = arguments(words);
        self.collect_settings();
    }

    /// Makes the name space of the `-o` options; the last of a name counts.
    pub fn collect_settings(&mut self) {
        self.settings = Settings::default();
        for argument in &self.arguments {
            if let Argument::Option { option, value } = argument
                && option == SETTING
                && let Ok((name, value)) = split_name_value(value)
            {
                self.settings.set(name.into(), value.into());
            }
        }
    }

    /// Replaces every `-o name=...`; without one, adds it after the last option.
    pub fn set_parameter(&mut self, name: &[u8], value: &[u8]) {
        let new: BString = [name, b"=", value].concat().into();
        let mut found = false;
        for argument in &mut self.arguments {
            if let Argument::Option { option, value } = argument
                && option == SETTING
                && is_setting_of(value, name)
            {
                *value = new.clone();
                found = true;
            }
        }
        if !found {
            let end = self.arguments.iter().position(|argument| matches!(argument, Argument::Word(_)));
            let end = end.unwrap_or(self.arguments.len());
            self.arguments.insert(end, Argument::Option { option: SETTING.into(), value: new });
            self.reclassify();
        }
        self.collect_settings();
    }

    /// Removes every `-o name=...`.
    pub fn remove_parameter(&mut self, name: &[u8]) {
        self.arguments.retain(|argument| match argument {
            Argument::Option { option, value } => option != SETTING || !is_setting_of(value, name),
            _ => true,
        });
        self.collect_settings();
    }

    /// What is an option depends on what stands before it.
    fn reclassify(&mut self) {
        let flat = std::mem::take(&mut self.arguments).into_iter().flat_map(|argument| match argument {
            Argument::Flag(text) | Argument::Word(text) => vec![text],
            Argument::Option { option, value } => vec![option, value],
        });
        self.arguments = classify(flat.collect());
    }

    /// Rewrites the `name=value` of every `-o`.
    pub fn map_values(&mut self, rewrite: impl Fn(&[u8]) -> BString) {
        for argument in &mut self.arguments {
            if let Argument::Option { option, value } = argument
                && option == SETTING
            {
                *value = rewrite(value);
            }
        }
    }

    /// The entry as text, on one line or folded.
    pub fn text(&self, fold: bool) -> BString {
        let mut text = BString::default();
        for (field, column) in self.fields.iter().zip(COLUMNS) {
            if column > 0 {
                let blanks = column.saturating_sub(text.len()).max(1);
                text.extend(std::iter::repeat_n(b' ', blanks));
            }
            text.extend_from_slice(field);
        }
        let column = text.len();
        self.append_arguments(&mut text, column, fold, Listing::Entry);
        text
    }

    /// The command with its arguments, of which the first word is printed at `column`.
    pub fn command_text(&self, column: usize, fold: bool) -> BString {
        let mut text = self.fields[7].clone();
        let column = column + text.len();
        self.append_arguments(&mut text, column, fold, Listing::Command);
        text
    }

    fn append_arguments(&self, text: &mut BString, mut column: usize, fold: bool, listing: Listing) {
        let mut after_value = false;
        let mut first_word = true;
        for argument in &self.arguments {
            let (shown, length, has_value) = match argument {
                Argument::Flag(flag) => (flag.clone(), flag.len(), false),
                Argument::Option { option, value } => {
                    let braces = value.iter().any(|byte| list::BLANKS.contains(byte));
                    let extra = if listing == Listing::Entry { 3 } else { 1 } + if braces { 2 } else { 0 };
                    let length = option.len() + value.len() + extra;
                    (option_text(option, value, braces), length, true)
                }
                Argument::Word(word) => {
                    let shown = word_text(word, first_word);
                    first_word = false;
                    (shown, word.len(), false)
                }
            };
            let breaks = has_value || after_value || column + 1 + length >= WIDTH;
            if fold && breaks {
                text.push(b'\n');
                text.extend_from_slice(INDENT);
                column = INDENT.len();
            } else if has_value || column > INDENT.len() {
                // The genuine program forgets the blank after a short command that stands alone.
                text.push(b' ');
                column += 1;
            }
            text.extend_from_slice(&shown);
            column += shown.len();
            after_value = has_value;
        }
    }
}

fn option_text(option: &[u8], value: &[u8], braces: bool) -> BString {
    let (open, close): (&[u8], &[u8]) = if braces { (b" {", b"}") } else { (b" ", b"") };
    [option, open, value, close].concat().into()
}

/// A word after the options; the first is never put in braces.
fn word_text(word: &BString, first: bool) -> BString {
    if first || !word.iter().any(|byte| list::BLANKS.contains(byte)) {
        return word.clone();
    }
    [b"{", word.as_slice(), b"}"].concat().into()
}

fn is_setting_of(value: &[u8], name: &[u8]) -> bool {
    split_name_value(value).is_ok_and(|(found, _)| found == name)
}

/// Checks that a field has a value that it may have; `text` is shown as its surroundings.
pub fn check_field(index: usize, value: &[u8], text: &[u8]) -> Result<(), String> {
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let valid = match FIELDS[index] {
        "type" => TYPES.iter().any(|name| name.as_bytes() == value),
        "private" | "unprivileged" | "chroot" => matches!(value, b"y" | b"n" | b"-"),
        "wakeup" => {
            let time = value.strip_suffix(b"?").unwrap_or(value);
            time == b"-" || digits(time)
        }
        "process_limit" => value == b"-" || digits(value),
        _ => !value.is_empty(),
    };
    if valid {
        Ok(())
    } else {
        let line = text.replace(b"\n", b" ");
        Err(format!("invalid {} field \"{}\" in \"{}\"", FIELDS[index], show(value), show(&line)))
    }
}

/// Brings arguments into their one form: options apart, values without braces.
fn arguments<'a>(words: impl Iterator<Item = &'a [u8]>) -> Vec<Argument> {
    classify(normalize(words))
}

/// Takes options apart, and braces off values and words.
fn normalize<'a>(words: impl Iterator<Item = &'a [u8]>) -> Vec<BString> {
    let mut words = words.peekable();
    let mut found: Vec<BString> = Vec::new();
    while let Some(word) = words.next_if(|word| word.starts_with(b"-") && *word != b"--") {
        if word == b"-" {
            // As the genuine program has it, a lone hyphen takes the next word for its value.
            found.push(word.into());
            found.extend(words.next().map(without_braces));
            continue;
        }
        let Some(at) = word.iter().skip(1).position(|&byte| byte == b'o').map(|at| at + 1) else {
            found.push(word.into());
            continue;
        };
        if at > 1 {
            found.push(word[..at].into());
        }
        found.push(SETTING.into());
        found.extend(match &word[at + 1..] {
            b"" => words.next().map(setting),
            glued => Some(setting(glued)),
        });
    }
    found.extend(words.map(without_braces));
    found
}

/// Tells options from words. A word that has come out of braces with a hyphen in front is taken for an option by now, as the
/// genuine program has it; with an `o` behind the hyphen, or nothing, it takes the next for its value.
fn classify(arguments: Vec<BString>) -> Vec<Argument> {
    let mut arguments = arguments.into_iter().peekable();
    let mut found = Vec::new();
    while let Some(option) = arguments.next_if(|argument| argument.starts_with(b"-") && argument != "--") {
        let takes_value = matches!(option.get(1), None | Some(b'o'));
        found.push(match arguments.next_if(|_| takes_value) {
            Some(value) => Argument::Option { option, value },
            None => Argument::Flag(option),
        });
    }
    found.extend(arguments.map(Argument::Word));
    found
}

/// The value of an `-o` option: out of braces it is `name=value`, without blanks around the equals sign.
fn setting(word: &[u8]) -> BString {
    if !word.starts_with(b"{") {
        return word.into();
    }
    let value = without_braces(word);
    match split_name_value(&value) {
        Ok((name, value)) => [name, b"=", value].concat().into(),
        Err(error) => {
            log::warn!("master.cf: {error}: \"{}\"", show(&value));
            value
        }
    }
}

/// Takes braces off a word that begins with one; what is wrong with them is logged.
fn without_braces(word: &[u8]) -> BString {
    if !word.starts_with(b"{") {
        return word.into();
    }
    let (inside, problem) = list::unbrace_leniently(word);
    if let Some(problem) = problem {
        log::warn!("master.cf: {problem}");
    }
    inside.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Entry {
        Entry::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn arguments_have_one_form() {
        let text = entry("a unix - - n - - smtp -o foo -o { a = b c } -vo x=y -ox=y -v {x y} {z w}").text(false);
        let fields = "a          unix  -       -       n       -       -       smtp";
        assert_eq!(text, format!("{fields} -o foo -o {{a=b c}} -v -o x=y -o x=y -v x y {{z w}}"));
    }

    #[test]
    fn folded_text_has_settings_on_lines_of_their_own() {
        let text = entry("relay unix - - n - - smtp -v -o a=b\n -o {c = d e} x y").text(true);
        let fields = "relay      unix  -       -       n       -       -       smtp";
        assert_eq!(text, format!("{fields} -v\n    -o a=b\n    -o {{c=d e}}\n    x y"));
    }

    #[test]
    fn a_word_out_of_braces_may_be_an_option() {
        for (text, expected) in [
            ("{-o a=b} foo", "-o a=b foo -o q=1"),
            ("{-o} {a=b} foo", "-o a=b -o q=1 foo"),
            ("{-ox} {a=b} foo -v", "-ox a=b -o q=1 foo -v"),
            ("{-x} -o q=2 foo", "-x -o q=1 foo"),
            ("{-xo} {p=2} b", "-xo -o q=1 p=2 b"),
            ("{-} {p=2} b", "- p=2 -o q=1 b"),
            ("{--} p=2 b", "-o q=1 -- p=2 b"),
            ("{-o c=d} -o q=2 b", "-o c=d -o -o q=1 q=2 b"),
        ] {
            let mut entry = entry(&format!("a unix - - n - - a-command {text}"));
            entry.set_parameter(b"q", b"1");
            assert_eq!(entry.command_text(0, false), format!("a-command {expected}"));
        }
    }

    #[test]
    fn fields_are_checked() {
        assert_eq!(Entry::parse(b"a unix - - n - -").unwrap_err(), Problem::FieldCount);
        let problem = Problem::Field("invalid private field \"z\" in \"a unix z - n - - x\"".into());
        assert_eq!(Entry::parse(b"a unix z - n - - x").unwrap_err(), problem);
        assert!(Entry::parse(b"a unix - - n -? 5 x").is_ok());
        assert!(Entry::parse(b"a unix - - n - 7? x").is_err());
    }

    #[test]
    fn parameters_are_replaced_added_and_removed() {
        let mut entry = entry("a unix - - n - - x -o p=1 -v -o p=2 w");
        entry.set_parameter(b"p", b"3");
        entry.set_parameter(b"q", b"4");
        assert!(entry.text(false).ends_with(b" x -o p=3 -v -o p=3 -o q=4 w"));
        entry.remove_parameter(b"p");
        assert!(entry.text(false).ends_with(b" x -v -o q=4 w"));
        assert_eq!(entry.settings.value(b"q"), Some("4".into()));
    }

    proptest::proptest! {
        #[test]
        fn printing_and_reading_agree(words in proptest::collection::vec("[-vo=a{} ]{0,8}", 0..6)) {
            let text = format!("a unix - - n - - c {}", words.join(" "));
            let Ok(entry) = Entry::parse(text.as_bytes()) else { return Ok(()) };
            for fold in [false, true] {
                let _ = entry.text(fold);
                let _ = entry.command_text(10, fold);
            }
        }
    }
}
