//! The platforms, one line each. A new one needs its own module and a line here.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use serde_json::Value as Json;
use syncline_engine::{
    nearest::nearest,
    ports::{ConnectorError, Place},
    spec::{Finding, check_keys, keys::Key},
};

use crate::{files, look::Look, named::Named, scope::ScopeError, sql};

/// Every platform that a sync may name.
static PLATFORMS: &[Platform] = &[
    Platform { name: "csv", aliases: &["files"], wire: &files::Files },
    Platform { name: "sql", aliases: &["sqlite", "postgres", "postgresql", "table"], wire: &sql::Sql },
    Platform { name: "jira", aliases: &[], wire: &Planned("jira") },
    Platform { name: "linear", aliases: &[], wire: &Planned("linear") },
    Platform { name: "github", aliases: &[], wire: &Planned("github") },
    Platform { name: "gitlab", aliases: &[], wire: &Planned("gitlab") },
    Platform { name: "trello", aliases: &[], wire: &Planned("trello") },
    Platform { name: "openproject", aliases: &[], wire: &Planned("openproject") },
    Platform { name: "notion", aliases: &[], wire: &Planned("notion") },
    Platform { name: "airtable", aliases: &[], wire: &Planned("airtable") },
    Platform { name: "hubspot", aliases: &[], wire: &Planned("hubspot") },
    Platform { name: "salesforce", aliases: &[], wire: &Planned("salesforce") },
    Platform { name: "google_sheets", aliases: &[], wire: &Planned("google_sheets") },
    Platform { name: "agentapi", aliases: &[], wire: &Planned("agentapi") },
];

/// A platform that a sync may name.
pub struct Platform {
    name: &'static str,
    aliases: &'static [&'static str],
    wire: &'static dyn Wire,
}

/// The functions that a platform's module provides to the registry.
#[async_trait]
pub(crate) trait Wire: Send + Sync {
    /// The keys of a scope; none if any are accepted.
    fn keys(&self) -> Option<&'static [Key]>;

    /// Describes the place, whichever key the scope names.
    async fn look(&self, scope: &Json, options: &OpenOptions) -> Result<Look, ConnectorError>;

    /// Checks the values of a scope without opening the place.
    fn check(&self, scope: &Json) -> Result<(), ScopeError>;

    /// Lists the files, variables and servers that a scope names. One that is left out is open to everyone who may
    /// send a document over HTTP.
    fn names(&self, scope: &Json) -> Result<Vec<Named>, ScopeError>;

    /// Makes relative paths in a scope absolute.
    fn resolve(&self, _scope: &mut Json, _base_dir: &Path) {}

    async fn open(&self, scope: &Json, options: &OpenOptions) -> Result<Box<dyn Place>, ConnectorError>;

    /// Whether this version can connect to it.
    fn availability(&self) -> Availability {
        Availability::Available
    }
}

/// A platform whose name is known and whose connector does not exist yet.
struct Planned(&'static str);

#[async_trait]
impl Wire for Planned {
    fn keys(&self) -> Option<&'static [Key]> {
        None
    }

    async fn look(&self, _: &Json, _: &OpenOptions) -> Result<Look, ConnectorError> {
        Err(no_connector(self.0))
    }

    fn check(&self, scope: &Json) -> Result<(), ScopeError> {
        if scope.is_object() { Ok(()) } else { Err(ScopeError::new("", "must be keys and values")) }
    }

    /// Refused: what this version cannot read, a later one would open.
    fn names(&self, _: &Json) -> Result<Vec<Named>, ScopeError> {
        let message = format!(
            "what a place of {} names cannot be told, since the platform has no connector in this version",
            self.0
        );
        Err(ScopeError::new("", message))
    }

    async fn open(&self, _: &Json, _: &OpenOptions) -> Result<Box<dyn Place>, ConnectorError> {
        Err(no_connector(self.0))
    }

    fn availability(&self) -> Availability {
        Availability::Planned
    }
}

fn no_connector(platform: &str) -> ConnectorError {
    ConnectorError::permanent(format!("platform {platform} has no connector in this version"))
}

/// Whether this version can connect to a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    Available,
    /// The name is known and a sync may use it, but its runs do not start.
    Planned,
}

