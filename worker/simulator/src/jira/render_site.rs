//! Renders people, projects, statuses and other records of the site.

use serde_json::{Map, Value, json};

use super::{
    render::Render,
    types::{Field, Priority, Project, Resolution, User},
};

impl Render<'_> {
    /// Returns the server's address with the platform, for pictures and pages.
    fn site(&self) -> &str {
        self.base.split("/jira").next().unwrap_or_default()
    }

    fn pictures(&self, path: &str) -> Value {
        let sizes = ["48x48", "24x24", "16x16", "32x32"];
        let url = |size: &str| json!(format!("{}/page/jira/{path}?size={}", self.site(), &size[..2]));
        Value::Object(sizes.into_iter().map(|size| (size.to_owned(), url(size))).collect::<Map<_, _>>())
    }

    pub(crate) fn user_or_null(&self, id: Option<&str>) -> Value {
        id.and_then(|id| self.state.users.get(id)).map_or(Value::Null, |user| self.user(user))
    }

    pub(crate) fn user(&self, user: &User) -> Value {
        let mut shown = json!({
            "self": self.url(&format!("user?accountId={}", user.id)),
            "accountId": user.id,
            "accountType": if user.app { "app" } else { "atlassian" },
            "avatarUrls": self.pictures("avatar"),
            "displayName": user.name,
            "active": user.active,
            "timeZone": user.zone.name(),
        });
        let own = self.viewer == Some(user.id.as_str());
        if let Some(email) = user.email.as_ref().filter(|_| own || user.shows_email) {
            shown["emailAddress"] = json!(email);
        }
        shown
    }

    pub(crate) fn status(&self, id: u64) -> Value {
        let Some(status) = self.state.statuses.get(&id) else { return Value::Null };
        let category = status.category;
        let mut shown = json!({
            "self": self.url(&format!("status/{id}")),
            "description": "",
            "iconUrl": format!("{}/page/jira/icon", self.site()),
            "name": status.name,
            "id": id.to_string(),
            "statusCategory": {
                "self": self.url(&format!("statuscategory/{}", category.id())),
                "id": category.id(),
                "key": category.key(),
                "colorName": category.color(),
                "name": category.name(),
            },
        });
        if let Some(project) = status.project {
            shown["scope"] = scope(project);
        }
        shown
    }

    pub(crate) fn issue_type(&self, id: u64) -> Value {
        let Some(known) = self.state.types.get(&id) else { return Value::Null };
        let mut shown = json!({
            "self": self.url(&format!("issuetype/{id}")),
            "id": id.to_string(),
            "description": "",
            "iconUrl": format!("{}/page/jira/icon", self.site()),
            "name": known.name,
            "subtask": known.level < 0,
            "hierarchyLevel": known.level,
        });
        if let Some(project) = known.project {
            shown["scope"] = scope(project);
        }
        shown
    }

    pub(crate) fn priority(&self, priority: &Priority) -> Value {
        json!({
            "self": self.url(&format!("priority/{}", priority.id)),
            "iconUrl": format!("{}/page/jira/icon", self.site()),
            "name": priority.name,
            "id": priority.id.to_string(),
        })
    }

    /// Renders a priority with the details that lists of priorities have.
    pub(crate) fn full_priority(&self, priority: &Priority) -> Value {
        let mut shown = self.priority(priority);
        shown["statusColor"] = json!(priority.color);
        shown["description"] = json!("");
        shown["isDefault"] = json!(priority.id == self.state.default_priority);
        shown
    }

    pub(crate) fn resolution(&self, resolution: &Resolution) -> Value {
        json!({
            "self": self.url(&format!("resolution/{}", resolution.id)),
            "id": resolution.id.to_string(),
            "description": "",
            "name": resolution.name,
        })
    }

    /// Returns a project in an issue and in a list.
    pub(crate) fn project_link(&self, project: &Project) -> Value {
        json!({
            "self": self.url(&format!("project/{}", project.id)),
            "id": project.id.to_string(),
            "key": project.key,
            "name": project.name,
            "projectTypeKey": "software",
            "simplified": project.team_managed,
            "style": if project.team_managed { "next-gen" } else { "classic" },
            "avatarUrls": self.pictures("project"),
        })
    }

    pub(crate) fn listed_project(&self, project: &Project) -> Value {
        let mut shown = self.project_link(project);
        shown["expand"] = json!("description,lead,issueTypes,url,projectKeys,permissions,insight");
        shown["isPrivate"] = json!(!project.anonymous && project.team_managed);
        shown["properties"] = json!({});
        shown["archived"] = json!(project.archived);
        shown
    }

    pub(crate) fn project(&self, project: &Project) -> Value {
        let mut shown = self.listed_project(project);
        shown["description"] = json!("");
        shown["lead"] = self.user_or_null(Some(&project.lead));
        shown["components"] = json!([]);
        shown["versions"] = json!([]);
        shown["roles"] = json!({});
        shown["assigneeType"] = json!("UNASSIGNED");
        shown["issueTypes"] = project.types.iter().map(|id| self.issue_type(*id)).collect();
        shown
    }

    /// Returns a field in the list of fields.
    pub(crate) fn field_details(&self, field: &Field) -> Value {
        let clauses = match field.custom {
            Some(number) => vec![format!("cf[{number}]"), field.name.clone()],
            None => vec![field.id.clone()],
        };
        let mut shown = json!({
            "id": field.id,
            "key": field.id,
            "name": field.name,
            "custom": field.custom.is_some(),
            "orderable": true,
            "navigable": true,
            "searchable": true,
            "clauseNames": clauses,
            "schema": field.schema(),
        });
        if let Some(project) = field.project {
            shown["scope"] = scope(project);
        }
        shown
    }
}

/// Returns the project that something belongs to.
fn scope(project: u64) -> Value {
    json!({ "type": "PROJECT", "project": { "id": project.to_string() } })
}
