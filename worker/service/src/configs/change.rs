//! Changes of stored syncs.

use chrono::{SubsecRound, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseConnection, DatabaseTransaction, EntityTrait,
    QueryFilter, QuerySelect, sea_query::Expr,
};
use serde_json::{Map, Value, json};
use syncline_engine::spec::{Finding, SyncSpec};
use syncline_entity::{
    event::{self, NewEvent},
    schedule, sync_config, sync_history,
    types::EventType,
};
use syncline_runs::{RunQueue, pause::Subject};
use syncline_sql::begin;

use super::{get, in_project, of_document, unknown};
use crate::{
    Caller, Error, Origin,
    audit::{self, Entry},
    documents,
    store::{Applied, Expected, outdated, store_one},
    syncs::StoredSync,
};

/// A sync after a change, and the warnings about its document.
#[derive(Debug)]
pub struct Changed {
    pub sync: StoredSync,
    pub applied: Applied,
    pub warnings: Vec<Finding>,
}

/// Stores a document as a new sync.
pub async fn create(
    db: &DatabaseConnection,
    caller: &Caller,
    document: &Value,
    origin: Origin<'_>,
) -> Result<Changed, Error> {
    let document = in_project(db, caller, document).await?;
    stored(db, caller, &document, origin, Expected::New).await
}

/// Changes the document of a sync by a merge patch (RFC 7396). The revision is the one that the caller has read.
pub async fn patch(
    db: &DatabaseConnection,
    caller: &Caller,
    id: i64,
    patch: &Value,
    revision: Option<i64>,
    origin: Origin<'_>,
) -> Result<Changed, Error> {
    let sync = get(db, caller, id).await?;
    let mut document = sync.config_json.clone();
    merge(&mut document, patch);
    of_same_sync(&sync, &document)?;
    // The patch is merged into this revision, and not into one that is stored meanwhile.
    let expected = Expected::Sync { id, revision: Some(revision.unwrap_or(sync.revision)) };
    stored(db, caller, &document, origin, expected).await
}

/// The name and the project are part of what creates are found again by, so they stay.
fn of_same_sync(sync: &StoredSync, document: &Value) -> Result<(), Error> {
    let project = document.get("project").and_then(Value::as_str).unwrap_or("default");
    let given =
        [("name", document["name"].as_str() == Some(&sync.name)), ("project", project == sync.project)];
    let findings: Vec<Finding> = given
        .into_iter()
        .filter(|(_, same)| !same)
        .map(|(key, _)| Finding::error(key, "cannot be changed; store the document as a new sync instead"))
        .collect();
    if findings.is_empty() { Ok(()) } else { Err(of_document(document, findings)) }
}

