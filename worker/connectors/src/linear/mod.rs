//! Linear: the issues of a team.
//!
//! A place is the issues of one team that are not in the archive. The id of an item is the UUID of its issue, which stays
//! when the issue moves to another team and gets another identifier. What a create makes has the id that follows from its
//! marker.

mod api;
mod auth;
mod convert;
mod create;
mod dialect;
mod discover;
mod documents;
mod draft;
mod fields;
mod find;
mod identify;
mod ids;
mod issue;
mod issues;
mod job;
mod label;
mod labels;
mod limits;
mod list;
mod place;
mod quiet;
mod remove;
mod scope;
mod status;
mod team;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value as Json;
use syncline_engine::{
    capability::Capabilities,
    ports::{Call, ConnectorError, Place},
    richtext::TextForm,
    spec::keys::Key,
};

use self::{
    api::Api,
    fields::KNOWN,
    issues::Issues,
    place::{IssuePlace, capabilities},
    scope::TeamScope,
};
use crate::{
    Account, Catalogue, Identity,
    http::{Client, HttpConfig},
    look::Look,
    named::Named,
    platform::{Discover, Opening, Platform, TokenEndpoint},
    scope::ScopeError,
    tracker,
};

/// The address before `/graphql`.
const BASE: &str = "https://api.linear.app";

/// The registry's entry point.
pub(crate) struct Linear;

#[async_trait]
impl Platform for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn entities(&self) -> &'static [&'static str] {
        &["issue"]
    }

    fn keys(&self) -> Option<&'static [Key]> {
        Some(scope::KEYS)
    }

    fn needs_account(&self) -> bool {
        true
    }

    fn text_form(&self, _: &str, field: &str) -> TextForm {
        if field == "description" { fields::FORM } else { TextForm::default() }
    }

    fn token_endpoint(&self) -> Option<TokenEndpoint> {
        Some(TokenEndpoint { base: BASE, path: &["oauth", "token"] })
    }

    fn own_hosts(&self) -> &'static [&'static str] {
        &["api.linear.app"]
    }

    fn check(&self, scope: &Json) -> Result<(), ScopeError> {
        TeamScope::parse(scope).map(|_| ())
    }

    fn declare(&self, _: &str, scope: &Json) -> Result<Capabilities, ScopeError> {
        TeamScope::parse(scope).map(|_| capabilities(&HttpConfig::default()))
    }

    /// The server is that of the account, which is not the document's.
    fn names(&self, scope: &Json) -> Result<Vec<Named>, ScopeError> {
        TeamScope::parse(scope).map(|_| Vec::new())
    }

    async fn look(&self, opening: &Opening<'_>) -> Result<Look, ConnectorError> {
        TeamScope::parse(opening.scope)?;
        Ok(tracker::look(&KNOWN))
    }

    /// Sends nothing: a wrong secret or team is told by the first listing.
    async fn open(&self, opening: &Opening<'_>, _: &Call<'_>) -> Result<Box<dyn Place>, ConnectorError> {
        let scope = TeamScope::parse(opening.scope)?;
        let account =
            tracker::account(opening, "Linear", &format!("team {}", scope.team.as_str()), "an API key")?;
        let maps_labels = opening.fields.is_empty() || opening.fields.iter().any(|field| field == "labels");
        let api = Api { client: client(account)?, scope };
        Ok(Box::new(IssuePlace {
            issues: Arc::new(Issues::new(api, maps_labels)),
            capabilities: capabilities(account.http.config()),
        }))
    }

    async fn identify(&self, account: &Account, call: &Call<'_>) -> Result<Identity, ConnectorError> {
        identify::identify(&client(account)?, call).await
    }

    async fn discover(
        &self,
        account: &Account,
        what: Discover<'_>,
        call: &Call<'_>,
    ) -> Result<Catalogue, ConnectorError> {
        match what {
            Discover::Containers => discover::teams(&client(account)?, call).await,
            Discover::Container(scope) => {
                let api = Api { client: client(account)?, scope: TeamScope::parse(scope)? };
                Issues::new(api, true).discover(call).await
            }
        }
    }
}

fn client(account: &Account) -> Result<Client, ConnectorError> {
    account.client(auth::dialect(&account.token), BASE, |token| auth::auth(&token))
}
