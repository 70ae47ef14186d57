//! `syncline sync`: a run, waited for.

use sea_orm::{
    ColumnTrait, DatabaseConnection, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QuerySelect,
    RelationTrait,
};
use serde_json::json;
use syncline_entity::{
    sync_config, sync_conflict, sync_history, sync_metadata,
    types::{RunKind, RunStatus},
};

use crate::{
    app,
    cli::SyncArgs,
    fault::{Exit, Fault},
    output::Output,
    syncs, wait,
};

/// Runs a sync and tells what it did.
pub(crate) async fn run(url: &str, args: &SyncArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(url).await?;
    let config = syncs::find(&db, &args.name).await?;
    let run = wait::manual_run(&config, RunKind::Sync, &args.run)?;
    let row = wait::run_to_end(&db, &run, &args.lease, output).await?;
    let open = open_conflicts(&db, config.id).await?;
    tell(&config, &row, open, output);
    Ok(exit_of(&row, open))
}

/// Conflicts of a sync that wait for a person.
pub(crate) async fn open_conflicts(db: &DatabaseConnection, config_id: i64) -> Result<u64, Fault> {
    Ok(sync_conflict::Entity::find()
        .join(JoinType::InnerJoin, sync_conflict::Relation::Link.def())
        .filter(sync_metadata::Column::SyncConfigId.eq(config_id))
        .filter(sync_conflict::Column::Resolved.eq(false))
        .count(db)
        .await?)
}

/// 0 only when everything is in step.
pub(crate) fn exit_of(row: &sync_history::Model, open_conflicts: u64) -> Exit {
    let done = row.status == RunStatus::Completed && row.items_failed == 0 && open_conflicts == 0;
    if done { Exit::Done } else { Exit::Failed }
}

/// What a run did.
pub(crate) fn tell(config: &sync_config::Model, row: &sync_history::Model, open: u64, output: &Output) {
    output.data(&as_json(config, row, open));
    let details = row.sync_metadata.clone().unwrap_or_default();
    let number = |key: &str| details[key].as_u64().unwrap_or(0);
    let seconds = row.duration_ms.unwrap_or(0) as f64 / 1000.0;
    output.line(format!("{}: {} in {seconds:.2} s", config.name, row.status));
    let columns = [
        ("synced", row.items_synced.to_string()),
        ("created", row.created.to_string()),
        ("updated", row.updated.to_string()),
        ("deleted", row.deleted.to_string()),
        ("unchanged", number("unchanged").to_string()),
        ("skipped", number("skipped").to_string()),
        ("failed", row.items_failed.to_string()),
        ("settled", number("settled").to_string()),
        ("open conflicts", open.to_string()),
        ("calls", row.api_calls.to_string()),
    ];
    let (head, cells): (Vec<&str>, Vec<String>) = columns.into_iter().unzip();
    output.table(&head, vec![cells]);
    let (missing, ended) = (number("missing"), number("ended"));
    if missing > 0 {
        output.line(format!(
            "{missing} items are missing: a next run that misses them too, or --confirm-deletes, acts on it"
        ));
    }
    if ended > 0 {
        output.line(format!(
            "{ended} links ended: an item went, its counterpart stays and is not created again"
        ));
    }
    if let Some(error) = &row.error_message {
        output.line(error);
    }
    for error in details["errors"].as_array().into_iter().flatten().take(5) {
        output.line(format!(
            "  {}: {}",
            error["item"].as_str().unwrap_or("?"),
            error["error"].as_str().unwrap_or("?")
        ));
    }
    if details["after_restore"] == true {
        output.line("Syncline's database was restored before this run: syncline restored --show");
    }
    if open > 0 {
        output.line("conflicts wait for a person: syncline conflicts");
    }
}

/// A run as data.
pub(crate) fn as_json(
    config: &sync_config::Model,
    row: &sync_history::Model,
    open: u64,
) -> serde_json::Value {
    json!({
        "run": row.run_uid,
        "sync": config.name,
        "kind": row.kind,
        "status": row.status,
        "success": row.success,
        "items_synced": row.items_synced,
        "items_failed": row.items_failed,
        "items_skipped": row.items_skipped,
        "created": row.created,
        "updated": row.updated,
        "deleted": row.deleted,
        "conflicts": row.conflicts,
        "open_conflicts": open,
        "api_calls": row.api_calls,
        "duration_ms": row.duration_ms,
        "queued_at": row.queued_at,
        "started_at": row.started_at,
        "completed_at": row.completed_at,
        "error": row.error_message,
        "details": row.sync_metadata,
    })
}
