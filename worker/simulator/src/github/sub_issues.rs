//! Sub-issues: one parent per issue, 100 children per parent, 8 levels.

use super::{
    body::Body,
    error::{Answer, Refusal, custom},
    state::State,
    types::Issue,
    visit::Visit,
};
use crate::http::Reply;

const MAX_CHILDREN: usize = 100;
const MAX_LEVELS: usize = 8;

/// `GET /repos/{}/{}/issues/{}/sub_issues`.
pub(crate) fn list(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (_, _, issue) = visit.issue(state)?;
    let render = visit.render(state);
    let children = issue.children.iter().filter_map(|id| state.issue_by_id(*id));
    let children = children.map(|(repo, child)| render.issue(repo, child)).collect();
    Ok(visit.page().reply(visit.call, children))
}

/// `GET /repos/{}/{}/issues/{}/parent`.
pub(crate) fn parent(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (_, _, issue) = visit.issue(state)?;
    let (repo, parent) = issue.parent.and_then(|id| state.issue_by_id(id)).ok_or_else(Refusal::not_found)?;
    visit.viewer.access(repo).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, &visit.render(state).issue(repo, parent)))
}

/// `POST /repos/{}/{}/issues/{}/sub_issues`. The body names the child by its id, not by its number.
pub(crate) fn add(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, number, parent) = triaged(state, visit)?;
    let keys = ["sub_issue_id", "replace_parent"];
    let mut body = Body::read(visit.call, &keys, state.behaviour.unknown_keys)?;
    body.require("sub_issue_id");
    let child = body.number("sub_issue_id").flatten().unwrap_or(0);
    let replace = body.get("replace_parent").and_then(serde_json::Value::as_bool).unwrap_or(false);
    body.check()?;
    let refused = |message: &str| Refusal::validation(vec![custom("SubIssue", "sub_issue_id", message)]);
    let (repo, found) = state.issue_by_id(child).ok_or_else(Refusal::not_found)?;
    visit.viewer.access(repo).ok_or_else(Refusal::not_found)?;
    if repo.owner != state.repos[&id].owner {
        return Err(refused("Sub issue must belong to the same owner"));
    }
    let issue = state.repos[&id].issues.get(&number).ok_or_else(Refusal::not_found)?;
    if issue.children.contains(&child) {
        return Err(refused("Issue may not contain duplicate sub-issues"));
    }
    if found.parent.is_some() && !replace {
        return Err(refused("Sub issue may only have one parent"));
    }
    if issue.children.len() >= MAX_CHILDREN {
        return Err(refused("Parent cannot have more than 100 sub-issues"));
    }
    let above = state.line(parent);
    if above.contains(&child) {
        return Err(refused("Sub issue cannot be an ancestor of its parent"));
    }
    if above.len() + state.depth(child, 0) > MAX_LEVELS {
        return Err(refused("Parent cannot have more than 8 layers of sub-issues"));
    }
    state.set_parent(child, Some(parent));
    shown(state, visit, 201, (id, number))
}

/// `DELETE /repos/{}/{}/issues/{}/sub_issue`.
pub(crate) fn remove(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, number, parent) = triaged(state, visit)?;
    let mut body = Body::read(visit.call, &["sub_issue_id"], state.behaviour.unknown_keys)?;
    body.require("sub_issue_id");
    let child = body.number("sub_issue_id").flatten().unwrap_or(0);
    body.check()?;
    let linked = state.issue_by_id(child).is_some_and(|(_, child)| child.parent == Some(parent));
    if !linked {
        return Err(Refusal::not_found());
    }
    state.set_parent(child, None);
    shown(state, visit, 200, (id, number))
}

/// Returns the issue of the path, for a viewer who may triage: its repository, number and id.
fn triaged(state: &State, visit: &Visit<'_>) -> Result<(u64, u64, u64), Refusal> {
    let (id, access, issue) = visit.issue(state)?;
    visit.viewer.writes(&state.repos[&id], access)?;
    if !access.may_triage() {
        return Err(Refusal::new(403, "Must have push access to repository."));
    }
    Ok((id, issue.number, issue.id))
}

fn shown(state: &State, visit: &Visit<'_>, status: u16, (repo, number): (u64, u64)) -> Answer {
    let repo = &state.repos[&repo];
    let issue = repo.issues.get(&number).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(status, &visit.render(state).issue(repo, issue)))
}

impl State {
    /// Returns the ids of an issue and its ancestors.
    fn line(&self, issue: u64) -> Vec<u64> {
        let mut line = vec![issue];
        while let Some(parent) = line.last().and_then(|id| self.issue_by_id(*id)).and_then(|(_, i)| i.parent)
        {
            line.push(parent);
        }
        line
    }

    /// Returns the number of levels of a tree, from an issue downwards.
    fn depth(&self, issue: u64, above: usize) -> usize {
        let Some((_, found)) = self.issue_by_id(issue).filter(|_| above <= MAX_LEVELS) else { return 0 };
        1 + found.children.iter().map(|child| self.depth(*child, above + 1)).max().unwrap_or(0)
    }

    fn issue_mut(&mut self, id: u64) -> Option<&mut Issue> {
        let (repo, number) = self.places.get(&id)?;
        self.repos.get_mut(repo)?.issues.get_mut(number)
    }

    /// Sets or clears the parent of an issue. No `updated_at` changes.
    pub(crate) fn set_parent(&mut self, child: u64, parent: Option<u64>) {
        let old = self.issue_by_id(child).and_then(|(_, child)| child.parent);
        if let Some(old) = old.and_then(|id| self.issue_mut(id)) {
            old.children.retain(|id| *id != child);
            old.rendered.take();
        }
        if let Some(parent) = parent.and_then(|id| self.issue_mut(id)) {
            parent.children.push(child);
            parent.rendered.take();
        }
        if let Some(child) = self.issue_mut(child) {
            child.parent = parent;
            child.rendered.take();
        }
    }
}
