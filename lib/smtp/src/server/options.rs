//! What MAIL and RCPT take behind the address (smtpd §5.5, §5.6).

use bstr::{BString, ByteSlice};
use text::xtext;

use super::reply::Refusal;

/// What this server takes.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// `smtputf8_enable`, and not held back.
    pub smtputf8: bool,
    /// DSN is not held back.
    pub dsn: bool,
    /// `AUTH=`: login is built in.
    pub auth: bool,
    /// This client may ask for VERP.
    pub verp: bool,
    /// `default_verp_delimiters`.
    pub verp_delimiters: BString,
    /// `verp_delimiter_filter`.
    pub verp_filter: BString,
}

/// How much of a message comes back when it cannot be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ret {
    /// All.
    Full = 1,
    /// The headers.
    Hdrs = 2,
}

/// The options of MAIL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailOptions {
    /// `8bit` or `7bit`.
    pub encoding: Option<&'static str>,
    /// SIZE=, in bytes.
    pub size: u64,
    /// Whether SMTPUTF8 was asked for.
    pub smtputf8: bool,
    /// AUTH=, not decoded.
    pub auth: Option<BString>,
    /// XVERP's two characters.
    pub verp: Option<BString>,
    /// RET=.
    pub ret: Option<Ret>,
    /// ENVID=, decoded.
    pub envid: Option<BString>,
}

const DSN_DISABLED: &str = "501 5.7.1 DSN support is disabled";

/// Splits `NAME=value`; the value of a word without `=` is nothing.
fn split(option: &[u8]) -> (Vec<u8>, Option<&[u8]>) {
    match option.split_once_str("=") {
        Some((name, value)) => (name.to_ascii_uppercase(), Some(value)),
        None => (option.to_ascii_uppercase(), None),
    }
}

fn unsupported(option: &[u8]) -> Refusal {
    Refusal::protocol([b"555 5.5.4 Unsupported option: ", option].concat())
}

/// Whether SMTPUTF8 is among the options: it decides how the address before them is read.
pub fn asks_for_smtputf8<'a>(options: impl IntoIterator<Item = &'a [u8]>, allowed: &Allowed) -> bool {
    allowed.smtputf8 && options.into_iter().any(|option| option.eq_ignore_ascii_case(b"SMTPUTF8"))
}

/// Reads the options of MAIL.
///
/// # Errors
/// The reply to the first that is wrong.
pub fn mail<'a>(options: impl IntoIterator<Item = &'a [u8]>, allowed: &Allowed) -> Result<MailOptions, Refusal> {
    let mut found = MailOptions::default();
    for option in options {
        let (name, value) = split(option);
        match (name.as_slice(), value) {
            (b"BODY", Some(value)) if value.eq_ignore_ascii_case(b"8BITMIME") => found.encoding = Some("8bit"),
            (b"BODY", Some(value)) if value.eq_ignore_ascii_case(b"7BIT") => found.encoding = Some("7bit"),
            (b"SIZE", Some(value)) => found.size = size(value)?,
            (b"SMTPUTF8", None) if allowed.smtputf8 => found.smtputf8 = true,
            (b"AUTH", Some(value)) if allowed.auth => found.take_auth(value)?,
            (b"XVERP", value) if allowed.verp => found.verp = Some(verp(value, allowed)?),
            (b"RET", Some(value)) => found.take_ret(value, allowed)?,
            (b"ENVID", Some(value)) => found.take_envid(value, allowed)?,
            _ => return Err(unsupported(option)),
        }
    }
    Ok(found)
}

fn size(value: &[u8]) -> Result<u64, Refusal> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::protocol("501 5.5.4 Bad message size syntax"));
    }
    // The greatest file offset.
    let fits = value.to_str().ok().and_then(|digits| digits.parse::<i64>().ok());
    fits.map(i64::unsigned_abs)
        .ok_or_else(|| Refusal::policy("552 5.3.4 Message size exceeds file system imposed limit"))
}

fn verp(value: Option<&[u8]>, allowed: &Allowed) -> Result<BString, Refusal> {
    let Some(value) = value else { return Ok(allowed.verp_delimiters.clone()) };
    if value.len() == 2 && value.iter().all(|byte| allowed.verp_filter.contains(byte)) {
        return Ok(value.into());
    }
    let text = format!("501 5.5.4 Error: XVERP needs two characters from {}", allowed.verp_filter);
    Err(Refusal::protocol(text))
}

