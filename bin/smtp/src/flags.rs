//! `flags=` on the command line in master.cf (smtp-client §1).

use bstr::ByteSlice;
use config::params;
use logging::fatal;
use server::Context;

use crate::mode::Mode;

/// What is added to messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFlags {
    /// `D`: Delivered-To:, with a check for loops.
    pub delivered_to: bool,
    /// `O`: X-Original-To:.
    pub original_to: bool,
    /// `R`: Return-Path:.
    pub return_path: bool,
    /// `X`: this delivery is final, not a relay.
    pub is_final: bool,
}

impl DeliveryFlags {
    /// Reads the words behind the options; the last `flags=` counts.
    pub fn read(mode: Mode, context: &Context) -> Self {
        let mut letters: &[u8] = b"";
        for word in &context.arguments {
            match word.split_once_str("=") {
                Some((name, value)) if name.eq_ignore_ascii_case(b"flags") => letters = value,
                _ => fatal!("unknown attribute name: {}", text::show(word)),
            }
        }
        let mut flags = Self::parse(letters).unwrap_or_else(|letter| fatal!("unknown flag: {letter}. Ignoring rest"));
        if mode.is_lmtp() && !flags.is_final && context.config.get(params::LMTP_ASSUME_FINAL) {
            let letters = text::show(letters);
            log::warn!("lmtp_assume_final is obsolete; instead, specify \"{letters}X\" in master.cf");
            flags.is_final = true;
        }
        flags
    }

    /// The flags of these letters; the letter that is none.
    fn parse(letters: &[u8]) -> Result<Self, char> {
        let mut flags = Self::default();
        for letter in letters {
            match letter {
                b'D' => flags.delivered_to = true,
                b'O' => flags.original_to = true,
                b'R' => flags.return_path = true,
                b'X' => flags.is_final = true,
                other => return Err(char::from(*other)),
            }
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters() {
        let flags = DeliveryFlags::parse(b"DX").unwrap();
        assert!(flags.delivered_to && flags.is_final && !flags.original_to && !flags.return_path);
        assert_eq!(DeliveryFlags::parse(b"Rq"), Err('q'));
    }
}
