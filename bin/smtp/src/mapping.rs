//! `smtp_generic_maps`: addresses of this network, as others are to see them (smtp-client §13).

use address::MapError;
use bstr::{BString, ByteSlice};
use logging::fatal;
use text::address::{Address, Token, fold_header, parse_list, quote, scan};

use crate::site::{Services, Site};

/// Headers with addresses of senders and recipients.
const ADDRESS_HEADERS: [&str; 18] = [
    "Apparently-To",
    "Bcc",
    "Cc",
    "Disposition-Notification-To",
    "Errors-To",
    "From",
    "Mail-Followup-To",
    "Reply-To",
    "Resent-Bcc",
    "Resent-Cc",
    "Resent-From",
    "Resent-Reply-To",
    "Resent-Sender",
    "Resent-To",
    "Return-Path",
    "Return-Receipt-To",
    "Sender",
    "To",
];

/// The address, in internal form, that others are to see. A failure is fatal: the mail waits in the queue.
pub fn map_generic(site: &Site, services: &mut Services, address: &[u8]) -> BString {
    if address.is_empty() || site.generic_maps.is_empty() {
        return address.into();
    }
    let shown = || text::show(&quote(address)).to_string();
    match site.finder.map(&site.generic_maps, address, site.propagate_generic, &mut services.rewriter) {
        Ok(None) => address.into(),
        Ok(Some(results)) => {
            if results.len() > 1 {
                log::warn!("multi-valued {} result for {}", site.generic_maps.title(), shown());
            }
            results.into_iter().next().unwrap_or_else(|| address.into())
        }
        Err(MapError::Rewrite(unreachable)) => fatal!("{unreachable}"),
        Err(MapError::Lookup(_)) => fatal!("{} map lookup problem for {}", site.generic_maps.title(), shown()),
    }
}

/// A header of the message with its addresses mapped, in lines; `None` when nothing changes.
pub fn map_header(site: &Site, services: &mut Services, header: &[u8]) -> Option<BString> {
    let (name, value) = text::header::split(header)?;
    let has_addresses = ADDRESS_HEADERS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name));
    if site.generic_maps.is_empty() || !has_addresses {
        return None;
    }
    let mut tokens = parse_list(scan(value, None));
    let mut has_changed = false;
    for token in &mut tokens {
        let Token::Address(address) = token else { continue };
        let old = address.internal();
        let new = map_generic(site, services, &old);
        if new != old {
            *address = Address::single(&quote(&new));
            has_changed = true;
        }
    }
    has_changed.then(|| folded(name, &tokens))
}

/// Continuation lines begin with a tab.
fn folded(name: &[u8], tokens: &[Token]) -> BString {
    let header = fold_header(name, tokens);
    for text in &header.stripped {
        log::warn!("stripping too many comments from address: {}...", text::show(&text[..text.len().min(100)]));
    }
    header.text.replace("\n", "\n\t").into()
}