impl MailOptions {
    fn take_auth(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.auth.is_some() {
            return Err(Refusal::protocol("503 5.5.4 Error: multiple AUTH= options"));
        }
        if value != b"<>" {
            self.auth = Some(text::printable(value, false).into_owned().into());
        }
        Ok(())
    }

    fn take_ret(&mut self, value: &[u8], allowed: &Allowed) -> Result<(), Refusal> {
        if !allowed.dsn {
            return Err(Refusal::protocol(DSN_DISABLED));
        }
        self.ret = Some(match value.to_ascii_uppercase().as_slice() {
            b"FULL" if self.ret.is_none() => Ret::Full,
            b"HDRS" if self.ret.is_none() => Ret::Hdrs,
            _ => return Err(Refusal::protocol("501 5.5.4 Bad RET parameter syntax")),
        });
        Ok(())
    }

    fn take_envid(&mut self, value: &[u8], allowed: &Allowed) -> Result<(), Refusal> {
        if !allowed.dsn {
            return Err(Refusal::protocol(DSN_DISABLED));
        }
        let is_printable = |decoded: &BString| decoded.iter().all(|byte| matches!(byte, 32..=126));
        let decoded = xtext::decode(value).filter(is_printable).filter(|_| self.envid.is_none());
        self.envid = Some(decoded.ok_or_else(|| Refusal::protocol("501 5.5.4 Bad ENVID parameter syntax"))?);
        Ok(())
    }
}

/// Bits of NOTIFY=.
pub mod notify {
    /// Of nothing.
    pub const NEVER: u32 = 1;
    /// Of delivery.
    pub const SUCCESS: u32 = 2;
    /// Of failure.
    pub const FAILURE: u32 = 4;
    /// Of delay.
    pub const DELAY: u32 = 8;
}

/// The options of RCPT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RcptOptions {
    /// NOTIFY=: [`notify`] bits.
    pub notify: Option<u32>,
    /// ORCPT=: type, semicolon, and the decoded address.
    pub orcpt: Option<BString>,
}

/// Why the options of RCPT are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RcptError {
    /// The reply.
    pub refusal: Refusal,
    /// A warning for the log.
    pub warning: Option<String>,
}

impl From<Refusal> for RcptError {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, warning: None }
    }
}

/// Reads the options of RCPT. `dsn`: DSN is not held back.
///
/// # Errors
/// The reply to the first that is wrong.
pub fn rcpt<'a>(options: impl IntoIterator<Item = &'a [u8]>, dsn: bool) -> Result<RcptOptions, RcptError> {
    let mut found = RcptOptions::default();
    for option in options {
        let (name, value) = split(option);
        match (name.as_slice(), value) {
            (b"NOTIFY" | b"ORCPT", Some(_)) if !dsn => return Err(Refusal::protocol(DSN_DISABLED).into()),
            (b"NOTIFY", Some(value)) => found.take_notify(value)?,
            (b"ORCPT", Some(value)) => {
                let address = original_recipient(value).filter(|_| found.orcpt.is_none());
                let refusal = || Refusal::protocol("501 5.5.4 Error: Bad ORCPT parameter syntax");
                found.orcpt = Some(address.ok_or_else(refusal)?);
            }
            _ => return Err(unsupported(option).into()),
        }
    }
    Ok(found)
}

impl RcptOptions {
    fn take_notify(&mut self, value: &[u8]) -> Result<(), RcptError> {
        let refusal = Refusal::protocol("501 5.5.4 Error: Bad NOTIFY parameter syntax");
        let mut bits = 0;
        for word in value.split_str(",").filter(|word| !word.is_empty()) {
            bits |= match word.to_ascii_uppercase().as_slice() {
                b"NEVER" => notify::NEVER,
                b"SUCCESS" => notify::SUCCESS,
                b"FAILURE" => notify::FAILURE,
                b"DELAY" => notify::DELAY,
                _ => {
                    let (word, value) = (text::show(word), text::show(value));
                    let warning = format!("unknown DSN NOTIFY command value \"{word}\" in \"{value}\"");
                    return Err(RcptError { refusal, warning: Some(warning) });
                }
            };
        }
        let alone = bits & notify::NEVER == 0 || bits == notify::NEVER;
        if bits == 0 || !alone || self.notify.is_some() {
            return Err(refusal.into());
        }
        self.notify = Some(bits);
        Ok(())
    }
}

