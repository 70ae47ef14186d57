//! What is known of a platform without a connection, and what it can tell with one.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use serde_json::{Map, Value as Json};
use syncline_engine::{
    capability::Capabilities,
    ports::{Call, ConnectorError, Place},
    richtext::TextForm,
    spec::{
        Finding, check_keys,
        keys::{Form, Key},
    },
};

use url::Url;

use crate::{Account, Catalogue, Identity, http::Http, look::Look, named::Named, scope::ScopeError};

/// A platform that a sync may name.
#[async_trait]
pub trait Platform: Send + Sync {
    /// The canonical name.
    fn name(&self) -> &'static str;

    /// Other names that documents may use.
    fn aliases(&self) -> &'static [&'static str] {
        &[]
    }

    /// The kinds of items, as in `entity_type`; empty if it has no kinds of its own.
    fn entities(&self) -> &'static [&'static str] {
        &[]
    }

    /// The keys of a scope; none if any are accepted.
    fn keys(&self) -> Option<&'static [Key]>;

    /// Checks the values of a scope without opening the place.
    fn check(&self, scope: &Json) -> Result<(), ScopeError>;

    /// Returns what a place with this scope can do, as far as the scope tells. An opened place may do less, never more.
    /// Pure.
    fn declare(&self, entity: &str, scope: &Json) -> Result<Capabilities, ScopeError>;

    /// Lists the files, variables and servers that a scope names. One that is left out is open to everyone who may
    /// send a document over HTTP.
    fn names(&self, scope: &Json) -> Result<Vec<Named>, ScopeError>;

    /// True if it cannot be reached without credentials: then a scope must name an account under `account`.
    fn needs_account(&self) -> bool {
        false
    }

    /// What the address of an account must be, if the platform has no address of its own.
    fn needs_address(&self) -> Option<&'static str> {
        None
    }

    /// The hosts of the vendor's own service, whose limits hold for everyone; `*.` stands for any name before the rest.
    fn own_hosts(&self) -> &'static [&'static str] {
        &[]
    }

    /// Where its access tokens of OAuth come from; none if accounts on it have no such tokens.
    fn token_endpoint(&self) -> Option<TokenEndpoint> {
        None
    }

    /// Makes relative paths in a scope absolute, so that it means the same wherever it is used.
    fn resolve(&self, _scope: &mut Json, _base_dir: &Path) {}

    /// Describes the place of a scope, whichever key the scope names.
    async fn look(&self, opening: &Opening<'_>) -> Result<Look, ConnectorError>;

    /// Opens the place of a scope.
    async fn open(&self, opening: &Opening<'_>, call: &Call<'_>) -> Result<Box<dyn Place>, ConnectorError>;

    /// Says whom an account's credentials belong to and what they may do. Only asked of platforms with accounts.
    async fn identify(&self, account: &Account, _call: &Call<'_>) -> Result<Identity, ConnectorError> {
        Err(ConnectorError::permanent(format!("account {}: {} has no accounts", account.name, self.name())))
    }

    /// Lists what an account can see: containers, or the fields, statuses and people of one. Only asked of platforms with
    /// accounts.
    async fn discover(
        &self,
        account: &Account,
        _what: Discover<'_>,
        _call: &Call<'_>,
    ) -> Result<Catalogue, ConnectorError> {
        Err(ConnectorError::permanent(format!("account {}: {} has no accounts", account.name, self.name())))
    }

    /// The statuses that a field of these items can have on this platform, whatever the place, each with its category; the
    /// preferred one of a category first. Empty if the field holds none, or the platform has no statuses of its own.
    fn statuses(&self, _entity: &str, _field: &str) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// How a field of these items spells its texts, whatever the place, and how long they may be. A sync shortens a longer
    /// text.
    fn text_form(&self, _entity: &str, _field: &str) -> TextForm {
        TextForm::default()
    }

    /// Whether this version can connect to it.
    fn availability(&self) -> Availability {
        Availability::Available
    }
}

/// Where access tokens come from: a path below the platform's own address, or below that of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenEndpoint {
    pub base: &'static str,
    pub path: &'static [&'static str],
}

