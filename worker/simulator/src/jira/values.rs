//! Converts values of fields from the API's form to the stored one.
//!
//! Stored forms are: texts, documents, numbers, dates as texts, times as milliseconds, options and priorities as ids,
//! cascading options as a list of one or two ids, people as account ids.

use serde_json::{Value, json};

use super::{
    adf,
    behaviour::{Behaviour, TextCounts},
    kind::Kind,
    state::State,
    time,
    types::{Choice, Field, Project},
};

/// Why a value is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bad {
    /// Reported for the field.
    Field(String),
    /// Reported for the whole request.
    Request(String),
}

fn bad<T>(message: impl Into<String>) -> Result<T, Bad> {
    Err(Bad::Field(message.into()))
}

/// Validates values for any screen.
pub(crate) struct Reader<'a> {
    pub(crate) state: &'a State,
    pub(crate) project: &'a Project,
}

impl Reader<'_> {
    /// Reads the value of a field; `None` clears it.
    pub(crate) fn read(&self, field: &Field, value: &Value) -> Result<Option<Value>, Bad> {
        if value.is_null() {
            return Ok(None);
        }
        match field.kind {
            Kind::Text if field.id == "summary" => summary(value, &self.state.behaviour),
            Kind::Text | Kind::Url => text(field.kind, value),
            Kind::Textarea => self.document(value),
            Kind::Float | Kind::StoryPoints => match value.as_f64() {
                Some(number) => Ok(Some(json!(number))),
                None => bad("Operation value must be a number"),
            },
            Kind::Date => match value.as_str() {
                Some("") => Ok(None),
                Some(text) if time::date(text).is_some() => Ok(Some(json!(text))),
                _ => bad(format!("Error parsing date string: {}", shown(value))),
            },
            Kind::Datetime => match value.as_str().and_then(time::parse) {
                Some(millis) => Ok(Some(json!(millis))),
                None => bad(format!("Error parsing time: {}", shown(value))),
            },
            Kind::Select | Kind::Radio => Ok(Some(json!(self.choice(field, None, value)?.id))),
            Kind::Cascading => {
                let parent = self.choice(field, None, value)?;
                let child = value.get("child").filter(|child| !child.is_null());
                let child = child.map(|child| self.choice(field, Some(parent), child)).transpose()?;
                let ids = std::iter::once(parent.id).chain(child.map(|child| child.id));
                Ok(Some(ids.collect()))
            }
            Kind::Labels => labels(value),
            Kind::User => Ok(Some(json!(self.person(field, value)?))),
            Kind::MultiSelect | Kind::Checkboxes | Kind::MultiUser => {
                let Some(items) = value.as_array() else { return bad("data was not an array") };
                let mut stored: Vec<Value> = Vec::new();
                for item in items {
                    let one = self.element(field, item)?;
                    if !stored.contains(&one) {
                        stored.push(one);
                    }
                }
                Ok((!stored.is_empty()).then_some(Value::Array(stored)))
            }
            Kind::Priority => {
                let name = id_or(value, "name");
                let found = name.and_then(|name| self.state.priority(&name));
                found.map_or_else(
                    || bad("The priority selected is invalid."),
                    |known| Ok(Some(json!(known.id))),
                )
            }
            Kind::Resolution => {
                let name = id_or(value, "name");
                let found = name.and_then(|name| self.state.resolution(&name));
                found.map_or_else(
                    || bad("The resolution selected is invalid."),
                    |known| Ok(Some(json!(known.id))),
                )
            }
            Kind::Status | Kind::IssueType | Kind::Project | Kind::Parent | Kind::Subtasks => {
                bad(not_on_screen(&field.id))
            }
        }
    }

    /// Reads one element of a list.
    pub(crate) fn element(&self, field: &Field, value: &Value) -> Result<Value, Bad> {
        match field.kind {
            Kind::Labels => label(value).map(Value::String),
            Kind::MultiUser => Ok(json!(self.person(field, value)?)),
            _ => Ok(json!(self.choice(field, None, value)?.id)),
        }
    }

    fn choice<'s>(
        &'s self,
        field: &'s Field,
        of: Option<&'s Choice>,
        value: &Value,
    ) -> Result<&'s Choice, Bad> {
        let all = match of {
            Some(parent) => parent.children.as_slice(),
            None => field.context(self.project.id).map_or(&[][..], |context| context.options.as_slice()),
        };
        if !value.is_object() {
            return bad(format!("Specify a valid 'id' or 'name' for {}", field.name));
        }
        let id = id_of(value);
        let named = value.get("value").and_then(Value::as_str);
        let found = match (&id, named) {
            (Some(id), _) => all.iter().find(|choice| choice.id.to_string() == *id),
            (None, Some(name)) => all.iter().find(|choice| choice.value == name),
            (None, None) => None,
        };
        match found {
            Some(choice) if choice.disabled => bad(format!("Option '{}' is disabled.", choice.value)),
            Some(choice) => Ok(choice),
            None if id.is_some() => bad(format!("Option id '{}' is not valid", id.unwrap_or_default())),
            None if named.is_some() => {
                bad(format!("Option value '{}' is not valid", named.unwrap_or_default()))
            }
            None => bad(format!("Specify a valid 'id' or 'name' for {}", field.name)),
        }
    }

    fn person(&self, field: &Field, value: &Value) -> Result<String, Bad> {
        if value.get("name").is_some() || value.get("key").is_some() {
            return bad("'accountId' must be the only user identifying query parameter in GDPR strict mode.");
        }
        let id = value.get("accountId").or_else(|| value.get("id")).and_then(Value::as_str);
        let Some(id) = id else { return bad("Specify a valid 'accountId'.") };
        let Some(user) = self.state.users.get(id) else {
            return bad(format!("Specify a valid value for {}", field.id));
        };
        let assignable = self.project.members.get(id).is_some_and(|has| has.contains("ASSIGNABLE_USER"));
        if field.id == "assignee" && !(assignable && user.active) {
            return bad(format!("User '{id}' cannot be assigned issues."));
        }
        Ok(user.id.clone())
    }

    fn document(&self, value: &Value) -> Result<Option<Value>, Bad> {
        if !value.is_object() {
            return bad("Operation value must be an Atlassian Document (see the Atlassian Document Format)");
        }
        let behaviour = &self.state.behaviour;
        if let Err(why) = adf::check(value) {
            tracing::debug!(%why, "a document is not valid");
            return Err(Bad::Request("INVALID_INPUT".to_owned()));
        }
        let length = match behaviour.text_counts {
            TextCounts::Text => adf::length(value),
            TextCounts::Json => value.to_string().chars().count(),
        };
        if length > behaviour.text_limit {
            return bad("CONTENT_LIMIT_EXCEEDED");
        }
        if !behaviour.normalise_adf {
            return Ok(Some(value.clone()));
        }
        let name = |id: &str| self.state.users.get(id).map(|user| user.name.clone());
        Ok(adf::normalised(value, &name))
    }
}

