//! `syncline runs`: what ran, and how it went.

use std::str::FromStr;

use sea_orm::{
    ColumnTrait, DatabaseConnection, EntityTrait, Iterable, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use serde_json::{Value, json};
use syncline_entity::{sync_attempt, sync_change, sync_config, sync_history};
use uuid::Uuid;

use super::sync;
use crate::{
    app,
    cli::RunsArgs,
    fault::{Exit, Fault},
    output::{Output, shown},
    syncs,
};

/// Lists runs, or shows one.
pub(crate) async fn run(url: &str, args: &RunsArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(url).await?;
    match args.what.as_deref().map(|what| (what, Uuid::from_str(what))) {
        Some((_, Ok(id))) => show(&db, id, args.limit, output).await,
        Some((name, Err(_))) => {
            let config = syncs::find(&db, name).await?;
            list(&db, Some(config.id), args.limit, output).await
        }
        None => list(&db, None, args.limit, output).await,
    }
}

async fn list(
    db: &DatabaseConnection,
    sync: Option<i64>,
    limit: u64,
    output: &Output,
) -> Result<Exit, Fault> {
    // A plan's details may be megabytes, and a list shows none of them.
    let slim = |column: &sync_history::Column| !matches!(column, sync_history::Column::SyncMetadata);
    let mut query = sync_history::Entity::find()
        .select_only()
        .columns(sync_history::Column::iter().filter(slim))
        .expr_as(Expr::value(Option::<Value>::None), "sync_metadata")
        .order_by_desc(sync_history::Column::Id)
        .limit(limit);
    if let Some(sync) = sync {
        query = query.filter(sync_history::Column::SyncConfigId.eq(sync));
    }
    let configs = sync_config::Entity::find().all(db).await?;
    let with_config = |row: sync_history::Model| {
        let config = configs.iter().find(|config| config.id == row.sync_config_id)?.clone();
        Some((row, config))
    };
    let rows: Vec<(sync_history::Model, sync_config::Model)> =
        query.all(db).await?.into_iter().filter_map(with_config).collect();
    output.data(&json!({ "runs": rows.iter().map(|(row, config)| brief(row, config)).collect::<Vec<_>>() }));
    let line = |(row, config): &(sync_history::Model, sync_config::Model)| {
        vec![
            row.run_uid.to_string(),
            config.name.clone(),
            row.kind.to_string(),
            row.sync_type.to_string(),
            row.status.to_string(),
            row.queued_at.format("%m-%d %H:%M:%S").to_string(),
            row.duration_ms.map(|ms| format!("{ms} ms")).unwrap_or_default(),
            format!("{}/{}/{}", row.items_synced, row.items_failed, row.conflicts),
        ]
    };
    let head = ["run", "sync", "kind", "by", "status", "queued (UTC)", "took", "synced/failed/conflicts"];
    output.table(&head, rows.iter().map(line).collect());
    Ok(Exit::Done)
}

fn brief(row: &sync_history::Model, config: &sync_config::Model) -> Value {
    let mut brief = sync::as_json(config, row, 0);
    if let Value::Object(brief) = &mut brief {
        brief.remove("details");
        brief.remove("open_conflicts");
    }
    brief
}

async fn show(db: &DatabaseConnection, id: Uuid, limit: u64, output: &Output) -> Result<Exit, Fault> {
    let row =
        sync_history::by_run(db, id).await?.ok_or_else(|| Fault::usage(format!("there is no run {id}")))?;
    let config = sync_config::Entity::find_by_id(row.sync_config_id).one(db).await?;
    let config = config.ok_or_else(|| Fault::failed(format!("the sync of run {id} is gone")))?;
    let attempts = sync_attempt::Entity::find()
        .filter(sync_attempt::Column::RunId.eq(id))
        .order_by_asc(sync_attempt::Column::Attempt)
        .all(db)
        .await?;
    let changes = sync_change::Entity::find()
        .filter(sync_change::Column::RunId.eq(id))
        .order_by_asc(sync_change::Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    let open = sync::open_conflicts(db, config.id).await?;
    if output.is_json() {
        let mut whole = sync::as_json(&config, &row, open);
        whole["attempts"] = attempts.iter().map(attempt_json).collect();
        whole["changes"] = changes.iter().map(change_json).collect();
        output.data(&whole);
        return Ok(Exit::Done);
    }
    sync::tell(&config, &row, open, output);
    let attempt = |row: &sync_attempt::Model| {
        let time = |at: Option<chrono::DateTime<chrono::Utc>>| {
            at.map(|at| at.format("%H:%M:%S%.3f").to_string()).unwrap_or_default()
        };
        let texts = [row.outcome.clone(), row.error.clone()].map(Option::unwrap_or_default);
        let [outcome, error] = texts;
        vec![
            row.attempt.to_string(),
            row.worker.clone(),
            time(Some(row.started_at)),
            time(row.ended_at),
            outcome,
            error,
        ]
    };
    output.headline("attempts");
    output.table(
        &["attempt", "worker", "began", "ended", "outcome", "error"],
        attempts.iter().map(attempt).collect(),
    );
    if !changes.is_empty() {
        output.headline("changes");
        let change = |row: &sync_change::Model| {
            vec![
                row.link_id.to_string(),
                row.side.to_string(),
                row.field.clone().unwrap_or_else(|| "(whole item)".to_owned()),
                shown(&row.before.clone().unwrap_or_default()),
                shown(&row.after.clone().unwrap_or_default()),
                row.rule.clone(),
                row.state.to_string(),
            ]
        };
        let head = ["link", "side", "field", "before", "after", "rule", "state"];
        output.table(&head, changes.iter().map(change).collect());
    }
    Ok(Exit::Done)
}

fn attempt_json(row: &sync_attempt::Model) -> Value {
    json!({
        "attempt": row.attempt,
        "worker": row.worker,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "outcome": row.outcome,
        "error": row.error,
    })
}

fn change_json(row: &sync_change::Model) -> Value {
    json!({
        "link": row.link_id,
        "seq": row.seq,
        "side": row.side,
        "field": row.field,
        "before": row.before,
        "after": row.after,
        "rule": row.rule,
        "origin": row.origin_system,
        "state": row.state,
        "at": row.at,
    })
}
