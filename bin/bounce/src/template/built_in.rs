//! The templates that every installation has.

use bstr::BString;

use super::{Class, Template};

/// Where messages say that a built-in template is from.
const ORIGIN: &str = "[built-in]";

const FAILURE: &str = "\
This is the mail system at host $myhostname.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

For further assistance, please send mail to postmaster.

If you do so, please include this problem report. You can
delete your own text from the attached returned message.

                   The mail system
";

const DELAY: &str = "\
This is the mail system at host $myhostname.

####################################################################
# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #
####################################################################

Your message could not be delivered for more than $delay_warning_time_hours hour(s).
It will be retried until it is $maximal_queue_lifetime_days day(s) old.

For further assistance, please send mail to postmaster.

If you do so, please include this problem report. You can
delete your own text from the attached returned message.

                   The mail system
";

const SUCCESS: &str = "\
This is the mail system at host $myhostname.

Your message was successfully delivered to the destination(s)
listed below. If the message was delivered to mailbox you will
receive no further notifications. Otherwise you may still receive
notifications of mail delivery errors from other systems.

                   The mail system
";

const VERIFY: &str = "\
This is the mail system at host $myhostname.

Enclosed is the mail delivery report that you requested.

                   The mail system
";

/// How a built-in `From:` looks (`header_from_format`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromFormat {
    /// `name <address>`
    Standard,
    /// `address (name)`
    Obsolete,
}

impl FromFormat {
    /// Finds a format by its name, in any case.
    pub fn parse(name: &[u8]) -> Option<FromFormat> {
        [("standard", FromFormat::Standard), ("obsolete", FromFormat::Obsolete)]
            .into_iter()
            .find_map(|(known, format)| name.eq_ignore_ascii_case(known.as_bytes()).then_some(format))
    }
}

/// The built-in template for a class.
pub fn template(class: Class, from_format: FromFormat) -> Template {
    let (subject, postmaster_subject, text) = match class {
        Class::Failure => ("Undelivered Mail Returned to Sender", Some("Postmaster Copy: Undelivered Mail"), FAILURE),
        Class::Delay => ("Delayed Mail (still being retried)", Some("Postmaster Warning: Delayed Mail"), DELAY),
        Class::Success => ("Successful Mail Delivery Report", None, SUCCESS),
        Class::Verify => ("Mail Delivery Status Report", None, VERIFY),
    };
    let from = match from_format {
        FromFormat::Standard => "Mail Delivery System <MAILER-DAEMON>",
        FromFormat::Obsolete => "MAILER-DAEMON (Mail Delivery System)",
    };
    Template {
        class,
        origin: ORIGIN.into(),
        charset: "us-ascii".into(),
        from: from.into(),
        subject: subject.into(),
        postmaster_subject: postmaster_subject.map(BString::from),
        text: text.lines().map(BString::from).collect(),
    }
}
