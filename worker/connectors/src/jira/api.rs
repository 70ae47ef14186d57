//! The requests about one project.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use syncline_engine::ports::{Call, ConnectorError, ErrorKind, ErrorScope};

use super::{
    body::{Create, Update},
    limits::Cost,
};
use crate::http::{Client, Failed, Reply, Request};

/// Issues of a page with fields; Jira gives no more, and sometimes fewer although there are more.
pub(super) const PAGE: usize = 100;
/// Things of a page of other lists.
const LIST_PAGE: usize = 50;
/// Pages read at most of one list.
const MOST_PAGES: usize = 200;
/// Ids of which a search can be asked to show the present state.
pub(super) const RECONCILED: usize = 50;

/// The path of an endpoint below the site.
macro_rules! path {
    ($($part:expr),+) => { &["rest", "api", "3", $($part),+] };
}

/// Sends the requests about one project.
pub(super) struct Api {
    pub(super) client: Client,
    /// The key of the project, as the scope names it.
    pub(super) project: String,
    /// The client is an OAuth app, whose requests cost points.
    pub(super) has_points: bool,
}

/// A search for issues, page by page.
#[derive(Debug, Clone, Default)]
pub(super) struct Search {
    pub(super) jql: String,
    pub(super) fields: Vec<String>,
    /// Ids that were just written or asked for, which the index may not have yet. The same for all pages.
    pub(super) reconcile: Vec<u64>,
    pub(super) token: Option<String>,
}

