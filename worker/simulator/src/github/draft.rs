//! Converts the body of a request to a change, with the checks of the API.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    access::Access,
    behaviour::LongBody,
    body::Body,
    change::{Change, Wanted},
    error::{Refusal, custom, field, invalid},
    fields,
    state::State,
    types::{Reason, Repo},
    visit::Visit,
};

/// The most labels of an issue.
const MAX_LABELS: usize = 100;

/// The most assignees of an issue; further ones are dropped.
const MAX_ASSIGNEES: usize = 10;

/// The longest name of a label, in characters.
pub(crate) const MAX_LABEL_NAME: usize = 50;

/// Reads a change from a body whose types are checked. Without the right to triage, labels, assignees, milestone and
/// type are dropped silently.
pub(crate) fn read(
    state: &State,
    visit: &Visit<'_>,
    (repo, access): (&Repo, Access),
    body: &mut Body,
) -> Result<Change, Refusal> {
    let title = body.text_or_number("title");
    let text = body.nullable("body");
    let closed = body.text("state");
    let reason = body.nullable("state_reason");
    let labels = body.names("labels", "name");
    let assignees = body.names("assignees", "login");
    let assignee = body.nullable("assignee");
    let milestone = body.number("milestone");
    let issue_type = type_name(body);
    let values = body.objects("issue_field_values");
    body.check()?;

    let mut errors = Vec::new();
    let mut change = Change {
        title: title.map(|title| title.trim().to_owned()),
        body: text.map(|text| text.map(|text| cut(state, text))),
        ..Change::default()
    };
    check_texts(state, &change, &mut errors);
    read_state(state, visit, closed.as_deref(), reason.flatten().as_deref(), body, &mut change, &mut errors);
    if access.may_triage() {
        if let Some(labels) = labels {
            change.labels = Some(wanted(repo, access, &labels, &mut errors));
        }
        let assignees = assignees.or_else(|| assignee.map(|login| login.into_iter().collect()));
        if let Some(logins) = assignees {
            change.assignees = Some(assigned(state, repo, &logins, &mut errors));
        }
        if let Some(number) = milestone {
            if let Some(number) = number.filter(|number| !repo.milestones.contains_key(number)) {
                errors.push(invalid("Issue", "milestone", number));
            }
            change.milestone = Some(number);
        }
        if let Some(name) = issue_type {
            change.issue_type = Some(type_id(state, repo, name.as_deref(), &mut errors));
        }
        if let Some(values) = values {
            let mut all = BTreeMap::new();
            fields::read(state, repo, &values, &mut all, &mut errors);
            change.fields = Some(all);
        }
    }
    if errors.is_empty() { Ok(change) } else { Err(Refusal::validation(errors)) }
}

fn cut(state: &State, text: String) -> String {
    let limit = state.behaviour.body_limit;
    match state.behaviour.long_body {
        LongBody::Cut if text.chars().count() > limit => text.chars().take(limit).collect(),
        _ => text,
    }
}

fn check_texts(state: &State, change: &Change, errors: &mut Vec<Value>) {
    let (title_limit, body_limit) = (state.behaviour.title_limit, state.behaviour.body_limit);
    match change.title.as_deref() {
        Some("") => errors.push(field("Issue", "title", "missing_field")),
        Some(title) if title.chars().count() > title_limit => {
            errors.push(custom(
                "Issue",
                "title",
                format!("title is too long (maximum is {title_limit} characters)"),
            ));
        }
        _ => {}
    }
    if let Some(Some(text)) = &change.body
        && text.chars().count() > body_limit
    {
        errors.push(custom(
            "Issue",
            "body",
            format!("body is too long (maximum is {body_limit} characters)"),
        ));
    }
}

fn read_state(
    state: &State,
    visit: &Visit<'_>,
    wanted: Option<&str>,
    reason: Option<&str>,
    body: &mut Body,
    change: &mut Change,
    errors: &mut Vec<Value>,
) {
    change.closed = match wanted {
        None => None,
        Some("open") => Some(false),
        Some("closed") => Some(true),
        Some(other) => {
            errors.push(invalid("Issue", "state", other));
            None
        }
    };
    let Some(name) = reason else { return };
    change.reason = Reason::parse(name);
    let fits = match change.reason {
        None => false,
        Some(Reason::Reopened) => change.closed != Some(true),
        Some(_) => change.closed != Some(false),
    };
    if !fits {
        errors.push(invalid("Issue", "state_reason", name));
    }
    if change.reason == Some(Reason::Duplicate)
        && let Some(of) = body.get("duplicate_issue_id")
    {
        let found = of.as_u64().and_then(|id| state.issue_by_id(id));
        if found.and_then(|(repo, _)| visit.viewer.access(repo)).is_none() {
            errors.push(invalid("Issue", "duplicate_issue_id", of.clone()));
        }
    }
}

/// Finds labels by their names, ignoring case. Unknown ones are created if the viewer may push, and refused otherwise.
pub(crate) fn wanted(repo: &Repo, access: Access, names: &[String], errors: &mut Vec<Value>) -> Vec<Wanted> {
    let mut found = Vec::new();
    for name in names {
        let name = name.trim();
        match repo.label_names.get(&name.to_lowercase()) {
            Some(id) => found.push(Wanted::Known(*id)),
            None if name.is_empty() => errors.push(field("Label", "name", "missing_field")),
            None if name.chars().count() > MAX_LABEL_NAME => {
                let message = format!("name is too long (maximum is {MAX_LABEL_NAME} characters)");
                errors.push(custom("Label", "name", message));
            }
            None if access.may_push() => found.push(Wanted::New(name.to_owned())),
            None => errors.push(invalid("Issue", "labels", name)),
        }
    }
    if found.len() > MAX_LABELS {
        errors.push(custom("Issue", "labels", format!("an issue has at most {MAX_LABELS} labels")));
    }
    found
}

/// Finds assignees; each must be a member of the repository.
fn assigned(state: &State, repo: &Repo, logins: &[String], errors: &mut Vec<Value>) -> Vec<u64> {
    let mut found = Vec::new();
    for login in logins {
        match state.account(login).filter(|account| repo.may_be_assigned(account.id)) {
            Some(account) if !found.contains(&account.id) => found.push(account.id),
            Some(_) => {}
            None => errors.push(invalid("Issue", "assignees", login.as_str())),
        }
    }
    found.truncate(MAX_ASSIGNEES);
    found
}

impl Repo {
    pub(crate) fn may_be_assigned(&self, account: u64) -> bool {
        self.owner == account || self.members.contains_key(&account)
    }
}

/// Reads the name of the issue type in a body: a text, an object with the text under `value`, or null.
fn type_name(body: &mut Body) -> Option<Option<String>> {
    match body.get("type")? {
        Value::Object(object) => match object.get("value") {
            Some(Value::String(name)) => Some(Some(name.clone())),
            _ => Some(None),
        },
        _ => body.nullable("type"),
    }
}

fn type_id(state: &State, repo: &Repo, name: Option<&str>, errors: &mut Vec<Value>) -> Option<u64> {
    let name = name?;
    let owner = state.accounts.get(&repo.owner)?;
    let found = owner.types.values().find(|known| known.name.eq_ignore_ascii_case(name));
    if found.is_none() {
        errors.push(invalid("Issue", "type", name));
    }
    found.map(|known| known.id)
}
