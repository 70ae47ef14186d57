//! What an account can see: teams, and the fields, statuses and people of one.

use serde::Deserialize;
use serde_json::json;
use syncline_engine::{
    ports::{Call, ConnectorError},
    spec::Category,
};

use super::{
    api,
    documents::{self, TEAM_COST},
    fields::{KNOWN, PRIORITIES},
    issues::Issues,
    status::{WorkflowState, categories},
    team::{Estimates, Team},
};
use crate::{Catalogue, Container, Field, Person, Status, http::Client, tracker::Known};

#[derive(Deserialize)]
struct Listed {
    key: String,
    name: String,
}

/// The teams whose issues can be synced.
pub(super) async fn teams(client: &Client, call: &Call<'_>) -> Result<Catalogue, ConnectorError> {
    let mut teams: Vec<Listed> =
        api::all(client, (documents::TEAMS, TEAM_COST), "teams", &json!({}), call).await?;
    teams.sort_by(|a, b| a.key.cmp(&b.key));
    let containers = teams.into_iter().map(|team| container(team.key, team.name)).collect();
    Ok(Catalogue { containers, ..Catalogue::default() })
}

/// Nothing in a workspace is open to everyone. Linear does not tell whether a secret may only read.
fn container(key: String, name: String) -> Container {
    Container { name: key, title: Some(name), writable: true, public: false }
}

impl Issues {
    /// The fields, statuses and people of the team.
    pub(super) async fn discover(&self, call: &Call<'_>) -> Result<Catalogue, ConnectorError> {
        let team = self.team(call).await?;
        let labels = self.labels(call).await?.names();
        let people = self.people(call).await?;
        let status = |(state, category): (&WorkflowState, Category)| Status {
            name: state.name.clone(),
            canonical: category.as_str(),
        };
        let statuses: Vec<Status> = categories(&team.states).into_iter().map(status).collect();
        let field = |known: &Known| Field {
            name: known.name.to_owned(),
            field_type: known.field_type,
            writable: known.writable && !(known.name == "estimate" && team.estimates == Estimates::None),
            required: known.name == "title",
            options: options(known.name, &team, &labels, &statuses),
            longest: known.longest.and_then(|longest| u32::try_from(longest).ok()),
        };
        Ok(Catalogue {
            containers: vec![container(self.api.scope.team.as_str().to_owned(), team.name.clone())],
            fields: KNOWN.iter().map(field).collect(),
            statuses,
            people: people
                .0
                .iter()
                .filter(|user| !user.app)
                .map(|user| Person {
                    id: user.id.clone(),
                    login: user.display_name.clone(),
                    name: Some(user.name.clone()).filter(|name| !name.trim().is_empty()),
                    email: user.email.clone().filter(|email| !email.trim().is_empty()),
                })
                .collect(),
        })
    }
}

/// The values that a field may have; empty if any.
fn options(field: &str, team: &Team, labels: &[String], statuses: &[Status]) -> Vec<String> {
    match (field, &team.estimates) {
        ("status", _) => statuses.iter().map(|status| status.name.clone()).collect(),
        // The most urgent first; the number of none is the lowest.
        ("priority", _) => {
            let (none, urgent_first) = PRIORITIES.split_at(1);
            urgent_first.iter().chain(none).map(|name| (*name).to_owned()).collect()
        }
        ("labels", _) => labels.to_vec(),
        ("estimate", Estimates::Scale(scale)) => scale.iter().map(i64::to_string).collect(),
        _ => Vec::new(),
    }
}
