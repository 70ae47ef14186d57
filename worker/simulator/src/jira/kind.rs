//! The kinds of fields, and their names in the API.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::types::Field;

/// The kind of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Text,
    Textarea,
    #[serde(alias = "number")]
    Float,
    /// The estimate of team-managed projects.
    StoryPoints,
    Date,
    Datetime,
    Select,
    Radio,
    #[serde(alias = "multiselect")]
    MultiSelect,
    Checkboxes,
    Cascading,
    Labels,
    Url,
    User,
    #[serde(alias = "multiuser")]
    MultiUser,
    // Kinds of system fields only:
    #[serde(skip)]
    Priority,
    #[serde(skip)]
    Resolution,
    #[serde(skip)]
    Status,
    #[serde(skip)]
    IssueType,
    #[serde(skip)]
    Project,
    #[serde(skip)]
    Parent,
    #[serde(skip)]
    Subtasks,
}

impl Kind {
    /// Returns the type in a schema, and the type of the items of a list.
    pub(crate) fn schema_type(self) -> (&'static str, Option<&'static str>) {
        match self {
            Kind::Text | Kind::Textarea | Kind::Url => ("string", None),
            Kind::Float | Kind::StoryPoints => ("number", None),
            Kind::Date => ("date", None),
            Kind::Datetime => ("datetime", None),
            Kind::Select | Kind::Radio => ("option", None),
            Kind::MultiSelect | Kind::Checkboxes => ("array", Some("option")),
            Kind::Cascading => ("option-with-child", None),
            Kind::Labels => ("array", Some("string")),
            Kind::User => ("user", None),
            Kind::MultiUser => ("array", Some("user")),
            Kind::Priority => ("priority", None),
            Kind::Resolution => ("resolution", None),
            Kind::Status => ("status", None),
            Kind::IssueType => ("issuetype", None),
            Kind::Project => ("project", None),
            Kind::Parent => ("issuelink", None),
            Kind::Subtasks => ("array", Some("issuelinks")),
        }
    }

    /// Returns the type of a custom field.
    pub(crate) fn custom_type(self) -> &'static str {
        match self {
            Kind::StoryPoints => "com.pyxis.greenhopper.jira:jsw-story-points",
            Kind::Text => "com.atlassian.jira.plugin.system.customfieldtypes:textfield",
            Kind::Textarea => "com.atlassian.jira.plugin.system.customfieldtypes:textarea",
            Kind::Float => "com.atlassian.jira.plugin.system.customfieldtypes:float",
            Kind::Date => "com.atlassian.jira.plugin.system.customfieldtypes:datepicker",
            Kind::Datetime => "com.atlassian.jira.plugin.system.customfieldtypes:datetime",
            Kind::Select => "com.atlassian.jira.plugin.system.customfieldtypes:select",
            Kind::Radio => "com.atlassian.jira.plugin.system.customfieldtypes:radiobuttons",
            Kind::MultiSelect => "com.atlassian.jira.plugin.system.customfieldtypes:multiselect",
            Kind::Checkboxes => "com.atlassian.jira.plugin.system.customfieldtypes:multicheckboxes",
            Kind::Cascading => "com.atlassian.jira.plugin.system.customfieldtypes:cascadingselect",
            Kind::Labels => "com.atlassian.jira.plugin.system.customfieldtypes:labels",
            Kind::Url => "com.atlassian.jira.plugin.system.customfieldtypes:url",
            Kind::User => "com.atlassian.jira.plugin.system.customfieldtypes:userpicker",
            Kind::MultiUser => "com.atlassian.jira.plugin.system.customfieldtypes:multiuserpicker",
            _ => "",
        }
    }

    /// Returns the operations that `update` supports.
    pub(crate) fn operations(self) -> &'static [&'static str] {
        match self {
            Kind::Labels | Kind::MultiSelect | Kind::Checkboxes | Kind::MultiUser => {
                &["add", "set", "remove"]
            }
            _ => &["set"],
        }
    }

    pub(crate) fn is_list(self) -> bool {
        self.operations().len() > 1
    }

    pub(crate) fn has_options(self) -> bool {
        matches!(self, Kind::Select | Kind::Radio | Kind::MultiSelect | Kind::Checkboxes | Kind::Cascading)
    }
}

impl Field {
    /// Returns the schema of the field.
    pub(crate) fn schema(&self) -> Value {
        let (kind, items) = self.kind.schema_type();
        let mut schema = json!({ "type": kind });
        if let Some(items) = items {
            schema["items"] = json!(items);
        }
        match self.custom {
            Some(number) => {
                schema["custom"] = json!(self.kind.custom_type());
                schema["customId"] = json!(number);
            }
            None => schema["system"] = json!(self.id),
        }
        schema
    }
}

/// The system fields: id, name, kind.
pub(crate) const SYSTEM: [(&str, &str, Kind); 18] = [
    ("project", "Project", Kind::Project),
    ("issuetype", "Issue Type", Kind::IssueType),
    ("summary", "Summary", Kind::Text),
    ("description", "Description", Kind::Textarea),
    ("environment", "Environment", Kind::Textarea),
    ("status", "Status", Kind::Status),
    ("resolution", "Resolution", Kind::Resolution),
    ("priority", "Priority", Kind::Priority),
    ("assignee", "Assignee", Kind::User),
    ("reporter", "Reporter", Kind::User),
    ("creator", "Creator", Kind::User),
    ("labels", "Labels", Kind::Labels),
    ("duedate", "Due date", Kind::Date),
    ("parent", "Parent", Kind::Parent),
    ("subtasks", "Sub-tasks", Kind::Subtasks),
    ("created", "Created", Kind::Datetime),
    ("updated", "Updated", Kind::Datetime),
    ("resolutiondate", "Resolved", Kind::Datetime),
];
