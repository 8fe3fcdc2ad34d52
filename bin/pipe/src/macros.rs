//! Filling in a command's arguments (delivery-agents §4.2).

use bstr::BString;
use ipc::bounce::Recipient;
use text::expand::{Error, Part, parts};

use crate::values::{PerRecipient, Values};

/// Why an argument cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A name that no macro has; also `name?text` and the like, which are not for arguments.
    UnknownName(BString),
    /// A reference that is not well-formed.
    Syntax(Error),
}

/// A piece of an argument.
enum Piece {
    /// The same for all recipients.
    Fixed(BString),
    /// Different for each.
    Varying(PerRecipient),
}

/// Fills in all arguments. One with a macro that depends on the recipient is repeated for each.
///
/// # Errors
/// What is wrong with an argument.
pub fn fill_in(words: &[BString], values: &Values<'_>, recipients: &[Recipient]) -> Result<Vec<BString>, Problem> {
    let mut filled = Vec::with_capacity(words.len());
    for word in words {
        let pieces = pieces(word, values)?;
        if pieces.iter().any(|piece| matches!(piece, Piece::Varying(_))) {
            filled.extend(recipients.iter().map(|recipient| joined(&pieces, values, recipient)));
        } else {
            filled.extend(recipients.first().map(|recipient| joined(&pieces, values, recipient)));
        }
    }
    Ok(filled)
}

fn pieces(word: &BString, values: &Values<'_>) -> Result<Vec<Piece>, Problem> {
    let mut parts = parts(word);
    let mut pieces = Vec::new();
    loop {
        let before = parts.rest();
        match parts.next() {
            None => return Ok(pieces),
            Some(Err(error)) => return Err(Problem::Syntax(error)),
            Some(Ok(Part::Literal(text))) => pieces.push(Piece::Fixed(text.into())),
            Some(Ok(Part::Value(_) | Part::Select(_) | Part::Call(..))) => {
                let reference = &before[..before.len() - parts.rest().len()];
                pieces.push(piece(name(reference), values)?);
            }
        }
    }
}

/// What is inside `$name`, `${name}` or `$(name)`.
fn name(reference: &[u8]) -> &[u8] {
    match reference {
        [b'$', b'{' | b'(', inside @ .., _] => inside,
        [b'$', name @ ..] => name,
        text => text,
    }
}

fn piece(name: &[u8], values: &Values<'_>) -> Result<Piece, Problem> {
    if let Some(varying) = PerRecipient::from_name(name) {
        return Ok(Piece::Varying(varying));
    }
    values.common(name).map(Piece::Fixed).ok_or_else(|| Problem::UnknownName(name.into()))
}

fn joined(pieces: &[Piece], values: &Values<'_>, recipient: &Recipient) -> BString {
    let mut text = BString::default();
    for piece in pieces {
        match piece {
            Piece::Fixed(fixed) => text.extend_from_slice(fixed),
            Piece::Varying(which) => text.extend_from_slice(&values.of_recipient(*which, recipient)),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::Attributes;
    use ipc::delivery::Request;
    use proptest::prelude::*;
    use text::address::Delimiter;

    fn filled(flags: &str, sender: &str, recipients: &[&str], words: &[&str]) -> Result<Vec<String>, Problem> {
        let attributes =
            Attributes::parse(&[format!("flags={flags}").into(), "user=x".into(), "argv=x".into()]).unwrap();
        let recipient = |address: &&str| Recipient {
            address: (*address).into(),
            original: format!("Was.{address}").into(),
            ..Recipient::default()
        };
        let recipients: Vec<Recipient> = recipients.iter().map(recipient).collect();
        let request = Request { sender: sender.into(), nexthop: "Next.Hop".into(), data_size: 7, ..Request::default() };
        let values = Values {
            request: &request,
            flags: &attributes.flags,
            null_sender: &attributes.null_sender,
            delimiter: Delimiter { characters: b"+", double_bounce_sender: b"x", owner_request_special: true },
            utf8: true,
        };
        let words: Vec<BString> = words.iter().map(|word| BString::from(*word)).collect();
        fill_in(&words, &values, &recipients).map(|words| words.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn arguments_with_a_recipient_are_repeated() {
        let words = ["/d", "-f", "${sender}", "--", "${user}@x", "$(recipient)", "$$recipient"];
        let expected =
            ["/d", "-f", "MAILER-DAEMON", "--", "a b@x", "c@x", "\"a b\"@x.test", "c+d@x.test", "$recipient"];
        assert_eq!(filled("Rq", "", &["a b@x.test", "c+d@x.test"], &words).unwrap(), expected);
    }

    #[test]
    fn parts_of_an_address_and_their_case() {
        let words = ["$mailbox|$user|$extension|$domain|$recipient|$original_recipient", "$nexthop $size $client_helo"];
        let all = |flags| filled(flags, "s@x", &["Us+Ex@Dom"], &words).unwrap().join(" ");
        assert_eq!(all(""), "Us+Ex|Us|Ex|Dom|Us+Ex@Dom|Was.Us+Ex@Dom Next.Hop 7 ");
        assert_eq!(all("h"), "Us+Ex|Us|Ex|dom|Us+Ex@dom|Was.Us+Ex@dom next.hop 7 ");
        assert_eq!(all("u"), "us+ex|us|ex|Dom|us+ex@Dom|was.us+ex@Dom Next.Hop 7 ");
        assert_eq!(all("hu"), "us+ex|us|ex|dom|us+ex@dom|was.us+ex@dom next.hop 7 ");
        let alone = |flags| filled(flags, "s@x", &["Us"], &["$recipient,$user,$domain"]).unwrap().join(" ");
        assert_eq!((alone("u"), alone("hu")), ("Us,Us,".into(), "us,us,".into()));
    }

    #[test]
    fn a_sender_is_quoted_on_request() {
        assert_eq!(filled("", "a b@c", &["x@y"], &["$sender"]).unwrap(), ["a b@c"]);
        assert_eq!(filled("q", "a b@c", &["x@y"], &["$sender"]).unwrap(), ["\"a b\"@c"]);
    }

    #[test]
    fn only_plain_names_are_known() {
        let unknown =
            |word, name: &str| assert_eq!(filled("", "", &["x@y"], &[word]), Err(Problem::UnknownName(name.into())));
        unknown("${recipient?yes}", "recipient?yes");
        unknown("$recipients", "recipients");
        unknown("${{a} == {b} ? {c} : {d}}", "{a} == {b} ? {c} : {d}");
        assert!(matches!(filled("", "", &["x@y"], &["${x"]), Err(Problem::Syntax(Error::Truncated(_)))));
    }

    proptest! {
        #[test]
        fn nothing_in_an_address_is_expanded(local in "[ -~]{0,20}") {
            let address = format!("{local}@x");
            let expected = vec![format!("<{address}>")];
            prop_assert_eq!(filled("", "", &[&address], &["<$recipient>"]).unwrap(), expected);
        }

        #[test]
        fn any_argument_is_filled_in_or_refused(word in "[a-z${}()?:+]{0,20}") {
            let _ = filled("hqu", "", &["x@y"], &[&word]);
        }
    }
}
