//! One instance.

use bstr::{BStr, BString, ByteSlice};
use config::{Config, params};
use text::show;
use text::space::trim;

use crate::options::Selection;

/// What its main.cf says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    pub config_directory: BString,
    pub queue_directory: BString,
    pub data_directory: BString,
    /// Empty for none.
    pub name: BString,
    /// Empty for none.
    pub group: BString,
    pub enabled: bool,
    /// The one in the default directory.
    pub primary: bool,
}

/// What the others are asked for, with postconf(1).
pub const ASKED: [&str; 5] =
    ["queue_directory", "data_directory", "multi_instance_name", "multi_instance_group", "multi_instance_enable"];

impl Instance {
    /// The one that this program has the configuration of.
    pub fn primary(config: &Config) -> Self {
        Instance {
            config_directory: config.directory().into(),
            queue_directory: config.get(params::QUEUE_DIRECTORY).into(),
            data_directory: config.get(params::DATA_DIRECTORY).into(),
            name: config.get(params::MULTI_INSTANCE_NAME).into(),
            group: config.get(params::MULTI_INSTANCE_GROUP).into(),
            // Alone, it is what there is.
            enabled: config.get(params::MULTI_INSTANCE_ENABLE)
                || config.get(params::MULTI_INSTANCE_DIRECTORIES).is_empty(),
            primary: true,
        }
    }

    /// Reads what `postconf -x` says of another.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn parse(directory: &[u8], said: &[u8]) -> Result<Self, String> {
        let file = format!("{}/main.cf", show(directory));
        let mut instance = Instance { config_directory: directory.into(), ..Instance::default() };
        let mut seen = [false; ASKED.len()];
        for line in said.lines() {
            let invalid = || format!("Invalid {file} parameter: {}", show(line));
            let (name, value) = line.split_once_str("=").ok_or_else(invalid)?;
            let (name, value) = (trim(name), trim(value));
            let place = ASKED.iter().position(|asked| asked.as_bytes() == name).ok_or_else(invalid)?;
            match place {
                0 => instance.queue_directory = value.into(),
                1 => instance.data_directory = value.into(),
                2 => instance.name = value.into(),
                3 => instance.group = value.into(),
                _ if value.eq_ignore_ascii_case(b"yes") => instance.enabled = true,
                _ if value.eq_ignore_ascii_case(b"no") => instance.enabled = false,
                _ => return Err(format!("Unexpected {file} entry: {} = {}", show(name), show(value))),
            }
            seen[place] = true;
        }
        match seen.contains(&false) {
            true => Err(format!("Failed to obtain all required {file} parameters")),
            false => Ok(instance),
        }
    }

    /// Whether an option means this one.
    pub fn is_selected(&self, selection: &Selection) -> bool {
        match selection {
            Selection::None | Selection::All => true,
            Selection::Group(group) => self.group == *group,
            Selection::Name(name) => self.is_named(name.as_bstr()),
        }
    }

    fn is_named(&self, name: &BStr) -> bool {
        if name == "-" {
            return self.primary;
        }
        if name.starts_with(b"/") || self.name.is_empty() {
            return self.config_directory == name;
        }
        self.name == name || self.name.strip_prefix(b"postfix-").is_some_and(|rest| rest == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postconf_says_is_read() {
        let said =
            b"queue_directory = /q\ndata_directory = /d\nmulti_instance_name = postfix-a\nmulti_instance_group =\n\
                     multi_instance_enable = YES\n";
        let instance = Instance::parse(b"/etc/a", said).unwrap();
        assert!(instance.enabled && instance.group.is_empty() && instance.queue_directory == "/q");
        for (name, expected) in [("postfix-a", true), ("a", true), ("/etc/a", true), ("-", false), ("b", false)] {
            assert_eq!(instance.is_selected(&Selection::Name(name.into())), expected, "{name}");
        }
        let error = |said: &str| Instance::parse(b"/e", said.as_bytes()).unwrap_err();
        assert_eq!(error("x\n"), "Invalid /e/main.cf parameter: x");
        assert_eq!(error("multi_instance_enable = 1\n"), "Unexpected /e/main.cf entry: multi_instance_enable = 1");
        assert_eq!(error("queue_directory = /q\n"), "Failed to obtain all required /e/main.cf parameters");
    }
}
