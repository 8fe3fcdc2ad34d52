//! What headers say about the body that follows them (cleanup-rewrite §16.1, §16.2).

use super::words::{Word, pieces};

/// What a body is, as far as it matters for the structure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// `text`; what headers without Content-Type stand for.
    #[default]
    Text,
    /// `message/rfc822`: a message with headers.
    Message,
    /// `message/global`: the same, for internationalized mail.
    GlobalMessage,
    /// `message/partial` and `message/external-body`, which must be 7-bit.
    SevenBitMessage,
    /// Another `message`.
    OtherMessage,
    /// Parts with boundaries.
    Multipart,
    /// Anything else.
    Other,
}

/// How a body is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    #[default]
    SevenBit,
    EightBit,
    Binary,
    Base64,
    QuotedPrintable,
}

impl Encoding {
    /// The name as in Content-Transfer-Encoding.
    pub(super) fn name(self) -> &'static str {
        match self {
            Encoding::SevenBit => "7bit",
            Encoding::EightBit => "8bit",
            Encoding::Binary => "binary",
            Encoding::Base64 => "base64",
            Encoding::QuotedPrintable => "quoted-printable",
        }
    }

    const ALL: [Encoding; 5] =
        [Encoding::SevenBit, Encoding::EightBit, Encoding::Binary, Encoding::Base64, Encoding::QuotedPrintable];
}

/// Which characters a body has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Domain {
    #[default]
    SevenBit,
    EightBit,
    Binary,
}

/// Type and encoding of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) kind: Kind,
    pub(super) encoding: Encoding,
    pub(super) domain: Domain,
}

impl Body {
    /// In 7-bit encoding.
    pub(super) fn of_kind(kind: Kind) -> Body {
        Body { kind, ..Body::default() }
    }

    /// Follows a Content-Type header; the boundaries that it opens, each with what its parts are by default.
    pub(super) fn set_type(&mut self, value: &[u8]) -> Vec<(Vec<u8>, Kind)> {
        let mut pieces = pieces(value).into_iter();
        let first = pieces.next().unwrap_or_default();
        let word = |n: usize| match first.get(n) {
            Some(Word::Token(text)) => text.to_ascii_lowercase(),
            _ => Vec::new(),
        };
        let (main, slash, sub) = (word(0), word(1), word(2));
        let sub = if slash == b"/" { sub.as_slice() } else { b"" };
        match main.as_slice() {
            _ if first.is_empty() => self.kind = Kind::Other,
            b"text" => self.kind = Kind::Text,
            b"message" => self.kind = message_kind(sub),
            b"multipart" => {
                self.kind = Kind::Multipart;
                let of_parts = if sub == b"digest" { Kind::Message } else { Kind::Text };
                return pieces.filter_map(|piece| boundary(piece).map(|boundary| (boundary, of_parts))).collect();
            }
            _ => {}
        }
        Vec::new()
    }

    /// Follows a Content-Transfer-Encoding header.
    pub(super) fn set_encoding(&mut self, value: &[u8]) {
        let Some(Word::Token(token)) = pieces(value).into_iter().next().and_then(|words| words.into_iter().next())
        else {
            return;
        };
        let named = |encoding: &Encoding| encoding.name().as_bytes().eq_ignore_ascii_case(&token);
        if let Some(encoding) = Encoding::ALL.into_iter().find(named) {
            self.encoding = encoding;
            self.domain = match encoding {
                Encoding::EightBit => Domain::EightBit,
                Encoding::Binary => Domain::Binary,
                _ => Domain::SevenBit,
            };
        }
    }

    /// May a body of this type be encoded like that (RFC 2045 §6.4, RFC 2046 §5.2)?
    pub(super) fn has_legal_domain(&self) -> bool {
        match self.kind {
            Kind::SevenBitMessage => self.domain == Domain::SevenBit,
            Kind::Message | Kind::Multipart => !matches!(self.encoding, Encoding::Base64 | Encoding::QuotedPrintable),
            _ => true,
        }
    }

    /// Do headers of a message follow? Not those of an internationalized message that would have to become 7-bit.
    pub(super) fn is_message(&self, downgrade: bool) -> bool {
        match self.kind {
            Kind::Message => true,
            Kind::GlobalMessage => !(downgrade && self.domain != Domain::SevenBit),
            _ => false,
        }
    }

    /// Is the body text to be encoded, and nothing that has encodings of its own inside?
    pub(super) fn is_text_in_itself(&self) -> bool {
        self.converted_encoding() == Encoding::QuotedPrintable.name()
    }

    /// The encoding when the body has become 7-bit.
    pub(super) fn converted_encoding(&self) -> &'static str {
        match self.kind {
            Kind::Message | Kind::SevenBitMessage | Kind::OtherMessage | Kind::Multipart => Encoding::SevenBit.name(),
            Kind::GlobalMessage | Kind::Text | Kind::Other => Encoding::QuotedPrintable.name(),
        }
    }
}

fn message_kind(subtype: &[u8]) -> Kind {
    match subtype {
        b"rfc822" => Kind::Message,
        b"global" => Kind::GlobalMessage,
        b"partial" | b"external-body" => Kind::SevenBitMessage,
        _ => Kind::OtherMessage,
    }
}

fn boundary(piece: Vec<Word>) -> Option<Vec<u8>> {
    let mut words = piece.into_iter();
    match (words.next()?, words.next()?, words.next()?) {
        (Word::Token(name), Word::Token(equals), Word::Token(value) | Word::Quoted(value))
            if name.eq_ignore_ascii_case(b"boundary") && equals == b"=" =>
        {
            Some(value)
        }
        _ => None,
    }
}
