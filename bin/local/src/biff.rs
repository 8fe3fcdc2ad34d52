//! Telling comsat about new mail (delivery-agents §2.9).

use std::net::{Ipv4Addr, UdpSocket};

/// biff's port when the services database does not know it.
const PORT: u16 = 512;

/// Sends `<user>@<offset>` to this machine's comsat. Whether anybody listens does not matter.
pub fn notify(user: &str, offset: u64) {
    let datagram = format!("{user}@{offset}\0");
    let sent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|socket| socket.send_to(datagram.as_bytes(), (Ipv4Addr::LOCALHOST, PORT)));
    if let Err(error) = sent {
        log::warn!("biff_notify: {}", sys::reason(&error));
    }
}
