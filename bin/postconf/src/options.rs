//! The command line (config §8.2, §8.3).

use bstr::BString;
use command::Invocation;
use logging::fatal;
use text::getopt::Getopt;
use text::{list, show, split_name_value};

use crate::or_fatal::OrFatal;
use crate::parameters::{Class, Classes};

/// What the program is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `-p`, or none: parameters of main.cf.
    Main,
    /// `-M`: entries of master.cf.
    Entries,
    /// `-F`: fields of master.cf.
    Fields,
    /// `-P`: parameters of master.cf.
    ServiceParameters,
    /// `-a`: SASL server types.
    SaslServer,
    /// `-A`: SASL client types.
    SaslClient,
    /// `-b`: bounce templates, expanded.
    Templates,
    /// `-t`: bounce templates as they are.
    RawTemplates,
    /// `-l`: mailbox locks.
    Locks,
    /// `-m`: table types.
    Tables,
    /// `-T`: something about TLS.
    Tls,
}

/// What is to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// `-e`: set.
    Set,
    /// `-X`: remove.
    Remove,
    /// `-#`: comment out.
    CommentOut,
}

/// The command line, understood.
#[derive(Debug)]
pub struct Options {
    pub mode: Mode,
    pub edit: Option<Edit>,
    pub classes: Classes,
    /// The arguments of `-o`.
    pub overrides: Vec<BString>,
    /// `-d`
    pub defaults: bool,
    /// `-n`
    pub explicit: bool,
    /// `-x`
    pub expand: bool,
    /// `-f`
    pub fold: bool,
    /// `-j`
    pub json: bool,
    /// `-PP`: with `-P`, not only what services set, but all that they see.
    pub all_parameters: bool,
    /// `-q`: nothing is said of unused and deprecated names.
    pub quiet: bool,
    /// `--explain`, which only Posthorn has.
    pub explain: bool,
    /// `-h`
    pub hide_names: bool,
    /// `-H`
    pub hide_values: bool,
    /// The argument of `-T`.
    pub tls: Option<BString>,
    /// The words after the options.
    pub operands: Vec<BString>,
}

/// Stands for `-PP` among the letters.
const TWICE: u8 = b'2';

/// The letters, in the order in which conflicts list them.
const LETTERS: &[u8] = b"aAbCdefFhHjlmMnopPtTxX#2";

/// Letters of which one command may have only one.
const EXCLUSIVE: [&[u8]; 7] = [b"aAblmtpMFPT", b"denX#", b"feX#", b"xeX#", b"odeX#", b"heX#H", b"2eX#"];

/// For each letter the others that may come with it.
const COMPANIONS: [(u8, &[u8]); 13] = [
    (b'a', b""),
    (b'A', b""),
    (b'b', b""),
    (b't', b""),
    (b'l', b""),
    (b'm', b""),
    (b'T', b""),
    (b'p', b"eX#fhxdnoHj"),
    (b'M', b"eX#foxj"),
    (b'F', b"efhoxHj"),
    (b'P', b"eXfhoxHj2"),
    (TWICE, b"PfhoxHj"),
    (b'j', b"pMFPoxnd2"),
];

/// Letters that are in conflict with none.
const NEUTRAL: &[u8] = b"C";

