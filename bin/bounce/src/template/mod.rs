//! Notification templates: the built-in ones, and those of `bounce_template_file` (qmgr-bounce §11.6).

mod built_in;
mod expand;
mod file;
mod parse;
mod show;

use std::cell::OnceCell;

use bstr::{BStr, BString, ByteSlice};
use config::{Config, params};

pub use built_in::FromFormat;
pub use file::read;
pub use show::{dump, expanded};

/// What a notification is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Recipients that failed.
    Failure,
    /// Recipients that wait.
    Delay,
    /// Deliveries whose report was asked for.
    Success,
    /// Probes.
    Verify,
}

impl Class {
    /// All of them, in the order of listings.
    pub const ALL: [Class; 4] = [Class::Failure, Class::Delay, Class::Success, Class::Verify];

    /// The name in template files and log lines.
    pub fn name(self) -> &'static str {
        match self {
            Class::Failure => "failure",
            Class::Delay => "delay",
            Class::Success => "success",
            Class::Verify => "verify",
        }
    }

    fn from_template_name(name: &[u8]) -> Option<Class> {
        let name = name.strip_suffix(b"_template")?;
        Class::ALL.into_iter().find(|class| class.name().as_bytes() == name)
    }
}

/// A usable template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// What it is for.
    pub class: Class,
    /// The file that it is from, or `[built-in]`: for messages.
    pub origin: BString,
    /// Character set of the text.
    pub charset: BString,
    /// The value of `From:`.
    pub from: BString,
    /// The value of `Subject:`.
    pub subject: BString,
    /// The value of `Subject:` in what the postmaster gets, where that differs.
    pub postmaster_subject: Option<BString>,
    /// The message text, before the expansion of `$name`.
    pub text: Vec<BString>,
}

impl Template {
    /// `8bit` or `7bit`: what the text needs.
    pub fn encoding(&self) -> &'static str {
        if self.text.iter().any(|line| !line.is_ascii()) { "8bit" } else { "7bit" }
    }

    /// The subject for the sender or for the postmaster.
    pub fn subject(&self, postmaster: bool) -> &BStr {
        match &self.postmaster_subject {
            Some(subject) if postmaster => subject.as_bstr(),
            _ => self.subject.as_bstr(),
        }
    }
}

/// What a template file says: the lines of each template that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    name: BString,
    texts: [Option<Vec<BString>>; 4],
}

/// All templates. Each is parsed when it is first needed, so that the errors of a template that nobody needs stay quiet.
#[derive(Debug)]
pub struct Templates {
    source: Source,
    from_format: FromFormat,
    parsed: [OnceCell<Template>; 4],
}

impl Templates {
    /// Reads `bounce_template_file`, if there is one, and checks `header_from_format`.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn load(config: &Config) -> Result<Templates, String> {
        let file = config.get(params::BOUNCE_TEMPLATE_FILE);
        let source = if file.is_empty() { Source::default() } else { read(file)? };
        let format = config.get(params::HEADER_FROM_FORMAT);
        let from_format = FromFormat::parse(format)
            .ok_or_else(|| format!("invalid setting: \"header_from_format = {}\"", text::show(format)))?;
        Ok(Templates::new(source, from_format))
    }

    /// The templates of a file, and the built-in ones for those that it does not have.
    pub fn new(source: Source, from_format: FromFormat) -> Templates {
        Templates { source, from_format, parsed: Default::default() }
    }

    /// The template for a class: the file's, or the built-in one.
    pub fn get(&self, class: Class) -> &Template {
        self.parsed[class as usize].get_or_init(|| {
            let built_in = built_in::template(class, self.from_format);
            let file = self.source.name.as_bstr();
            match &self.source.texts[class as usize] {
                Some(lines) => parse::template(file, lines, &built_in).unwrap_or_else(|problem| {
                    problem.report(file, class);
                    built_in
                }),
                None => built_in,
            }
        })
    }
}
