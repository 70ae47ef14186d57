//! The requests about the issues of one team.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value as Json, json};
use syncline_engine::ports::{Call, ConnectorError, ErrorKind, ErrorScope};

use super::{
    documents::{self, ISSUE_COST, REST_COST, Step},
    issue::{Issue, Page, Whole},
    limits,
    scope::TeamScope,
};
use crate::http::{Client, Failed, GraphqlReply};

/// Issues of a page. With the two limits of a key, a request for a hundred uses up as much of the one as of the other.
pub(super) const PAGE: usize = 100;

/// Entries of a page of labels, people or teams.
const LIST_PAGE: usize = 100;

/// Pages read at most of such a list.
const MOST_PAGES: usize = 50;

const PATH: [&str; 1] = ["graphql"];

/// Sends the requests about one team.
pub(super) struct Api {
    pub(super) client: Client,
    pub(super) scope: TeamScope,
}

/// A team, as far as it is needed to know that it is there.
#[derive(Deserialize)]
struct Seen {
    #[allow(dead_code, reason = "that it can be read is enough")]
    id: String,
}

/// Which issues are asked for.
pub(super) struct Query<'a> {
    pub(super) filter: Json,
    pub(super) first: usize,
    pub(super) after: Option<&'a str>,
    pub(super) archived: bool,
    /// `createdAt` or `updatedAt`; the latest comes first.
    pub(super) order: &'static str,
}

/// A page of issues, and when it was made.
pub(super) struct Issues {
    pub(super) page: Page<Issue>,
    pub(super) date: Option<DateTime<Utc>>,
}

/// Sends a query that finds so much.
async fn query(
    client: &Client,
    text: &str,
    variables: &Json,
    cost: f64,
    call: &Call<'_>,
) -> Result<GraphqlReply, Failed> {
    let request = client.query(&PATH, text, variables);
    let request = limits::costs(cost).into_iter().fold(request, |request, (of, much)| request.cost(of, much));
    request.send(call).await
}

/// Reads all pages of a list. The query `text` has the variables `first` and `after` and the field `name`; `entry_cost` is the complexity of
/// an entry.
pub(super) async fn all<T: DeserializeOwned>(
    client: &Client,
    (text, entry_cost): (&str, f64),
    name: &str,
    variables: &Json,
    call: &Call<'_>,
) -> Result<Vec<T>, ConnectorError> {
    let mut variables = variables.clone();
    variables["first"] = json!(LIST_PAGE);
    let mut all = Vec::new();
    let mut followed = HashSet::new();
    for _ in 0..MOST_PAGES {
        let cost = REST_COST + entry_cost * LIST_PAGE as f64;
        let mut reply = query(client, text, &variables, cost, call).await?;
        let page: Page<T> = reply.part(name)?;
        let next = page.next().map(str::to_owned);
        all.extend(page.nodes);
        match next {
            Some(next) if followed.insert(next.clone()) => variables["after"] = json!(next),
            _ => break,
        }
    }
    Ok(all)
}

/// Sends a query whose lists cost so much.
pub(super) async fn one(
    client: &Client,
    (text, cost): (&str, f64),
    variables: &Json,
    call: &Call<'_>,
) -> Result<GraphqlReply, Failed> {
    query(client, text, variables, REST_COST + cost, call).await
}

impl Api {
    /// A page of issues of the team.
    pub(super) async fn issues(&self, asked: Query<'_>, call: &Call<'_>) -> Result<Issues, ConnectorError> {
        let variables = json!({
            "team": self.scope.team_filter(), "filter": asked.filter, "first": asked.first, "after": asked.after,
            "archived": asked.archived, "order": asked.order,
        });
        let cost = REST_COST + ISSUE_COST * asked.first as f64;
        let mut reply = query(&self.client, documents::ISSUES, &variables, cost, call).await?;
        self.is_shown(reply.part("teams"))?;
        let date = reply.reply().date();
        Ok(Issues { page: reply.part("issues")?, date })
    }

    /// Issues by a filter that finds so many at most, in whichever team they are. True if these are all.
    pub(super) async fn some(
        &self,
        filter: &Json,
        most: usize,
        call: &Call<'_>,
    ) -> Result<(Vec<Issue>, bool), ConnectorError> {
        let variables = json!({ "filter": filter, "first": most });
        let cost = REST_COST + ISSUE_COST * most as f64;
        let mut reply = query(&self.client, documents::FETCH, &variables, cost, call).await?;
        let page: Page<Issue> = reply.part("issues")?;
        let complete = page.next().is_none();
        Ok((page.nodes, complete))
    }

    /// Whom the secret belongs to, while the team is still shown to it.
    pub(super) async fn reader(&self, call: &Call<'_>) -> Result<String, ConnectorError> {
        let variables = json!({ "team": self.scope.team_filter() });
        let mut reply = one(&self.client, (documents::READER, 0.0), &variables, call).await?;
        self.is_shown(reply.part("teams"))?;
        let viewer: Seen = reply.part("viewer")?;
        Ok(viewer.id)
    }

    /// An error if the team is not shown.
    fn is_shown(&self, teams: Result<Whole<Seen>, Failed>) -> Result<(), ConnectorError> {
        match teams {
            Ok(teams) if teams.nodes.is_empty() => Err(self.not_shown()),
            Ok(_) => Ok(()),
            Err(failed) => Err(failed.error),
        }
    }

    pub(super) fn not_shown(&self) -> ConnectorError {
        let text = format!(
            "team {}: Linear does not show it; check its key, and that the account is a member of it",
            self.scope.team.as_str()
        );
        ConnectorError::new(ErrorKind::Permanent, text).about(ErrorScope::Endpoint)
    }

    /// Creates issues, all of them or none.
    pub(super) async fn create(&self, inputs: &[Json], call: &Call<'_>) -> Result<Vec<Issue>, Failed> {
        #[derive(Deserialize)]
        struct Created {
            issues: Vec<Issue>,
        }
        let variables = json!({ "input": { "issues": inputs } });
        let request = self.client.mutation(&PATH, documents::CREATE, &variables);
        let costs = limits::costs(REST_COST + ISSUE_COST * inputs.len() as f64);
        let request = costs.into_iter().fold(request, |request, (of, much)| request.cost(of, much));
        let mut reply = request.send(call).await?;
        Ok(reply.part::<Created>("issueBatchCreate")?.issues)
    }

    /// Sends mutations in one document, each with an id and an input as far as it takes them. The answer to number N is
    /// the part `mN`.
    pub(super) async fn mutate(
        &self,
        steps: &[(Step, Option<&str>, Json)],
        call: &Call<'_>,
    ) -> Result<GraphqlReply, Failed> {
        let kinds: Vec<Step> = steps.iter().map(|(step, _, _)| *step).collect();
        let mut variables = Map::new();
        for (n, (_, id, input)) in steps.iter().enumerate() {
            if let Some(id) = id {
                variables.insert(format!("id{n}"), json!(id));
            }
            if !input.is_null() {
                variables.insert(format!("input{n}"), input.clone());
            }
        }
        let text = documents::mutation(&kinds);
        let request = self.client.mutation(&PATH, &text, &variables);
        let costs = limits::costs((REST_COST + ISSUE_COST) * steps.len() as f64);
        let request = costs.into_iter().fold(request, |request, (of, much)| request.cost(of, much));
        request.send(call).await
    }
}
