//! Headers whose names mean something (cleanup-rewrite §13.3).

use std::collections::HashSet;

use bstr::BString;
use text::list::{SEPARATORS, split};

use crate::classes::Role;

/// Whose addresses a header has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    Sender,
    Recipient,
}

impl Party {
    /// The role of its addresses.
    pub fn role(self) -> Role {
        match self {
            Party::Sender => Role::HeaderSender,
            Party::Recipient => Role::HeaderRecipient,
        }
    }
}

macro_rules! headers {
    ($($name:ident = $text:literal, $party:expr;)*) => {
        /// A known header.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Header {
            $($name),*
        }

        const HEADERS: &[(Header, &str, Option<Party>)] = &[$((Header::$name, $text, $party)),*];
    };
}

use Party::{Recipient, Sender};

headers! {
    ApparentlyTo = "Apparently-To", Some(Recipient);
    Bcc = "Bcc", Some(Recipient);
    Cc = "Cc", Some(Recipient);
    ContentDescription = "Content-Description", None;
    ContentDisposition = "Content-Disposition", None;
    ContentId = "Content-ID", None;
    ContentLength = "Content-Length", None;
    ContentTransferEncoding = "Content-Transfer-Encoding", None;
    ContentType = "Content-Type", None;
    DeliveredTo = "Delivered-To", None;
    DispositionNotificationTo = "Disposition-Notification-To", Some(Sender);
    Date = "Date", None;
    ErrorsTo = "Errors-To", Some(Sender);
    From = "From", Some(Sender);
    MailFollowupTo = "Mail-Followup-To", Some(Sender);
    MessageId = "Message-Id", None;
    MimeVersion = "MIME-Version", None;
    Received = "Received", None;
    ReplyTo = "Reply-To", Some(Sender);
    ResentBcc = "Resent-Bcc", Some(Recipient);
    ResentCc = "Resent-Cc", Some(Recipient);
    ResentDate = "Resent-Date", None;
    ResentFrom = "Resent-From", Some(Sender);
    ResentMessageId = "Resent-Message-Id", None;
    ResentReplyTo = "Resent-Reply-To", Some(Recipient);
    ResentSender = "Resent-Sender", Some(Sender);
    ResentTo = "Resent-To", Some(Recipient);
    RequireTlsEsmtp = "Require-TLS-ESMTP", None;
    ReturnPath = "Return-Path", Some(Sender);
    ReturnReceiptTo = "Return-Receipt-To", Some(Sender);
    Sender = "Sender", Some(Sender);
    TlsRequired = "TLS-Required", None;
    To = "To", Some(Recipient);
}

impl Header {
    /// The header of this name, and whose addresses it has.
    pub fn find(name: &[u8]) -> Option<(Header, Option<Party>)> {
        let entry = HEADERS.iter().find(|(_, text, _)| text.as_bytes().eq_ignore_ascii_case(name));
        entry.map(|&(header, _, party)| (header, party))
    }

    /// Does it tell about the body that follows?
    pub fn is_mime(self) -> bool {
        matches!(
            self,
            Header::ContentDescription
                | Header::ContentDisposition
                | Header::ContentId
                | Header::ContentTransferEncoding
                | Header::ContentType
                | Header::MimeVersion
        )
    }

    /// Does it say that the message was sent again by somebody who received it?
    pub fn marks_resent(self) -> bool {
        matches!(
            self,
            Header::ResentBcc
                | Header::ResentCc
                | Header::ResentDate
                | Header::ResentFrom
                | Header::ResentMessageId
                | Header::ResentReplyTo
                | Header::ResentSender
                | Header::ResentTo
        )
    }
}

/// The headers that a message has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen(u64);

impl Seen {
    /// Remembers one.
    pub fn add(&mut self, header: Header) {
        self.0 |= 1 << header as u32;
    }

    /// Was it there?
    pub fn contains(self, header: Header) -> bool {
        self.0 & (1 << header as u32) != 0
    }
}

/// `message_drop_headers`: names of headers that are left out, known or not.
#[derive(Clone, Debug, Default)]
pub struct Dropped(HashSet<BString>);

impl Dropped {
    /// Reads the list.
    pub fn new(list: &[u8]) -> Dropped {
        Dropped(split(list, SEPARATORS).map(|name| name.to_ascii_lowercase().into()).collect())
    }

    /// Is the header of this name left out?
    pub fn contains(&self, name: &[u8]) -> bool {
        self.0.contains(name.to_ascii_lowercase().as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_parties() {
        assert_eq!(Header::find(b"resent-REPLY-to"), Some((Header::ResentReplyTo, Some(Party::Recipient))));
        assert_eq!(Header::find(b"reply-to"), Some((Header::ReplyTo, Some(Party::Sender))));
        assert_eq!(Header::find(b"X-To"), None);
        assert!(HEADERS.len() <= 64, "Seen has room for 64");
        let dropped = Dropped::new(b"bcc, X-Secret");
        assert!(dropped.contains(b"BCC") && dropped.contains(b"x-secret") && !dropped.contains(b"To"));
    }
}
