//! GitHub: the issues of a repository.
//!
//! A place is the issues of one repository, without its pull requests. The id of an item is the number of its issue. What
//! a create makes is found again by a comment at the end of the body, which GitHub does not show.

mod api;
mod convert;
mod create;
mod custom;
mod dialect;
mod discover;
mod draft;
mod fields;
mod find;
mod identify;
mod issue;
mod issues;
mod limits;
mod list;
mod marker;
mod memo;
mod place;
mod probe;
mod quiet;
mod remove;
mod scope;
mod status;
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
    create::Youngest,
    dialect::GithubDialect,
    fields::KNOWN,
    issues::Issues,
    memo::Memo,
    place::{IssuePlace, capabilities},
    scope::RepoScope,
};
use crate::{
    Account, Catalogue, Identity,
    http::{Auth, Client, HttpConfig},
    look::Look,
    named::Named,
    platform::{Discover, Opening, Platform},
    scope::ScopeError,
    tracker,
};

/// The API of github.com. Other editions have it at `https://HOST/api/v3`.
const BASE: &str = "https://api.github.com";

/// The version of the API for what belongs to no scope.
static USUAL: GithubDialect = GithubDialect::V2022;
static LATER: GithubDialect = GithubDialect::V2026;

/// The registry's entry point.
pub(crate) struct Github;

#[async_trait]
impl Platform for Github {
    fn name(&self) -> &'static str {
        "github"
    }

    fn entities(&self) -> &'static [&'static str] {
        &["issue"]
    }

    fn statuses(&self, _: &str, field: &str) -> &'static [(&'static str, &'static str)] {
        status::of_field(field)
    }

    fn text_form(&self, _: &str, field: &str) -> TextForm {
        if field == "body" { marker::FORM } else { TextForm::default() }
    }

    fn keys(&self) -> Option<&'static [Key]> {
        Some(scope::KEYS)
    }

    fn needs_account(&self) -> bool {
        true
    }

    fn own_hosts(&self) -> &'static [&'static str] {
        &["api.github.com", "github.com", "*.ghe.com"]
    }

    fn check(&self, scope: &Json) -> Result<(), ScopeError> {
        RepoScope::parse(scope).map(|_| ())
    }

    fn declare(&self, _: &str, scope: &Json) -> Result<Capabilities, ScopeError> {
        RepoScope::parse(scope).map(|_| capabilities(&HttpConfig::default(), false))
    }

    /// The server is that of the account, which is not the document's.
    fn names(&self, scope: &Json) -> Result<Vec<Named>, ScopeError> {
        RepoScope::parse(scope).map(|_| Vec::new())
    }

    async fn look(&self, opening: &Opening<'_>) -> Result<Look, ConnectorError> {
        RepoScope::parse(opening.scope)?;
        Ok(tracker::look(&KNOWN))
    }

    /// Sends nothing: a wrong token or name is told by the first listing.
    async fn open(&self, opening: &Opening<'_>, _: &Call<'_>) -> Result<Box<dyn Place>, ConnectorError> {
        let scope = RepoScope::parse(opening.scope)?;
        let account =
            tracker::account(opening, "GitHub", &format!("repository {}", scope.full_name()), "a token")?;
        let (mut issues, _) = issues(account, scope)?;
        issues.maps_custom = opening.fields.iter().any(|field| fields::custom(field).is_some());
        Ok(Box::new(IssuePlace {
            issues: Arc::new(issues),
            capabilities: capabilities(account.http.config(), account.keeps_limits),
            mapped: opening.fields.to_vec(),
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
            Discover::Containers => discover::repositories(&client(account)?, call).await,
            Discover::Container(scope) => {
                let (issues, client) = issues(account, RepoScope::parse(scope)?)?;
                issues.discover(&client, call).await
            }
        }
    }
}

fn client(account: &Account) -> Result<Client, ConnectorError> {
    account.client(&USUAL, BASE, Auth::Bearer)
}

/// The issues of a scope, and the client for what is not about its repository alone.
fn issues(account: &Account, scope: RepoScope) -> Result<(Issues, Client), ConnectorError> {
    let dialect = if scope.later_version { &LATER } else { &USUAL };
    let client = account.client(dialect, BASE, Auth::Bearer)?;
    // The REST API of Enterprise Server is at /api/v3, and GraphQL at /api/graphql.
    let base = account.base_url.as_deref().map(|base| base.trim_end_matches('/'));
    let above = base.and_then(|base| base.strip_suffix("/v3")).map(str::to_owned);
    let account = Account { base_url: above.or_else(|| account.base_url.clone()), ..account.clone() };
    let graphql = account.client(dialect, BASE, Auth::Bearer)?;
    let api = Api::new(client.clone(), graphql, &scope);
    Ok((
        Issues { api, scope, memo: Memo::default(), youngest: Youngest::default(), maps_custom: false },
        client,
    ))
}
