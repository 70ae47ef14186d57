//! Batches for the cases.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use serde_json::json;
use syncline_engine::{
    Side, Value,
    capability::Removal,
    conflict::{Choice, Conflict, ConflictKind, Resolution},
    hash::Hash,
    ports::{
        Change, Due, Intended, Intent, IntentOp, ItemStatus, LinkRef, LinkState, OpKind, Recorded, Store,
        StoreError, Verdict,
    },
    side::Pair,
    value::Fields,
};

use crate::support::fields;

/// The number of links, ended ones included.
pub(crate) async fn count(store: &dyn Store) -> u64 {
    store.tally(&Due { by: None, mapping_revision: 0 }).await.unwrap().links
}

/// A time of so many minutes past noon.
pub(crate) fn minute(minute: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0).unwrap() + TimeDelta::minutes(minute)
}

pub(crate) fn text(text: &str) -> Value {
    Value::text(text)
}

pub(crate) fn ids(source: &str, target: &str) -> Pair<Option<String>> {
    let id = |id: &str| (!id.is_empty()).then(|| id.to_owned());
    Pair::new(id(source), id(target))
}

pub(crate) fn hash(of: &str) -> Option<Hash> {
    Some(Hash::of_bytes(of.as_bytes()))
}

pub(crate) fn title(title: &str) -> Fields {
    fields(json!({ "title": title }))
}

pub(crate) fn change(side: Side, field: &str, before: Value, after: Value) -> Change {
    Change { side, field: Some(field.to_owned()), before, after, rule: format!("{field} changed") }
}

/// A write to these sides, with one change row for each.
pub(crate) fn intended(link: Option<LinkRef>, ids: Pair<Option<String>>, sides: &[Side]) -> Intended {
    let op = |side: &Side| IntentOp {
        side: *side,
        kind: if link.is_some() { OpKind::Update } else { OpKind::Create },
        how: Removal::default(),
        id: ids.get(*side).clone(),
        marker: link.is_none().then(|| "sl-marker".to_owned()),
        before: json!({ "title": "old" }),
        after: json!({ "title": "new", "points": 3 }),
        origin: json!({ "title": "new" }),
    };
    Intended {
        link,
        intent: Intent { ops: sides.iter().map(op).collect(), deadline: minute(1) },
        changes: sides.iter().map(|side| change(*side, "title", text("old"), text("new"))).collect(),
        ids,
    }
}

/// A pair in step, of which nothing was written.
pub(crate) fn recorded(link: Option<LinkRef>, ids: Pair<Option<String>>) -> Recorded {
    Recorded {
        link,
        ids,
        names: Pair::default(),
        base: Pair::new(title("same"), title("same")),
        hash: Pair::new(hash("source"), hash("target")),
        modified: Pair::default(),
        version: Pair::default(),
        state: LinkState::Linked,
        deleted_side: None,
        missing: None,
        status: ItemStatus::Completed,
        error: None,
        error_count: 0,
        retry_at: None,
        mapping_revision: 1,
        verdicts: Vec::new(),
        left_out: Vec::new(),
        conflicts: Vec::new(),
        closed_conflicts: Vec::new(),
        calls: 0,
        duration_ms: 0,
        resolution: None,
    }
}

/// A link that has ended on a side.
pub(crate) fn ended(link: Option<LinkRef>, ids: Pair<Option<String>>, side: Side) -> Recorded {
    Recorded { state: LinkState::Tombstone, deleted_side: Some(side), ..recorded(link, ids) }
}

/// What came of a write.
pub(crate) fn judged(link: LinkRef, ids: Pair<Option<String>>, verdicts: &[(Side, Verdict)]) -> Recorded {
    Recorded { verdicts: verdicts.to_vec(), ..recorded(Some(link), ids) }
}

/// An open conflict of a field; of the whole item without one.
pub(crate) fn conflict(field: Option<&str>, source: &str, target: &str) -> Conflict {
    Conflict {
        field: field.map(str::to_owned),
        kind: if field.is_some() { ConflictKind::FieldMismatch } else { ConflictKind::EditDelete },
        base: text("base"),
        values: Pair::new(text(source), text(target)),
        modified: Pair::default(),
        resolution: None,
    }
}

pub(crate) fn resolved(conflict: Conflict, winner: impl Into<Choice>) -> Conflict {
    Conflict {
        resolution: Some(Resolution { winner: winner.into(), reason: "last write wins".to_owned() }),
        ..conflict
    }
}

/// Records so many new pairs, `s1` and `t1` onwards, and returns them in that order.
pub(crate) async fn pairs(store: &dyn Store, count: usize) -> Vec<LinkRef> {
    let pair = |number| recorded(None, ids(&format!("s{number}"), &format!("t{number}")));
    let batch: Vec<Recorded> = (1..=count).map(pair).collect();
    store.record(&batch).await.unwrap();
    refs(store).await
}

/// All links by id, as they are now.
pub(crate) async fn refs(store: &dyn Store) -> Vec<LinkRef> {
    let ids: Vec<i64> = store.briefs(0, 10_000).await.unwrap().iter().map(|brief| brief.id).collect();
    let mut refs: Vec<LinkRef> = store.links(&ids).await.unwrap().iter().map(|link| link.at).collect();
    refs.sort_by_key(|at| at.id);
    refs
}

/// A link as it is now.
pub(crate) async fn again(store: &dyn Store, at: LinkRef) -> LinkRef {
    link(store, at.id).await.at
}

pub(crate) async fn link(store: &dyn Store, id: i64) -> syncline_engine::ports::Link {
    let mut links = store.links(&[id]).await.unwrap();
    assert_eq!(links.len(), 1, "link {id}");
    links.remove(0)
}

#[track_caller]
pub(crate) fn assert_outdated<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Outdated)), "{result:?}");
}

#[track_caller]
pub(crate) fn assert_stopped<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Stopped(_))), "{result:?}");
}
