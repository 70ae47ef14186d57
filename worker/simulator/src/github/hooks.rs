//! Webhooks: the events of changes, and the routes that register them.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    access::Access,
    body::Body,
    change::By,
    error::{Answer, Refusal, field},
    render::Render,
    state::State,
    types::{Content, Hook, Level, Role},
    version::Version,
    visit::Visit,
};
use crate::{clock::stamp, http::Reply, platform::Delivery};

/// Queues an event of an issue for the webhooks of its repository.
pub(crate) fn announce(state: &mut State, repo: u64, number: u64, action: &str, more: Value, by: By) {
    if let Some(issue) = shown(state, repo, number) {
        send(state, repo, &issue, action, more, by);
    }
}

/// Returns an issue as webhooks show it; `None` if its repository has none.
pub(crate) fn shown(state: &State, repo: u64, number: u64) -> Option<Value> {
    let repo = state.repos.get(&repo).filter(|repo| !repo.hooks.is_empty())?;
    Some(render(state).issue(repo, repo.issues.get(&number)?))
}

/// Queues the event of a transfer to another repository; `issue` is the issue before it.
pub(crate) fn announce_transfer(state: &mut State, repo: u64, issue: &Value, to: (u64, u64), by: By) {
    let Some(target) = state.repos.get(&to.0) else { return };
    let Some(new) = target.issues.get(&to.1) else { return };
    let render = render(state);
    let changes =
        json!({ "new_issue": render.issue(target, new), "new_repository": render.repo(target, READER) });
    send(state, repo, issue, "transferred", json!({ "changes": changes }), by);
}

/// The content of webhooks does not depend on the reader.
const READER: Access = Access { role: Role::Read, issues: Level::Read };

fn render(state: &State) -> Render<'_> {
    Render { state, version: Version::V2022, root: &state.root }
}

fn send(state: &mut State, repo: u64, issue: &Value, action: &str, more: Value, by: By) {
    let Some(found) = state.repos.get(&repo) else { return };
    let render = render(state);
    let mut payload = json!({
        "action": action,
        "issue": issue,
        "repository": render.repo(found, READER),
        // A change without an author has a sender, too.
        "sender": render.user(by.account.or(Some(found.owner))),
    });
    if let (Some(payload), Value::Object(more)) = (payload.as_object_mut(), more) {
        payload.extend(more);
    }
    let hooks: Vec<Hook> = found.hooks.values().filter(|hook| hook.hears("issues")).cloned().collect();
    for hook in hooks {
        let delivery = delivery(state, &hook, action, &payload);
        state.outbox.push(delivery);
    }
}

/// Queues one event for each part of an edit, as GitHub does: an edit of a title and two labels is three events.
pub(crate) fn announce_edit(state: &mut State, repo: u64, number: u64, old: &Content, by: By) {
    let Some(found) = state.repos.get(&repo).filter(|repo| !repo.hooks.is_empty()) else { return };
    let Some(issue) = found.issues.get(&number) else { return };
    let render = render(state);
    let new = &issue.content;
    let mut events: Vec<(&str, Value)> = Vec::new();
    let mut changes = json!({});
    if new.title != old.title {
        changes["title"] = json!({ "from": old.title });
    }
    if new.body != old.body {
        changes["body"] = json!({ "from": old.body });
    }
    if changes != json!({}) {
        events.push(("edited", json!({ "changes": changes })));
    }
    if new.closed != old.closed {
        events.push((if new.closed { "closed" } else { "reopened" }, json!({})));
    }
    let label = |id: &u64| json!({ "label": found.labels.get(id).map(|label| render.label(found, label)) });
    let user = |id: &u64| json!({ "assignee": render.user(Some(*id)) });
    events.extend(added(&old.labels, &new.labels).map(|id| ("labeled", label(id))));
    events.extend(added(&new.labels, &old.labels).map(|id| ("unlabeled", label(id))));
    events.extend(added(&old.assignees, &new.assignees).map(|id| ("assigned", user(id))));
    events.extend(added(&new.assignees, &old.assignees).map(|id| ("unassigned", user(id))));
    if new.milestone != old.milestone {
        let named = new.milestone.or(old.milestone).and_then(|number| found.milestones.get(&number));
        let more = json!({ "milestone": named.map(|milestone| render.milestone(found, milestone)) });
        events.push((if new.milestone.is_some() { "milestoned" } else { "demilestoned" }, more));
    }
    if new.issue_type != old.issue_type {
        let types = state.accounts.get(&found.owner).map(|owner| &owner.types);
        let named = new.issue_type.or(old.issue_type).and_then(|id| types?.get(&id));
        let more = json!({ "type": named.map(|known| render.issue_type(known)) });
        events.push((if new.issue_type.is_some() { "typed" } else { "untyped" }, more));
    }
    for (action, more) in events {
        announce(state, repo, number, action, more, by);
    }
}

