//! The fields of an issue.

use serde_json::json;

use super::{
    super::{error::Failure, id::Id, types::Issue},
    View,
    list::Within,
    node::{Item, Node, Out},
};
use crate::graphql::Selected;

/// The names of priorities, by their numbers.
pub(crate) const PRIORITIES: [&str; 5] = ["No priority", "Urgent", "High", "Medium", "Low"];

impl View<'_> {
    /// Resolves a field of an issue.
    pub(super) fn issue(&self, id: Id, field: &Selected) -> Result<Out, Failure> {
        let issue = self.state.issues.get(&id).ok_or_else(|| Failure::not_found("Issue"))?;
        let content = &issue.content;
        Ok(match field.name.as_str() {
            "id" => Out::text(id.to_string()),
            "identifier" => Out::Text(self.state.identifier(issue)),
            "number" => Out::Number(issue.number as f64),
            "title" => Out::text(content.title.as_str()),
            "description" => Out::maybe(content.description.as_deref()),
            "priority" => Out::Number(content.priority as f64),
            "priorityLabel" => Out::text(
                usize::try_from(content.priority)
                    .ok()
                    .and_then(|at| PRIORITIES.get(at))
                    .copied()
                    .unwrap_or_default(),
            ),
            "estimate" => content.estimate.map_or(Out::Null, |estimate| Out::Number(estimate as f64)),
            "dueDate" => Out::maybe(content.due.as_deref()),
            "createdAt" => Out::time(Some(issue.created)),
            "updatedAt" => Out::time(Some(issue.updated)),
            "archivedAt" => Out::time(issue.archived),
            "autoArchivedAt" => Out::time(issue.archived.filter(|_| issue.auto_archived)),
            "startedAt" => Out::time(issue.started),
            "completedAt" => Out::time(issue.completed),
            "canceledAt" => Out::time(issue.canceled),
            "triagedAt" => Out::time(issue.triaged),
            "snoozedUntilAt" => Out::time(content.snoozed),
            "trashed" => {
                if issue.trashed {
                    Out::Flag(true)
                } else {
                    Out::Null
                }
            }
            "state" => Out::item(Item::State(content.state)),
            "team" => Out::item(Item::Team(issue.team)),
            "assignee" => Out::link(content.assignee, Item::User),
            "delegate" => Out::link(content.delegate, Item::User),
            "creator" => Out::link(issue.creator, Item::User),
            "project" => Out::link(content.project, Item::Project),
            "parent" => self.parent(issue),
            "labelIds" => Out::Texts(content.labels.iter().map(Id::to_string).collect()),
            "labels" => {
                let labels = content.labels.iter().copied().map(Item::Label).collect();
                self.list("IssueLabel", labels, field)?
            }
            "subscribers" => {
                let users = issue.quiet.subscribers.iter().copied().map(Item::User).collect();
                self.list("User", users, field)?
            }
            "attachments" => {
                let attachments = issue.attachments.iter().copied().map(Item::Attachment).collect();
                self.list("Attachment", attachments, field)?
            }
            "children" => {
                let children: Vec<Id> = issue.children.iter().copied().collect();
                self.issues(Within::These(&children), field)?
            }
            "previousIdentifiers" => Out::Texts(issue.previous.clone()),
            "url" => Out::Text(self.state.issue_url(issue)),
            "branchName" => Out::Text(self.branch(issue)),
            "sortOrder" | "boardOrder" => Out::Number(issue.quiet.sort),
            "prioritySortOrder" => Out::Number(issue.quiet.priority_sort),
            "subIssueSortOrder" => issue.quiet.sub_issue_sort.map_or(Out::Null, Out::Number),
            "customerTicketCount" => Out::Number(0.0),
            "reactionData" | "metadata" => Out::Json(json!({})),
            "botActor" => match &issue.as_user {
                None => Out::Null,
                Some(name) => Out::One(Node::Payload(
                    "ActorBot",
                    vec![
                        ("type", Out::text("oauthClient")),
                        ("name", Out::text(name.as_str())),
                        ("userDisplayName", Out::text(name.as_str())),
                    ],
                )),
            },
            _ => Out::Null,
        })
    }

    /// Returns the parent; null if the viewer does not see it.
    fn parent(&self, issue: &Issue) -> Out {
        let parent = issue.content.parent.and_then(|parent| self.state.issues.get(&parent));
        Out::link(
            parent.filter(|parent| self.viewer.sees(self.state, parent)).map(|parent| parent.id),
            Item::Issue,
        )
    }

    fn branch(&self, issue: &Issue) -> String {
        let url = self.state.issue_url(issue);
        let slug = url.rsplit_once("/issue/").map_or("", |(_, path)| path);
        let user = self.state.users.get(&self.viewer.user).map_or("", |user| user.display_name.as_str());
        format!("{user}/{}", slug.replace('/', "-").to_lowercase())
    }

    /// True if a record is the state, a person, a label or the project of an issue.
    pub(super) fn is_about(&self, id: Id, item: Item, relation: &str) -> bool {
        let Some(issue) = self.state.issues.get(&id) else { return false };
        match (item, relation) {
            (Item::State(state), _) => issue.content.state == state,
            (Item::User(user), "createdIssues") => issue.creator == Some(user),
            (Item::User(user), _) => issue.content.assignee == Some(user),
            (Item::Label(label), _) => issue.content.labels.contains(&label),
            (Item::Project(project), _) => issue.content.project == Some(project),
            _ => false,
        }
    }
}