impl Options {
    /// Reads the command line, or ends the program.
    pub fn parse(invocation: &Invocation) -> Self {
        let mut given = Vec::new();
        let mut classes = Classes::default();
        let mut overrides = Vec::new();
        let mut tls = None;
        let mut options = Getopt::new(&invocation.args, "aAbc:C:deEfFhHjlmMno:pPqtT:vxX#");
        let (mut explain, mut quiet) = (false, false);
        loop {
            if options.next_word().is_some_and(|word| word == "--explain") {
                explain = options.take_word().is_some();
                continue;
            }
            let Some(option) = options.next() else { break };
            let option = option.unwrap_or_else(|error| {
                invocation.report(error);
                usage(invocation)
            });
            match option.letter {
                b'c' => command::use_config_directory(option.value),
                b'C' => classes = parse_classes(option.value),
                b'E' => usage(invocation),
                b'o' => overrides.push(option.value.to_owned()),
                b'T' if tls.is_some() => fatal!("At most one -T <mode> option may be specified"),
                b'T' => tls = Some(option.value.to_owned()),
                b'b' | b't' if given.contains(&b'b') || given.contains(&b't') => fatal!("specify one of -b and -t"),
                b'q' => quiet = true,
                b'P' if given.contains(&b'P') && !given.contains(&TWICE) => given.push(TWICE),
                b'v' => logging::set_verbosity(logging::verbosity() + 1),
                _ => {}
            }
            if LETTERS.contains(&option.letter) && !given.contains(&option.letter) {
                given.push(option.letter);
            }
        }
        let operands = options.operands().to_vec();
        if explain {
            check_explain(&given, &operands);
        }
        Options { explain, quiet, ..Self::build(given, classes, overrides, tls, operands) }
    }

    fn build(
        mut given: Vec<u8>,
        classes: Classes,
        overrides: Vec<BString>,
        tls: Option<BString>,
        operands: Vec<BString>,
    ) -> Self {
        if !EXCLUSIVE[0].iter().any(|letter| given.contains(letter)) {
            given.push(b'p');
        }
        let mode = mode(&given);
        let editable = matches!(mode, Mode::Main | Mode::Entries | Mode::Fields | Mode::ServiceParameters);
        if editable && operands.first().is_some_and(|first| first.contains(&b'=')) && !given.contains(&b'e') {
            given.push(b'e');
        }
        check_conflicts(&given);
        let has = |letter| given.contains(&letter);
        let edit = match () {
            () if has(b'e') => Some(Edit::Set),
            () if has(b'X') => Some(Edit::Remove),
            () if has(b'#') => Some(Edit::CommentOut),
            () => None,
        };
        match edit {
            Some(Edit::Set) if operands.is_empty() => fatal!("-e requires name=value argument"),
            Some(_) if operands.is_empty() => fatal!("missing service argument"),
            _ => {}
        }
        Options {
            mode,
            edit,
            classes,
            overrides,
            defaults: has(b'd'),
            explicit: has(b'n'),
            expand: has(b'x'),
            fold: has(b'f'),
            json: has(b'j'),
            all_parameters: has(TWICE),
            quiet: false,
            explain: false,
            hide_names: has(b'h'),
            hide_values: has(b'H'),
            tls,
            operands,
        }
    }

    /// The settings of `-o`; a bad one ends the program.
    pub fn overrides(&self) -> Vec<(BString, BString)> {
        self.overrides.iter().map(|text| parse_override(text)).collect()
    }
}

fn mode(given: &[u8]) -> Mode {
    let modes = [
        (b'a', Mode::SaslServer),
        (b'A', Mode::SaslClient),
        (b'b', Mode::Templates),
        (b't', Mode::RawTemplates),
        (b'l', Mode::Locks),
        (b'm', Mode::Tables),
        (b'T', Mode::Tls),
        (b'M', Mode::Entries),
        (b'F', Mode::Fields),
        (b'P', Mode::ServiceParameters),
    ];
    modes.iter().find(|(letter, _)| given.contains(letter)).map_or(Mode::Main, |&(_, mode)| mode)
}

/// With `--explain` there are names, and no option that changes what is shown of them.
fn check_explain(given: &[u8], operands: &[BString]) {
    let others = listed(|letter| given.contains(&letter) && letter != b'o');
    if !others.is_empty() {
        fatal!("with option --explain, do not specify {}", others.join(" "));
    }
    if operands.is_empty() {
        fatal!("--explain requires parameter names");
    }
    if let Some(name) = operands.iter().find(|name| name.contains(&b'=')) {
        fatal!("--explain requires parameter names without value: {}", show(name));
    }
}

