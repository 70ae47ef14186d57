//! The keys that secrets are encrypted with.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_STANDARD_NO_PAD};
use rand::{TryRngCore, rngs::OsRng};
use zeroize::Zeroizing;

/// Bytes of a key.
const LENGTH: usize = 32;

/// Bytes of a key's id.
pub(crate) const ID_LENGTH: usize = 8;

/// The context with which the id of a key is derived. The key cannot be computed from its id.
const ID_CONTEXT: &str = "syncline accounts 2026-11-30 the id of a key";

/// A key of 256 bits. Its output is its id.
#[derive(Clone)]
pub struct Key {
    bytes: Zeroizing<[u8; LENGTH]>,
    id: [u8; ID_LENGTH],
}

impl Key {
    fn new(bytes: Zeroizing<[u8; LENGTH]>) -> Key {
        let derived = blake3::derive_key(ID_CONTEXT, &*bytes);
        let mut id = [0; ID_LENGTH];
        id.copy_from_slice(&derived[..ID_LENGTH]);
        Key { bytes, id }
    }

    /// Parses 32 bytes as 64 hexadecimal digits or as base64. The error does not repeat the text.
    pub fn parse(text: &str) -> Result<Key, String> {
        let text = text.trim();
        let found = of_hex(text).or_else(|| of_base64(text));
        let found = found.ok_or("is not a key of 32 bytes, as 64 hexadecimal digits or as base64; make one with `syncline accounts key`")?;
        if found.iter().all(|byte| *byte == found[0]) {
            return Err(
                "is the same byte 32 times, which anyone can guess; make a key with `syncline accounts key`"
                    .to_owned(),
            );
        }
        Ok(Key::new(found))
    }

    /// A new random key as text, which [`Key::parse`] reads.
    pub fn generate() -> Result<Zeroizing<String>, String> {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        OsRng
            .try_fill_bytes(&mut *bytes)
            .map_err(|error| format!("the system gives no random bytes: {error}"))?;
        Ok(Zeroizing::new(BASE64_STANDARD.encode(*bytes)))
    }

    /// The id, which tells keys apart and is no secret.
    pub fn id(&self) -> String {
        hex(&self.id)
    }

    pub(crate) fn id_bytes(&self) -> &[u8; ID_LENGTH] {
        &self.id
    }

    pub(crate) fn bytes(&self) -> &[u8; LENGTH] {
        &self.bytes
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

/// The keys of a process.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    /// Encrypts, and decrypts what it has encrypted.
    pub current: Option<Key>,
    /// Decrypts only, while secrets are moved to the current one.
    pub previous: Option<Key>,
}

impl Keyring {
    /// The key with this id.
    pub(crate) fn find(&self, id: &[u8]) -> Option<&Key> {
        [&self.current, &self.previous].into_iter().flatten().find(|key| key.id == id)
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn of_hex(text: &str) -> Option<Zeroizing<[u8; LENGTH]>> {
    if text.len() != 2 * LENGTH || !text.is_ascii() {
        return None;
    }
    let mut bytes = Zeroizing::new([0; LENGTH]);
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Either alphabet, with padding or without.
fn of_base64(text: &str) -> Option<Zeroizing<[u8; LENGTH]>> {
    let text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    let text = Zeroizing::new(text);
    let decoded = Zeroizing::new(BASE64_STANDARD_NO_PAD.decode(text.as_bytes()).ok()?);
    let mut bytes = Zeroizing::new([0; LENGTH]);
    if decoded.len() != LENGTH {
        return None;
    }
    bytes.copy_from_slice(&decoded);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_each_form_and_has_one_id() {
        let hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff";
        let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv8=";
        let key = Key::parse(hex).unwrap();
        for text in [&*hex.to_uppercase(), base64, base64.trim_end_matches('='), &base64.replace('/', "_")] {
            assert_eq!(Key::parse(&format!(" {text}\n")).unwrap().id(), key.id(), "{text}");
        }
        assert_eq!(key.id().len(), 16);
        assert_eq!(format!("{key:?}"), format!("Key({})", key.id()));
    }

    #[test]
    fn a_wrong_key_is_refused_without_its_text() {
        for text in [
            "hunter2",
            "",
            &"0".repeat(64),
            "ZZZ102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff",
        ] {
            let refused = Key::parse(text).unwrap_err();
            assert!(refused.contains("`syncline accounts key`"), "{refused}");
            assert!(text.is_empty() || !refused.contains(text), "{refused}");
        }
    }

    #[test]
    fn generated_keys_differ() {
        let (one, other) = (Key::generate().unwrap(), Key::generate().unwrap());
        assert_ne!(Key::parse(&one).unwrap().id(), Key::parse(&other).unwrap().id());
    }
}