/// The options for opening a connector, besides its scope.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// A field mapping provides the key field's value, so that a new item's id comes from the other side.
    pub mapped_key: bool,
    /// The fields that the sync maps on this side; empty means all of them.
    pub mapped: Vec<String>,
    /// Timeout of one statement or request.
    pub timeout: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { mapped_key: false, mapped: Vec::new(), timeout: Duration::from_secs(30) }
    }
}

/// Every platform that a sync may name.
pub fn platforms() -> &'static [Platform] {
    PLATFORMS
}

/// The error message for an unknown platform.
pub fn no_platform(name: &str) -> String {
    let spellings =
        PLATFORMS.iter().flat_map(|platform| platform.aliases.iter().copied().chain([platform.name]));
    let near = nearest(name, spellings).map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
    let (ready, planned): (Vec<_>, Vec<_>) =
        PLATFORMS.iter().partition(|platform| platform.availability() == Availability::Available);
    let names = |of: Vec<&Platform>| of.iter().map(|platform| platform.name).collect::<Vec<_>>().join(", ");
    format!(
        "there is no platform {name:?}; {near}this version has {}; {} more are planned",
        names(ready),
        planned.len()
    )
}

/// Finds a platform by name or alias, ignoring case.
pub fn platform(name: &str) -> Option<&'static Platform> {
    let name = name.trim().to_ascii_lowercase();
    PLATFORMS.iter().find(|platform| platform.name == name || platform.aliases.contains(&name.as_str()))
}

impl Platform {
    /// The canonical name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    /// Whether this version can connect to it.
    pub fn availability(&self) -> Availability {
        self.wire.availability()
    }

    /// The keys of a scope; none if this version accepts any.
    pub fn keys(&self) -> Option<&'static [Key]> {
        self.wire.keys()
    }

    /// Returns all errors in a scope at this path. Does not open the place.
    pub fn check(&self, scope: &Json, path: &str) -> Vec<Finding> {
        let findings = self.keys().map(|keys| check_keys(scope, keys, path)).unwrap_or_default();
        if !findings.is_empty() {
            return findings;
        }
        self.wire.check(scope).err().into_iter().map(|error| error.at(path)).collect()
    }

    /// Lists the files, variables and servers that the scope at this path names. Opens none of them.
    pub fn names(&self, scope: &Json, path: &str) -> Result<Vec<Named>, Finding> {
        self.wire.names(scope).map_err(|error| error.at(path))
    }

    /// Makes relative paths in a scope absolute, so that it means the same wherever it is used.
    pub fn resolve(&self, scope: &mut Json, base_dir: &Path) {
        self.wire.resolve(scope, base_dir);
    }

    /// Describes the place of a scope; the scope's key need not exist.
    pub async fn look(&self, scope: &Json, options: &OpenOptions) -> Result<Look, ConnectorError> {
        self.wire.look(scope, options).await
    }

    /// Opens the place of a scope.
    pub async fn open(&self, scope: &Json, options: &OpenOptions) -> Result<Box<dyn Place>, ConnectorError> {
        self.wire.open(scope, options).await
    }
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Platform").field("name", &self.name).finish_non_exhaustive()
    }
}

/// An error that `check` reports as well.
impl From<ScopeError> for ConnectorError {
    fn from(error: ScopeError) -> Self {
        ConnectorError::permanent(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_aliases_are_unique() {
        let mut names: Vec<&str> =
            PLATFORMS.iter().flat_map(|p| p.aliases.iter().copied().chain([p.name])).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(platform(" PostgreSQL ").unwrap().name(), "sql");
        assert!(platform("fax").is_none());
    }

    #[tokio::test]
    async fn a_planned_platform_is_known_but_does_not_open() {
        let jira = platform("jira").unwrap();
        assert_eq!(jira.availability(), Availability::Planned);
        assert_eq!(jira.check(&json!({"account": "acme", "project_key": "PROJ"}), "source"), []);
        assert_eq!(jira.names(&json!({}), "source").unwrap_err().path, "source");
        let error = jira.open(&json!({}), &OpenOptions::default()).await.err().unwrap();
        assert_eq!(error.to_string(), "platform jira has no connector in this version");
    }
}
