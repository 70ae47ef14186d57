//! The text of a token: `sl_<environment>_<id>_<secret>_<checksum>`.
//!
//! The id finds the row. The checksum lets a mistyped token, and a text that only looks like one, be refused without a
//! query; scanners for leaked secrets use it, too.

use rand::{TryRngCore, rngs::OsRng};
use sea_orm::DbErr;
use zeroize::Zeroizing;

const START: &str = "sl";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Random bytes of a secret.
const BYTES: usize = 32;
/// Digits of 32 bytes in base 62.
const SECRET_DIGITS: usize = 43;
/// Digits of a checksum of 32 bits in base 62.
const CHECK_DIGITS: usize = 6;

/// A new token for the row with this id.
pub(super) fn make(environment: &str, id: i64) -> Result<Zeroizing<String>, DbErr> {
    let body = Zeroizing::new(format!("{START}_{environment}_{id}_{}", random()?.as_str()));
    let checksum = digits(&crc32(body.as_bytes()).to_be_bytes(), CHECK_DIGITS);
    Ok(Zeroizing::new(format!("{}_{}", body.as_str(), checksum.as_str())))
}

/// The id in a token, if the text is one.
pub(super) fn id_of(text: &str) -> Option<i64> {
    let (body, checksum) = text.rsplit_once('_')?;
    let parts: Vec<&str> = body.split('_').collect();
    let [START, environment, id, secret] = parts.as_slice() else { return None };
    let is_secret = secret.len() == SECRET_DIGITS && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_whole = *checksum == *digits(&crc32(body.as_bytes()).to_be_bytes(), CHECK_DIGITS);
    let plain = id.len() <= 19 && !id.starts_with(['+', '-']);
    (is_secret && is_whole && plain && check_environment(environment).is_ok()).then(|| id.parse().ok())?
}

pub(super) fn check_environment(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if (1..=16).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(format!("environment: {name:?} must have 1 to 16 of a to z and 0 to 9"))
}

/// 256 random bits.
pub(super) fn random() -> Result<Zeroizing<String>, DbErr> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    OsRng
        .try_fill_bytes(&mut *bytes)
        .map_err(|error| DbErr::Custom(format!("the system gives no random bytes: {error}")))?;
    Ok(digits(&*bytes, SECRET_DIGITS))
}

/// A number of bytes, the first one the most significant, in base 62.
fn digits(bytes: &[u8], count: usize) -> Zeroizing<String> {
    let mut number = Zeroizing::new(bytes.to_vec());
    let mut found = vec![DIGITS[0]; count];
    for place in found.iter_mut().rev() {
        let mut rest = 0_u32;
        for byte in number.iter_mut() {
            let value = rest << 8 | u32::from(*byte);
            // Below 256, since the rest is below 62.
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        *place = DIGITS[rest as usize];
    }
    Zeroizing::new(String::from_utf8(found).unwrap_or_default())
}

/// CRC-32 of IEEE 802.3, as in zip and PNG.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        // The check value of CRC-32/ISO-HDLC in every catalogue.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(*digits(&[1, 0], 3), "048", "256 = 4 * 62 + 8");
        assert_eq!(digits(&[255; 32], SECRET_DIGITS).len(), SECRET_DIGITS);
        assert_ne!(digits(&[255; 32], SECRET_DIGITS).as_bytes()[0], b'0', "43 digits are needed");
    }

    #[test]
    fn a_token_has_its_id_and_no_other_text_has_one() {
        let token = make("live", 17).unwrap();
        assert!(token.starts_with("sl_live_17_") && token.len() == 11 + 43 + 1 + 6, "{}", token.len());
        assert_eq!(id_of(&token), Some(17));
        assert_ne!(*make("live", 17).unwrap(), *token);
        for place in 0..token.len() {
            let mut other = token.as_bytes().to_vec();
            other[place] = if other[place] == b'x' { b'y' } else { b'x' };
            assert_eq!(id_of(&String::from_utf8(other).unwrap()), None, "changed at {place}");
        }
        for text in ["", "_", "sl", "sl_live_17", "sl_live_17__", "sl_a_b_c_d_e", "\u{1F600}_1_2_3"] {
            assert_eq!(id_of(text), None, "{text}");
        }
        assert_eq!(id_of(&token[..token.len() - 1]), None);
        assert_eq!(id_of(&format!("{}0", *token)), None);
    }

    #[test]
    fn an_environment_is_a_plain_word() {
        assert!(check_environment("prod2").is_ok());
        for wrong in ["", "Prod", "a_b", "a-b", "seventeen0letters"] {
            assert!(check_environment(wrong).is_err(), "{wrong}");
        }
    }
}
