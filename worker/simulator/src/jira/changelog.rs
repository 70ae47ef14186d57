//! The routes of histories.

use serde_json::{Value, json};

use super::{
    error::{Answer, Refusal},
    state::State,
    types::Change,
    visit::Visit,
};
use crate::http::Reply;

/// The most issues and fields of one bulk request, and the most entries of its page.
const ISSUES: usize = 1_000;
const FIELDS: usize = 10;
const PAGE: usize = 1_000;

/// `GET /issue/{}/changelog`: from the oldest to the newest.
pub(crate) fn of_issue(state: &mut State, visit: &Visit<'_>) -> Answer {
    let issue = visit.issue(state)?;
    let render = visit.render(state);
    let history = state.histories.get(&issue.id).map(Vec::as_slice).unwrap_or_default();
    let size = visit.number("maxResults", 100)?;
    if size > 100 {
        return Err(Refusal::new(400, "The value of maxResults must be at most 100."));
    }
    visit.page(
        &format!("issue/{}/changelog", issue.id),
        history.iter().map(|one| render.change(one)).collect(),
        100,
    )
}

/// `POST /changelog/bulkfetch`: by time, then by issue.
pub(crate) fn of_many(state: &mut State, visit: &Visit<'_>) -> Answer {
    let body = visit.body()?;
    let texts = |key: &str| {
        let items = body.get(key).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let (names, fields) = (texts("issueIdsOrKeys"), texts("fieldIds"));
    if names.is_empty() || names.len() > ISSUES || fields.len() > FIELDS {
        let message = format!("issueIdsOrKeys takes 1 to {ISSUES} values, fieldIds at most {FIELDS}.");
        return Err(Refusal::new(400, message));
    }
    let size = body.get("maxResults").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    let size = size.unwrap_or(PAGE).clamp(1, 10_000);
    let skipped = body.get("nextPageToken").and_then(Value::as_str).map_or(Ok(0), |token| {
        token
            .strip_prefix("offset-")
            .and_then(|rest| rest.parse::<usize>().ok())
            .ok_or_else(|| Refusal::new(400, "The nextPageToken is not valid."))
    })?;
    let seen = names.iter().filter_map(|name| visit.find(state, name).ok());
    let ids: std::collections::BTreeSet<u64> = seen.map(|issue| issue.id).collect();
    let wanted = |change: &Change| {
        let item = |item: &super::types::Item| fields.is_empty() || fields.contains(&item.field_id);
        let items: Vec<_> = change.items.iter().filter(|one| item(one)).cloned().collect();
        (!items.is_empty()).then(|| Change { items, ..change.clone() })
    };
    let mut all: Vec<(u64, Change)> = ids
        .iter()
        .flat_map(|id| state.histories.get(id).into_iter().flatten().map(move |change| (*id, change)))
        .filter_map(|(id, change)| Some((id, wanted(change)?)))
        .collect();
    all.sort_by_key(|(id, change)| (change.at, *id));
    let more = all.len() > skipped + size;
    let render = visit.render(state);
    let mut shown: Vec<(u64, Vec<Value>)> = Vec::new();
    for (id, change) in all.iter().skip(skipped).take(size) {
        let mut entry = render.change(change);
        if state.behaviour.bulk_changelog_numbers {
            entry["created"] = json!(change.at);
        }
        match shown.iter_mut().find(|(known, _)| known == id) {
            Some((_, entries)) => entries.push(entry),
            None => shown.push((*id, vec![entry])),
        }
    }
    let logs: Vec<Value> = shown
        .into_iter()
        .map(|(id, entries)| json!({ "issueId": id.to_string(), "changeHistories": entries }))
        .collect();
    let mut page = json!({ "issueChangeLogs": logs });
    if more {
        page["nextPageToken"] = json!(format!("offset-{}", skipped + size));
    }
    Ok(Reply::json(200, &page))
}
