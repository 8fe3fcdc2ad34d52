//! The command line (config §9.2).

use bstr::{BStr, BString, ByteSlice};
use command::Invocation;
use logging::fatal;
use text::getopt::Getopt;
use text::show;

/// A change to instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Create,
    Destroy,
    Import,
    Deport,
    Enable,
    Disable,
    Assign,
    Init,
}

const ACTIONS: [(&str, Action); 8] = [
    ("create", Action::Create),
    ("destroy", Action::Destroy),
    ("import", Action::Import),
    ("deport", Action::Deport),
    ("enable", Action::Enable),
    ("disable", Action::Disable),
    ("assign", Action::Assign),
    ("init", Action::Init),
];

impl Action {
    fn parse(word: &[u8]) -> Option<Self> {
        ACTIONS.iter().find(|(name, _)| name.as_bytes() == word).map(|(_, action)| *action)
    }

    /// As it is on the command line.
    pub fn name(self) -> &'static str {
        ACTIONS.iter().find(|(_, action)| *action == self).map_or("", |(name, _)| name)
    }

    /// Whether it makes an instance that there was not.
    pub fn adds(self) -> bool {
        matches!(self, Action::Create | Action::Import)
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `-l`
    List,
    /// `-p`: run postfix(1).
    Postfix,
    /// `-x`: run any command.
    Run,
    /// `-e`
    Edit(Action),
}

/// Which instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// No option says.
    #[default]
    None,
    /// `-a`
    All,
    /// `-g`
    Group(BString),
    /// `-i`
    Name(BString),
}

/// The command line, understood.
#[derive(Clone, Debug)]
pub struct Options {
    pub mode: Mode,
    pub selection: Selection,
    /// `-R`
    pub reverse: bool,
    /// `-j`
    pub json: bool,
    /// `-I`: a name; empty for none.
    pub new_name: Option<BString>,
    /// `-G`: a group; empty for none.
    pub new_group: Option<BString>,
    /// A command, or `name=value`.
    pub operands: Vec<BString>,
}

const USAGE: &str = "Usage:postmulti -l [-v] [-a] [-g group] [-i instance] | postmulti -p [-v] [-a] [-g group] \
     [-i instance] command... | postmulti -x [-v] [-a] [-i name] [-g group] command... | postmulti -e action [-v] [-a] \
     [-i name] [-g group] [-I name] [-G group] [param=value ...]";

impl Options {
    /// Reads the command line, or ends the program.
    pub fn parse(invocation: &Invocation) -> Self {
        let mut parser = Getopt::new(&invocation.args, "ae:g:i:jlpRvxG:I:");
        let (mut modes, mut selections) = (Vec::new(), Vec::new());
        let (mut reverse, mut json, mut new_name, mut new_group) = (false, false, None, None);
        for option in parser.by_ref() {
            let option = option.unwrap_or_else(|error| {
                invocation.report(error);
                fatal!("{USAGE}")
            });
            match option.letter {
                b'a' => selections.push(Selection::All),
                b'g' => selections.push(Selection::Group(option.value.into())),
                b'i' => selections.push(Selection::Name(option.value.into())),
                b'l' => modes.push(Mode::List),
                b'p' => modes.push(Mode::Postfix),
                b'x' => modes.push(Mode::Run),
                b'e' => modes.push(Mode::Edit(action(option.value))),
                b'G' if new_group.is_some() => fatal!("Specify at most one '-G' option"),
                b'G' => new_group = Some(group_value(option.value)),
                b'I' if new_name.is_some() => fatal!("Specify at most one '-I' option"),
                b'I' => new_name = Some(name_value(option.value)),
                b'R' => reverse = true,
                b'j' => json = true,
                _ => logging::set_verbosity(logging::verbosity() + 1),
            }
        }
        let operands = parser.operands().to_vec();
        if selections.len() > 1 {
            fatal!("Specity no more than one of '-a', '-g', '-i'");
        }
        let [mode] =
            <[Mode; 1]>::try_from(modes).unwrap_or_else(|_| fatal!("Specify exactly one of '-e', '-l', '-p', '-x'"));
        let selection = selections.pop().unwrap_or_default();
        let options = Options { mode, selection, reverse, json, new_name, new_group, operands };
        options.check();
        options
    }

    fn check(&self) {
        let names = self.new_name.is_some() || self.new_group.is_some();
        if self.json && self.mode != Mode::List {
            fatal!("JSON output available only with '-l'");
        }
        match self.mode {
            Mode::List if !self.operands.is_empty() => fatal!("Command not allowed with '-l'"),
            Mode::Postfix | Mode::Run if self.operands.is_empty() => {
                fatal!("Command required with '-p' or '-x' option")
            }
            Mode::Postfix | Mode::Edit(_) if self.reverse => {
                fatal!("The '-p' and '-e' options preclude the use of '-R'")
            }
            Mode::List | Mode::Postfix | Mode::Run if names => {
                fatal!("Cannot assign instance name or group without '-e assign'")
            }
            Mode::Edit(Action::Assign) if !names => fatal!("Specify new instance name or group with '-e assign'"),
            Mode::Edit(action) if names && !action.adds() && action != Action::Assign => {
                fatal!("Cannot assign instance name or group with '-e {}'", action.name())
            }
            Mode::Edit(action) if !self.operands.is_empty() && !action.adds() => {
                fatal!("Parameter overrides not valid with '-e {}'", action.name())
            }
            _ => {}
        }
    }
}

fn action(word: &BStr) -> Action {
    Action::parse(word).unwrap_or_else(|| {
        fatal!(
            "Invalid '-e' edit action '{}'. Specify 'create', 'destroy', 'import', 'deport', 'enable', 'disable', \
             'assign' or 'init'",
            show(word)
        )
    })
}

/// What names may be made of.
fn is_safe(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!@%-_=+:./".contains(byte))
}

fn name_value(value: &BStr) -> BString {
    if value == "-" {
        return BString::default();
    }
    if !is_safe(value) {
        fatal!("Unsafe characters in new instance name: '{}'", show(value));
    }
    if value.contains(&b'/') {
        fatal!("Illegal '/' character in new instance name: '{}'", show(value));
    }
    if !value.starts_with_str("postfix-") {
        fatal!("New instance name must start with 'postfix-'");
    }
    value.into()
}

fn group_value(value: &BStr) -> BString {
    match value.as_bytes() {
        b"-" => BString::default(),
        _ if !is_safe(value) => fatal!("Unsafe characters in '-G {}'", show(value)),
        _ => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_have_names() {
        for (name, action) in ACTIONS {
            assert_eq!((Action::parse(name.as_bytes()), action.name()), (Some(action), name));
        }
        assert_eq!(Action::parse(b"x"), None);
    }

    #[test]
    fn names_are_made_of_harmless_characters() {
        assert!(is_safe(b"postfix-a.b:c") && !is_safe(b"a b") && !is_safe(b"") && !is_safe(b"$x"));
        assert_eq!(name_value("-".into()), "");
        assert_eq!(name_value("postfix-x".into()), "postfix-x");
    }
}
