//! What the macros in a command's arguments stand for (delivery-agents §4.2).

use bstr::{BString, ByteSlice};
use ipc::bounce::Recipient;
use ipc::delivery::Request;
use text::address::{Delimiter, quote, split_domain};

use crate::attributes::Flags;

/// What the values of a request's macros depend on.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// The request.
    pub request: &'a Request,
    /// `h`, `q` and `u` count.
    pub flags: &'a Flags,
    /// What stands for the null sender.
    pub null_sender: &'a [u8],
    /// How extensions are split off.
    pub delimiter: Delimiter<'a>,
    /// Whether case is folded by the rules of UTF-8.
    pub utf8: bool,
}

/// The macros that have another value for each recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PerRecipient {
    /// The address.
    Recipient,
    /// The address before it was rewritten.
    Original,
    /// The local part without its extension.
    User,
    /// The extension.
    Extension,
    /// The local part.
    Mailbox,
    /// The domain.
    Domain,
}

impl PerRecipient {
    /// Finds one by its name.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"recipient" => Self::Recipient,
            b"original_recipient" => Self::Original,
            b"user" => Self::User,
            b"extension" => Self::Extension,
            b"mailbox" => Self::Mailbox,
            b"domain" => Self::Domain,
            _ => return None,
        })
    }
}

impl Values<'_> {
    /// The value of a macro that is the same for all recipients; nothing for a name that is none.
    pub fn common(&self, name: &[u8]) -> Option<BString> {
        let (request, client) = (self.request, &self.request.client);
        Some(match name {
            b"sender" => self.sender(),
            b"nexthop" if self.flags.has(b'h') => text::fold(&request.nexthop, self.utf8),
            b"nexthop" => request.nexthop.clone(),
            b"size" => request.data_size.to_string().into(),
            b"client_address" => client.address.clone(),
            b"client_helo" => client.helo.clone(),
            b"client_hostname" => client.name.clone(),
            b"client_port" => client.port.clone(),
            b"client_protocol" => client.protocol.clone(),
            b"sasl_method" => client.sasl_method.clone(),
            b"sasl_username" => client.sasl_username.clone(),
            b"sasl_sender" => client.sasl_sender.clone(),
            b"queue_id" => request.queue_id.clone(),
            b"envid" => request.envelope_id.clone(),
            _ => return None,
        })
    }

    /// The value of a macro for one recipient.
    pub fn of_recipient(&self, which: PerRecipient, recipient: &Recipient) -> BString {
        match which {
            PerRecipient::Recipient => self.address(&recipient.address),
            PerRecipient::Original => self.address(&recipient.original),
            part => self.part(part, &recipient.address),
        }
    }

    fn sender(&self) -> BString {
        match self.request.sender.as_slice() {
            b"" => self.null_sender.into(),
            sender if self.flags.has(b'q') => quote(sender),
            sender => sender.into(),
        }
    }

    fn address(&self, address: &[u8]) -> BString {
        match address {
            b"" => BString::default(),
            address if self.flags.has(b'q') => self.folded(&quote(address)),
            address => self.folded(address),
        }
    }

    fn part(&self, which: PerRecipient, address: &[u8]) -> BString {
        let address = self.folded(address);
        let (local, domain) = split_domain(&address);
        if domain.is_none() {
            log::warn!("no @ in recipient address: {}", text::show(&address));
        }
        let split = || self.delimiter.split(local);
        match which {
            PerRecipient::User => split().map_or(local, |(user, _)| user).into(),
            PerRecipient::Extension => split().map_or_else(BString::default, |(_, extension)| extension.into()),
            PerRecipient::Domain => domain.unwrap_or_default().into(),
            _ => local.into(),
        }
    }

    /// The address with the case of its parts as the flags say.
    fn folded(&self, address: &[u8]) -> BString {
        let (local_part, domain_part) = (self.flags.has(b'u'), self.flags.has(b'h'));
        let fold = |text: &[u8]| text::fold(text, self.utf8);
        match address.rfind_byte(b'@') {
            _ if local_part && domain_part => fold(address),
            Some(at) if local_part => [fold(&address[..at]).as_slice(), &address[at..]].concat().into(),
            Some(at) if domain_part => [&address[..at], fold(&address[at..]).as_slice()].concat().into(),
            _ => address.into(),
        }
    }
}
