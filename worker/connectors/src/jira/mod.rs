//! Jira Cloud: the issues of a project.
//!
//! A place is the issues of one project. The id of an item is the number of its issue on the site, which outlives moves
//! and changes of its key. What a create makes is found again by a property of the issue, which Jira does not show.

mod api;
mod body;
mod columns;
mod convert;
mod create;
mod cursor;
mod dialect;
mod discover;
mod draft;
mod fields;
mod find;
mod history;
mod identify;
mod issue;
mod issues;
mod labels;
mod limits;
mod list;
mod marker;
mod memo;
mod meta;
mod pending;
mod place;
mod probe;
mod remove;
mod scope;
mod text;
mod transition;
mod workflow;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value as Json;
use syncline_engine::{
    capability::Capabilities,
    ports::{Call, ConnectorError, ErrorScope, Place},
    richtext::TextForm,
    spec::keys::Key,
};

use self::{
    api::Api,
    dialect::JiraDialect,
    fields::KNOWN,
    issues::Issues,
    place::{IssuePlace, capabilities},
    scope::ProjectScope,
};
use crate::{
    Account, Catalogue, Identity, Token,
    http::{Auth, HttpConfig},
    look::Look,
    named::Named,
    platform::{Discover, Opening, Platform},
    scope::ScopeError,
    tracker,
};

static DIALECT: JiraDialect = JiraDialect;

/// The registry's entry point.
pub(crate) struct Jira;

#[async_trait]
impl Platform for Jira {
    fn name(&self) -> &'static str {
        "jira"
    }

    fn entities(&self) -> &'static [&'static str] {
        &["issue"]
    }

    fn text_form(&self, _: &str, field: &str) -> TextForm {
        let is_document = ["description", "environment"].contains(&field) || fields::custom(field).is_some();
        if is_document { text::FORM } else { TextForm::default() }
    }

    fn keys(&self) -> Option<&'static [Key]> {
        Some(scope::KEYS)
    }

    fn needs_account(&self) -> bool {
        true
    }

    fn needs_address(&self) -> Option<&'static str> {
        Some("https://SITE.atlassian.net, or https://api.atlassian.com/ex/jira/CLOUD-ID for an OAuth token")
    }

    fn own_hosts(&self) -> &'static [&'static str] {
        &["*.atlassian.net", "*.jira.com", "api.atlassian.com"]
    }

    fn check(&self, scope: &Json) -> Result<(), ScopeError> {
        ProjectScope::parse(scope).map(|_| ())
    }

    fn declare(&self, _: &str, scope: &Json) -> Result<Capabilities, ScopeError> {
        ProjectScope::parse(scope).map(|_| capabilities(&HttpConfig::default()))
    }

    /// The site is that of the account, which is not the document's.
    fn names(&self, scope: &Json) -> Result<Vec<Named>, ScopeError> {
        ProjectScope::parse(scope).map(|_| Vec::new())
    }

    async fn look(&self, opening: &Opening<'_>) -> Result<Look, ConnectorError> {
        ProjectScope::parse(opening.scope)?;
        Ok(tracker::look(&KNOWN))
    }

    /// Sends nothing: a wrong token or key is told by the first listing.
    async fn open(&self, opening: &Opening<'_>, _: &Call<'_>) -> Result<Box<dyn Place>, ConnectorError> {
        let scope = ProjectScope::parse(opening.scope)?;
        let account = tracker::account(opening, "Jira", &format!("project {}", scope.project), "a token")?;
        let issues = Issues::new(api(account, &scope.project)?, scope, opening.fields);
        Ok(Box::new(IssuePlace {
            issues: Arc::new(issues),
            capabilities: capabilities(account.http.config()),
        }))
    }

    async fn identify(&self, account: &Account, call: &Call<'_>) -> Result<Identity, ConnectorError> {
        identify::identify(&api(account, "")?, call).await
    }

    async fn discover(
        &self,
        account: &Account,
        what: Discover<'_>,
        call: &Call<'_>,
    ) -> Result<Catalogue, ConnectorError> {
        match what {
            Discover::Containers => discover::projects(&api(account, "")?, call).await,
            Discover::Container(scope) => {
                api(account, &ProjectScope::parse(scope)?.project)?.discover(call).await
            }
        }
    }
}

/// The requests of an account about a project; without a key, about the site.
fn api(account: &Account, project: &str) -> Result<Api, ConnectorError> {
    let Some(address) = &account.base_url else {
        let text = format!(
            "account {}: it names no site; add it with --base-url https://SITE.atlassian.net",
            account.name
        );
        return Err(ConnectorError::permanent(text).about(ErrorScope::Account));
    };
    let has_points = address.contains("/ex/jira/");
    let client = account.client(&DIALECT, address, auth)?;
    Ok(Api { client, project: project.to_owned(), has_points })
}

/// `EMAIL:API-TOKEN` is that of a person; anything else is the token of an OAuth app.
fn auth(secret: Token) -> Auth {
    match secret.reveal().split_once(':') {
        Some((user, password)) if user.contains('@') => {
            Auth::Basic { user: user.trim().to_owned(), password: Token::new(password.trim()) }
        }
        _ => Auth::Bearer(secret),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_secret_tells_how_it_is_sent() {
        let Auth::Basic { user, password } = auth(Token::new("ada@example.org:ATATT3x")) else {
            panic!("an e-mail address")
        };
        assert_eq!((user.as_str(), password.reveal()), ("ada@example.org", "ATATT3x"));
        assert!(matches!(auth(Token::new("eyJh.b:c")), Auth::Bearer(_)));
        assert!(matches!(auth(Token::new("ATATT3x")), Auth::Bearer(_)));
    }
}
