//! The requests about one repository.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value as Json, json};
use syncline_engine::ports::{Call, ConnectorError, ErrorKind, ErrorScope};

use super::{
    identify::owner,
    limits::Cost,
    scope::{Filter, RepoScope},
};
use crate::http::{Client, Failed, GraphqlReply, Reply, Request};

/// Issues of a page; GitHub gives no more.
pub(super) const PAGE: usize = 100;

/// Sends the requests about one repository.
pub(super) struct Api {
    pub(super) client: Client,
    /// Of GraphQL, whose address is another one in other editions.
    graphql: Client,
    /// As the scope names it.
    scope: String,
    name: Mutex<Name>,
    /// Whether everyone may read the repository, once GitHub has said so.
    public: OnceLock<bool>,
}

/// What the repository is called. It may have been renamed since the scope was written.
#[derive(Debug, Clone)]
struct Name {
    owner: String,
    name: String,
    /// GitHub has said so.
    sure: bool,
}

/// The order of a list of issues.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Order {
    /// Oldest change first.
    Updated {
        /// Only changes from this time on.
        since: Option<DateTime<Utc>>,
        /// A poll: if nothing has changed since the last one, it costs nothing. Its responses are kept in memory, which
        /// would not pay for a whole listing.
        poll: bool,
    },
    /// Youngest first.
    Created,
}

impl Api {
    pub(super) fn new(client: Client, graphql: Client, scope: &RepoScope) -> Api {
        let name = Name { owner: scope.owner.clone(), name: scope.name.clone(), sure: false };
        Api { client, graphql, scope: scope.full_name(), name: Mutex::new(name), public: OnceLock::new() }
    }

    /// False if the server limits nothing.
    pub(super) fn keeps_limits(&self) -> bool {
        self.client.keeps_limits()
    }

    fn known(&self) -> MutexGuard<'_, Name> {
        self.name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Owner and name, as they are now.
    fn name(&self) -> (String, String) {
        let known = self.known();
        (known.owner.clone(), known.name.clone())
    }

    /// True if GitHub has said what the repository is called.
    pub(super) fn is_sure(&self) -> bool {
        self.known().sure
    }

    /// `owner/name`, as it is now.
    pub(super) fn full_name(&self) -> String {
        let (owner, name) = self.name();
        format!("{owner}/{name}")
    }

    /// A page of issues and pull requests. The filter is GitHub's part of it: what it does not know is up to the caller.
    pub(super) async fn issues(
        &self,
        order: Order,
        filter: &Filter,
        call: &Call<'_>,
    ) -> Result<Reply, ConnectorError> {
        let request = || {
            let (owner, name) = self.name();
            let request = self.client.get(&["repos", &owner, &name, "issues"]);
            let request = request.query("state", filter.state.unwrap_or("all")).query("per_page", PAGE);
            let request = match filter.labels.is_empty() {
                true => request,
                false => request.query("labels", filter.labels.join(",")),
            };
            let request = match order {
                Order::Created => request.query("sort", "created").query("direction", "desc"),
                Order::Updated { since, poll } => {
                    let request = request.query("sort", "updated").query("direction", "asc");
                    let request = match since {
                        Some(since) => {
                            request.query("since", since.to_rfc3339_opts(SecondsFormat::Secs, true))
                        }
                        None => request,
                    };
                    if poll { request.conditional() } else { request }
                }
            };
            priced(request, Cost::Read).or_moved()
        };
        let mut reply = request().send(call).await.map_err(|failed| self.about_repository(failed))?;
        if reply.moved_to().is_some() {
            self.repository(call).await?;
            reply = request().send(call).await.map_err(|failed| self.about_repository(failed))?;
        }
        self.settled(reply)
    }

    /// A page that GitHub named.
    pub(super) async fn page(&self, address: &str, call: &Call<'_>) -> Result<Reply, ConnectorError> {
        let request = priced(self.client.follow(address), Cost::Read);
        request.send(call).await.map_err(|failed| self.about_repository(failed))
    }

