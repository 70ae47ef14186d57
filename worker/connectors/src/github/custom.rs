//! Writes the fields that an organisation has added to issues.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Value as Json, json};
use syncline_engine::{
    Value,
    ports::{Call, ConnectorError},
};

use super::{
    convert, fields,
    issue::{FieldValue, Issue},
    issues::Issues,
    write::LeftOut,
};
use crate::sets;

/// How long the definitions are kept. An administrator changes them now and then.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// A field as the organisation defined it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Definition {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) data_type: String,
    pub(super) options: Option<Vec<FieldOption>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct FieldOption {
    pub(super) name: String,
}

impl Issues {
    /// Reads the values of the organisation's fields if the sync maps one and the answer did not have them.
    pub(super) async fn fill(&self, issue: &mut Issue, call: &Call<'_>) -> Result<(), ConnectorError> {
        if !self.maps_custom || issue.issue_field_values.is_some() || self.memo.has_no_fields() {
            return Ok(());
        }
        match self.api.field_values(issue.number, call).await {
            Ok(reply) => issue.issue_field_values = Some(reply.json()?),
            Err(failed) if failed.error.answer.as_ref().is_some_and(|answer| answer.status == 404) => {
                self.memo.note_no_fields();
            }
            Err(failed) => return Err(failed.into()),
        }
        Ok(())
    }

    /// Writes the values that the issue does not have yet. Returns the fields that GitHub refused.
    pub(super) async fn write_custom(
        &self,
        wanted: &[(String, Value)],
        issue: &mut Issue,
        call: &Call<'_>,
    ) -> LeftOut {
        let changed = |(name, value): &&(String, Value)| !current(issue, name).same(&canonical(value));
        let changed: Vec<&(String, Value)> = wanted.iter().filter(changed).collect();
        if changed.is_empty() {
            return Vec::new();
        }
        let field = |name: &str| format!("{}{name}", fields::CUSTOM);
        let mut known = match self.definitions(&changed, call).await {
            Ok(known) => known,
            Err(error) => return changed.iter().map(|(name, _)| (field(name), error.clone())).collect(),
        };
        let mut left_out = Vec::new();
        for (name, value) in changed {
            let mut written = self.write_one(&known, name, value, issue, call).await;
            if written.as_ref().is_err_and(|error| !error.passes())
                && let Some(now) = self.redefined(&known, name, call).await
            {
                known = now;
                written = self.write_one(&known, name, value, issue, call).await;
            }
            if let Err(error) = written {
                left_out.push((field(name), error));
            }
        }
        left_out
    }

    async fn write_one(
        &self,
        known: &[Definition],
        name: &str,
        value: &Value,
        issue: &mut Issue,
        call: &Call<'_>,
    ) -> Result<(), ConnectorError> {
        let known = defined(known, name).ok_or_else(|| {
            ConnectorError::permanent(format!(
                "the owner of {} has no issue field {name:?}",
                self.scope.full_name()
            ))
        })?;
        if value.is_blank() {
            // That of the value which is there: what is known may be an earlier field of this name.
            let there = issue.issue_field_values.iter().flatten();
            let id =
                there.filter(|value| value.name.as_deref() == Some(name)).map(|value| value.id).next_back();
            let id = id.unwrap_or(known.id);
            match self.api.clear_field(issue.number, id, call).await {
                Err(failed) if failed.error.answer.as_ref().is_none_or(|answer| answer.status != 404) => {
                    return Err(failed.error);
                }
                // It has no value: someone else was faster.
                _ => issue.issue_field_values.iter_mut().for_each(|all| all.retain(|value| value.id != id)),
            }
            return Ok(());
        }
        let value = json!({ "field_id": known.id, "value": sent(known, value)? });
        let reply = self.api.set_fields(issue.number, &[value], call).await?;
        issue.issue_field_values = Some(reply.json::<Vec<FieldValue>>()?);
        Ok(())
    }

    /// The fields of the owner, as all syncs of the process know them. A field that they do not know may be a new one.
    async fn definitions(
        &self,
        wanted: &[&(String, Value)],
        call: &Call<'_>,
    ) -> Result<Arc<Vec<Definition>>, ConnectorError> {
        let has_all =
            |known: &Arc<Vec<Definition>>| wanted.iter().all(|(name, _)| defined(known, name).is_some());
        match self.api.client.kept(&self.kept_as(), KEPT).filter(has_all) {
            Some(kept) => Ok(kept),
            None => Ok(self.api.client.keep(&self.kept_as(), self.read_definitions(call).await?)),
        }
    }

    /// The definitions as they are now, if a field that was refused has another one than was known.
    async fn redefined(
        &self,
        known: &[Definition],
        name: &str,
        call: &Call<'_>,
    ) -> Option<Arc<Vec<Definition>>> {
        let before = defined(known, name)?;
        let now = self.api.client.keep(&self.kept_as(), self.read_definitions(call).await.ok()?);
        (defined(&now, name) != Some(before)).then_some(now)
    }

    fn kept_as(&self) -> String {
        format!("issue fields of {}", self.scope.owner)
    }

    /// The fields of the owner; none if it is no organisation.
    pub(super) async fn read_definitions(&self, call: &Call<'_>) -> Result<Vec<Definition>, ConnectorError> {
        match self.api.issue_fields(call).await {
            Ok(reply) => Ok(reply.json()?),
            Err(failed) if failed.error.answer.as_ref().is_some_and(|answer| answer.status == 404) => {
                Ok(Vec::new())
            }
            Err(failed) => Err(failed.into()),
        }
    }
}

fn defined<'d>(known: &'d [Definition], name: &str) -> Option<&'d Definition> {
    known.iter().find(|known| known.name == name)
}

/// The value that an issue has now.
fn current(issue: &Issue, name: &str) -> Value {
    let mut values = issue.issue_field_values.iter().flatten();
    let value = values.find(|value| value.name.as_deref() == Some(name));
    value.map_or(Value::Null, convert::custom)
}

/// A value as it is read: lists are sets.
fn canonical(value: &Value) -> Value {
    match (value, sets::names(value)) {
        (Value::List(_), Some(names)) => sets::value(names.iter().map(String::as_str)),
        _ => value.clone(),
    }
}

/// The value in the form that the field takes.
fn sent(known: &Definition, value: &Value) -> Result<Json, ConnectorError> {
    let refused = |takes: &str| {
        ConnectorError::permanent(format!("the issue field {:?} takes {takes}, not {value}", known.name))
    };
    match known.data_type.as_str() {
        "number" => match value.to_decimal().map(|_| value.to_json()) {
            Some(Json::Number(number)) => Ok(Json::Number(number)),
            _ => Err(refused("a number")),
        },
        "multi_select" => {
            sets::names(value).map(|names| json!(names)).ok_or_else(|| refused("a list of names"))
        }
        "date" => match value {
            Value::Date(date) => Ok(json!(date.to_string())),
            Value::Text(text) => Ok(json!(text)),
            _ => Err(refused("a date")),
        },
        _ if matches!(value, Value::List(_)) => Err(refused("one value")),
        _ => Ok(json!(value.name())),
    }
}
