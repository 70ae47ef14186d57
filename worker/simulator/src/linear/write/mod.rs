//! The mutations.

mod attachment;
mod draft;
mod issue;
mod label;

use serde_json::{Map, Value};

use super::{
    access::Viewer,
    change::By,
    error::Failure,
    id::Id,
    read::{Item, Node, Out},
    state::State,
};
use crate::graphql::Selected;

/// One mutation, and its viewer.
struct Visit<'a> {
    viewer: &'a Viewer,
    field: &'a Selected,
    /// Milliseconds since 1970.
    now: i64,
}

/// Executes a mutation and returns its result.
pub(crate) fn mutate(state: &mut State, viewer: &Viewer, field: &Selected, now: i64) -> Result<Out, Failure> {
    let scope = match field.name.as_str() {
        "issueCreate" | "issueBatchCreate" | "attachmentCreate" | "attachmentLinkURL" => "issues:create",
        _ => "write",
    };
    viewer.may(scope)?;
    let visit = Visit { viewer, field, now };
    match field.name.as_str() {
        "issueCreate" => issue::create(state, &visit),
        "issueBatchCreate" => issue::create_batch(state, &visit),
        "issueUpdate" => issue::update(state, &visit),
        "issueBatchUpdate" => issue::update_batch(state, &visit),
        "issueArchive" => issue::archive(state, &visit),
        "issueUnarchive" => issue::unarchive(state, &visit),
        "issueDelete" => issue::delete(state, &visit),
        "issueAddLabel" | "issueRemoveLabel" => issue::label(state, &visit),
        "issueLabelCreate" => label::create(state, &visit),
        "issueLabelUpdate" => label::update(state, &visit),
        "issueLabelDelete" => label::delete(state, &visit),
        "attachmentCreate" | "attachmentLinkURL" => attachment::create(state, &visit),
        "attachmentUpdate" => attachment::update(state, &visit),
        "attachmentDelete" => attachment::delete(state, &visit),
        other => Err(Failure::input(format!("Unknown mutation {other}"), "This mutation is not served.")),
    }
}

impl Visit<'_> {
    fn by(&self, input: &Map<String, Value>) -> By {
        let as_user = input.get("createAsUser").and_then(Value::as_str).map(str::to_owned);
        By { user: Some(self.viewer.user), now: self.now, as_user }
    }

    /// Returns the result of a mutation: the record, or the records, under its name.
    fn result(&self, state: &State, of: &'static str, name: &'static str, value: Out) -> Out {
        let sync_id = Out::Number(state.sync_id as f64);
        Out::One(Node::Payload(
            of,
            vec![("success", Out::Flag(true)), ("lastSyncId", sync_id), (name, value)],
        ))
    }

    fn issue(&self, state: &State, id: Id) -> Out {
        self.result(state, "IssuePayload", "issue", Out::item(Item::Issue(id)))
    }
}

/// Returns the id that the client has chosen, or a new one. An id that is in use is refused.
fn chosen_id(
    state: &mut State,
    input: &Map<String, Value>,
    entity: &str,
    taken: impl Fn(&State, Id) -> bool,
) -> Result<Id, Failure> {
    let Some(text) = input.get("id").and_then(Value::as_str) else { return Ok(state.fresh_id()) };
    let id = uuid("id", text)?;
    if taken(state, id) {
        let told = format!("Entity {entity} with id {id} already exists.");
        return Err(Failure::input(format!("conflict on insert of {entity}"), told));
    }
    Ok(id)
}

/// Reads a UUID of an argument.
fn uuid(name: &str, text: &str) -> Result<Id, Failure> {
    Id::parse(text).ok_or_else(|| Failure::argument(format!("{name} must be a UUID")))
}

/// Refuses a text that is empty or too long.
fn checked_text(name: &str, text: &str, limit: usize) -> Result<String, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::argument(format!("{name} should not be empty")));
    }
    if text.chars().count() > limit {
        return Err(Failure::argument(format!("{name} must be shorter than or equal to {limit} characters")));
    }
    Ok(text.to_owned())
}