    /// An issue by its number. It may have moved.
    pub(super) async fn issue(&self, number: u64, call: &Call<'_>) -> Result<Reply, Failed> {
        let (owner, name) = self.name();
        let request = self.client.get(&["repos", &owner, &name, "issues", &number.to_string()]);
        priced(request, Cost::Read).or_moved().send(call).await
    }

    /// What GitHub names as the new address. It may have moved again.
    pub(super) async fn moved(&self, address: &str, call: &Call<'_>) -> Result<Reply, Failed> {
        priced(self.client.follow(address), Cost::Read).or_moved().send(call).await
    }

    pub(super) async fn create(&self, body: &Map<String, Json>, call: &Call<'_>) -> Result<Reply, Failed> {
        let (owner, name) = self.name();
        let request = self.client.post(&["repos", &owner, &name, "issues"]).json(body);
        priced(request, Cost::Create).send(call).await
    }

    pub(super) async fn update(
        &self,
        number: u64,
        body: &Map<String, Json>,
        call: &Call<'_>,
    ) -> Result<Reply, Failed> {
        let (owner, name) = self.name();
        let request = self.client.patch(&["repos", &owner, &name, "issues", &number.to_string()]).json(body);
        priced(request, Cost::Edit).send(call).await
    }

    /// The values of an organisation's fields.
    pub(super) async fn field_values(&self, number: u64, call: &Call<'_>) -> Result<Reply, Failed> {
        let (owner, name) = self.name();
        let path = ["repos", &owner, &name, "issues", &number.to_string(), "issue-field-values"];
        priced(self.client.get(&path).query("per_page", PAGE), Cost::Read).send(call).await
    }

    /// Sets values of an organisation's fields, and leaves the others.
    pub(super) async fn set_fields(
        &self,
        number: u64,
        values: &[Json],
        call: &Call<'_>,
    ) -> Result<Reply, Failed> {
        let (owner, name) = self.name();
        let path = ["repos", &owner, &name, "issues", &number.to_string(), "issue-field-values"];
        let request = self.client.post(&path).json(&json!({ "issue_field_values": values }));
        priced(request, Cost::Create).send(call).await
    }

    /// Removes the value of an organisation's field.
    pub(super) async fn clear_field(
        &self,
        number: u64,
        field: u64,
        call: &Call<'_>,
    ) -> Result<Reply, Failed> {
        let (owner, name) = self.name();
        let (number, field) = (number.to_string(), field.to_string());
        let path = ["repos", &owner, &name, "issues", &number, "issue-field-values", &field];
        priced(self.client.delete(&path), Cost::Create).send(call).await
    }

    /// Deletes an issue by its id in GraphQL: the REST API cannot.
    pub(super) async fn delete_issue(&self, id: &Json, call: &Call<'_>) -> Result<GraphqlReply, Failed> {
        const TEXT: &str = "mutation($id: ID!) { deleteIssue(input: {issueId: $id}) { clientMutationId } }";
        let costs = Cost::Delete.dimensions().into_iter();
        let request = self.graphql.mutation(&["graphql"], TEXT, id);
        costs.fold(request, |request, (dimension, amount)| request.cost(dimension, amount)).send(call).await
    }

    /// Reads names and public e-mail addresses by ids of GraphQL, at most 100: lists of the REST API have neither.
    pub(super) async fn profiles(&self, ids: &[&str], call: &Call<'_>) -> Result<GraphqlReply, Failed> {
        const TEXT: &str =
            "query($ids: [ID!]!) { nodes(ids: $ids) { __typename ... on User { databaseId name email } } }";
        let costs = Cost::Query.dimensions().into_iter();
        let request = self.graphql.query(&["graphql"], TEXT, &json!({ "ids": ids }));
        costs.fold(request, |request, (dimension, amount)| request.cost(dimension, amount)).send(call).await
    }

