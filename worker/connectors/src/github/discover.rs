//! What an account can see: repositories, and the fields, statuses and people of one.

use std::collections::HashMap;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value as Json;
use syncline_engine::{
    ports::{Call, ConnectorError},
    spec::FieldType,
};

use super::{
    api::{PAGE, priced},
    fields::{self, KNOWN},
    issues::Issues,
    limits::Cost,
    status::STATUSES,
};
use crate::{
    Catalogue, Container, Field, Person, Status,
    http::{Client, Failed, Reply},
    tracker::Known,
};

/// Pages read at most of one list.
const MOST_PAGES: usize = 50;

#[derive(Deserialize)]
struct Repository {
    full_name: String,
    description: Option<String>,
    #[serde(default)]
    has_issues: bool,
    #[serde(default)]
    archived: bool,
    private: bool,
    #[serde(default)]
    permissions: Permissions,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Permissions {
    triage: bool,
    push: bool,
    admin: bool,
}

#[derive(Deserialize)]
struct Installed {
    repositories: Vec<Repository>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct User {
    id: u64,
    node_id: Option<String>,
    login: String,
}

/// What a person shows of themselves.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    database_id: u64,
    name: Option<String>,
    email: Option<String>,
}

/// Profiles read in one request.
const PROFILES: usize = 100;

/// The repositories whose issues can be synced.
pub(super) async fn repositories(client: &Client, call: &Call<'_>) -> Result<Catalogue, ConnectorError> {
    let own = client.get(&["user", "repos"]).query("sort", "full_name").query("per_page", PAGE);
    let first = priced(own, Cost::Read).send(call).await;
    let found: Vec<Repository> = match first {
        Ok(first) => pages(client, first, call, |reply| reply.json()).await?,
        // The token of an app has no user.
        Err(failed) if has_status(&failed, 403) => {
            let request = client.get(&["installation", "repositories"]).query("per_page", PAGE);
            let first = priced(request, Cost::Read).send(call).await.map_err(|_| failed)?;
            pages(client, first, call, |reply| Ok(reply.json::<Installed>()?.repositories)).await?
        }
        Err(failed) => return Err(failed.into()),
    };
    let containers = found.into_iter().filter(|repository| repository.has_issues).map(Repository::container);
    Ok(Catalogue { containers: containers.collect(), ..Catalogue::default() })
}

impl Repository {
    fn container(self) -> Container {
        Container {
            writable: self.is_writable(),
            public: !self.private,
            name: self.full_name,
            title: self.description.filter(|text| !text.is_empty()),
        }
    }

