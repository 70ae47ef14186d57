//! Asks workers to end.

use sea_orm::{ColumnTrait, Condition, DatabaseConnection, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};
use syncline_engine::nearest::alternatives;
use syncline_entity::worker;
use syncline_sql::begin;
use uuid::Uuid;

use crate::{
    Caller, Error, Unknown,
    audit::{self, Entry},
};

/// Asks a worker, by id, name, or process id if no other live worker has the same, to take no more jobs and to end as on a
/// SIGTERM, with its process. It hears of this with its next heartbeat. Returns false if it ends already.
pub async fn drain(
    db: &DatabaseConnection,
    caller: &Caller,
    which: &str,
) -> Result<(worker::Model, bool), Error> {
    let seen = find(db, which).await?;
    let before = json!({ "name": seen.name, "role": seen.role, "running": seen.running });
    if !matches!(seen.role.as_str(), "up" | "worker") {
        let text = format!(
            "the worker {which:?} belongs to the command `syncline {}`, which waits for its own run and then ends",
            seen.role
        );
        return Err(Error::Invalid(text));
    }
    let tx = begin(db).await?;
    let asked = worker::Entity::update_many()
        .col_expr(worker::Column::Draining, Expr::value(true))
        .filter(worker::Column::Id.eq(seen.id))
        .filter(
            Condition::all().add(worker::Column::Draining.eq(false)).add(worker::Column::Stopping.eq(false)),
        )
        .exec(&tx)
        .await?;
    let asked = asked.rows_affected > 0;
    if asked {
        let entry = Entry {
            action: "worker.drain",
            kind: "worker",
            id: Some(seen.id.to_string()),
            project: None,
            before,
            after: Value::Null,
        };
        audit::record(&tx, caller, entry).await?;
    }
    tx.commit().await?;
    Ok((worker::Model { draining: true, ..seen }, asked))
}

async fn find(db: &DatabaseConnection, which: &str) -> Result<worker::Model, Error> {
    let live: Vec<worker::Model> = worker::live(db).await?.into_iter().map(|seen| seen.worker).collect();
    let id = Uuid::try_parse(which).ok();
    if let Some(found) = live.iter().find(|worker| Some(worker.id) == id || worker.name == which) {
        return Ok(found.clone());
    }
    let of_process = |worker: &&worker::Model| worker.pid.to_string() == which;
    if let [found] = live.iter().filter(of_process).collect::<Vec<_>>()[..] {
        return Ok(found.clone());
    }
    let hint = match live.is_empty() {
        true => "no worker is running".to_owned(),
        false => alternatives(which, live.iter().map(|worker| worker.name.as_str()), "live are"),
    };
    Err(Error::unknown(Unknown::Worker, format!("there is no live worker {which:?}; {hint}")))
}
