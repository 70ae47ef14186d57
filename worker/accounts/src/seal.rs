//! Encryption of a secret in the database: XChaCha20-Poly1305.
//!
//! The stored bytes are a version (1), the id of the key (8), a random nonce (24), and the ciphertext with its tag. The
//! account's id, platform and address are authenticated with it: a row that was given another account's secret, or
//! another address to send its own to, does not open.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use rand::{TryRngCore, rngs::OsRng};
use syncline_connectors::Token;
use syncline_entity::secret::Sealed;
use zeroize::Zeroizing;

use crate::{
    Cause, Key, Keyring,
    key::{ID_LENGTH, hex},
};

const VERSION: u8 = 1;
const NONCE_LENGTH: usize = 24;

/// Whom a secret belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The id of the account's row.
    pub account: i64,
    /// The name of the platform.
    pub platform: &'a str,
    /// The address that the secret is sent to, if it is not the platform's own.
    pub base_url: Option<&'a str>,
}

impl Owner<'_> {
    fn associated(&self, key: &[u8; ID_LENGTH]) -> Vec<u8> {
        let mut data = vec![VERSION];
        data.extend_from_slice(key);
        data.extend_from_slice(&self.account.to_be_bytes());
        data.push(u8::from(self.base_url.is_some()));
        // With its length before each text, no two owners have the same data.
        for text in [self.platform, self.base_url.unwrap_or_default()] {
            data.extend_from_slice(&(text.len() as u64).to_be_bytes());
            data.extend_from_slice(text.as_bytes());
        }
        data
    }
}

/// Encrypts a secret for its owner.
pub fn seal(key: &Key, owner: Owner<'_>, secret: &Token) -> Result<Sealed, String> {
    let mut nonce = [0; NONCE_LENGTH];
    OsRng.try_fill_bytes(&mut nonce).map_err(|error| format!("the system gives no random bytes: {error}"))?;
    let associated = owner.associated(key.id_bytes());
    let payload = Payload { msg: secret.reveal().as_bytes(), aad: &associated };
    let encrypted = cipher(key).encrypt(&XNonce::from(nonce), payload);
    let encrypted = encrypted.map_err(|_| "the secret could not be encrypted".to_owned())?;
    let mut sealed = vec![VERSION];
    sealed.extend_from_slice(key.id_bytes());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&encrypted);
    Ok(Sealed(sealed))
}

/// Decrypts a secret of this owner. The error says what is wrong and the remedy.
pub fn open(keys: &Keyring, owner: Owner<'_>, sealed: &Sealed) -> Result<Token, (Cause, String)> {
    const REMEDY: &str = "set it anew with `syncline accounts rotate`";
    let broken = || (Cause::Secret, format!("its encrypted secret is damaged; {REMEDY}"));
    let (version, rest) = sealed.0.split_first().ok_or_else(broken)?;
    if *version != VERSION {
        let text = "its secret was encrypted by a newer version; use that, or set it anew";
        return Err((Cause::Process, text.to_owned()));
    }
    let (id, rest) = rest.split_first_chunk::<ID_LENGTH>().ok_or_else(broken)?;
    let (nonce, encrypted) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or_else(broken)?;
    let key = keys.find(id).ok_or_else(|| {
        let id = hex(id);
        let text = match &keys.current {
            None => format!("its secret is encrypted with the key {id}, and no key is set; set SYNCLINE_SECRET_KEY or SYNCLINE_SECRET_KEY_FILE"),
            Some(current) => format!(
                "its secret is encrypted with the key {id}, and SYNCLINE_SECRET_KEY is {}; set the former as \
                 SYNCLINE_SECRET_KEY_PREVIOUS, or {REMEDY}",
                current.id()
            ),
        };
        (Cause::Process, text)
    })?;
    let associated = owner.associated(id);
    let payload = Payload { msg: encrypted, aad: &associated };
    let plain = cipher(key).decrypt(&XNonce::from(*nonce), payload).map_err(|_| {
        let text = format!(
            "its encrypted secret was damaged, or belongs to another account or another base URL, and is not used; {REMEDY}"
        );
        (Cause::Secret, text)
    })?;
    let plain = Zeroizing::new(plain);
    let text = std::str::from_utf8(&plain).map_err(|_| broken())?;
    Ok(Token::new(text))
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Owner<'_> = Owner { account: 7, platform: "github", base_url: None };

    fn key() -> Key {
        Key::parse(&Key::generate().unwrap()).unwrap()
    }

    fn ring(current: Option<Key>, previous: Option<Key>) -> Keyring {
        Keyring { current, previous }
    }

    #[test]
    fn a_secret_opens_with_its_key_for_its_owner_alone() {
        let key = key();
        let keys = ring(Some(key.clone()), None);
        let secret = Token::new("ghp_hunter2");
        let sealed = seal(&key, OWNER, &secret).unwrap();
        assert_ne!(sealed, seal(&key, OWNER, &secret).unwrap());
        assert!(!sealed.0.windows(7).any(|part| part == b"hunter2"));
        assert_eq!(open(&keys, OWNER, &sealed), Ok(secret));
        for other in [
            Owner { account: 8, ..OWNER },
            Owner { platform: "gitlab", ..OWNER },
            Owner { base_url: Some("https://evil.example"), ..OWNER },
            Owner { base_url: Some(""), ..OWNER },
        ] {
            let (_, refused) = open(&keys, other, &sealed).unwrap_err();
            assert!(refused.contains("belongs to another account"), "{refused}");
        }
    }

    #[test]
    fn no_changed_byte_opens() {
        let key = key();
        let keys = ring(Some(key.clone()), None);
        let sealed = seal(&key, OWNER, &Token::new("secret")).unwrap();
        for place in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[place] ^= 1;
            assert!(open(&keys, OWNER, &changed).is_err(), "byte {place}");
            assert!(open(&keys, OWNER, &Sealed(sealed.0[..place].to_vec())).is_err(), "length {place}");
        }
    }

    #[test]
    fn the_previous_key_opens_too_and_a_missing_one_is_named() {
        let (old, new) = (key(), key());
        let sealed = seal(&old, OWNER, &Token::new("secret")).unwrap();
        assert!(open(&ring(Some(new.clone()), Some(old.clone())), OWNER, &sealed).is_ok());
        let (_, refused) = open(&ring(Some(new.clone()), None), OWNER, &sealed).unwrap_err();
        assert!(refused.contains(&old.id()) && refused.contains(&new.id()), "{refused}");
        let (cause, refused) = open(&Keyring::default(), OWNER, &sealed).unwrap_err();
        assert_eq!(cause, Cause::Process);
        assert!(refused.contains("set SYNCLINE_SECRET_KEY or SYNCLINE_SECRET_KEY_FILE"), "{refused}");
    }
}