impl Api {
    /// Adds what a request costs.
    fn priced<'c>(&self, request: Request<'c>, cost: Cost) -> Request<'c> {
        let costs = cost.dimensions(self.has_points).into_iter();
        costs.fold(request, |request, (dimension, amount)| request.cost(dimension, amount))
    }

    /// A page of issues, each with our property.
    pub(super) async fn search(&self, search: &Search, call: &Call<'_>) -> Result<Reply, ConnectorError> {
        let mut body = json!({
            "jql": search.jql,
            "fields": search.fields,
            "properties": [super::marker::PROPERTY],
            "maxResults": PAGE,
        });
        if let Some(token) = &search.token {
            body["nextPageToken"] = json!(token);
        }
        if !search.reconcile.is_empty() {
            let some = &search.reconcile[..search.reconcile.len().min(RECONCILED)];
            body["reconcileIssues"] = json!(some);
        }
        let request = self.client.post(path!["search", "jql"]).json(&body).reads();
        match self.priced(request, Cost::Read(PAGE)).send(call).await {
            Ok(reply) => Ok(reply),
            Err(failed) => Err(self.about_search(failed.into(), call).await),
        }
    }

    /// The error of a search. Of a project that the account may not see, Jira says that JQL has no such value, so the
    /// project is asked for.
    async fn about_search(&self, mut error: ConnectorError, call: &Call<'_>) -> ConnectorError {
        if !is_of_status(&error, &[400, 403, 404]) {
            return error;
        }
        if let Err(hidden) = self.project(call).await {
            return hidden;
        }
        error.message = format!(
            "project {}: Jira refuses the search: {}; check the jql of the scope",
            self.project, error.message
        );
        (error.kind, error.scope) = (ErrorKind::Permanent, ErrorScope::Endpoint);
        error
    }

    /// Issues by their ids or keys, as they are now, at most 100.
    pub(super) async fn fetch(
        &self,
        ids: &[&str],
        fields: &[String],
        call: &Call<'_>,
    ) -> Result<Reply, Failed> {
        let body = json!({
            "issueIdsOrKeys": ids, "fields": fields, "properties": [super::marker::PROPERTY],
        });
        let request = self.client.post(path!["issue", "bulkfetch"]).json(&body).reads();
        self.priced(request, Cost::Read(ids.len())).send(call).await
    }

    /// One issue by its id or key, as it is now.
    pub(super) async fn issue(&self, id: &str, fields: &[String], call: &Call<'_>) -> Result<Reply, Failed> {
        let request = self.client.get(path!["issue", id]).query("fields", fields.join(","));
        self.priced(request.query("properties", super::marker::PROPERTY), Cost::Read(1)).send(call).await
    }

    /// One issue with its latest changes.
    pub(super) async fn history(&self, id: &str, call: &Call<'_>) -> Result<Reply, Failed> {
        let request = self.client.get(path!["issue", id]).query("fields", "updated");
        self.priced(request.query("expand", "changelog"), Cost::Read(1)).send(call).await
    }

    /// Creates issues, at most 50. A reply tells of each whether it was made, also if none was.
    pub(super) async fn create(&self, issues: &[Create<'_>], call: &Call<'_>) -> Result<Reply, Failed> {
        let body = BTreeMap::from([("issueUpdates", issues)]);
        let request = self.client.post(path!["issue", "bulk"]).json(&body);
        self.priced(request.or_refused_in_parts(400), Cost::Read(issues.len())).send(call).await
    }

    /// Changes fields of an issue, and returns it.
    pub(super) async fn edit(&self, id: &str, body: &Update, call: &Call<'_>) -> Result<Reply, Failed> {
        let request = self.client.put(path!["issue", id]).query("returnIssue", true);
        let request = request.query("expand", "changelog").json(body);
        self.priced(request, Cost::Write).send(call).await
    }

    /// The transitions that this account may make with an issue now, with the fields of their screens.
    pub(super) async fn transitions(&self, id: &str, call: &Call<'_>) -> Result<Reply, Failed> {
        let request = self.client.get(path!["issue", id, "transitions"]);
        self.priced(request.query("expand", "transitions.fields"), Cost::Read(1)).send(call).await
    }

    pub(super) async fn transition(&self, id: &str, body: &Json, call: &Call<'_>) -> Result<Reply, Failed> {
        let request = self.client.post(path!["issue", id, "transitions"]).json(body);
        self.priced(request, Cost::Read(0)).send(call).await
    }

    /// Deletes an issue that has no sub-tasks.
    pub(super) async fn delete(&self, id: &str, call: &Call<'_>) -> Result<Reply, Failed> {
        self.priced(self.client.delete(path!["issue", id]), Cost::Write).send(call).await
    }

    /// The project, as the account sees it.
    pub(super) async fn project(&self, call: &Call<'_>) -> Result<Json, ConnectorError> {
        let request = self.client.get(path!["project", &self.project]);
        let reply = self.priced(request, Cost::Read(1)).send(call).await;
        Ok(reply.map_err(|failed| self.about_project(failed))?.json()?)
    }

    /// The statuses of each of the project's issue types.
    pub(super) async fn statuses(&self, call: &Call<'_>) -> Result<Reply, ConnectorError> {
        let request = self.client.get(path!["project", &self.project, "statuses"]);
        self.priced(request, Cost::Read(1)).send(call).await.map_err(|failed| self.about_project(failed))
    }

    /// All fields of the site.
    pub(super) async fn fields(&self, call: &Call<'_>) -> Result<Reply, Failed> {
        self.priced(self.client.get(path!["field"]), Cost::Read(1)).send(call).await
    }

    /// The issue types that can be created in the project.
    pub(super) async fn types(&self, call: &Call<'_>) -> Result<Vec<Json>, ConnectorError> {
        let path = path!["issue", "createmeta", &self.project, "issuetypes"];
        let list = |reply: &Json| {
            reply["issueTypes"].as_array().or(reply["createMetaIssueType"].as_array()).cloned()
        };
        self.all(path, &[], list, call).await.map_err(|failed| self.about_project(failed))
    }

    /// The fields of the screen on which issues of a type are created.
    pub(super) async fn create_fields(
        &self,
        type_id: &str,
        call: &Call<'_>,
    ) -> Result<Vec<Json>, ConnectorError> {
        let path = path!["issue", "createmeta", &self.project, "issuetypes", type_id];
        let list = |reply: &Json| reply["fields"].as_array().or(reply["results"].as_array()).cloned();
        self.all(path, &[], list, call).await.map_err(|failed| self.about_project(failed))
    }

    /// The people whom issues of the project may be assigned to.
    pub(super) async fn people(&self, call: &Call<'_>) -> Result<Vec<Json>, ConnectorError> {
        let path = path!["user", "assignable", "search"];
        let list = |reply: &Json| reply.as_array().cloned();
        Ok(self.all(path, &[("project", &self.project)], list, call).await?)
    }

    /// The projects in which the account may do something: `view` or `create`.
    pub(super) async fn projects(&self, action: &str, call: &Call<'_>) -> Result<Vec<Json>, ConnectorError> {
        let list = |reply: &Json| reply["values"].as_array().cloned();
        let query = [("action", action), ("orderBy", "key")];
        Ok(self.all(path!["project", "search"], &query, list, call).await?)
    }

    /// The user whose credentials these are.
    pub(super) async fn myself(&self, call: &Call<'_>) -> Result<Json, ConnectorError> {
        let request = self.priced(self.client.get(path!["myself"]), Cost::Read(1));
        Ok(request.send(call).await?.json()?)
    }

    /// Which of these permissions the account has, in the project or anywhere.
    pub(super) async fn permissions(&self, names: &[&str], call: &Call<'_>) -> Result<Json, Failed> {
        let request = self.client.get(path!["mypermissions"]).query("permissions", names.join(","));
        self.priced(request, Cost::Read(1)).send(call).await?.json()
    }

    /// Whom the credentials belong to, while the project is still shown to them.
    pub(super) async fn reader(&self, call: &Call<'_>) -> Result<String, ConnectorError> {
        self.project(call).await?;
        account_id(&self.myself(call).await?)
    }

    /// A whole list, read by offsets.
    async fn all(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        list: impl Fn(&Json) -> Option<Vec<Json>>,
        call: &Call<'_>,
    ) -> Result<Vec<Json>, Failed> {
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let request = self.client.get(path).query("startAt", all.len()).query("maxResults", LIST_PAGE);
            let request = query.iter().fold(request, |request, (name, value)| request.query(name, value));
            let reply: Json = self.priced(request, Cost::Read(LIST_PAGE)).send(call).await?.json()?;
            let page = list(&reply).unwrap_or_default();
            let is_last = reply["isLast"].as_bool() == Some(true);
            let is_over =
                reply["total"].as_u64().is_some_and(|total| (all.len() + page.len()) as u64 >= total);
            if page.is_empty() {
                break;
            }
            all.extend(page);
            if is_last || is_over {
                break;
            }
        }
        Ok(all)
    }

    /// The error of a request about the project as a whole.
    pub(super) fn about_project(&self, failed: Failed) -> ConnectorError {
        let mut error = ConnectorError::from(failed);
        let (project, account) = (&self.project, self.client.account());
        if is_of_status(&error, &[404]) {
            error.message = format!(
                "project {project}: Jira does not show it to the account {account}; check the key, and give the \
                 account's user the permission Browse projects there"
            );
        } else if is_of_status(&error, &[400, 403]) {
            error.message = format!(
                "project {project}: {}; check the key, and what the user of the account {account} may do there",
                error.message
            );
        } else {
            return error;
        }
        (error.kind, error.scope) = (ErrorKind::Permanent, ErrorScope::Endpoint);
        error
    }
}

/// True of an answer with one of these statuses that is about neither limits nor credentials.
fn is_of_status(error: &ConnectorError, statuses: &[u16]) -> bool {
    !matches!(error.kind, ErrorKind::RateLimited { .. } | ErrorKind::Auth)
        && error.answer.as_ref().is_some_and(|answer| statuses.contains(&answer.status))
}

/// The id of a user, which outlives a change of name or e-mail address.
pub(super) fn account_id(user: &Json) -> Result<String, ConnectorError> {
    let unknown = || {
        let text = "Jira does not say whom the credentials belong to; check them";
        ConnectorError::new(ErrorKind::Auth, text).about(ErrorScope::Account)
    };
    user["accountId"].as_str().map(str::to_owned).ok_or_else(unknown)
}
