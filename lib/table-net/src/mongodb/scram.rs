//! SCRAM-SHA-256, the client's side (RFC 5802, RFC 7677).

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

/// The most rounds that a server may ask for: more would keep us busy for too long.
const ROUNDS_LIMIT: u32 = 10_000_000;

/// The server does not say what it should, or does not know the password itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Untrusted;

/// A conversation that has begun.
pub struct Scram {
    /// What we have said, without the part about channels.
    first: String,
    nonce: String,
    password: String,
}

/// A conversation in which the server must still show that it knows the password.
pub struct Final {
    signature: hmac::Tag,
}

impl Scram {
    /// Begins. The nonce is to be one that nobody can guess.
    pub fn new(user: &str, password: &str, nonce: String) -> Self {
        let prepare = |text: &str| stringprep::saslprep(text).map_or_else(|_| text.to_owned(), Into::into);
        let user = prepare(user).replace('=', "=3D").replace(',', "=2C");
        Scram { first: format!("n={user},r={nonce}"), nonce, password: prepare(password) }
    }

    /// The first message.
    pub fn first(&self) -> String {
        format!("n,,{}", self.first)
    }

    /// The second message, for what the server has answered.
    ///
    /// # Errors
    /// The server does not say what it should.
    pub fn proof(&self, challenge: &[u8]) -> Result<(String, Final), Untrusted> {
        let challenge = std::str::from_utf8(challenge).map_err(|_| Untrusted)?;
        let nonce = field(challenge, "r=").filter(|nonce| nonce.starts_with(&self.nonce) && *nonce != self.nonce);
        let nonce = nonce.ok_or(Untrusted)?;
        let salt = field(challenge, "s=").and_then(|salt| STANDARD.decode(salt).ok()).ok_or(Untrusted)?;
        let rounds = field(challenge, "i=").and_then(|rounds| rounds.parse::<u32>().ok());
        let rounds = rounds.filter(|rounds| *rounds <= ROUNDS_LIMIT).and_then(NonZeroU32::new).ok_or(Untrusted)?;
        let mut salted = [0; digest::SHA256_OUTPUT_LEN];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, self.password.as_bytes(), &mut salted);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
        let client_key = hmac::sign(&key, b"Client Key");
        let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
        let server_key = hmac::sign(&key, b"Server Key");
        let without_proof = format!("c=biws,r={nonce}");
        let all = format!("{},{challenge},{without_proof}", self.first);
        let sign = |key: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), all.as_bytes());
        let signature = sign(stored_key.as_ref());
        let proof: Vec<u8> =
            client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, signature)| key ^ signature).collect();
        let message = format!("{without_proof},p={}", STANDARD.encode(proof));
        Ok((message, Final { signature: sign(server_key.as_ref()) }))
    }
}

impl Final {
    /// Checks the server's last message.
    ///
    /// # Errors
    /// It does not know the password.
    pub fn check(&self, message: &[u8]) -> Result<(), Untrusted> {
        let message = std::str::from_utf8(message).map_err(|_| Untrusted)?;
        let signature = field(message, "v=").and_then(|signature| STANDARD.decode(signature).ok());
        match signature {
            Some(signature) if signature == self.signature.as_ref() => Ok(()),
            _ => Err(Untrusted),
        }
    }
}

fn field<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.split(',').find_map(|part| part.strip_prefix(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of RFC 7677.
    #[test]
    fn the_example() {
        let scram = Scram::new("user", "pencil", "rOprNGfwEbeRWgbNEkqO".into());
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (message, last) = scram.proof(challenge).unwrap();
        assert_eq!(
            message,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(last.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(()));
        assert_eq!(last.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="), Err(Untrusted));
    }

    #[test]
    fn servers_that_are_not_to_be_trusted() {
        let scram = Scram::new("a,b=c", "pw", "abc".into());
        assert_eq!(scram.first(), "n,,n=a=2Cb=3Dc,r=abc");
        for challenge in ["r=abc,s=aaaa,i=1", "r=xabc,s=aaaa,i=1", "r=abcd,s=?,i=1", "r=abcd,s=aaaa,i=0", "e=other"] {
            assert!(scram.proof(challenge.as_bytes()).is_err(), "{challenge}");
        }
        assert!(scram.proof(b"r=abcd,s=aaaa,i=99999999").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_understood(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Scram::new("u", "p", "n".into()).proof(&bytes);
        }
    }
}