fn check_conflicts(given: &[u8]) {
    if let Some(problem) = conflict(given) {
        fatal!("{problem}");
    }
}

/// What is wrong with a set of letters.
fn conflict(given: &[u8]) -> Option<String> {
    for set in EXCLUSIVE {
        let found = listed(|letter| set.contains(&letter) && given.contains(&letter));
        if found.len() > 1 {
            return Some(format!("specify one of {}", found.join(" ")));
        }
    }
    for (letter, companions) in COMPANIONS.iter().filter(|(letter, _)| given.contains(letter)) {
        let found = listed(|other| {
            given.contains(&other) && other != *letter && !companions.contains(&other) && !NEUTRAL.contains(&other)
        });
        if !found.is_empty() {
            return Some(format!("with option -{}, do not specify {}", char::from(*letter), found.join(" ")));
        }
    }
    None
}

/// The letters that fulfil a condition, as options, in the fixed order.
fn listed(condition: impl Fn(u8) -> bool) -> Vec<String> {
    let shown = |&letter: &u8| if letter == TWICE { "-PP".to_owned() } else { format!("-{}", char::from(letter)) };
    LETTERS.iter().filter(|&&letter| condition(letter)).map(shown).collect()
}

fn parse_classes(value: &[u8]) -> Classes {
    let mut classes = Classes::none();
    for word in list::split(value, list::SEPARATORS) {
        match word.to_ascii_lowercase().as_slice() {
            b"builtin" => classes.add(Class::Builtin),
            b"service" => classes.add(Class::Service),
            b"user" => classes.add(Class::User),
            b"all" => classes = Classes::default(),
            _ => fatal!("unknown -C option value \"{}\" in \"{}\"", show(word), show(value)),
        }
    }
    classes
}

fn parse_override(value: &[u8]) -> (BString, BString) {
    let (name, value) = split_name_value(value)
        .map_err(|error| format!("invalid parameter override: {}: {error}", show(value)))
        .or_fatal();
    (name.into(), value.into())
}

fn usage(invocation: &Invocation) -> ! {
    fatal!(
        "usage: {} [-a (server SASL types)] [-A (client SASL types)] [-b (bounce templates)] [-c config_dir] \
         [-c param_class] [-d (parameter defaults)] [-e (edit configuration)] [-f (fold lines)] \
         [-F (master.cf fields)] [-h (no names)] [-H (no values)] [-j (streaming JSON) ] [-l (lock types)] [-m (map types)] \
         [-M (master.cf)] [-n (non-default parameters)] [-o name=value (override parameter value)] \
         [-p (main.cf, default)] [-P (master.cf parameters)] [-t (bounce templates)] \
         [-T compile-version|run-version|public-key-algorithms] [-v (verbose)] [-x (expand parameter values)] \
         [-X (exclude)] [-# (comment-out)] [name...]",
        show(&invocation.name)
    )
}

#[cfg(test)]
mod tests {
    use super::conflict;

    #[test]
    fn conflicts_are_listed_in_a_fixed_order() {
        for (given, expected) in [
            ("pnd", Some("specify one of -d -n")),
            ("pndXe", Some("specify one of -d -e -n -X")),
            ("Md", Some("with option -M, do not specify -d")),
            ("phH", Some("specify one of -h -H")),
            ("pM", Some("specify one of -M -p")),
            ("lx", Some("with option -l, do not specify -x")),
            ("P#", Some("with option -P, do not specify -#")),
            ("pnfhxo", None),
            ("MCx", None),
            ("jpnx", None),
            ("jpf", Some("with option -j, do not specify -f")),
            ("P2fhxo", None),
            ("P2e", Some("specify one of -e -PP")),
            ("P2n", Some("with option -P, do not specify -n")),
        ] {
            assert_eq!(conflict(given.as_bytes()).as_deref(), expected, "{given}");
        }
    }
}
