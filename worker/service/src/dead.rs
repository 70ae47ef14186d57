//! Replays and discards dead letters.

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_queue::Error;
use syncline_runs::{
    RunQueue,
    dead::Replayed,
    listing::{discard as discard_one, replay as replay_one},
};
use uuid::Uuid;

use super::{
    Caller,
    audit::{self, Entry},
    runs,
};

/// Why a letter was left: it is not, or no longer, a dead letter.
pub const NOT_DEAD: &str = "not dead";

/// The result of replaying or discarding dead letters.
#[derive(Debug, Default)]
pub struct Done {
    /// The number of letters replayed or discarded.
    pub done: usize,
    /// Each replayed letter with the run that does its work now.
    pub replayed: Vec<(Uuid, Uuid)>,
    /// Each letter that was left, with the reason.
    pub left: Vec<(Uuid, &'static str)>,
    /// The error that stopped it before the last letter.
    pub stopped: Option<Error>,
}

/// Accepts a new run for each letter. Those that the caller does not see are left.
pub async fn replay(db: &DatabaseConnection, queue: &RunQueue, caller: &Caller, ids: &[Uuid]) -> Done {
    let mut done = Done::default();
    for id in ids {
        match replayed(db, queue, caller, *id).await {
            Ok(Replayed::As(run)) => {
                done.replayed.push((*id, run));
                done.done += 1;
            }
            Ok(Replayed::NotDead) => done.left.push((*id, NOT_DEAD)),
            Ok(Replayed::SyncGone) => done.left.push((*id, "its sync was deleted")),
            Err(error) => {
                done.stopped = Some(error);
                break;
            }
        }
    }
    note(db, caller, "dead.replay", ids, done).await
}

/// Removes each letter from the dead letters. Those that the caller does not see are left.
pub async fn discard(db: &DatabaseConnection, queue: &RunQueue, caller: &Caller, ids: &[Uuid]) -> Done {
    let mut done = Done::default();
    for id in ids {
        match discarded(db, queue, caller, *id).await {
            Ok(true) => done.done += 1,
            Ok(false) => done.left.push((*id, NOT_DEAD)),
            Err(error) => {
                done.stopped = Some(error);
                break;
            }
        }
    }
    note(db, caller, "dead.discard", ids, done).await
}

async fn replayed(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    id: Uuid,
) -> Result<Replayed, Error> {
    if !runs::is_seen(db, caller, id).await? {
        return Ok(Replayed::NotDead);
    }
    replay_one(db, queue, id).await
}

async fn discarded(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    id: Uuid,
) -> Result<bool, Error> {
    Ok(runs::is_seen(db, caller, id).await? && discard_one(db, queue, id).await?)
}

/// Ids that a row of the audit log lists.
const LISTED: usize = 100;

/// Writes to the audit log what was done, also when an error stopped it.
async fn note(db: &DatabaseConnection, caller: &Caller, action: &str, ids: &[Uuid], mut done: Done) -> Done {
    if done.done == 0 {
        return done;
    }
    let left = |id: &&Uuid| !done.left.iter().any(|(left, _)| left == *id);
    let listed: Vec<&Uuid> = ids.iter().filter(left).take(done.done.min(LISTED)).collect();
    let after = json!({ "count": done.done, "ids": listed });
    let entry = Entry {
        action,
        kind: "dead letter",
        id: listed.first().filter(|_| done.done == 1).map(ToString::to_string),
        project: caller.project,
        before: Value::Null,
        after,
    };
    if let Err(error) = audit::record(db, caller, entry).await {
        done.stopped.get_or_insert(error.into());
    }
    done
}