fn added<'a>(from: &'a [u64], to: &'a [u64]) -> impl Iterator<Item = &'a u64> {
    to.iter().filter(|id| !from.contains(id))
}

fn delivery(state: &mut State, hook: &Hook, action: &str, payload: &Value) -> Delivery {
    let body = payload.to_string().into_bytes();
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", "GitHub-Hookshot/simulator".to_owned()),
        ("x-github-event", "issues".to_owned()),
        ("x-github-delivery", guid(state)),
        ("x-github-hook-id", hook.id.to_string()),
    ];
    if let Some(signature) = hook.secret.as_ref().and_then(|secret| signature(secret, &body)) {
        headers.push(("x-hub-signature-256", signature));
    }
    Delivery { url: hook.url.clone(), event: format!("/issues/{action}"), headers, body }
}

fn signature(secret: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("sha256={hex}"))
}

/// Generates a delivery id.
pub(crate) fn guid(state: &mut State) -> String {
    let (a, b) = (state.random.next(), state.random.next());
    let text = format!("{a:016x}{b:016x}");
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

impl Hook {
    fn hears(&self, event: &str) -> bool {
        self.active && self.events.iter().any(|heard| heard == event || heard == "*")
    }

    fn json(&self, visit: &Visit<'_>, repo_url: &str) -> Value {
        json!({
            "type": "Repository",
            "id": self.id,
            "name": "web",
            "active": self.active,
            "events": self.events,
            "config": {
                "url": self.url,
                "content_type": "json",
                "insecure_ssl": "0",
                "secret": self.secret.as_ref().map(|_| "********"),
            },
            "created_at": stamp(self.created),
            "updated_at": stamp(self.created),
            "url": format!("{repo_url}/hooks/{}", self.id),
            "test_url": format!("{repo_url}/hooks/{}/test", self.id),
            "ping_url": format!("{repo_url}/hooks/{}/pings", self.id),
            "deliveries_url": format!("{repo_url}/hooks/{}/deliveries", self.id),
            "last_response": { "code": null, "status": "unused", "message": visit.version.name() },
        })
    }
}

/// `GET /repos/{}/{}/hooks`.
pub(crate) fn list(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, access) = visit.repo(state)?;
    let repo = &state.repos[&id];
    if !access.is_admin() {
        return Err(Refusal::not_found());
    }
    let url = visit.render(state).repo_url(repo);
    let hooks = repo.hooks.values().map(|hook| hook.json(visit, &url)).collect();
    Ok(visit.page().reply(visit.call, hooks))
}

/// `POST /repos/{}/{}/hooks`.
pub(crate) fn create(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, access) = visit.repo(state)?;
    visit.viewer.writes(&state.repos[&id], access)?;
    if !access.is_admin() {
        return Err(Refusal::not_found());
    }
    let mut body =
        Body::read(visit.call, &["name", "config", "events", "active"], state.behaviour.unknown_keys)?;
    let events = body.names("events", "name").unwrap_or_else(|| vec!["push".to_owned()]);
    body.check()?;
    let config = body.get("config").cloned().unwrap_or_default();
    let Some(url) = config["url"].as_str() else {
        return Err(Refusal::validation(vec![field("Hook", "url", "missing_field")]));
    };
    let taken = state.repos[&id].hooks.values().any(|hook| hook.url == url);
    if taken {
        return Err(Refusal::validation(vec![super::error::custom(
            "Hook",
            "base",
            "Hook already exists on this repository",
        )]));
    }
    let hook = Hook {
        id: state.fresh_id(),
        url: url.to_owned(),
        secret: config["secret"].as_str().map(str::to_owned),
        events,
        active: body.get("active").and_then(Value::as_bool).unwrap_or(true),
        created: visit.now / 1000,
    };
    let url = visit.render(state).repo_url(&state.repos[&id]);
    let shown = hook.json(visit, &url);
    if let Some(repo) = state.repos.get_mut(&id) {
        repo.hooks.insert(hook.id, hook);
    }
    Ok(Reply::json(201, &shown))
}

/// `DELETE /repos/{}/{}/hooks/{}`.
pub(crate) fn delete(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, access) = visit.repo(state)?;
    let hook = visit.number(2)?;
    let repo = state.repos.get_mut(&id).filter(|_| access.is_admin()).ok_or_else(Refusal::not_found)?;
    repo.hooks.remove(&hook).ok_or_else(Refusal::not_found)?;
    Ok(Reply::empty(204))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_vendors_example() {
        assert_eq!(
            signature("It's a Secret to Everybody", b"Hello, World!").unwrap(),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
