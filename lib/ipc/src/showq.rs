//! The queue listing service (queue-files §12.1).

use std::io;

use bstr::BString;

use crate::attr::{Error, Message, Reader, Writer};
use crate::stream::Stream;

/// A queued message without its recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The directory in which it is.
    pub queue_name: BString,
    /// Its ID.
    pub queue_id: BString,
    /// Arrival time, in seconds since 1970.
    pub time: i64,
    /// Size in bytes.
    pub size: i64,
    /// Whether it was expired by hand.
    pub forced_expire: bool,
    /// Its sender, quoted and printable.
    pub sender: BString,
}

/// A recipient that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// Quoted and printable.
    pub address: BString,
    /// Why it waits; may be empty.
    pub reason: BString,
}

impl Header {
    /// The attributes, without terminator: recipients follow in the same list.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.string("queue_name", &self.queue_name);
        writer.string("queue_id", &self.queue_id);
        writer.long("time", self.time);
        writer.long("size", self.size);
        writer.int("forced_expire", self.forced_expire.into());
        writer.string("sender", &self.sender);
        writer.into_bytes()
    }
}

impl Recipient {
    /// The attributes, without terminator.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.string("recipient", &self.address);
        writer.string("reason", &self.reason);
        writer.into_bytes()
    }
}

/// What a client of the listing receives next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A message; its recipients follow.
    Message(Header),
    /// A recipient of the last message.
    Recipient(Recipient),
    /// The last message has no more recipients.
    EndOfMessage,
    /// The listing is complete.
    EndOfListing,
}

/// Takes a listing apart, item by item.
pub struct Listing<'a> {
    stream: &'a mut Stream,
    in_message: bool,
}

/// Why a listing could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// The attributes are not those of a listing.
    #[error(transparent)]
    Attribute(#[from] Error),
    /// The stream failed, or ended early.
    #[error(transparent)]
    Stream(#[from] io::Error),
}

impl<'a> Listing<'a> {
    /// Begins behind the announcement.
    pub fn new(stream: &'a mut Stream) -> Self {
        Self { stream, in_message: false }
    }

    /// The next item. One byte tells whether there is one more: NUL is the end.
    ///
    /// # Errors
    /// The server sends something else, or stops early.
    pub fn take(&mut self) -> Result<Item, ListingError> {
        if self.stream.peek()?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))? == 0 {
            io::Read::read_exact(self.stream, &mut [0])?;
            let item = if self.in_message { Item::EndOfMessage } else { Item::EndOfListing };
            self.in_message = false;
            return Ok(item);
        }
        let mut reader = Reader::new(self.stream, crate::Encoding::Null, true);
        if self.in_message {
            return Ok(Item::Recipient(Recipient {
                address: reader.string("recipient")?,
                reason: reader.string("reason")?,
            }));
        }
        self.in_message = true;
        Ok(Item::Message(Header {
            queue_name: reader.string("queue_name")?,
            queue_id: reader.string("queue_id")?,
            time: reader.long("time")?,
            size: reader.long("size")?,
            forced_expire: reader.int("forced_expire")? != 0,
            sender: reader.string("sender")?,
        }))
    }
}

/// The terminator of a message, and of the listing.
pub const END: &[u8] = &[0];

/// A list without attributes.
pub struct Empty;

impl Message for Empty {
    fn write(&self, _to: &mut Writer) {}

    fn read(_from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_listing_comes_apart() {
        let header =
            Header { queue_name: "active".into(), queue_id: "1".into(), sender: "a@b".into(), ..Header::default() };
        let recipient = Recipient { address: "c@d".into(), reason: "".into() };
        let (left, right) = sys::socket::pair().unwrap();
        let mut server = std::fs::File::from(left);
        server.write_all(&[header.to_bytes(), recipient.to_bytes(), END.to_vec(), END.to_vec()].concat()).unwrap();
        let mut stream = Stream::new(right, "showq", None);
        let mut listing = Listing::new(&mut stream);
        assert_eq!(listing.take().unwrap(), Item::Message(header));
        assert_eq!(listing.take().unwrap(), Item::Recipient(recipient));
        assert_eq!(listing.take().unwrap(), Item::EndOfMessage);
        assert_eq!(listing.take().unwrap(), Item::EndOfListing);
        drop(server);
        assert!(listing.take().is_err());
    }
}
