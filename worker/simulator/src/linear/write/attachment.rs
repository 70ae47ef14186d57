//! Mutations of attachments. An issue has one attachment for a URL: a second one updates the first.

use serde_json::{Map, Value, json};

use super::{
    super::{
        error::Failure,
        id::Id,
        read::{Item, Out},
        state::State,
        types::Attachment,
    },
    Visit, chosen_id,
};

fn result(visit: &Visit<'_>, state: &State, id: Id) -> Out {
    visit.result(state, "AttachmentPayload", "attachment", Out::item(Item::Attachment(id)))
}

/// `attachmentCreate`, and `attachmentLinkURL`, which has the same keys as arguments.
pub(super) fn create(state: &mut State, visit: &Visit<'_>) -> Result<Out, Failure> {
    let args = &visit.field.args;
    let input: Map<String, Value> = args.get("input").and_then(Value::as_object).unwrap_or(args).clone();
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    let issue = visit.viewer.issue(state, text("issueId").unwrap_or_default())?;
    if issue.trashed {
        return Err(Failure::not_found("Issue"));
    }
    let issue = issue.id;
    let url = text("url").unwrap_or_default();
    if !url.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty()) {
        return Err(Failure::argument("url must be a URL address"));
    }
    let same = state.by_url.get(url).into_iter().flatten();
    let same = same.filter_map(|id| state.attachments.get(id)).find(|found| found.issue == issue).cloned();
    let subtitle = text("subtitle").map(str::to_owned);
    let metadata = input.get("metadata").filter(|metadata| metadata.is_object()).cloned();
    let attachment = match same {
        Some(same) => Attachment {
            title: text("title").map_or(same.title, str::to_owned),
            subtitle: subtitle.or(same.subtitle),
            metadata: metadata.unwrap_or(same.metadata),
            updated: visit.now,
            ..same
        },
        None => Attachment {
            id: chosen_id(state, &input, "Attachment", |state, id| state.attachments.contains_key(&id))?,
            issue,
            title: text("title").unwrap_or(url).to_owned(),
            subtitle,
            url: url.to_owned(),
            metadata: metadata.unwrap_or_else(|| json!({})),
            group_by_source: input.get("groupBySource") == Some(&Value::Bool(true)),
            creator: Some(visit.viewer.user),
            created: visit.now,
            updated: visit.now,
        },
    };
    let id = attachment.id;
    state.put_attachment(attachment, visit.now);
    Ok(result(visit, state, id))
}

fn seen<'s>(state: &'s State, visit: &Visit<'_>) -> Result<&'s Attachment, Failure> {
    let found = Id::parse(visit.field.text("id")).and_then(|id| state.attachments.get(&id));
    let issue = found.and_then(|found| state.issues.get(&found.issue));
    let seen = issue.is_some_and(|issue| visit.viewer.sees(state, issue));
    found.filter(|_| seen).ok_or_else(|| Failure::not_found("Attachment"))
}

pub(super) fn update(state: &mut State, visit: &Visit<'_>) -> Result<Out, Failure> {
    let mut attachment = seen(state, visit)?.clone();
    let input = visit.field.args.get("input").and_then(Value::as_object);
    for (key, value) in input.into_iter().flatten() {
        match (key.as_str(), value) {
            ("title", Value::String(title)) => attachment.title.clone_from(title),
            ("subtitle", value) => attachment.subtitle = value.as_str().map(str::to_owned),
            ("metadata", Value::Object(_)) => attachment.metadata = value.clone(),
            _ => {}
        }
    }
    attachment.updated = visit.now;
    let id = attachment.id;
    state.put_attachment(attachment, visit.now);
    Ok(result(visit, state, id))
}

pub(super) fn delete(state: &mut State, visit: &Visit<'_>) -> Result<Out, Failure> {
    let id = seen(state, visit)?.id;
    state.drop_attachment(id);
    Ok(visit.result(state, "DeletePayload", "entityId", Out::text(id.to_string())))
}