/// What to discover.
#[derive(Debug, Clone, Copy)]
pub enum Discover<'a> {
    /// The containers that the account can see.
    Containers,
    /// What the container of a scope has: fields, statuses, people.
    Container(&'a Json),
}

/// What a place is opened with.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// The credentials; none for platforms without accounts.
    pub account: Option<&'a Account>,
    pub scope: &'a Json,
    /// The kind of items.
    pub entity: &'a str,
    /// The fields that the sync maps on this side; empty means all of them.
    pub fields: &'a [String],
    /// A field mapping provides the key field's value, so that a new item's id comes from the other side.
    pub mapped_key: bool,
    /// Timeout of one statement. Requests over HTTP have those of `http`.
    pub timeout: Duration,
    /// The connections of the process, for platforms without accounts; an account has its own.
    pub http: Option<&'a Http>,
}

impl<'a> Opening<'a> {
    /// An opening of all fields of a place that needs no account.
    pub fn new(scope: &'a Json) -> Opening<'a> {
        Opening {
            account: None,
            scope,
            entity: "record",
            fields: &[],
            mapped_key: false,
            timeout: Duration::from_secs(30),
            http: None,
        }
    }
}

/// Whether this version can connect to a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    Available,
    /// The name is known and a sync may use it, but its runs do not start.
    Planned,
}

/// Returns all errors in a scope at this path. Does not open the place.
pub fn check_scope(platform: &dyn Platform, scope: &Json, path: &str) -> Vec<Finding> {
    let findings = platform.keys().map(|keys| check_keys(scope, keys, path)).unwrap_or_default();
    if !findings.is_empty() {
        return findings;
    }
    platform.check(scope).err().into_iter().map(|error| error.at(path)).collect()
}

/// Lists the files, variables and servers that the scope at this path names. Opens none of them.
pub fn names_of(platform: &dyn Platform, scope: &Json, path: &str) -> Result<Vec<Named>, Finding> {
    platform.names(scope).map_err(|error| error.at(path))
}

/// An error that `check` reports as well.
impl From<ScopeError> for ConnectorError {
    fn from(error: ScopeError) -> Self {
        ConnectorError::permanent(error.to_string())
    }
}

/// The scope of a place that `discover` lists, without its account. The first text of a platform's scopes behind `account`
/// names the place; none if there is no such key.
pub fn scope_of(platform: &dyn Platform, container: &str) -> Option<Map<String, Json>> {
    let names = |key: &&Key| matches!(key.form, Form::Text) && key.name != "account";
    let key = platform.keys()?.iter().find(names)?;
    Some(Map::from_iter([(key.name.to_owned(), Json::String(container.to_owned()))]))
}

/// The host of an address, if it belongs to the vendor's own service.
pub fn own_host(platform: &dyn Platform, address: &str) -> Option<String> {
    let address = Url::parse(address.trim()).ok()?;
    let host = address.host_str()?.trim_end_matches('.');
    let is_own = |own: &&str| match own.strip_prefix('*') {
        Some(end) => host.ends_with(end),
        None => host == *own,
    };
    platform.own_hosts().iter().any(is_own).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::platform;

    #[rstest]
    #[case("github", "https://api.github.com", Some("api.github.com"))]
    #[case("github", "https://API.GitHub.com./", Some("api.github.com"))]
    #[case("github", "https://api.acme.ghe.com", Some("api.acme.ghe.com"))]
    #[case("github", "https://github.acme.example/api/v3", None)]
    #[case("github", "https://api.github.com.example", None)]
    #[case("github", "https://notghe.com", None)]
    #[case("jira", "https://acme.atlassian.net", Some("acme.atlassian.net"))]
    #[case("jira", "https://api.atlassian.com/ex/jira/1", Some("api.atlassian.com"))]
    #[case("jira", "http://127.0.0.1:8090/jira", None)]
    #[case("linear", "https://api.linear.app", Some("api.linear.app"))]
    #[case("linear", "no address", None)]
    fn the_hosts_of_vendors_are_known(#[case] name: &str, #[case] address: &str, #[case] host: Option<&str>) {
        assert_eq!(own_host(platform(name).unwrap(), address).as_deref(), host);
    }
}
