//! The fields of `Query`.

use std::sync::Arc;

use super::{
    super::{
        error::Failure,
        id::Id,
        limits::Resource,
        types::{Attachment, TokenKind},
    },
    View,
    issue::PRIORITIES,
    list::Within,
    node::{Item, Node, Of, Out},
};
use crate::graphql::Selected;

/// Resolves a query.
pub(crate) fn query(view: &View<'_>, field: &Selected) -> Result<Out, Failure> {
    view.viewer.may("read")?;
    let state = view.state;
    let id = field.text("id");
    let missing = |entity: &'static str| move || Failure::not_found(entity);
    match field.name.as_str() {
        "viewer" => Ok(Out::item(Item::User(view.viewer.user))),
        "organization" => Ok(Out::item(Item::Organization)),
        "rateLimitStatus" => Ok(view.rate_limits()),
        "issuePriorityValues" => Ok(Out::Many(
            PRIORITIES
                .iter()
                .enumerate()
                .map(|(priority, label)| {
                    Node::Payload(
                        "IssuePriorityValue",
                        vec![("priority", Out::count(priority)), ("label", Out::text(*label))],
                    )
                })
                .collect(),
        )),
        "team" => view.viewer.team(state, id).map(|team| Out::item(Item::Team(team.id))),
        "teams" => view.list("Team", view.teams(), field),
        "workflowState" => {
            let found = Id::parse(id).and_then(|id| state.states.get(&id));
            let seen = found.filter(|found| view.sees_team(found.team));
            seen.map(|found| Out::item(Item::State(found.id))).ok_or_else(missing("WorkflowState"))
        }
        "workflowStates" => {
            let states = state.states.values().filter(|found| view.sees_team(found.team));
            view.list("WorkflowState", states.map(|found| Item::State(found.id)).collect(), field)
        }
        "user" if id == "me" => Ok(Out::item(Item::User(view.viewer.user))),
        "user" => {
            let found = Id::parse(id).and_then(|id| state.users.get(&id));
            found.map(|user| Out::item(Item::User(user.id))).ok_or_else(missing("User"))
        }
        "users" => view.list("User", view.users(field), field),
        "issueLabel" => {
            let found = Id::parse(id).and_then(|id| state.labels.get(&id));
            let seen = found.filter(|label| view.viewer.sees_label(state, label));
            seen.map(|label| Out::item(Item::Label(label.id))).ok_or_else(missing("IssueLabel"))
        }
        "issueLabels" => {
            let labels = state.labels.values().filter(|label| view.viewer.sees_label(state, label));
            view.list("IssueLabel", labels.map(|label| Item::Label(label.id)).collect(), field)
        }
        "project" => {
            let found = Id::parse(id).and_then(|id| state.projects.get(&id));
            found.map(|project| Out::item(Item::Project(project.id))).ok_or_else(missing("Project"))
        }
        "projects" => {
            view.list("Project", state.projects.keys().copied().map(Item::Project).collect(), field)
        }
        "issue" => view.viewer.issue(state, id).map(|issue| Out::item(Item::Issue(issue.id))),
        "issues" => view.issues(Within::Everything, field),
        "issueSearch" => view.search(field, field.text("query"), Of::Items("Issue")),
        "searchIssues" => view.search(field, field.text("term"), Of::Found),
        "issueVcsBranchSearch" => {
            let branch = field.text("branchName");
            let words = branch.rsplit('/').next().unwrap_or_default().split('-').collect::<Vec<_>>();
            let found = words.windows(2).find_map(|pair| state.issue(&pair.join("-")));
            let seen = found.filter(|issue| view.viewer.sees(state, issue));
            Ok(Out::link(seen.map(|issue| issue.id), Item::Issue))
        }
        "attachment" => {
            let found = Id::parse(id).and_then(|id| state.attachments.get(&id));
            let seen = found.filter(|found| view.sees_attachment(found));
            seen.map(|found| Out::item(Item::Attachment(found.id))).ok_or_else(missing("Attachment"))
        }
        "attachments" => {
            let all = state.attachments.values().filter(|found| view.sees_attachment(found));
            view.list("Attachment", all.map(|found| Item::Attachment(found.id)).collect(), field)
        }
        "attachmentsForURL" => {
            let ids = state.by_url.get(field.text("url")).into_iter().flatten();
            let found =
                ids.filter_map(|id| state.attachments.get(id)).filter(|found| view.sees_attachment(found));
            view.list("Attachment", found.map(|found| Item::Attachment(found.id)).collect(), field)
        }
        _ => Ok(Out::Null),
    }
}

impl View<'_> {
    fn sees_team(&self, team: Id) -> bool {
        self.state.teams.get(&team).is_some_and(|team| self.viewer.sees_team(team))
    }

    fn sees_attachment(&self, attachment: &Attachment) -> bool {
        let issue = self.state.issues.get(&attachment.issue);
        issue.is_some_and(|issue| !issue.trashed && self.viewer.sees(self.state, issue))
    }

    /// Finds issues with all words of a term in title or description, or with the identifier.
    fn search(&self, field: &Selected, term: &str, of: Of) -> Result<Out, Failure> {
        let words: Vec<String> = term.split_whitespace().map(str::to_lowercase).collect();
        let team = Some(field.text("teamId")).filter(|team| !team.is_empty());
        let team = team.map(|team| self.viewer.team(self.state, team)).transpose()?;
        let within = team.map_or(Within::Everything, |team| Within::Team(team.id));
        let named = self.state.issue_id(term);
        let found = |id: Id| {
            self.state.issues.get(&id).is_some_and(|issue| {
                let text = issue.content.description.as_deref().unwrap_or_default().to_lowercase();
                let title = issue.content.title.to_lowercase();
                Some(id) == named || words.iter().all(|word| title.contains(word) || text.contains(word))
            })
        };
        let page = self.page_of_issues(within, field, of, &found)?;
        Ok(Out::One(Node::Page(Arc::new(page))))
    }

    fn rate_limits(&self) -> Out {
        let limit = |resource: Resource, name: &'static str| {
            let budget = self.state.budgets.budget(self.viewer, resource, &self.limits)?;
            Some(Node::Payload(
                "RateLimitResultPayload",
                vec![
                    ("type", Out::text(name)),
                    ("requestedAmount", Out::Number(0.0)),
                    ("allowedAmount", Out::Number(budget.limit as f64)),
                    ("period", Out::Number(3_600_000.0)),
                    ("remainingAmount", Out::Number(budget.remaining as f64)),
                    ("reset", Out::Number(budget.reset as f64)),
                ],
            ))
        };
        let limits = [limit(Resource::Requests, "requests"), limit(Resource::Complexity, "complexity")];
        let kind = if self.viewer.kind == TokenKind::Key { "apiKey" } else { "oauthApp" };
        Out::One(Node::Payload(
            "RateLimitPayload",
            vec![
                ("identifier", Out::text(self.viewer.user.to_string())),
                ("kind", Out::text(kind)),
                ("limits", Out::Many(limits.into_iter().flatten().collect())),
            ],
        ))
    }
}
