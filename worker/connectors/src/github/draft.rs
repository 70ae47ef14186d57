//! Turns fields into the bodies of requests, and compares what was wanted with what GitHub made of it.

use serde_json::{Map, Value as Json, json};
use syncline_engine::{Value, ports::ConnectorError, value::Fields};

use super::{
    fields,
    issue::Issue,
    marker::{self, Body},
    status::{self, Wanted},
};
use crate::sets;

/// What an issue is to be. None, or nothing, is left as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Draft {
    title: Option<String>,
    body: Option<String>,
    labels: Option<Vec<String>>,
    assignees: Option<Vec<String>>,
    /// The name of the issue type, or none.
    issue_type: Option<Option<String>>,
    state: Option<Wanted>,
    /// The fields that ask for the state.
    state_fields: Vec<&'static str>,
    /// Fields of the organisation, by the names that it gave them.
    pub(super) custom: Vec<(String, Value)>,
}

impl Draft {
    /// Reads fields to be written. Refuses a field that does not exist, and a value that does not fit, before anything is
    /// sent.
    pub(super) fn read(values: &Fields) -> Result<Draft, ConnectorError> {
        for (name, value) in values {
            fields::accepts(name, value)
                .map_err(|why| ConnectorError::permanent(format!("field {name}: {why}")))?;
        }
        let names = |name: &str| values.get(name).and_then(sets::names);
        let text = |name: &str| values.get(name).map(text_of);
        let refused =
            |(field, why): (&str, String)| ConnectorError::permanent(format!("field {field}: {why}"));
        let custom =
            |(name, value): (&String, &Value)| Some((fields::custom(name)?.to_owned(), value.clone()));
        Ok(Draft {
            title: text("title"),
            body: text("body").map(|body| marker::unified(&body)),
            labels: names("labels"),
            assignees: names("assignees"),
            issue_type: text("type").map(|name| Some(name).filter(|name| !name.is_empty())),
            state: Wanted::read(values.get("state"), values.get("state_reason"), values.get("status"))
                .map_err(refused)?,
            state_fields: ["state", "state_reason", "status"]
                .into_iter()
                .filter(|name| values.contains_key(*name))
                .collect(),
            custom: values.iter().filter_map(custom).collect(),
        })
    }

    /// The body of a create. An issue begins open, so a state takes an update after it.
    pub(super) fn create(&self, marker: &str) -> Map<String, Json> {
        let mut request = Map::new();
        let text = self.body.clone().unwrap_or_default();
        // The text of a person's own issue may have been copied with its marker.
        let body = Body { marker: Some(marker.to_owned()), ..Body::read(&text) };
        request.insert("title".to_owned(), json!(self.title.clone().unwrap_or_default()));
        request.insert("body".to_owned(), json!(body.write()));
        let mut set = |key: &str, names: &Option<Vec<String>>| {
            if let Some(names) = names.as_ref().filter(|names| !names.is_empty()) {
                request.insert(key.to_owned(), json!(names));
            }
        };
        set("labels", &self.labels);
        set("assignees", &self.assignees);
        if let Some(Some(name)) = &self.issue_type {
            request.insert("type".to_owned(), json!(name));
        }
        request
    }

    /// The body of an update. The marker is the one that the issue has, or had until a person removed it.
    pub(super) fn update(&self, marker: Option<String>) -> Map<String, Json> {
        let mut request = Map::new();
        let mut set = |key: &str, value: Json| request.insert(key.to_owned(), value);
        if let Some(title) = &self.title {
            set("title", json!(title));
        }
        if let Some(text) = &self.body {
            set("body", json!(Body { marker, ..Body::read(text) }.write()));
        }
        if let Some(labels) = &self.labels {
            set("labels", json!(labels));
        }
        if let Some(logins) = &self.assignees {
            set("assignees", json!(logins));
        }
        if let Some(name) = &self.issue_type {
            set("type", json!(name));
        }
        if let Some(state) = self.state {
            set("state", json!(state.state()));
            if let Some(reason) = state.reason() {
                set("state_reason", json!(reason));
            }
        }
        request
    }

