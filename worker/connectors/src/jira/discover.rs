//! What an account can see: projects, and the fields, statuses and people of one.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value as Json;
use syncline_engine::{
    ports::{Call, ConnectorError},
    spec::FieldType,
};

use super::{
    api::Api,
    columns,
    fields::{self, KNOWN, LONGEST_LINE, LONGEST_TEXT},
    meta::{Definition, ScreenField},
};
use crate::{Catalogue, Container, Field, Person, Status, tracker::Known};

/// Options listed at most of one field.
const MOST_OPTIONS: usize = 200;

/// The projects that the account may browse.
pub(super) async fn projects(api: &Api, call: &Call<'_>) -> Result<Catalogue, ConnectorError> {
    let writable: HashSet<String> = api
        .projects("create", call)
        .await?
        .iter()
        .filter_map(|project| project["key"].as_str().map(str::to_owned))
        .collect();
    let container = |project: &Json| {
        let name = project["key"].as_str()?.to_owned();
        let archived = project["archived"] == true;
        Some(Container { writable: !archived && writable.contains(&name), ..container(project, name) })
    };
    let containers = api.projects("view", call).await?.iter().filter_map(container).collect();
    Ok(Catalogue { containers, ..Catalogue::default() })
}

/// Jira does not tell programs whether anyone may browse a project.
fn container(project: &Json, name: String) -> Container {
    Container { name, title: project["name"].as_str().map(str::to_owned), writable: true, public: false }
}

impl Api {
    /// The fields, statuses and people of the project.
    pub(super) async fn discover(&self, call: &Call<'_>) -> Result<Catalogue, ConnectorError> {
        let project = self.project(call).await?;
        let types = self.known_types(call).await?;
        let mut screens: BTreeMap<String, ScreenField> = BTreeMap::new();
        for one in types.iter() {
            for field in self.screen(&one.id, call).await?.iter() {
                let known = screens.entry(field.id().to_owned()).or_insert_with(|| field.clone());
                // Of several types each may insist on it.
                known.required |= field.required && !field.has_default_value;
            }
        }
        let definitions = self.definitions(call).await?;
        let statuses = self.known_statuses(call).await?;
        let people = self.people(call).await?;
        let types: Vec<String> = types.iter().map(|known| known.name.clone()).collect();
        let mut all: Vec<Field> = KNOWN.iter().map(|known| of_known(*known, &screens, &types)).collect();
        for field in screens.values().filter(|field| fields::is_custom_id(field.id())) {
            all.push(self.added(field, &definitions, call).await);
        }
        let status = |status: &super::meta::Status| Status {
            name: status.name.clone(),
            canonical: status.category.as_str(),
        };
        let name = self.project.clone();
        let writable = !types.is_empty();
        Ok(Catalogue {
            containers: vec![Container { writable, ..container(&project, name) }],
            fields: all,
            statuses: statuses.iter().map(status).collect(),
            people: people.iter().filter_map(person).collect(),
        })
    }

    /// A field that somebody has added: by its name, or by its id if others have the same name.
    async fn added(&self, field: &ScreenField, definitions: &[Definition], call: &Call<'_>) -> Field {
        let by_name = format!("{}{}", fields::CUSTOM, field.name);
        let found = columns::custom(self, &by_name, definitions, call).await;
        let is_sure = found.is_ok_and(|found| found.id == field.id());
        let name = if is_sure { by_name } else { format!("{}{}", fields::CUSTOM, field.id()) };
        let kind = field.schema.kind.as_str();
        let is_line = kind == "string" && !field.schema.is_rich();
        Field {
            name,
            field_type: match (kind, field.schema.items.as_deref()) {
                ("number", _) => FieldType::Number,
                ("date", _) => FieldType::Date,
                ("datetime", _) => FieldType::DateTime,
                ("user", _) => FieldType::Person,
                ("array", Some("user")) => FieldType::People,
                ("array", _) => FieldType::Set,
                _ if field.schema.is_rich() => FieldType::RichText,
                _ => FieldType::String,
            },
            writable: field.schema.is_written(),
            required: field.required,
            options: options(field),
            longest: match (is_line, field.schema.is_rich()) {
                (true, _) => u32::try_from(LONGEST_LINE).ok(),
                (_, true) => u32::try_from(LONGEST_TEXT).ok(),
                _ => None,
            },
        }
    }
}

fn of_known(known: Known, screens: &BTreeMap<String, ScreenField>, types: &[String]) -> Field {
    let screen = screens.get(known.name);
    Field {
        name: known.name.to_owned(),
        field_type: known.field_type,
        writable: known.writable,
        required: known.name == "summary"
            || screen.is_some_and(|field| field.required && !["reporter", "issuetype"].contains(&known.name)),
        options: match known.name {
            "issuetype" => types.to_vec(),
            "priority" | "resolution" => screen.map(options).unwrap_or_default(),
            _ => Vec::new(),
        },
        longest: known.longest.and_then(|longest| u32::try_from(longest).ok()),
    }
}

/// The values that a field may have.
fn options(field: &ScreenField) -> Vec<String> {
    let one = |value: &Json| {
        let name = value["value"].as_str().or(value["name"].as_str())?.to_owned();
        let children = value["children"].as_array().into_iter().flatten();
        let children = children.filter_map(|child| child["value"].as_str());
        let both: Vec<String> = children.map(|child| columns::cascaded(&name, child)).collect();
        Some([name].into_iter().chain(both))
    };
    field.allowed_values.iter().filter_map(one).flatten().take(MOST_OPTIONS).collect()
}

fn person(user: &Json) -> Option<Person> {
    // Apps and customers of a service desk are assigned nothing.
    if user["accountType"].as_str().is_some_and(|kind| kind != "atlassian") || user["active"] == false {
        return None;
    }
    let id = user["accountId"].as_str()?.to_owned();
    let told = |key: &str| user[key].as_str().map(str::to_owned).filter(|text| !text.trim().is_empty());
    // Fields hold the account id: there is no shorter name.
    Some(Person { login: id.clone(), id, name: told("displayName"), email: told("emailAddress") })
}
