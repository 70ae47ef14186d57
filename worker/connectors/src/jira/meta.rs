//! What the site and the project say about themselves. Kept for some minutes, for all syncs of the process.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::Value as Json;
use syncline_engine::{
    ports::{Call, ConnectorError},
    spec::Category,
};

use super::api::Api;

/// How long an answer is kept. An administrator changes these things now and then.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// A field of the site.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Definition {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) custom: bool,
    #[serde(default)]
    pub(super) schema: Schema,
    #[serde(default)]
    scope: Json,
}

impl Definition {
    /// The id of the only project that has it; none if it belongs to the site.
    pub(super) fn only_project(&self) -> Option<&str> {
        self.scope["project"]["id"].as_str()
    }
}

/// The kind of a field's values.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct Schema {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    /// Of an array.
    pub(super) items: Option<String>,
    /// Of an added field: `com.atlassian.jira.plugin.system.customfieldtypes:textarea`.
    pub(super) custom: Option<String>,
}

/// An issue type of the project.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct IssueType {
    pub(super) id: String,
    pub(super) name: String,
}

/// A field of the screen on which issues are created.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScreenField {
    pub(super) field_id: Option<String>,
    pub(super) key: Option<String>,
    pub(super) name: String,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) has_default_value: bool,
    #[serde(default)]
    pub(super) allowed_values: Vec<Json>,
    #[serde(default)]
    pub(super) schema: Schema,
}

impl ScreenField {
    pub(super) fn id(&self) -> &str {
        self.field_id.as_deref().or(self.key.as_deref()).unwrap_or_default()
    }
}

/// A status of the project.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Status {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) category: Category,
}

#[derive(Deserialize)]
struct TypeStatuses {
    statuses: Vec<StatusEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusEntry {
    id: String,
    name: String,
    #[serde(default)]
    status_category: Json,
}

impl Api {
    /// All fields of the site.
    pub(super) async fn definitions(&self, call: &Call<'_>) -> Result<Arc<Vec<Definition>>, ConnectorError> {
        if let Some(kept) = self.client.kept("fields", KEPT) {
            return Ok(kept);
        }
        let read: Vec<Definition> = self.fields(call).await?.json()?;
        Ok(self.client.keep("fields", read))
    }

    /// The id of the project, and its present key, which may be another one than the scope names.
    pub(super) async fn identity(&self, call: &Call<'_>) -> Result<Arc<(String, String)>, ConnectorError> {
        let name = format!("project {}", self.project);
        if let Some(kept) = self.client.kept(&name, KEPT) {
            return Ok(kept);
        }
        let project = self.project(call).await?;
        let text = |key: &str| project[key].as_str().unwrap_or_default().to_owned();
        Ok(self.client.keep(&name, (text("id"), text("key"))))
    }

    /// The statuses of the project, each once.
    pub(super) async fn known_statuses(&self, call: &Call<'_>) -> Result<Arc<Vec<Status>>, ConnectorError> {
        let name = format!("statuses {}", self.project);
        if let Some(kept) = self.client.kept(&name, KEPT) {
            return Ok(kept);
        }
        let types: Vec<TypeStatuses> = self.statuses(call).await?.json()?;
        let mut all: Vec<Status> = Vec::new();
        for entry in types.into_iter().flat_map(|one| one.statuses) {
            if all.iter().all(|known| known.id != entry.id) {
                let key = entry.status_category["key"].as_str().unwrap_or_default();
                let category = category(key, &entry.name);
                all.push(Status { id: entry.id, name: entry.name, category });
            }
        }
        Ok(self.client.keep(&name, all))
    }

    /// The issue types that can be created in the project.
    pub(super) async fn known_types(&self, call: &Call<'_>) -> Result<Arc<Vec<IssueType>>, ConnectorError> {
        let name = format!("types {}", self.project);
        if let Some(kept) = self.client.kept(&name, KEPT) {
            return Ok(kept);
        }
        let read = |json: Json| serde_json::from_value::<IssueType>(json).ok();
        let types: Vec<IssueType> = self.types(call).await?.into_iter().filter_map(read).collect();
        Ok(self.client.keep(&name, types))
    }

    /// The fields of the screen on which issues of a type are created.
    pub(super) async fn screen(
        &self,
        type_id: &str,
        call: &Call<'_>,
    ) -> Result<Arc<Vec<ScreenField>>, ConnectorError> {
        let name = self.screen_name(type_id);
        if let Some(kept) = self.client.kept(&name, KEPT) {
            return Ok(kept);
        }
        let read = |json: Json| serde_json::from_value::<ScreenField>(json).ok();
        let fields: Vec<ScreenField> =
            self.create_fields(type_id, call).await?.into_iter().filter_map(read).collect();
        Ok(self.client.keep(&name, fields))
    }

    /// Forgets a screen that has changed.
    pub(super) fn forget_screen(&self, type_id: &str) {
        self.client.forget(&self.screen_name(type_id));
    }

    fn screen_name(&self, type_id: &str) -> String {
        format!("screen {} {type_id}", self.project)
    }
}

/// What a status means. Jira has three categories; the name tells the rest.
pub(super) fn category(key: &str, name: &str) -> Category {
    let name = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match key {
        "done"
            if has(&["cancel", "declin", "reject", "won't", "wont ", "abandon", "duplicate", "obsolete"]) =>
        {
            Category::Cancelled
        }
        "done" => Category::Done,
        "indeterminate" if has(&["review", "verif", "test"]) || is_word(&name, "qa") => Category::InReview,
        "indeterminate" => Category::InProgress,
        _ => Category::Todo,
    }
}

fn is_word(text: &str, word: &str) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric()).any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("new", "To Do", Category::Todo)]
    #[case("indeterminate", "In Arbeit", Category::InProgress)]
    #[case("indeterminate", "Code Review", Category::InReview)]
    #[case("indeterminate", "QA 2", Category::InReview)]
    #[case("indeterminate", "Aquarium", Category::InProgress)]
    #[case("done", "Fertig", Category::Done)]
    #[case("done", "Won't do", Category::Cancelled)]
    #[case("undefined", "No category", Category::Todo)]
    fn statuses_have_categories(#[case] key: &str, #[case] name: &str, #[case] expected: Category) {
        assert_eq!(category(key, name), expected);
    }
}
