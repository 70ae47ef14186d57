//! The fields of the other records.

use super::{
    super::{error::Failure, id::Id, types::StateKind},
    View,
    list::Within,
    node::{Item, Out},
};
use crate::graphql::Selected;

impl View<'_> {
    /// When a record was created, or updated last.
    pub(super) fn time(&self, item: Item, updated: bool) -> i64 {
        let state = self.state;
        let of = |created: i64, changed: i64| Some(if updated { changed } else { created });
        match item {
            Item::Organization => of(state.organization.created, state.organization.updated),
            Item::Issue(id) => state.issues.get(&id).and_then(|one| of(one.created, one.updated)),
            Item::Team(id) => state.teams.get(&id).and_then(|one| of(one.created, one.updated)),
            Item::State(id) => state.states.get(&id).and_then(|one| of(one.created, one.updated)),
            Item::User(id) => state.users.get(&id).and_then(|one| of(one.created, one.updated)),
            Item::Label(id) => state.labels.get(&id).and_then(|one| of(one.created, one.updated)),
            Item::Project(id) => state.projects.get(&id).and_then(|one| of(one.created, one.updated)),
            Item::Attachment(id) => state.attachments.get(&id).and_then(|one| of(one.created, one.updated)),
        }
        .unwrap_or(0)
    }

    pub(super) fn archived_at(&self, item: Item) -> Option<i64> {
        match item {
            Item::State(id) => self.state.states.get(&id)?.archived,
            Item::Label(id) => self.state.labels.get(&id)?.archived,
            Item::Issue(id) => self.state.issues.get(&id)?.archived,
            _ => None,
        }
    }

    pub(super) fn is_archived(&self, item: Item) -> bool {
        self.archived_at(item).is_some()
    }

    /// Resolves a field of a record other than an issue.
    pub(super) fn item(&self, item: Item, field: &Selected) -> Result<Out, Failure> {
        match field.name.as_str() {
            "id" if item == Item::Organization => {
                return Ok(Out::text(self.state.organization.id.to_string()));
            }
            "id" => return Ok(Out::text(item.id().to_string())),
            "createdAt" => return Ok(Out::time(Some(self.time(item, false)))),
            "updatedAt" => return Ok(Out::time(Some(self.time(item, true)))),
            "archivedAt" => return Ok(Out::time(self.archived_at(item))),
            "organization" => return Ok(Out::item(Item::Organization)),
            _ => {}
        }
        let found = match item {
            Item::Organization => Some(self.organization(field)),
            Item::Team(id) => self.team_field(id, field),
            Item::State(id) => self.state_field(id, field),
            Item::User(id) => self.user_field(id, field),
            Item::Label(id) => self.label_field(id, field),
            Item::Project(id) => self.project_field(id, field),
            Item::Attachment(id) => self.attachment_field(id, field),
            Item::Issue(id) => Some(self.issue(id, field)),
        };
        found.unwrap_or_else(|| Err(Failure::not_found(item.type_name())))
    }

    fn organization(&self, field: &Selected) -> Result<Out, Failure> {
        let organization = &self.state.organization;
        Ok(match field.name.as_str() {
            "name" => Out::text(organization.name.as_str()),
            "urlKey" => Out::text(organization.url_key.as_str()),
            "previousUrlKeys" => Out::Texts(Vec::new()),
            "userCount" => {
                Out::count(self.state.users.values().filter(|user| user.active && !user.app).count())
            }
            "createdIssueCount" => Out::count(self.state.issues.len()),
            "teams" => self.list("Team", self.teams(), field)?,
            "users" => self.list("User", self.users(field), field)?,
            "labels" => {
                let labels = self.state.labels.values().filter(|label| label.team.is_none());
                self.list("IssueLabel", labels.map(|label| Item::Label(label.id)).collect(), field)?
            }
            _ => Out::Null,
        })
    }

    fn team_field(&self, id: Id, field: &Selected) -> Option<Result<Out, Failure>> {
        let team = self.state.teams.get(&id)?;
        let first = |kind: StateKind| {
            self.state.states_of(id).into_iter().find(|one| one.kind == kind).map(|one| one.id)
        };
        Some(Ok(match field.name.as_str() {
            "key" => Out::text(team.key.as_str()),
            "name" | "displayName" => Out::text(team.name.as_str()),
            "private" => Out::Flag(team.private),
            "visibility" => Out::text(team.visibility()),
            "timezone" => Out::text("Etc/UTC"),
            "autoArchivePeriod" => Out::Number(6.0),
            "defaultIssueEstimate" => Out::Number(if team.allow_zero { 0.0 } else { 1.0 }),
            "issueEstimationType" => Out::text(team.scale.name()),
            "issueEstimationAllowZero" => Out::Flag(team.allow_zero),
            "issueEstimationExtended" => Out::Flag(team.extended),
            "triageEnabled" => Out::Flag(team.triage),
            "cyclesEnabled"
            | "inheritIssueEstimation"
            | "inheritWorkflowStatuses"
            | "requirePriorityToLeaveTriage" => Out::Flag(false),
            "defaultIssueState" => Out::link(team.default_state, Item::State),
            "triageIssueState" => Out::link(first(StateKind::Triage).filter(|_| team.triage), Item::State),
            "markedAsDuplicateWorkflowState" => Out::link(first(StateKind::Duplicate), Item::State),
            "issueCount" => {
                let archived = field.args.get("includeArchived") == Some(&serde_json::Value::Bool(true));
                let ids = team.by_created.iter().filter_map(|(_, id)| self.state.issues.get(id));
                Out::count(ids.filter(|issue| archived || issue.archived.is_none()).count())
            }
            "states" => {
                let states = self.state.states.values().filter(|state| state.team == id);
                return Some(self.list(
                    "WorkflowState",
                    states.map(|state| Item::State(state.id)).collect(),
                    field,
                ));
            }
            "labels" => {
                let labels = self.state.labels.values().filter(|label| label.team == Some(id));
                return Some(self.list(
                    "IssueLabel",
                    labels.map(|label| Item::Label(label.id)).collect(),
                    field,
                ));
            }
            "members" => {
                let users = team.members.iter().filter(|id| self.lists_user(**id, field));
                return Some(self.list("User", users.copied().map(Item::User).collect(), field));
            }
            "projects" => {
                let projects = self.state.projects.values().filter(|project| project.teams.contains(&id));
                return Some(self.list(
                    "Project",
                    projects.map(|project| Item::Project(project.id)).collect(),
                    field,
                ));
            }
            "issues" => return Some(self.issues(Within::Team(id), field)),
            _ => Out::Null,
        }))
    }

    fn state_field(&self, id: Id, field: &Selected) -> Option<Result<Out, Failure>> {
        let state = self.state.states.get(&id)?;
        Some(Ok(match field.name.as_str() {
            "name" => Out::text(state.name.as_str()),
            "type" => Out::text(state.kind.name()),
            "color" => Out::text(state.color.as_str()),
            "position" => Out::Number(state.position),
            "team" => Out::item(Item::Team(state.team)),
            "issues" => return Some(self.issues(Within::About(Item::State(id), "issues"), field)),
            _ => Out::Null,
        }))
    }

    fn user_field(&self, id: Id, field: &Selected) -> Option<Result<Out, Failure>> {
        let user = self.state.users.get(&id)?;
        Some(Ok(match field.name.as_str() {
            "name" => Out::text(user.name.as_str()),
            "displayName" => Out::text(user.display_name.as_str()),
            "email" => Out::text(user.email.as_str()),
            "active" => Out::Flag(user.active),
            "admin" => Out::Flag(user.admin),
            "guest" => Out::Flag(user.guest),
            "app" => Out::Flag(user.app),
            "owner" => Out::Flag(false),
            "isMe" => Out::Flag(id == self.viewer.user),
            "isAssignable" => Out::Flag(user.active && !user.app),
            "isMentionable" => Out::Flag(user.active),
            "disableReason" => {
                if user.active {
                    Out::Null
                } else {
                    Out::text("admin")
                }
            }
            "initials" => Out::Text(
                user.name
                    .split(' ')
                    .filter_map(|word| word.chars().next())
                    .take(2)
                    .collect::<String>()
                    .to_uppercase(),
            ),
            "avatarBackgroundColor" => Out::text("#7aa5ff"),
            "url" => {
                let key = &self.state.organization.url_key;
                Out::Text(self.state.page_url(&format!("{key}/profiles/{}", user.display_name)))
            }
            "teams" => {
                let teams = self.state.teams.values().filter(|team| team.members.contains(&id));
                let seen = teams.filter(|team| self.viewer.sees_team(team)).map(|team| Item::Team(team.id));
                return Some(self.list("Team", seen.collect(), field));
            }
            "assignedIssues" | "createdIssues" => {
                let relation = if field.name == "createdIssues" { "createdIssues" } else { "assignedIssues" };
                return Some(self.issues(Within::About(Item::User(id), relation), field));
            }
            _ => Out::Null,
        }))
    }

    fn label_field(&self, id: Id, field: &Selected) -> Option<Result<Out, Failure>> {
        let label = self.state.labels.get(&id)?;
        Some(Ok(match field.name.as_str() {
            "name" => Out::text(label.name.as_str()),
            "description" => Out::maybe(label.description.as_deref()),
            "color" => Out::text(label.color.as_str()),
            "isGroup" => Out::Flag(label.group),
            "creator" => Out::link(label.creator, Item::User),
            "parent" => Out::link(label.parent, Item::Label),
            "team" => Out::link(label.team, Item::Team),
            "children" => {
                let children = self.state.labels.values().filter(|child| child.parent == Some(id));
                return Some(self.list(
                    "IssueLabel",
                    children.map(|child| Item::Label(child.id)).collect(),
                    field,
                ));
            }
            "issues" => return Some(self.issues(Within::About(Item::Label(id), "issues"), field)),
            _ => Out::Null,
        }))
    }

    fn project_field(&self, id: Id, field: &Selected) -> Option<Result<Out, Failure>> {
        let project = self.state.projects.get(&id)?;
        let slug = format!("{:08x}", id.low());
        Some(Ok(match field.name.as_str() {
            "name" => Out::text(project.name.as_str()),
            "description" => Out::text(""),
            "color" => Out::text("#bec2c8"),
            "state" => Out::text("backlog"),
            "slugId" => Out::Text(slug),
            "url" => {
                Out::Text(self.state.page_url(&format!("{}/project/{slug}", self.state.organization.url_key)))
            }
            "creator" => Out::link(project.creator, Item::User),
            "teams" => {
                let teams = project.teams.iter().filter_map(|team| self.state.teams.get(team));
                let seen = teams.filter(|team| self.viewer.sees_team(team)).map(|team| Item::Team(team.id));
                return Some(self.list("Team", seen.collect(), field));
            }
            "issues" => return Some(self.issues(Within::About(Item::Project(id), "issues"), field)),
            _ => Out::Null,
        }))
    }

    fn attachment_field(&self, id: Id, field: &Selected) -> Option<Result<Out, Failure>> {
        let attachment = self.state.attachments.get(&id)?;
        Some(Ok(match field.name.as_str() {
            "title" => Out::text(attachment.title.as_str()),
            "subtitle" => Out::maybe(attachment.subtitle.as_deref()),
            "url" => Out::text(attachment.url.as_str()),
            "metadata" => Out::Json(attachment.metadata.clone()),
            "groupBySource" => Out::Flag(attachment.group_by_source),
            "creator" => Out::link(attachment.creator, Item::User),
            "issue" => Out::item(Item::Issue(attachment.issue)),
            _ => Out::Null,
        }))
    }

    /// Returns the teams that the viewer sees.
    pub(super) fn teams(&self) -> Vec<Item> {
        let seen = self.state.teams.values().filter(|team| self.viewer.sees_team(team));
        seen.map(|team| Item::Team(team.id)).collect()
    }

    pub(super) fn users(&self, field: &Selected) -> Vec<Item> {
        let ids = self.state.users.keys().copied();
        ids.filter(|id| self.lists_user(*id, field)).map(Item::User).collect()
    }

    /// True if a list includes this user: disabled ones only on request.
    fn lists_user(&self, id: Id, field: &Selected) -> bool {
        let disabled = field.args.get("includeDisabled") == Some(&serde_json::Value::Bool(true));
        self.state.users.get(&id).is_some_and(|user| user.active || disabled)
    }
}
