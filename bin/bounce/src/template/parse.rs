//! The text of a template: a few headers, empty lines, and the message text (qmgr-bounce §11.6).

use bstr::{BStr, BString};
use text::header;
use text::space::trim;

use super::file::is_blank;
use super::{Class, Template};

/// Why a template is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// With its headers or its text, in words.
    Unusable(String),
    /// There is non-ASCII text, and nothing says what it means.
    EightBit,
}

impl Problem {
    /// Logs why the template of that file is not used.
    pub fn report(&self, file: &BStr, class: Class) {
        let (file, class) = (text::show(file), class.name());
        match self {
            Problem::Unusable(what) => log::warn!("{file}: {what} in {class} template -- ignoring this template"),
            Problem::EightBit => {
                log::warn!("{file}: 8-bit message text in {class} template");
                log::warn!("please specify a charset value other than us-ascii");
                log::warn!("-- ignoring this template for now");
            }
        }
    }
}

/// Makes a template of the lines that a file has for it; what they do not say is as in the built-in one.
pub fn template(file: &BStr, lines: &[BString], built_in: &Template) -> Result<Template, Problem> {
    let mut template = Template { origin: file.to_owned(), text: Vec::new(), ..built_in.clone() };
    let mut rest = lines;
    while let Some((line, more)) = rest.split_first()
        && let Some((label, value)) = header::split(line)
    {
        take_header(&mut template, label, trim(value))?;
        rest = more;
    }
    let start = rest.iter().position(|line| !is_blank(line));
    let start = start.ok_or_else(|| Problem::Unusable("missing message text".into()))?;
    template.text = rest[start..].to_vec();
    if template.encoding() != "7bit" && template.charset.eq_ignore_ascii_case(b"us-ascii") {
        return Err(Problem::EightBit);
    }
    Ok(template)
}

fn take_header(template: &mut Template, label: &[u8], value: &[u8]) -> Result<(), Problem> {
    let unusable =
        |what: &str, part: &str| Problem::Unusable(format!("{what} \"{}\" header {part}", text::show(label)));
    if value.is_empty() {
        return Err(unusable("empty", "value"));
    }
    if !value.is_ascii() {
        return Err(unusable("non-ASCII", "value"));
    }
    match label.to_ascii_lowercase().as_slice() {
        b"charset" => template.charset = value.into(),
        b"from" => template.from = value.into(),
        b"subject" => template.subject = value.into(),
        b"postmaster-subject" if template.postmaster_subject.is_some() => {
            template.postmaster_subject = Some(value.into());
        }
        b"postmaster-subject" => return Err(unusable("inapplicable", "label")),
        _ => return Err(unusable("unknown", "label")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::FromFormat;
    use super::super::built_in::template as built_in;
    use super::*;

    fn parse(class: Class, text: &str) -> Result<Template, Problem> {
        let lines: Vec<BString> = text.lines().map(BString::from).collect();
        template("t.cf".into(), &lines, &built_in(class, FromFormat::Standard))
    }

    #[test]
    fn headers_and_text() {
        let template =
            parse(Class::Failure, "Charset: utf-8\nfrom : me\nSUBJECT: s\nPostmaster-Subject: p\n \n\n folded\n\nä\n")
                .unwrap();
        assert_eq!((template.charset.as_slice(), template.from.as_slice()), (&b"utf-8"[..], &b"me"[..]));
        assert_eq!((template.subject(false), template.subject(true)), ("s".into(), "p".into()));
        assert_eq!(template.text, [" folded", "", "ä"]);
        assert_eq!(template.encoding(), "8bit");
        let template = parse(Class::Verify, "just text\n").unwrap();
        assert_eq!(template.subject(true), "Mail Delivery Status Report");
    }

    #[test]
    fn problems_have_their_texts() {
        let problem = |class, text: &str| match parse(class, text).unwrap_err() {
            Problem::Unusable(what) => what,
            Problem::EightBit => "8bit".into(),
        };
        assert_eq!(problem(Class::Delay, "To: y\n\nA"), "unknown \"To\" header label");
        assert_eq!(problem(Class::Delay, "To:\n\nA"), "empty \"To\" header value");
        assert_eq!(problem(Class::Delay, "To: ä\n\nA"), "non-ASCII \"To\" header value");
        assert_eq!(
            problem(Class::Success, "Postmaster-Subject: a\n\nA"),
            "inapplicable \"Postmaster-Subject\" header label"
        );
        assert_eq!(problem(Class::Success, "Subject: a\n\n \n"), "missing message text");
        assert_eq!(problem(Class::Success, "ä\n"), "8bit");
    }
}