/// `type;address` with the address decoded.
fn original_recipient(value: &[u8]) -> Option<BString> {
    let (kind, address) = value.split_once_str(";").filter(|(kind, _)| !kind.is_empty())?;
    let decoded = match kind.eq_ignore_ascii_case(b"utf-8") {
        true => xtext::decode_unicode(address)?,
        false => xtext::decode(address)?,
    };
    // A NUL would cut the record short.
    (!decoded.contains(&0)).then(|| [kind, b";", &decoded].concat().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> Allowed {
        Allowed {
            smtputf8: true,
            dsn: true,
            auth: true,
            verp: true,
            verp_delimiters: "+=".into(),
            verp_filter: "-=+".into(),
        }
    }

    fn words(text: &str) -> Vec<&[u8]> {
        text.split(' ').filter(|word| !word.is_empty()).map(str::as_bytes).collect()
    }

    fn mail_error(text: &str) -> String {
        mail(words(text), &allowed()).unwrap_err().text.to_string()
    }

    fn rcpt_error(text: &str) -> String {
        rcpt(words(text), true).unwrap_err().refusal.text.to_string()
    }

    #[test]
    fn options_of_mail() {
        let found = mail(words("body=8bitmime SIZE=300 SMTPUTF8 AUTH=a+40b XVERP=-= RET=HDRS ENVID=a+20b"), &allowed())
            .unwrap();
        assert_eq!((found.encoding, found.size, found.smtputf8), (Some("8bit"), 300, true));
        assert_eq!((found.ret, found.envid.unwrap()), (Some(Ret::Hdrs), "a b".into()));
        assert_eq!((found.auth.unwrap(), found.verp.unwrap()), ("a+40b".into(), "-=".into()));
        assert_eq!(mail(words("XVERP AUTH=<>"), &allowed()).unwrap().verp.unwrap(), "+=");
    }

    #[test]
    fn bad_options_of_mail() {
        assert_eq!(mail_error("SIZE=x"), "501 5.5.4 Bad message size syntax");
        assert_eq!(mail_error("SIZE="), "501 5.5.4 Bad message size syntax");
        assert_eq!(mail_error("SIZE=99999999999999999999"), "552 5.3.4 Message size exceeds file system imposed limit");
        assert_eq!(mail_error("FOO=1"), "555 5.5.4 Unsupported option: FOO=1");
        assert_eq!(mail_error("BODY=BINARYMIME"), "555 5.5.4 Unsupported option: BODY=BINARYMIME");
        assert_eq!(mail_error("RET=FULL RET=HDRS"), "501 5.5.4 Bad RET parameter syntax");
        assert_eq!(mail_error("ENVID=+0"), "501 5.5.4 Bad ENVID parameter syntax");
        assert_eq!(mail_error("AUTH=a AUTH=b"), "503 5.5.4 Error: multiple AUTH= options");
        assert_eq!(mail_error("XVERP=ab"), "501 5.5.4 Error: XVERP needs two characters from -=+");
        let none = mail(words("RET=FULL"), &Allowed::default()).unwrap_err();
        assert_eq!(none.text, "501 5.7.1 DSN support is disabled");
    }

    #[test]
    fn options_of_rcpt() {
        let found = rcpt(words("NOTIFY=SUCCESS,failure ORCPT=rfc822;b+2Bx@example.com"), true).unwrap();
        assert_eq!((found.notify, found.orcpt.unwrap()), (Some(6), "rfc822;b+x@example.com".into()));
        assert_eq!(rcpt_error("NOTIFY=NEVER,DELAY"), "501 5.5.4 Error: Bad NOTIFY parameter syntax");
        assert_eq!(rcpt_error("ORCPT=rfc822"), "501 5.5.4 Error: Bad ORCPT parameter syntax");
        assert_eq!(rcpt_error("ORCPT=;a"), "501 5.5.4 Error: Bad ORCPT parameter syntax");
        let error = rcpt(words("NOTIFY=SOMETIMES"), true).unwrap_err();
        assert_eq!(error.warning.unwrap(), "unknown DSN NOTIFY command value \"SOMETIMES\" in \"SOMETIMES\"");
    }

    proptest::proptest! {
        #[test]
        fn any_options_are_read(option: Vec<u8>, dsn: bool) {
            let _ = mail([option.as_slice()], &allowed());
            let _ = rcpt([option.as_slice()], dsn);
        }
    }
}
