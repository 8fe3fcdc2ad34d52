//! The domain name system and the hosts file, with Postfix's rules.
#![forbid(unsafe_code)]
