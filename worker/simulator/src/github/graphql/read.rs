//! The readable fields of GraphQL.

use serde_json::{Map, Value, json};

use super::{
    super::{
        limits::{Resource, Rules},
        state::{State, node},
        types::{Issue, Repo},
        visit::Visit,
    },
    Failure, Field,
};
use crate::clock::stamp;

/// An object whose fields can be selected.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Query,
    Mutation,
    /// An issue: its repository and number.
    Issue(u64, u64),
    Repo(u64),
    Account(u64),
    Label(u64, u64),
    RateLimit,
    /// The result of a mutation: the name of its type and its fields.
    Payload(&'static str, Vec<(&'static str, Out)>),
    /// A connection whose items are all on one page.
    Connection(Vec<Node>),
    PageInfo,
}

/// The value of a field.
#[derive(Debug, Clone)]
pub(super) enum Out {
    Leaf(Value),
    One(Node),
    Many(Vec<Option<Node>>),
}

impl Node {
    fn name(&self) -> &'static str {
        match self {
            Node::Query => "Query",
            Node::Mutation => "Mutation",
            Node::Issue(..) => "Issue",
            Node::Repo(_) => "Repository",
            Node::Account(_) => "User",
            Node::Label(..) => "Label",
            Node::RateLimit => "RateLimit",
            Node::Payload(name, _) => name,
            Node::Connection(_) => "Connection",
            Node::PageInfo => "PageInfo",
        }
    }

    /// True for the name of the type or of one of its interfaces.
    pub(super) fn is(&self, name: &str) -> bool {
        let of_account = ["Actor", "RepositoryOwner", "Organization", "Bot"];
        name == self.name()
            || name == "Node"
            || matches!(self, Node::Account(_)) && of_account.contains(&name)
    }
}

/// Resolves a field of a node.
pub(super) fn resolve(
    state: &mut State,
    visit: &Visit<'_>,
    node: &Node,
    field: &Field,
) -> Result<Out, Failure> {
    if field.name == "__typename" {
        return Ok(Out::Leaf(json!(node.name())));
    }
    let found = match node {
        Node::Query => return of_query(state, visit, field),
        Node::RateLimit => of_limit(state, visit, &field.name),
        Node::Issue(repo, number) => {
            let found = state.repos.get(repo).and_then(|found| Some((found, found.issues.get(number)?)));
            found.and_then(|(repo, issue)| of_issue(visit, state, repo, issue, &field.name))
        }
        Node::Repo(id) => match state.repos.get(id) {
            Some(repo) => return of_repo(visit, state, repo, field),
            None => None,
        },
        Node::Account(id) => of_account(state, *id, &field.name),
        Node::Label(repo, id) => of_label(state, *repo, *id, &field.name),
        Node::Payload(_, fields) => {
            fields.iter().find(|(name, _)| *name == field.name).map(|(_, value)| value.clone())
        }
        Node::Connection(nodes) => match field.name.as_str() {
            "nodes" => Some(Out::Many(nodes.iter().cloned().map(Some).collect())),
            "totalCount" => Some(Out::Leaf(json!(nodes.len()))),
            "pageInfo" => Some(Out::One(Node::PageInfo)),
            _ => None,
        },
        Node::PageInfo => match field.name.as_str() {
            "hasNextPage" | "hasPreviousPage" => Some(Out::Leaf(json!(false))),
            "endCursor" | "startCursor" => Some(Out::Leaf(Value::Null)),
            _ => None,
        },
        Node::Mutation => None,
    };
    found.ok_or_else(|| unknown(node, &field.name))
}

fn unknown(node: &Node, field: &str) -> Failure {
    Failure::new("undefinedField", format!("Field '{field}' doesn't exist on type '{}'", node.name()))
}

fn text<'a>(args: &'a Map<String, Value>, name: &str) -> &'a str {
    args.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn of_query(state: &State, visit: &Visit<'_>, field: &Field) -> Result<Out, Failure> {
    Ok(match field.name.as_str() {
        "viewer" => Out::One(Node::Account(visit.viewer.account.unwrap_or(0))),
        "rateLimit" => {
            let rules = Rules { limits: visit.limits, behaviour: &state.behaviour, now: visit.now };
            match state.budgets.has(visit.viewer.account.unwrap_or(0), Resource::GraphQl, &rules) {
                true => Out::One(Node::RateLimit),
                false => Out::Leaf(Value::Null),
            }
        }
        "node" => Out::One(by_id(state, visit, text(&field.args, "id"))?),
        "nodes" => {
            let ids = field.args.get("ids").and_then(Value::as_array).cloned().unwrap_or_default();
            if ids.len() > 100 {
                return Err(Failure::new("ARGUMENT_LIMIT", "You may not provide more than 100 node ids"));
            }
            let nodes = ids.iter().map(|id| by_id(state, visit, id.as_str().unwrap_or_default()).ok());
            Out::Many(nodes.collect())
        }
        "repository" => {
            let (owner, name) = (text(&field.args, "owner"), text(&field.args, "name"));
            let repo = state.repo_id(owner, name).and_then(|id| state.repos.get(&id));
            let repo = repo.filter(|repo| visit.viewer.access(repo).is_some()).ok_or_else(|| {
                let message = format!("Could not resolve to a Repository with the name '{owner}/{name}'.");
                Failure::new("NOT_FOUND", message)
            })?;
            Out::One(Node::Repo(repo.id))
        }
        name => return Err(unknown(&Node::Query, name)),
    })
}