    pub(super) async fn search(&self, query: &str, call: &Call<'_>) -> Result<Reply, Failed> {
        let request = self.client.get(&["search", "issues"]).query("q", query).query("per_page", PAGE);
        priced(request, Cost::Search).send(call).await
    }

    /// The first page of a list of the repository.
    pub(super) async fn list(&self, name: &str, call: &Call<'_>) -> Result<Reply, Failed> {
        let (owner, repository) = self.name();
        let request = self.client.get(&["repos", &owner, &repository, name]);
        // Issue types are few, and come in one page.
        let paged = name != "issue-types";
        let request = if paged { request.query("per_page", PAGE) } else { request };
        priced(request, Cost::Read).send(call).await
    }

    /// The fields that the owner has added to issues; none if the owner is no organisation.
    pub(super) async fn issue_fields(&self, call: &Call<'_>) -> Result<Reply, Failed> {
        let (owner, _) = self.name();
        priced(self.client.get(&["orgs", &owner, "issue-fields"]), Cost::Read).send(call).await
    }

    /// Reads the repository, and what it is called now.
    pub(super) async fn repository(&self, call: &Call<'_>) -> Result<Json, ConnectorError> {
        let (owner, name) = self.name();
        let request = priced(self.client.get(&["repos", &owner, &name]), Cost::Read).or_moved();
        let mut reply = request.send(call).await.map_err(|failed| self.about_repository(failed))?;
        if let Some(address) = reply.moved_to() {
            reply = self.moved(address, call).await.map_err(|failed| self.about_repository(failed))?;
        }
        let found: Json = self.settled(reply)?.json()?;
        if let Some(private) = found["private"].as_bool() {
            self.public.get_or_init(|| !private);
        }
        if let Some((owner, name)) = found["full_name"].as_str().and_then(|name| name.split_once('/')) {
            let now = Name { owner: owner.to_owned(), name: name.to_owned(), sure: true };
            let before = std::mem::replace(&mut *self.known(), now);
            if !(before.owner.eq_ignore_ascii_case(owner) && before.name.eq_ignore_ascii_case(name)) {
                tracing::warn!(
                    scope = self.scope,
                    now = found["full_name"].as_str(),
                    "a repository was renamed"
                );
            }
        }
        Ok(found)
    }

    /// True if everyone may read the repository, as it was when this place first asked.
    pub(super) async fn is_public(&self, call: &Call<'_>) -> Result<Option<bool>, ConnectorError> {
        if self.public.get().is_none() {
            self.repository(call).await?;
        }
        Ok(self.public.get().copied())
    }

    /// Whom the token belongs to, while the repository is still shown to it.
    pub(super) async fn reader(&self, call: &Call<'_>) -> Result<String, ConnectorError> {
        self.repository(call).await?;
        Ok(owner(&self.client, call).await?.id)
    }

    /// A reply that leads nowhere else.
    pub(super) fn settled(&self, reply: Reply) -> Result<Reply, ConnectorError> {
        if !(300..400).contains(&reply.status()) {
            return Ok(reply);
        }
        let text = format!("repository {}: GitHub redirects without end; name it anew", self.scope);
        Err(ConnectorError::permanent(text).about(ErrorScope::Endpoint))
    }

    /// The error of a request about the repository as a whole.
    pub(super) fn about_repository(&self, failed: Failed) -> ConnectorError {
        let mut error = ConnectorError::from(failed);
        let why = match error.answer.as_ref().map(|answer| answer.status) {
            Some(404) => {
                "GitHub does not show it: check its name, and that the account's token has access to it"
            }
            Some(410) => "its issues are disabled; enable them in the settings of the repository",
            _ => return error,
        };
        error.message = format!("repository {}: {why}", self.scope);
        (error.kind, error.scope) = (ErrorKind::Permanent, ErrorScope::Endpoint);
        error
    }
}

/// Adds what a request costs.
pub(super) fn priced(request: Request<'_>, cost: Cost) -> Request<'_> {
    let costs = cost.dimensions().into_iter();
    costs.fold(request, |request, (dimension, amount)| request.cost(dimension, amount))
}
