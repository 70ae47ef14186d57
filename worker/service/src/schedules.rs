//! Runs, pauses and resumes schedules. A schedule is also paused with its sync.

use chrono::{SubsecRound, Utc};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};
use syncline_entity::{schedule, types::RunKind};
use syncline_runs::{RunArgs, RunQueue};
use syncline_sql::begin;

use crate::{
    Caller, Error, Unknown,
    audit::{self, Entry},
    runs::{Enqueued, Request, enqueue},
    syncs::{self, StoredSync},
};

/// A schedule and its sync.
#[derive(Debug, Clone)]
pub struct KnownSchedule {
    pub row: schedule::Model,
    pub sync: StoredSync,
}

/// The schedule with this id, if the caller sees it and its sync is not deleted.
pub async fn find(db: &DatabaseConnection, caller: &Caller, id: i64) -> Result<KnownSchedule, Error> {
    let unknown = || {
        Error::unknown(
            Unknown::Schedule,
            format!("there is no schedule {id}; `syncline schedules` lists them"),
        )
    };
    let row = schedule::Entity::find_by_id(id).one(db).await?.ok_or_else(unknown)?;
    let sync = syncs::by_id(db, row.sync_config_id).await?;
    let sync = sync.filter(|sync| sync.deleted_at.is_none() && caller.sees(sync.project_id));
    Ok(KnownSchedule { row, sync: sync.ok_or_else(unknown)? })
}

/// The schedule of a sync, by the sync's name; `PROJECT/NAME` outside the default project.
pub async fn of_sync(db: &DatabaseConnection, name: &str) -> Result<KnownSchedule, Error> {
    let sync = syncs::find(db, name).await?;
    let row = schedule::Entity::find().filter(schedule::Column::SyncConfigId.eq(sync.id)).one(db).await?;
    let row = row.ok_or_else(|| {
        Error::unknown(
            Unknown::Schedule,
            format!("the sync {sync} has no schedule; `syncline sync {sync}` runs it"),
        )
    })?;
    Ok(KnownSchedule { row, sync })
}

/// Accepts the run that the next tick would start. The tick comes all the same.
pub async fn run(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    known: &KnownSchedule,
) -> Result<Enqueued, Error> {
    let request = Request {
        kind: RunKind::Sync,
        args: RunArgs::default(),
        priority: None,
        not_before: None,
        fixed_time: false,
        id: None,
        waits_for_pauses: false,
    };
    enqueue(db, queue, caller, &known.sync, &request).await
}

/// Lets no tick of a schedule start a run, until it is resumed. Returns false if it was paused already.
pub async fn pause(db: &DatabaseConnection, caller: &Caller, known: &KnownSchedule) -> Result<bool, Error> {
    set(db, caller, known, true).await
}

/// Lets ticks start runs again; those missed meanwhile follow the schedule's `missed_ticks`. Returns false if it was not
/// paused itself.
pub async fn resume(db: &DatabaseConnection, caller: &Caller, known: &KnownSchedule) -> Result<bool, Error> {
    set(db, caller, known, false).await
}

async fn set(
    db: &DatabaseConnection,
    caller: &Caller,
    known: &KnownSchedule,
    paused: bool,
) -> Result<bool, Error> {
    let now = Utc::now().trunc_subsecs(6);
    let column = schedule::Column::PausedAt;
    let tx = begin(db).await?;
    let changed = schedule::Entity::update_many()
        .col_expr(column, Expr::value(paused.then_some(now)))
        .filter(schedule::Column::Id.eq(known.row.id))
        .filter(if paused { column.is_null() } else { column.is_not_null() })
        .exec(&tx)
        .await?;
    let changed = changed.rows_affected > 0;
    if changed {
        let (before, after) = match paused {
            true => (Value::Null, json!({ "paused": true, "sync": known.sync.id })),
            false => (json!({ "paused": true, "at": known.row.paused_at }), Value::Null),
        };
        let entry = Entry {
            action: if paused { "schedule.pause" } else { "schedule.resume" },
            kind: "schedule",
            id: Some(known.row.id.to_string()),
            project: Some(known.sync.project_id),
            before,
            after,
        };
        audit::record(&tx, caller, entry).await?;
    }
    tx.commit().await?;
    Ok(changed)
}
