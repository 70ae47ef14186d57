//! What became of each item of a run, as far as it is on record: items with changes, conflicts or errors. Items that a run
//! read and left as they were are only counted.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use serde_json::Value;
use syncline_entity::{sync_history, sync_metadata, types::SyncStatus};
use syncline_sql::statement;
use uuid::Uuid;

use super::{Page, get, links_by_ids};
use crate::{Caller, Error};

/// An item of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemOfRun {
    pub link: sync_metadata::Model,
    /// `completed`, `failed` or `conflict`.
    pub status: SyncStatus,
    /// Fields written, or items created or deleted.
    pub changes: i64,
    /// Conflicts that the run met last and that are open.
    pub conflicts: i64,
    pub error: Option<String>,
}

/// The items of a run in order of their links.
pub async fn items(
    db: &DatabaseConnection,
    caller: &Caller,
    run: Uuid,
    after: Option<i64>,
    limit: u64,
) -> Result<Page<ItemOfRun>, Error> {
    let run = get(db, caller, run).await?;
    let mut counts: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for (link, changes) in counted(db, CHANGES, run.run_uid, after, limit).await? {
        counts.entry(link).or_default().0 = changes;
    }
    for (link, conflicts) in counted(db, CONFLICTS, run.run_uid, after, limit).await? {
        counts.entry(link).or_default().1 = conflicts;
    }
    for link in failed(db, run.run_uid, run.sync_config_id, after, limit).await? {
        counts.entry(link).or_default();
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let next = (counts.len() > limit).then(|| counts.keys().nth(limit - 1).copied()).flatten();
    let links = links_by_ids(db, counts.keys().take(limit).copied()).await?;
    let rows = counts.into_iter().take(limit).filter_map(|(id, (changes, conflicts))| {
        let link = links.get(&id)?.clone();
        let error = error_of(&run, &link);
        let status = match (&error, conflicts) {
            (Some(_), _) => SyncStatus::Failed,
            (None, 0) => SyncStatus::Completed,
            (None, _) => SyncStatus::Conflict,
        };
        Some(ItemOfRun { link, status, changes, conflicts, error })
    });
    Ok(Page { rows: rows.collect(), next })
}

const CHANGES: &str = "SELECT link_id, CAST(SUM(CASE WHEN state <> 'not_written' THEN 1 ELSE 0 END) AS bigint) AS number \
                       FROM sync_changes WHERE run_id = ? AND link_id > ? GROUP BY link_id ORDER BY link_id LIMIT ?";
const CONFLICTS: &str = "SELECT link_id, CAST(COUNT(*) AS bigint) AS number FROM sync_conflicts \
                         WHERE run_id = ? AND resolved = false AND link_id > ? GROUP BY link_id ORDER BY link_id LIMIT ?";

/// One more than a page, so that the caller can tell whether there is another one.
async fn counted(
    db: &impl ConnectionTrait,
    sql: &str,
    run: Uuid,
    after: Option<i64>,
    limit: u64,
) -> Result<Vec<(i64, i64)>, DbErr> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let values = [run.into(), after.unwrap_or(0).into(), limit.into()];
    let rows = db.query_all_raw(statement(db.get_database_backend(), sql, values)).await?;
    rows.iter().map(|row| Ok((row.try_get("", "link_id")?, row.try_get("", "number")?))).collect()
}

/// The links that failed in a run and in none after it.
async fn failed(
    db: &impl ConnectionTrait,
    run: Uuid,
    sync: i64,
    after: Option<i64>,
    limit: u64,
) -> Result<Vec<i64>, DbErr> {
    let sql = "SELECT id FROM sync_metadata WHERE sync_config_id = ? AND sync_status = 'failed' AND id > ? \
               AND last_run_id = ? ORDER BY id LIMIT ?";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let values = [sync.into(), after.unwrap_or(0).into(), run.into(), limit.into()];
    let rows = db.query_all_raw(statement(db.get_database_backend(), sql, values)).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

/// What the run says of an item, or its link if the run was the last one there.
pub(super) fn error_of(run: &sync_history::Model, link: &sync_metadata::Model) -> Option<String> {
    let names = [&link.source_key, &link.entity_id, &link.target_key, &link.external_id];
    let errors = run.sync_metadata.as_ref().and_then(|details| details["errors"].as_array());
    let is_it = |error: &&Value| {
        error["item"].is_string() && names.iter().any(|name| name.as_deref() == error["item"].as_str())
    };
    let said = errors.into_iter().flatten().find(is_it);
    let said = said.and_then(|error| error["error"].as_str().map(str::to_owned));
    said.or_else(|| link.last_error.clone().filter(|_| link.last_run_id == Some(run.run_uid)))
}
