//! Encrypted values that never appear in logs.

use std::fmt;

use sea_orm::DeriveValueType;

/// A secret encrypted at rest. Its `Debug` shows nothing, because even ciphertext must not be logged.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct Sealed(pub Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}
