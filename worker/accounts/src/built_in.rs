//! Accounts that exist by themselves while a variable is set.

use std::ffi::OsString;

use syncline_connectors::{Availability, platform};
use syncline_entity::account;

use crate::Reference;

/// An account that needs no `accounts add`.
#[derive(Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// The account's name and the platform's.
    pub name: &'static str,
    /// The variable; with `_FILE` at its end it names a file.
    pub variable: &'static str,
}

static ALL: [BuiltIn; 2] = [
    BuiltIn { name: "github", variable: "GITHUB_TOKEN" },
    BuiltIn { name: "linear", variable: "LINEAR_API_KEY" },
];

impl BuiltIn {
    /// A row of it that is not stored; its id is 0.
    pub fn unsaved(&self) -> account::Model {
        account::Model {
            id: 0,
            project_id: 0,
            platform: self.name.to_owned(),
            name: self.name.to_owned(),
            base_url: None,
            secret_ref: Some(Reference::Env(self.variable.to_owned()).to_string()),
            secret_enc: None,
            key_id: None,
            scopes: None,
            paused_at: None,
            breaker: None,
            keeps_limits: true,
            refresh_until: None,
        }
    }
}

/// The accounts whose variable is set in this process and whose platform this version can connect to.
pub fn present() -> impl Iterator<Item = &'static BuiltIn> {
    among(|name| std::env::var_os(name))
}

/// The one of these with this name.
pub fn find(name: &str) -> Option<&'static BuiltIn> {
    present().find(|account| account.name == name)
}

fn among(get: impl Fn(&str) -> Option<OsString>) -> impl Iterator<Item = &'static BuiltIn> {
    let set = move |name: &str| get(name).is_some_and(|value| !value.to_string_lossy().trim().is_empty());
    ALL.iter().filter(move |account| {
        let available =
            |platform: &dyn syncline_connectors::Platform| platform.availability() == Availability::Available;
        platform(account.name).is_some_and(available)
            && (set(account.variable) || set(&format!("{}_FILE", account.variable)))
    })
}