    fn is_writable(&self) -> bool {
        let Permissions { triage, push, admin } = self.permissions;
        !self.archived && (triage || push || admin)
    }
}

impl Issues {
    /// The fields, statuses and people of the repository.
    pub(super) async fn discover(
        &self,
        client: &Client,
        call: &Call<'_>,
    ) -> Result<Catalogue, ConnectorError> {
        let repository = self.api.repository(call).await?;
        let repository: Repository = serde_json::from_value(repository).map_err(|error| {
            let text = format!("repository {}: it cannot be read: {error}", self.scope.full_name());
            ConnectorError::transient(text)
        })?;
        let labels = self.names(client, "labels", call).await?;
        let types = self.names(client, "issue-types", call).await?;
        let custom = self.read_definitions(call).await?;
        let people: Vec<User> = self.all(client, "assignees", call).await?;
        let mut known: Vec<Field> = KNOWN
            .iter()
            .filter(|known| known.name != "type" || !types.is_empty())
            .map(|known| field(*known, &labels, &types))
            .collect();
        known.extend(custom.into_iter().map(|custom| Field {
            name: format!("{}{}", fields::CUSTOM, custom.name),
            field_type: match custom.data_type.as_str() {
                "number" => FieldType::Number,
                "date" => FieldType::Date,
                "multi_select" => FieldType::Set,
                _ => FieldType::String,
            },
            writable: true,
            required: false,
            options: custom.options.into_iter().flatten().map(|option| option.name).collect(),
            longest: None,
        }));
        let status = |(name, canonical): (&str, &'static str)| Status { name: name.to_owned(), canonical };
        let mut profiles = self.profiles(&people, call).await;
        let person = |user: User| {
            let profile = profiles.remove(&user.id);
            let (name, email) = profile.map(|profile| (profile.name, profile.email)).unwrap_or_default();
            let told = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
            Person { id: user.id.to_string(), login: user.login, name: told(name), email: told(email) }
        };
        Ok(Catalogue {
            containers: vec![repository.container()],
            fields: known,
            statuses: STATUSES.into_iter().map(status).collect(),
            people: people.into_iter().map(person).collect(),
        })
    }

    /// What people show of themselves, by their ids. Without it they are known by their logins.
    async fn profiles(&self, people: &[User], call: &Call<'_>) -> HashMap<u64, Profile> {
        let mut profiles = HashMap::new();
        let ids: Vec<&str> = people.iter().filter_map(|user| user.node_id.as_deref()).collect();
        for ids in ids.chunks(PROFILES) {
            match self.api.profiles(ids, call).await {
                Ok(reply) => {
                    let nodes = reply.data["nodes"].as_array().into_iter().flatten();
                    let read = |node: &Json| serde_json::from_value::<Profile>(node.clone()).ok();
                    profiles.extend(nodes.filter_map(read).map(|profile| (profile.database_id, profile)));
                }
                Err(failed) => {
                    tracing::warn!(error = %failed.error, "names and e-mail addresses of people were not read");
                    break;
                }
            }
        }
        profiles
    }

    async fn names(
        &self,
        client: &Client,
        list: &str,
        call: &Call<'_>,
    ) -> Result<Vec<String>, ConnectorError> {
        Ok(self.all::<Named>(client, list, call).await?.into_iter().map(|named| named.name).collect())
    }

    /// A whole list of the repository; empty if there is no such list in this edition or for this owner.
    async fn all<T: DeserializeOwned>(
        &self,
        client: &Client,
        list: &str,
        call: &Call<'_>,
    ) -> Result<Vec<T>, ConnectorError> {
        match self.api.list(list, call).await {
            Ok(first) => pages(client, first, call, |reply| reply.json()).await,
            Err(failed) if list != "labels" && has_status(&failed, 404) => Ok(Vec::new()),
            Err(failed) => Err(self.api.about_repository(failed)),
        }
    }
}

fn field(known: Known, labels: &[String], types: &[String]) -> Field {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Field {
        name: known.name.to_owned(),
        field_type: known.field_type,
        writable: known.writable,
        required: known.name == "title",
        options: match known.name {
            "labels" => labels.to_vec(),
            "type" => types.to_vec(),
            "state" => texts(&["open", "closed"]),
            "state_reason" => texts(&["completed", "not_planned", "duplicate"]),
            "status" => STATUSES.iter().map(|(name, _)| (*name).to_owned()).collect(),
            _ => Vec::new(),
        },
        longest: known.longest.and_then(|longest| u32::try_from(longest).ok()),
    }
}

/// Reads a list to its end.
async fn pages<T>(
    client: &Client,
    first: Reply,
    call: &Call<'_>,
    read: fn(&Reply) -> Result<Vec<T>, Failed>,
) -> Result<Vec<T>, ConnectorError> {
    let mut all = read(&first)?;
    let mut reply = first;
    for _ in 1..MOST_PAGES {
        let Some(address) = reply.next_page() else { break };
        reply = priced(client.follow(address), Cost::Read).send(call).await?;
        all.extend(read(&reply)?);
    }
    Ok(all)
}

fn has_status(failed: &Failed, status: u16) -> bool {
    failed.error.answer.as_ref().is_some_and(|answer| answer.status == status)
}