/// Returns the message about a field that cannot be set here.
pub(crate) fn not_on_screen(field: &str) -> String {
    format!("Field '{field}' cannot be set. It is not on the appropriate screen, or unknown.")
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns the id of an object, written as text or as number.
pub(crate) fn id_of(value: &Value) -> Option<String> {
    match value.get("id") {
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => None,
    }
}

/// Returns the id of an object, else another key of it.
pub(crate) fn id_or(value: &Value, key: &str) -> Option<String> {
    id_of(value).or_else(|| value.get(key).and_then(Value::as_str).map(str::to_owned))
}

fn summary(value: &Value, behaviour: &Behaviour) -> Result<Option<Value>, Bad> {
    let Some(text) = value.as_str() else { return bad("Operation value must be a string") };
    let text = text.trim();
    let length = if behaviour.summary_utf16 { text.encode_utf16().count() } else { text.chars().count() };
    if text.is_empty() {
        return Ok(None);
    }
    if text.contains(['\n', '\r']) {
        return bad("The summary is invalid because it contains newline characters.");
    }
    if length > behaviour.summary_limit {
        return bad(format!("Summary must be less than {} characters.", behaviour.summary_limit));
    }
    Ok(Some(json!(text)))
}

fn text(kind: Kind, value: &Value) -> Result<Option<Value>, Bad> {
    let Some(text) = value.as_str() else { return bad("Operation value must be a string") };
    if text.is_empty() {
        return Ok(None);
    }
    if kind == Kind::Url && !text.contains("://") {
        return bad("The URL is not valid: it needs a scheme such as https://");
    }
    if text.chars().count() > 255 && kind == Kind::Text {
        return bad("The entered text is too long. It exceeds the allowed limit of 255 characters.");
    }
    if text.contains(['\n', '\r']) {
        return bad("The value must not contain newline characters.");
    }
    Ok(Some(json!(text)))
}

fn labels(value: &Value) -> Result<Option<Value>, Bad> {
    let Some(items) = value.as_array() else { return bad("Operation value must be an array of strings") };
    let labels = items.iter().map(label).collect::<Result<std::collections::BTreeSet<_>, _>>()?;
    Ok((!labels.is_empty()).then(|| labels.into_iter().collect()))
}

fn label(value: &Value) -> Result<String, Bad> {
    match value.as_str() {
        Some(text) if text.contains(char::is_whitespace) => {
            bad(format!("The label '{text}' contains spaces which is invalid."))
        }
        Some("") => bad("The label '' is empty which is invalid."),
        Some(text) if text.chars().count() > 255 => {
            bad("The label is too long. It exceeds the allowed limit of 255 characters.")
        }
        Some(text) => Ok(text.to_owned()),
        None => bad("Operation value must be an array of strings"),
    }
}
