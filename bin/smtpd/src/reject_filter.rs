//! Rejections that are replaced by others (`smtpd_reject_filter_maps`; smtpd §5.3).

use bstr::BString;

use crate::session::Session;

impl Session<'_> {
    /// What the tables make of a rejection; nothing when they leave it as it is.
    pub fn with_filter(&self, reply: &[u8]) -> Option<BString> {
        let found = self.site.reject_filter_maps.find(reply).ok()??;
        let id = self.queue_id_or_none();
        if !is_rejection(&found) {
            log::warn!("{id}: ignoring invalid reject filter result: {}", text::show(&found));
            return None;
        }
        log::info!("{id}: reply filter in: {}", text::show(reply));
        log::info!("{id}: reply filter out: {}", text::show(&found));
        Some(found)
    }
}

/// Whether a text is a reply that refuses something; an enhanced status code must be of the same class.
fn is_rejection(text: &[u8]) -> bool {
    match text {
        [class @ (b'4' | b'5'), second, third, b' ' | b'-', rest @ ..] => {
            let same_class = rest.first().is_none_or(|byte| !byte.is_ascii_digit() || byte == class);
            second.is_ascii_digit() && third.is_ascii_digit() && same_class
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_rejection;

    #[test]
    fn only_rejections_replace_rejections() {
        for good in ["450 later", "550 5.7.1 no", "450 4.0.0 x", "421 ", "550-a"] {
            assert!(is_rejection(good.as_bytes()), "{good}");
        }
        for bad in ["250 2.0.0 ok", "550", "5x0 no", "550 4.7.1 no", "450 5.0.0 x", "", "550.x"] {
            assert!(!is_rejection(bad.as_bytes()), "{bad}");
        }
    }
}
