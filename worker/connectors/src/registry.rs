//! The platforms, one line each. A new one needs its own module and a line here.

use async_trait::async_trait;
use serde_json::Value as Json;
use syncline_engine::{
    capability::Capabilities,
    nearest::nearest,
    ports::{Call, ConnectorError, Place},
    spec::keys::Key,
};

use crate::{
    Availability, Opening, Platform, files::Files, github::Github, jira::Jira, linear::Linear, look::Look,
    named::Named, scope::ScopeError, sql::Sql,
};

/// Every platform that a sync may name.
static PLATFORMS: &[&dyn Platform] = &[
    &Files,
    &Sql,
    &Github,
    &Jira,
    &Linear,
    &Planned("gitlab"),
    &Planned("trello"),
    &Planned("openproject"),
    &Planned("notion"),
    &Planned("airtable"),
    &Planned("hubspot"),
    &Planned("salesforce"),
    &Planned("google_sheets"),
    &Planned("agentapi"),
];

/// A platform whose name is known and whose connector does not exist yet.
struct Planned(&'static str);

#[async_trait]
impl Platform for Planned {
    fn name(&self) -> &'static str {
        self.0
    }

    fn keys(&self) -> Option<&'static [Key]> {
        None
    }

    fn check(&self, scope: &Json) -> Result<(), ScopeError> {
        if scope.is_object() { Ok(()) } else { Err(ScopeError::new("", "must be keys and values")) }
    }

    fn declare(&self, _: &str, _: &Json) -> Result<Capabilities, ScopeError> {
        Err(ScopeError::new("", no_connector(self.0)))
    }

    /// Refused: what this version cannot read, a later one would open.
    fn names(&self, _: &Json) -> Result<Vec<Named>, ScopeError> {
        let message = format!(
            "what a place of {} names cannot be told, since the platform has no connector in this version",
            self.0
        );
        Err(ScopeError::new("", message))
    }

    async fn look(&self, _: &Opening<'_>) -> Result<Look, ConnectorError> {
        Err(ConnectorError::permanent(no_connector(self.0)))
    }

    async fn open(&self, _: &Opening<'_>, _: &Call<'_>) -> Result<Box<dyn Place>, ConnectorError> {
        Err(ConnectorError::permanent(no_connector(self.0)))
    }

    fn availability(&self) -> Availability {
        Availability::Planned
    }
}

fn no_connector(platform: &str) -> String {
    format!("platform {platform} has no connector in this version")
}

/// Every platform that a sync may name.
pub fn platforms() -> impl Iterator<Item = &'static dyn Platform> {
    PLATFORMS.iter().copied()
}

/// The error message for an unknown platform.
pub fn no_platform(name: &str) -> String {
    let spellings =
        PLATFORMS.iter().flat_map(|platform| platform.aliases().iter().copied().chain([platform.name()]));
    let near = nearest(name, spellings).map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
    let (ready, planned): (Vec<&&dyn Platform>, Vec<_>) =
        PLATFORMS.iter().partition(|platform| platform.availability() == Availability::Available);
    let names: Vec<&str> = ready.iter().map(|platform: &&&dyn Platform| platform.name()).collect();
    format!(
        "there is no platform {name:?}; {near}this version has {}; {} more are planned",
        names.join(", "),
        planned.len()
    )
}

/// Finds a platform by name or alias, ignoring case.
pub fn platform(name: &str) -> Option<&'static dyn Platform> {
    let name = name.trim().to_ascii_lowercase();
    PLATFORMS
        .iter()
        .copied()
        .find(|platform| platform.name() == name || platform.aliases().contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use syncline_engine::ports::{Leave, Meter, OpenGate, Stopped};

    use super::*;
    use crate::{check_scope, names_of};

    #[test]
    fn names_and_aliases_are_unique() {
        let mut names: Vec<&str> =
            PLATFORMS.iter().flat_map(|p| p.aliases().iter().copied().chain([p.name()])).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(platform(" PostgreSQL ").unwrap().name(), "sql");
        assert!(platform("fax").is_none());
    }

    struct Free;

    impl Leave for Free {
        fn check(&self) -> Result<(), Stopped> {
            Ok(())
        }

        fn remaining(&self) -> std::time::Duration {
            std::time::Duration::from_secs(30)
        }
    }

    #[tokio::test]
    async fn a_planned_platform_is_known_but_does_not_open() {
        let trello = platform("trello").unwrap();
        assert_eq!(trello.availability(), Availability::Planned);
        assert_eq!(check_scope(trello, &json!({"account": "acme", "board": "b"}), "source"), []);
        assert_eq!(names_of(trello, &json!({}), "source").unwrap_err().path, "source");
        let meter = Meter::default();
        let call = Call::new(&Free, &OpenGate, &meter, chrono::Utc::now());
        let error = trello.open(&Opening::new(&json!({})), &call).await.err().unwrap();
        assert_eq!(error.to_string(), "platform trello has no connector in this version");
    }
}
