//! Finds and pauses queues, syncs, accounts and platforms.

use std::collections::BTreeSet;

use sea_orm::{DatabaseConnection, DbErr, EntityTrait};
use serde_json::{Value, json};
use syncline_connectors::{no_platform, platform};
use syncline_engine::nearest::alternatives;
use syncline_entity::{account, types::PauseScope, worker};
use syncline_runs::{
    RUN_QUEUE, RunQueue,
    pause::{self, NewPause, Subject},
};

use super::{
    Caller, Error, Unknown,
    audit::{self, Entry},
    syncs,
};

/// Returns the queue of runs, and all queues that live workers serve.
pub async fn known_queues(db: &DatabaseConnection) -> Result<BTreeSet<String>, DbErr> {
    let mut queues = BTreeSet::from([RUN_QUEUE.to_owned()]);
    for seen in worker::live(db).await? {
        let names = seen.worker.queues.as_array().into_iter().flatten();
        queues.extend(names.filter_map(Value::as_str).map(str::to_owned));
    }
    Ok(queues)
}

/// Finds the subject with this scope and name, and its project if it has one. A queue's name is not checked.
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

/// Begins a pause. Returns false if the subject was paused already. A queue without workers is refused, as its name
/// must be a mistake.
pub async fn pause(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    (subject, project_id): (Subject, Option<i64>),
    reason: Option<String>,
) -> Result<bool, Error> {
    if let Subject::Queue(name) = &subject {
        let known = known_queues(db).await?;
        if !known.contains(name) {
            let queues = alternatives(name, known.iter().map(String::as_str), "queues with workers are");
            return Err(Error::unknown(Unknown::Queue, format!("there is no queue {name:?}; {queues}")));
        }
    }
    let after = json!({ "paused": true, "reason": reason });
    let note = audit::row(caller, entry("pause", &subject, project_id, Value::Null, after));
    let new = NewPause { subject, project_id, reason, by: caller.actor.clone(), note: Some(note) };
    Ok(pause::pause(db, queue, &new).await?)
}

/// Ends a pause. Returns false if there was none.
pub async fn resume(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    (subject, project_id): (Subject, Option<i64>),
) -> Result<bool, Error> {
    let paused = pause::of_subject(db, &subject).await?;
    let before = paused
        .map(|paused| json!({ "paused": true, "reason": paused.reason, "by": paused.by, "at": paused.at }));
    let note =
        audit::row(caller, entry("resume", &subject, project_id, before.unwrap_or_default(), Value::Null));
    Ok(pause::resume_noted(db, queue, &subject, Some(note)).await?)
}

fn entry<'a>(
    action: &'a str,
    subject: &Subject,
    project: Option<i64>,
    before: Value,
    after: Value,
) -> Entry<'a> {
    let kind = subject.scope().as_str();
    Entry { action, kind, id: Some(subject.name()), project, before, after }
}
