//! The name that was probably meant.

use bstr::BString;
use text::show;

use crate::parameters::{Class, Parameters};

/// How many bytes of a name stand for one error in it; in a short name there may be one.
const BYTES_PER_ERROR: usize = 5;

/// Says which name may be meant by one that there is not, if there is one like it.
pub fn suggest(name: &[u8], parameters: &Parameters) {
    if let Some(known) = nearest(name, parameters) {
        log::info!("{}: is it meant to be {}?", show(name), show(&known));
    }
}

/// The known name that is most like this one, the first of several.
fn nearest(name: &[u8], parameters: &Parameters) -> Option<BString> {
    let limit = (name.len() / BYTES_PER_ERROR).max(1);
    let known = parameters.iter().filter(|(_, parameter)| parameter.listed && parameter.class != Class::User);
    let near = known.filter(|(known, _)| known.len().abs_diff(name.len()) <= limit && known.len() > limit);
    let (distance, found) =
        near.map(|(known, _)| (distance(name, known), known)).min_by_key(|&(distance, _)| distance)?;
    (distance <= limit).then(|| found.to_owned())
}

/// How many bytes must be put in, left out, changed, or swapped with the next one to make one name of the other.
fn distance(one: &[u8], other: &[u8]) -> usize {
    let (mut before, mut last) = (vec![0; other.len() + 1], (0..=other.len()).collect::<Vec<_>>());
    for (row, &byte) in one.iter().enumerate() {
        let mut now = vec![row + 1];
        for (column, &target) in other.iter().enumerate() {
            let changed = last[column] + usize::from(byte != target);
            let mut best = changed.min(last[column + 1] + 1).min(now[column] + 1);
            if row > 0 && column > 0 && byte == other[column - 1] && one[row - 1] == target {
                best = best.min(before[column - 1] + 1);
            }
            now.push(best);
        }
        before = std::mem::replace(&mut last, now);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_are_recognized() {
        let parameters = Parameters::builtin(|_| None);
        let nearest = |name: &str| nearest(name.as_bytes(), &parameters).map(|name| name.to_string());
        assert_eq!(nearest("relay_domain").as_deref(), Some("relay_domains"));
        assert_eq!(nearest("smtpd_recipient_restriction").as_deref(), Some("smtpd_recipient_restrictions"));
        assert_eq!(nearest("mydestinatoin").as_deref(), Some("mydestination"));
        assert_eq!(nearest("SMTPD_BANNER"), None);
        assert_eq!(nearest("x"), None);
        assert_eq!(nearest(""), None);
    }

    #[test]
    fn distances_count_errors() {
        for (one, other, expected) in [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("abc", "axcd", 2), ("", "xyz", 3)] {
            assert_eq!(distance(one.as_bytes(), other.as_bytes()), expected, "{one} {other}");
            assert_eq!(distance(other.as_bytes(), one.as_bytes()), expected, "{other} {one}");
        }
    }
}
