//! The secrets of accounts. A secret is a reference ([`Reference`]) or is encrypted in the database ([`Sealed`], with a
//! [`Key`] of the process); [`Broker`] turns either into what a connector gets.
//!
//! A secret leaves this crate only as a [`Token`], whose output is `***`. Errors name the account, the reference and the
//! remedy, never a secret.
//!
//! [`Sealed`]: syncline_entity::secret::Sealed
//! [`Token`]: syncline_connectors::Token

#![warn(missing_docs)]

mod broker;
pub mod built_in;
mod error;
mod grant;
mod key;
mod oauth;
mod reference;
mod seal;
mod vault;

pub use broker::{Broker, Settings, fingerprint};
pub use error::{AccountError, Cause};
pub use grant::Grant;
pub use key::{Key, Keyring};
pub use reference::Reference;
pub use seal::{Owner, open, seal};
pub use vault::{VaultLogin, VaultSettings};
