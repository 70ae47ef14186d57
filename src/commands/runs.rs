//! `syncline runs`: lists runs and shows one.

pub(crate) mod show;

use std::collections::{HashMap, hash_map::Entry};

use chrono::{SubsecRound, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, DatabaseConnection, EntityTrait, Iterable, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use serde_json::{Value, json};
use syncline_api::routes::history::list::view;
use syncline_entity::{sync_history, types::RunStatus};
use syncline_runs::holding::holding;
use syncline_service::syncs;

use super::sync;
use crate::{
    app,
    cli::RunsArgs,
    config::Config,
    fault::{Exit, Fault},
    ids,
    output::{Output, bare, moment, sync_name, text},
    words::{self, time, took},
};

/// Lists runs, or shows one.
pub(crate) async fn run(config: &Config, args: &RunsArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let Some(what) = &args.what else { return list(&db, None, args, output).await };
    // The name of a sync may look like the beginning of an id.
    let sync = syncs::find(&db, what).await;
    match (sync, ids::run(&db, what).await?) {
        (Ok(config), _) => list(&db, Some(config.id), args, output).await,
        (Err(_), Some(id)) => show::show(&db, &app::queue(config, &db)?, id, args.limit, output).await,
        (Err(_), None) if ids::range(what).is_some() => {
            Err(Fault::usage(format!("there is no run {what}, and no sync of that name")))
        }
        (Err(error), None) => Err(error.into()),
    }
}

async fn list(
    db: &DatabaseConnection,
    sync: Option<i64>,
    args: &RunsArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let rows = find(db, sync, args).await?;
    let mut pauses = HashMap::new();
    for row in rows.iter().filter(|row| row.status == RunStatus::Queued) {
        if let Entry::Vacant(vacant) = pauses.entry(row.sync_config_id) {
            let holding = match syncs::by_id(db, row.sync_config_id).await? {
                Some(sync) => holding(db, &sync, &sync.to_string()).await?,
                None => None,
            };
            vacant.insert(holding.map(|holding| format!("waits: {} is paused", holding.what)));
        }
    }
    let known = syncs::all(db).await?;
    let line = |row: sync_history::Model| Line {
        trigger: words::trigger(&row),
        waits: pauses.get(&row.sync_config_id).cloned().flatten().filter(|_| row.status == RunStatus::Queued),
        run: bare(view("", row, &known)),
    };
    tell(rows.into_iter().map(line).collect(), output);
    Ok(Exit::Done)
}

/// A run in a list.
pub(crate) struct Line {
    /// The run as JSON.
    pub(crate) run: Value,
    /// What triggered it, in a word.
    pub(crate) trigger: String,
    /// Why it does not begin.
    pub(crate) waits: Option<String>,
}

/// Prints runs.
pub(crate) fn tell(lines: Vec<Line>, output: &Output) {
    output.data(&json!({ "runs": lines.iter().map(|line| &line.run).collect::<Vec<_>>() }));
    if lines.is_empty() {
        output.line("no runs");
        return;
    }
    let row = |line: Line| {
        let run = &line.run;
        vec![
            text(run, "id"),
            sync_name(run),
            text(run, "kind"),
            line.trigger,
            text(run, "status"),
            moment(run, "queued_at").map(time).unwrap_or_default(),
            run["duration_ms"].as_i64().map(took).unwrap_or_default(),
            line.waits.unwrap_or_else(|| sync::brief(run)),
        ]
    };
    let head = ["run", "sync", "kind", "trigger", "status", "queued (UTC)", "took", "result"];
    output.table(&head, lines.into_iter().map(row).collect());
}

async fn find(
    db: &DatabaseConnection,
    sync: Option<i64>,
    args: &RunsArgs,
) -> Result<Vec<sync_history::Model>, Fault> {
    // A plan's details may take megabytes, and a list shows none of them.
    let slim = |column: &sync_history::Column| !matches!(column, sync_history::Column::SyncMetadata);
    let mut query = sync_history::Entity::find()
        .select_only()
        .columns(sync_history::Column::iter().filter(slim))
        .expr_as(Expr::value(Option::<Value>::None), "sync_metadata")
        .order_by_desc(sync_history::Column::Id)
        .limit(args.limit);
    if let Some(sync) = sync {
        query = query.filter(sync_history::Column::SyncConfigId.eq(sync));
    }
    if let Some(status) = args.status {
        query = query.filter(sync_history::Column::Status.eq(status));
    }
    if let Some(kind) = args.kind {
        query = query.filter(sync_history::Column::Kind.eq(kind));
    }
    if let Some(since) = args.since {
        let since = (Utc::now() - TimeDelta::from_std(since).unwrap_or(TimeDelta::MAX)).trunc_subsecs(6);
        query = query.filter(sync_history::Column::QueuedAt.gte(since));
    }
    Ok(query.all(db).await?)
}