/// Merges a patch into a document: null removes a key, an object is merged, all else replaces what was there.
fn merge(document: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *document = patch.clone();
        return;
    };
    if !document.is_object() {
        *document = Value::Object(Map::new());
    }
    let Value::Object(map) = document else { return };
    for (key, value) in patch {
        if value.is_null() {
            map.remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

pub(super) async fn stored(
    db: &DatabaseConnection,
    caller: &Caller,
    document: &Value,
    origin: Origin<'_>,
    expected: Expected,
) -> Result<Changed, Error> {
    let (spec, warnings) =
        documents::read(document, None, origin).map_err(|findings| of_document(document, findings))?;
    let tx = begin(db).await?;
    let applied = store_one(&tx, caller, &spec, origin, expected).await?;
    tx.commit().await?;
    let sync = get(db, caller, applied.id).await?;
    Ok(Changed { sync, applied, warnings })
}

/// Stores documents under their names: all of them, or none. A dry run only says what would change.
pub async fn apply(
    db: &DatabaseConnection,
    caller: &Caller,
    given: &[Value],
    origin: Origin<'_>,
    dry_run: bool,
) -> Result<Vec<(SyncSpec, Applied, Vec<Finding>)>, Error> {
    let (mut read, mut wrong) = (Vec::new(), Vec::new());
    for (place, document) in given.iter().enumerate() {
        let document = in_project(db, caller, document).await?;
        match documents::read(&document, None, origin) {
            Ok(one) => read.push(one),
            Err(findings) => wrong.extend(placed(place, findings)),
        }
    }
    if wrong.is_empty() {
        let twins = documents::repeated_names(read.iter().map(|(spec, _)| spec));
        let text = "stands in these documents twice; names are unique within a project";
        wrong.extend(twins.into_iter().flat_map(|(at, _)| placed(at, vec![Finding::error("name", text)])));
    }
    if !wrong.is_empty() {
        return Err(Error::Document { name: String::new(), findings: wrong });
    }
    let tx = begin(db).await?;
    let mut done = Vec::new();
    for (place, (spec, warnings)) in read.into_iter().enumerate() {
        let applied =
            store_one(&tx, caller, &spec, origin, Expected::Anything).await.map_err(|error| match error {
                Error::Document { findings, .. } => {
                    Error::Document { name: String::new(), findings: placed(place, findings) }
                }
                other => other,
            })?;
        done.push((spec, applied, warnings));
    }
    if dry_run {
        tx.rollback().await?
    } else {
        tx.commit().await?
    }
    Ok(done)
}

/// Findings with the place of their document before their path.
fn placed(place: usize, findings: Vec<Finding>) -> Vec<Finding> {
    let at = |finding: Finding| {
        let path = match finding.path.as_str() {
            "" => format!("[{place}]"),
            path => format!("[{place}].{path}"),
        };
        Finding { path, ..finding }
    };
    findings.into_iter().map(at).collect()
}

/// Deletes a sync and cancels its runs. Its links and history stay until they are purged, and no platform is touched. A
/// revision that is given must be the present one.
pub async fn delete(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    id: i64,
    revision: Option<i64>,
) -> Result<StoredSync, Error> {
    let sync = get(db, caller, id).await?;
    let tx = begin(db).await?;
    mark_deleted(&tx, caller, id, revision).await?;
    tx.commit().await?;
    // No worker begins a run of a deleted sync; these end now instead of when a worker comes to them.
    let open: Vec<uuid::Uuid> = sync_history::Entity::find()
        .select_only()
        .column(sync_history::Column::RunUid)
        .filter(sync_history::Column::SyncConfigId.eq(id))
        .filter(sync_history::Column::CompletedAt.is_null())
        .into_tuple()
        .all(db)
        .await?;
    for run in open {
        syncline_runs::cancel(db, queue, run).await?;
    }
    syncline_runs::pause::resume(db, queue, &Subject::Sync(id)).await?;
    Ok(sync)
}

async fn mark_deleted(
    tx: &DatabaseTransaction,
    caller: &Caller,
    id: i64,
    revision: Option<i64>,
) -> Result<(), Error> {
    let found = sync_config::Entity::find_by_id(id)
        .filter(sync_config::Column::DeletedAt.is_null())
        .lock_exclusive()
        .one(tx)
        .await?;
    let row = found.ok_or_else(|| unknown(id))?;
    if let Some(revision) = revision.filter(|revision| *revision != row.revision) {
        return Err(outdated(&row.name, revision, row.revision));
    }
    let before = json!({ "name": row.name, "revision": row.revision });
    let project = Some(row.project_id);
    let facts = json!({ "sync": id, "name": row.name, "revision": row.revision, "by": caller.actor });
    let told = NewEvent::new(EventType::ConfigDeleted, project, facts).about(id).of_sync(id);
    let now = Utc::now().trunc_subsecs(6);
    let mut model: sync_config::ActiveModel = row.into();
    model.deleted_at = Set(Some(now));
    model.update(tx).await?;
    schedule::Entity::update_many()
        .col_expr(schedule::Column::NextTickAt, Expr::value(Option::<chrono::DateTime<Utc>>::None))
        .filter(schedule::Column::SyncConfigId.eq(id))
        .exec(tx)
        .await?;
    let entry = Entry {
        action: "sync.delete",
        kind: "sync",
        id: Some(id.to_string()),
        project,
        before,
        after: Value::Null,
    };
    audit::record(tx, caller, entry).await?;
    event::record(tx, now, [told]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of RFC 7396, appendix A.
    #[test]
    fn a_merge_patch_is_merged_as_the_rfc_says() {
        for (document, patch, expected) in [
            (json!({ "a": "b" }), json!({ "a": "c" }), json!({ "a": "c" })),
            (json!({ "a": "b" }), json!({ "b": "c" }), json!({ "a": "b", "b": "c" })),
            (json!({ "a": "b" }), json!({ "a": null }), json!({})),
            (json!({ "a": "b", "b": "c" }), json!({ "a": null }), json!({ "b": "c" })),
            (json!({ "a": ["b"] }), json!({ "a": "c" }), json!({ "a": "c" })),
            (json!({ "a": "c" }), json!({ "a": ["b"] }), json!({ "a": ["b"] })),
            (
                json!({ "a": { "b": "c" } }),
                json!({ "a": { "b": "d", "c": null } }),
                json!({ "a": { "b": "d" } }),
            ),
            (json!({ "a": [{ "b": "c" }] }), json!({ "a": [1] }), json!({ "a": [1] })),
            (json!({ "e": null }), json!({ "a": 1 }), json!({ "e": null, "a": 1 })),
            (json!([1, 2]), json!({ "a": "b", "c": null }), json!({ "a": "b" })),
            (json!({}), json!({ "a": { "bb": { "ccc": null } } }), json!({ "a": { "bb": {} } })),
            (json!({ "a": "b" }), json!(["c"]), json!(["c"])),
        ] {
            let mut merged = document.clone();
            merge(&mut merged, &patch);
            assert_eq!(merged, expected, "{document} {patch}");
        }
    }
}