    /// True if the body is to be written, and with it the marker.
    pub(super) fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// What is left to do after a create, if the new issue is not to be open.
    pub(super) fn after_create(&self, made: &Issue) -> Option<Draft> {
        let state = self.state.filter(|state| !state.holds(made))?;
        let (state_fields, custom) = (self.state_fields.clone(), self.custom.clone());
        Some(Draft { state: Some(state), state_fields, custom, ..Draft::default() })
    }

    /// The fields behind a key of a request's body.
    pub(super) fn fields_of(&self, key: &str) -> Vec<String> {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        match key {
            "state" | "state_reason" => names(&self.state_fields),
            "issue_field_values" => {
                self.custom.iter().map(|(name, _)| format!("{}{name}", fields::CUSTOM)).collect()
            }
            key => names(&[key]),
        }
    }

    /// The fields that GitHub did not take although it took the request: it drops what the token may not set, and people
    /// who cannot be assigned, without saying so. Organisations' fields are not compared.
    pub(super) fn left_out(&self, made: &Issue) -> Vec<(String, ConnectorError)> {
        let mut left_out = Vec::new();
        let mut add = |field: &str, why: String| {
            left_out
                .push((field.to_owned(), ConnectorError::permanent(format!("GitHub left it out: {why}"))));
        };
        let rights = "the token needs the right to triage, or to write to, the repository";
        if let Some(text) = &self.body {
            let stored = Body::read(made.body.as_deref().unwrap_or_default()).text;
            let wanted = Body::read(text).text;
            if stored.len() < wanted.len()
                && wanted.starts_with(&stored)
                && wanted.trim_end() != stored.trim_end()
            {
                let (kept, all) = (stored.chars().count(), wanted.chars().count());
                add("body", format!("of {all} characters it kept {kept}; shorten the text"));
            }
        }
        if let Some(labels) = self.labels.as_ref().filter(|labels| !sets::are(labels, made.label_names())) {
            let missing = sets::missing(labels, made.label_names());
            add("labels", format!("{}{rights}", listed(&missing)));
        }
        if let Some(logins) = self.assignees.as_ref().filter(|logins| !sets::are(logins, made.logins())) {
            let missing = sets::missing(logins, made.logins());
            add(
                "assignees",
                format!(
                    "{}only people with access to the repository can be assigned, and {rights}",
                    listed(&missing)
                ),
            );
        }
        if let Some(name) = self.issue_type.as_ref().filter(|name| !is_type(name.as_deref(), made)) {
            let name = name.as_deref().unwrap_or("none");
            add(
                "type",
                format!("the type {name:?}; the owner must be an organisation that has it, and {rights}"),
            );
        }
        if let Some(state) = self.state.filter(|state| !state.holds(made)) {
            let why = match state.state() == made.state {
                true => {
                    "it changes the reason only together with the state; reopen the issue first".to_owned()
                }
                false => format!("the issue stays {}", made.state),
            };
            for field in self.fields_of("state") {
                // With the state as wanted only the reason was left out.
                if field != "state" || state.state() != made.state {
                    add(&field, why.clone());
                }
            }
        }
        left_out
    }
}

fn is_type(name: Option<&str>, issue: &Issue) -> bool {
    match (name, &issue.issue_type) {
        (None, None) => true,
        (Some(name), Some(known)) => sets::same(name, &known.name),
        _ => false,
    }
}

fn text_of(value: &Value) -> String {
    if value.is_blank() { String::new() } else { value.name() }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("{}; ", names.join(", ")) }
}

/// The draft that closes an issue which is no longer wanted.
pub(super) fn closing() -> Draft {
    Draft { state: status::read_status(&Value::text("not_planned")).ok(), ..Draft::default() }
}

#[cfg(test)]
mod tests;
