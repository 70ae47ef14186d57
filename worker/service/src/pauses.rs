//! What is paused and resumed.

use std::collections::BTreeSet;

use sea_orm::{DatabaseConnection, DbErr, EntityTrait};
use serde_json::Value;
use syncline_connectors::{no_platform, platform};
use syncline_engine::nearest::alternatives;
use syncline_entity::{account, types::PauseScope, worker};
use syncline_runs::{
    RUN_QUEUE, RunQueue,
    pause::{self, NewPause, Subject},
};

use super::{Error, Unknown, syncs};

/// The queue of runs, and every other that a live worker serves.
pub async fn known_queues(db: &DatabaseConnection) -> Result<BTreeSet<String>, DbErr> {
    let mut queues = BTreeSet::from([RUN_QUEUE.to_owned()]);
    for seen in worker::live(db).await? {
        let names = seen.worker.queues.as_array().into_iter().flatten();
        queues.extend(names.filter_map(Value::as_str).map(str::to_owned));
    }
    Ok(queues)
}

/// What a scope and a name mean, with its project where it belongs to one. A queue is not looked up.
pub async fn subject(
    db: &DatabaseConnection,
    scope: PauseScope,
    name: &str,
) -> Result<(Subject, Option<i64>), Error> {
    Ok(match scope {
        PauseScope::Queue => (Subject::Queue(name.to_owned()), None),
        PauseScope::Sync => {
            let config = syncs::find(db, name).await?;
            (Subject::Sync(config.id), Some(config.project_id))
        }
        PauseScope::Platform => {
            let found = platform(name).ok_or_else(|| Error::unknown(Unknown::Platform, no_platform(name)))?;
            (Subject::Platform(found.name().to_owned()), None)
        }
        PauseScope::Account => {
            let accounts = account::Entity::find().all(db).await?;
            let known = accounts.iter().map(|account| account.name.as_str());
            let hint = if accounts.is_empty() {
                "no account is known yet".to_owned()
            } else {
                alternatives(name, known, "the accounts are")
            };
            let unknown =
                || Error::unknown(Unknown::Account, format!("there is no account {name:?}; {hint}"));
            let found = accounts.iter().find(|account| account.name == name).ok_or_else(unknown)?;
            (Subject::Account(found.id), Some(found.project_id))
        }
    })
}

/// Begins a pause. False: it was paused already. A queue that nobody serves is refused: its name is a mistake.
pub async fn pause(db: &DatabaseConnection, queue: &RunQueue, new: &NewPause) -> Result<bool, Error> {
    if let Subject::Queue(name) = &new.subject {
        let known = known_queues(db).await?;
        if !known.contains(name) {
            let queues = alternatives(name, known.iter().map(String::as_str), "queues with workers are");
            return Err(Error::unknown(Unknown::Queue, format!("there is no queue {name:?}; {queues}")));
        }
    }
    Ok(pause::pause(db, queue, new).await?)
}
