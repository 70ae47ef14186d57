//! The log line of an expired lease: a job's id alone shows neither its sync nor its worker.

use chrono::{SubsecRound, Utc};
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;
use syncline_entity::{
    event::{self, NewEvent},
    sync_attempt, sync_config, sync_history,
    types::EventType,
};
use uuid::Uuid;

use super::RUN_QUEUE;

/// Warns that the worker of a run did not renew its lease, and writes the event.
pub async fn tell_lost(db: &DatabaseConnection, run: Uuid) {
    // Without the database the line lacks the sync and the worker.
    let (sync, worker) = of_run(db, run).await.unwrap_or_default();
    if let Some(name) = &worker {
        let facts = json!({ "name": name, "run": run });
        let event = NewEvent::new(EventType::WorkerLost, None, facts).about(name).of_queue(RUN_QUEUE);
        if let Err(error) = event::record(db, Utc::now().trunc_subsecs(6), [event]).await {
            tracing::debug!(%error, "the live feed is not told of the lost worker");
        }
    }
    tracing::warn!(
        sync,
        worker,
        %run,
        "the worker did not renew its lease in time: it died, hung or could not reach the queue; another one goes on"
    );
}

/// Returns the name of a run's sync, and the worker of its latest attempt.
async fn of_run(db: &DatabaseConnection, run: Uuid) -> Result<(Option<String>, Option<String>), DbErr> {
    let Some(row) = sync_history::by_run(db, run).await? else { return Ok((None, None)) };
    let config = sync_config::Entity::find_by_id(row.sync_config_id).one(db).await?;
    let attempt = sync_attempt::Entity::find()
        .filter(sync_attempt::Column::RunId.eq(run))
        .order_by_desc(sync_attempt::Column::Attempt)
        .one(db)
        .await?;
    Ok((config.map(|config| config.name), attempt.map(|attempt| attempt.worker)))
}