/// Finds the object with a node id, if the viewer sees it.
pub(super) fn by_id(state: &State, visit: &Visit<'_>, id: &str) -> Result<Node, Failure> {
    let missing = || Failure::no_node(id);
    if let Some(repo) = node::parse(node::REPO, id) {
        let repo = state.repos.get(&repo).ok_or_else(missing)?;
        return visit.viewer.access(repo).map(|_| Node::Repo(repo.id)).ok_or_else(missing);
    }
    if let Some(account) = node::parse(node::USER, id) {
        return state.accounts.get(&account).map(|account| Node::Account(account.id)).ok_or_else(missing);
    }
    let issue = node::parse(node::ISSUE, id).ok_or_else(missing)?;
    let (repo, issue) = state.issue_by_id(issue).ok_or_else(missing)?;
    visit.viewer.access(repo).map(|_| Node::Issue(repo.id, issue.number)).ok_or_else(missing)
}

fn of_limit(state: &mut State, visit: &Visit<'_>, field: &str) -> Option<Out> {
    let behaviour = state.behaviour.clone();
    let rules = Rules { limits: visit.limits, behaviour: &behaviour, now: visit.now };
    let budget = state.budgets.budget(visit.viewer.account.unwrap_or(0), Resource::GraphQl, &rules);
    Some(Out::Leaf(match field {
        "cost" => json!(1),
        "nodeCount" => json!(0),
        "limit" => json!(budget.limit),
        "used" => json!(budget.used),
        "remaining" => json!(budget.remaining()),
        "resetAt" => json!(stamp(budget.reset)),
        _ => return None,
    }))
}

fn of_issue(visit: &Visit<'_>, state: &State, repo: &Repo, issue: &Issue, field: &str) -> Option<Out> {
    let content = &issue.content;
    let shown = || visit.render(state).issue(repo, issue);
    Some(match field {
        "id" => Out::Leaf(json!(node::id(node::ISSUE, issue.id))),
        "databaseId" | "fullDatabaseId" => Out::Leaf(json!(issue.id)),
        "number" => Out::Leaf(json!(issue.number)),
        "title" => Out::Leaf(json!(content.title)),
        // GraphQL has an empty text where REST has null.
        "body" => Out::Leaf(json!(content.body.as_deref().unwrap_or_default())),
        "state" => Out::Leaf(json!(if content.closed { "CLOSED" } else { "OPEN" })),
        "stateReason" => {
            Out::Leaf(content.reason.map_or(Value::Null, |reason| json!(reason.name().to_uppercase())))
        }
        "createdAt" => Out::Leaf(json!(stamp(issue.created))),
        "updatedAt" => Out::Leaf(json!(stamp(issue.updated))),
        "closedAt" => Out::Leaf(json!(issue.closed_at.map(stamp))),
        "url" => Out::Leaf(shown()["html_url"].clone()),
        "repository" => Out::One(Node::Repo(repo.id)),
        "author" => issue.author.map_or(Out::Leaf(Value::Null), |id| Out::One(Node::Account(id))),
        "labels" => {
            Out::One(Node::Connection(content.labels.iter().map(|id| Node::Label(repo.id, *id)).collect()))
        }
        "assignees" => {
            Out::One(Node::Connection(content.assignees.iter().map(|id| Node::Account(*id)).collect()))
        }
        _ => return None,
    })
}

fn of_repo(visit: &Visit<'_>, state: &State, repo: &Repo, field: &Field) -> Result<Out, Failure> {
    Ok(Out::Leaf(match field.name.as_str() {
        "id" => json!(node::id(node::REPO, repo.id)),
        "databaseId" => json!(repo.id),
        "name" => json!(repo.name),
        "nameWithOwner" => json!(state.full_name(repo)),
        "isPrivate" => json!(repo.private),
        "isArchived" => json!(repo.archived),
        "hasIssuesEnabled" => json!(repo.has_issues),
        "url" => json!(visit.render(state).html(&state.full_name(repo))),
        "owner" => return Ok(Out::One(Node::Account(repo.owner))),
        "issue" => {
            let number = field.args.get("number").and_then(Value::as_u64).unwrap_or(0);
            let issue = repo.issues.get(&number).filter(|issue| !issue.pull_request).ok_or_else(|| {
                let message = format!("Could not resolve to an Issue with the number of {number}.");
                Failure::new("NOT_FOUND", message)
            })?;
            return Ok(Out::One(Node::Issue(repo.id, issue.number)));
        }
        name => return Err(unknown(&Node::Repo(repo.id), name)),
    }))
}

fn of_account(state: &State, id: u64, field: &str) -> Option<Out> {
    let account = state.accounts.get(&id)?;
    Some(Out::Leaf(match field {
        "id" => json!(node::id(node::USER, id)),
        "databaseId" => json!(id),
        "login" => json!(account.login),
        "name" => json!(account.name),
        "email" => json!(account.email.as_deref().unwrap_or_default()),
        _ => return None,
    }))
}

fn of_label(state: &State, repo: u64, id: u64, field: &str) -> Option<Out> {
    let label = state.repos.get(&repo)?.labels.get(&id)?;
    Some(Out::Leaf(match field {
        "id" => json!(node::id(node::LABEL, id)),
        "name" => json!(label.name),
        "color" => json!(label.color),
        "description" => json!(label.description),
        _ => return None,
    }))
}
