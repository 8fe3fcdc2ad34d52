//! Listings of the templates: what `postconf -t` and `postconf -b` print (qmgr-bounce §11.6).

use bstr::BString;
use config::Config;

use super::{Class, Template, Templates};

const MARKER: &[u8] = b"EOF";

/// All templates as a template file.
pub fn dump(templates: &Templates) -> Vec<u8> {
    let mut out = Vec::new();
    for class in Class::ALL {
        let template = templates.get(class);
        begin(&mut out, &format!("{}_template", class.name()));
        put_headers(&mut out, template);
        put_lines(&mut out, &template.text);
        put_line(&mut out, MARKER);
    }
    out
}

/// The message texts of all templates, with their values.
///
/// # Errors
/// The text of the fatal error.
pub fn expanded(templates: &Templates, config: &Config) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for class in Class::ALL {
        begin(&mut out, &format!("expanded_{}_text", class.name()));
        put_lines(&mut out, &templates.get(class).expand(config)?);
        put_line(&mut out, MARKER);
    }
    Ok(out)
}

/// Begins a block; an empty line keeps it apart from the one before.
fn begin(out: &mut Vec<u8>, name: &str) {
    if !out.is_empty() {
        out.push(b'\n');
    }
    put_line(out, format!("{name} = <<EOF").as_bytes());
}

fn put_headers(out: &mut Vec<u8>, template: &Template) {
    let mut header = |name: &str, value: &BString| put_line(out, &[name.as_bytes(), b": ", value].concat());
    header("Charset", &template.charset);
    header("From", &template.from);
    header("Subject", &template.subject);
    if let Some(subject) = &template.postmaster_subject {
        header("Postmaster-Subject", subject);
    }
    put_line(out, b"");
}

fn put_lines(out: &mut Vec<u8>, lines: &[BString]) {
    lines.iter().for_each(|line| put_line(out, line));
}

fn put_line(out: &mut Vec<u8>, line: &[u8]) {
    out.extend_from_slice(line);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::super::{FromFormat, Source};
    use super::*;
    use bstr::ByteSlice;

    #[test]
    fn a_dump_reads_back() {
        let templates = Templates::new(Source::default(), FromFormat::Obsolete);
        let listing = dump(&templates);
        let source = super::super::file::parse("x".into(), &listing).unwrap();
        let again = Templates::new(source, FromFormat::Standard);
        assert_eq!(dump(&again).as_bstr(), listing.as_bstr());
        assert!(listing.starts_with(b"failure_template = <<EOF\nCharset: us-ascii\nFrom: MAILER-DAEMON (Mail"));
    }

    #[test]
    fn texts_are_expanded() {
        let templates = Templates::new(Source::default(), FromFormat::Standard);
        let config = Config::for_tests(&[("delay_warning_time", "4h")]);
        let listing = expanded(&templates, &config).unwrap();
        assert!(
            listing.starts_with(b"expanded_failure_text = <<EOF\nThis is the mail system at host mail.example.com.\n")
        );
        assert!(listing.contains_str("more than 4 hour(s).\nIt will be retried until it is 5 day(s) old.\n"));
        assert!(listing.ends_with(b"\nEOF\n"));
    }
}
