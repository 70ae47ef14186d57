//! Accounts, issues and their parts as JSON.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use serde_json::{Map, Value, json};

use super::{
    state::{State, node},
    types::{Account, Issue, IssueField, IssueType, Label, Milestone, Repo},
    version::Version,
};
use crate::clock::stamp;

/// Writes the records of a state for one client.
#[derive(Clone, Copy)]
pub(crate) struct Render<'a> {
    pub(crate) state: &'a State,
    pub(crate) version: Version,
    /// The server's address as the client wrote it.
    pub(crate) root: &'a str,
}

impl Render<'_> {
    /// Returns the base URL of the API.
    pub(crate) fn api(&self) -> String {
        format!("{}/github", self.root)
    }

    /// Returns the address of a page for people.
    pub(crate) fn html(&self, path: &str) -> String {
        format!("{}/page/github/{path}", self.root)
    }

    /// Returns an account by its id; null for none.
    pub(crate) fn user(&self, account: Option<u64>) -> Value {
        account
            .and_then(|id| self.state.accounts.get(&id))
            .map_or(Value::Null, |account| self.account(account))
    }

    pub(crate) fn account(&self, account: &Account) -> Value {
        let url = format!("{}/users/{}", self.api(), account.login);
        json!({
            "login": account.login,
            "id": account.id,
            "node_id": node::id(node::USER, account.id),
            "avatar_url": self.html(&format!("avatars/{}", account.id)),
            "gravatar_id": "",
            "url": url,
            "html_url": self.html(&account.login),
            "followers_url": format!("{url}/followers"),
            "following_url": format!("{url}/following{{/other_user}}"),
            "gists_url": format!("{url}/gists{{/gist_id}}"),
            "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{url}/subscriptions"),
            "organizations_url": format!("{url}/orgs"),
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events{{/privacy}}"),
            "received_events_url": format!("{url}/received_events"),
            "type": account.kind.name(),
            "user_view_type": "public",
            "site_admin": false,
        })
    }

    /// Returns the URL of a repository in the API.
    pub(crate) fn repo_url(&self, repo: &Repo) -> String {
        format!("{}/repos/{}", self.api(), self.state.full_name(repo))
    }

    pub(crate) fn label(&self, repo: &Repo, label: &Label) -> Value {
        let name = percent_encoding::utf8_percent_encode(&label.name, percent_encoding::NON_ALPHANUMERIC);
        json!({
            "id": label.id,
            "node_id": node::id(node::LABEL, label.id),
            "url": format!("{}/labels/{name}", self.repo_url(repo)),
            "name": label.name,
            "color": label.color,
            "default": label.default,
            "description": label.description,
        })
    }

    pub(crate) fn milestone(&self, repo: &Repo, milestone: &Milestone) -> Value {
        let url = format!("{}/milestones/{}", self.repo_url(repo), milestone.number);
        json!({
            "url": url,
            "html_url": self.html(&format!("{}/milestone/{}", self.state.full_name(repo), milestone.number)),
            "labels_url": format!("{url}/labels"),
            "id": milestone.id,
            "node_id": node::id(node::MILESTONE, milestone.id),
            "number": milestone.number,
            "title": milestone.title,
            "description": milestone.description,
            "creator": self.user(milestone.creator),
            "open_issues": milestone.open_issues,
            "closed_issues": milestone.closed_issues,
            "state": if milestone.open { "open" } else { "closed" },
            "created_at": stamp(milestone.created),
            "updated_at": stamp(milestone.updated),
            "due_on": milestone.due.map(stamp),
            "closed_at": milestone.closed.map(stamp),
        })
    }

    pub(crate) fn issue_type(&self, issue_type: &IssueType) -> Value {
        json!({
            "id": issue_type.id,
            "node_id": node::id(node::ISSUE_TYPE, issue_type.id),
            "name": issue_type.name,
            "description": issue_type.description,
            "color": issue_type.color,
            "created_at": stamp(issue_type.created),
            "updated_at": stamp(issue_type.created),
            "is_enabled": true,
        })
    }

    pub(crate) fn field_value(&self, field: &IssueField, value: &Value) -> Value {
        let option = |name: &Value| {
            let option = field.options.iter().find(|option| Some(option.name.as_str()) == name.as_str());
            option.map_or(
                Value::Null,
                |option| json!({ "id": option.id, "name": option.name, "color": option.color }),
            )
        };
        let mut shown = json!({
            "issue_field_id": field.id,
            "issue_field_name": field.name,
            "node_id": node::id(node::ISSUE_FIELD, field.id),
            "data_type": field.data_type,
            "value": value,
        });
        match value {
            Value::Array(names) => {
                shown["value"] = json!(names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","));
                shown["multi_select_options"] = names.iter().map(option).collect();
            }
            name if !field.options.is_empty() => shown["single_select_option"] = option(name),
            _ => {}
        }
        shown
    }

    /// Returns the values of an issue's fields.
    pub(crate) fn field_values(&self, repo: &Repo, issue: &Issue) -> Value {
        let Some(owner) = self.state.accounts.get(&repo.owner) else { return json!([]) };
        let values = issue.content.fields.iter();
        values.filter_map(|(id, value)| Some(self.field_value(owner.fields.get(id)?, value))).collect()
    }

    /// Returns an issue as JSON text. It is cached until the issue, or a value that many issues show, changes: listings
    /// of thousands of issues are mostly copies.
    pub(crate) fn issue_text(&self, repo: &Repo, issue: &Issue) -> Arc<str> {
        if let Some(left) = issue.empty_reads.get().checked_sub(1) {
            issue.empty_reads.set(left);
            let mut value = self.issue(repo, issue);
            value["body"] = Value::Null;
            return value.to_string().into();
        }
        let mut hasher = DefaultHasher::new();
        (self.root, self.version.name(), self.state.epoch).hash(&mut hasher);
        let key = hasher.finish();
        if let Some((of, text)) = &*issue.rendered.borrow()
            && *of == key
        {
            return Arc::clone(text);
        }
        let text: Arc<str> = self.issue(repo, issue).to_string().into();
        *issue.rendered.borrow_mut() = Some((key, Arc::clone(&text)));
        text
    }

    pub(crate) fn issue(&self, repo: &Repo, issue: &Issue) -> Value {
        let content = &issue.content;
        let repo_url = self.repo_url(repo);
        let url = format!("{repo_url}/issues/{}", issue.number);
        let kind = if issue.pull_request { "pull" } else { "issues" };
        let html = self.html(&format!("{}/{kind}/{}", self.state.full_name(repo), issue.number));
        let node = node::id(if issue.pull_request { node::PULL } else { node::ISSUE }, issue.id);
        let labels: Vec<_> = content.labels.iter().filter_map(|id| repo.labels.get(id)).collect();
        let milestone = content.milestone.and_then(|number| repo.milestones.get(&number));
        let owner = self.state.accounts.get(&repo.owner);
        let issue_type =
            content.issue_type.and_then(|id| owner?.types.get(&id)).map(|found| self.issue_type(found));
        let mut shown = json!({
            "url": url,
            "repository_url": repo_url,
            "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"),
            "events_url": format!("{url}/events"),
            "timeline_url": format!("{url}/timeline"),
            "html_url": html,
            "id": issue.id,
            "node_id": node,
            "number": issue.number,
            "title": content.title,
            "body": content.body,
            "user": self.user(issue.author),
            "labels": labels.into_iter().map(|label| self.label(repo, label)).collect::<Vec<_>>(),
            "state": if content.closed { "closed" } else { "open" },
            "state_reason": content.reason,
            "locked": false,
            "active_lock_reason": null,
            "assignees": content.assignees.iter().map(|id| self.user(Some(*id))).collect::<Vec<_>>(),
            "milestone": milestone.map(|milestone| self.milestone(repo, milestone)),
            "comments": 0,
            "created_at": stamp(issue.created),
            "updated_at": stamp(issue.updated),
            "closed_at": issue.closed_at.map(stamp),
            "closed_by": self.user(issue.closed_by),
            "author_association": association(repo, issue.author),
            "performed_via_github_app": null,
            "reactions": reactions(&url),
            "sub_issues_summary": self.children(issue),
            "issue_dependencies_summary":
                { "blocked_by": 0, "total_blocked_by": 0, "blocking": 0, "total_blocking": 0 },
            "issue_field_values": self.field_values(repo, issue),
        });
        if let Some(issue_type) = issue_type {
            shown["type"] = issue_type;
        } else if !issue.pull_request {
            shown["type"] = Value::Null;
        }
        if self.version == Version::V2022 {
            shown["assignee"] = self.user(content.assignees.first().copied());
        }
        if let Some((of, parent)) = issue.parent.and_then(|id| self.state.issue_by_id(id)) {
            shown["parent_issue_url"] = json!(format!("{}/issues/{}", self.repo_url(of), parent.number));
        }
        if issue.pull_request {
            shown["draft"] = json!(false);
            shown["pull_request"] = json!({
                "url": format!("{repo_url}/pulls/{}", issue.number),
                "html_url": html,
                "diff_url": format!("{html}.diff"),
                "patch_url": format!("{html}.patch"),
                "merged_at": null,
            });
        }
        shown
    }

    fn children(&self, issue: &Issue) -> Value {
        let total = issue.children.len();
        let done = issue.children.iter().filter_map(|id| self.state.issue_by_id(*id));
        let done = done.filter(|(_, child)| child.content.closed).count();
        let percent = (done * 100).checked_div(total).unwrap_or(0);
        json!({ "total": total, "completed": done, "percent_completed": percent })
    }
}

fn association(repo: &Repo, author: Option<u64>) -> &'static str {
    match author {
        Some(author) if author == repo.owner => "OWNER",
        Some(author) if repo.members.contains_key(&author) => "COLLABORATOR",
        _ => "NONE",
    }
}

fn reactions(url: &str) -> Value {
    let kinds = ["+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"];
    let mut shown: Map<_, _> = kinds.into_iter().map(|kind| (kind.to_owned(), json!(0))).collect();
    shown.insert("url".to_owned(), json!(format!("{url}/reactions")));
    shown.insert("total_count".to_owned(), json!(0));
    Value::Object(shown)
}
