//! Replays and discards dead letters.

use sea_orm::DatabaseConnection;
use syncline_queue::Error;
use syncline_runs::{
    RunQueue,
    dead::Replayed,
    listing::{discard as discard_one, replay as replay_one},
};
use uuid::Uuid;

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

/// Accepts a new run for each letter.
pub async fn replay(db: &DatabaseConnection, queue: &RunQueue, ids: &[Uuid]) -> Done {
    let mut done = Done::default();
    for id in ids {
        match replay_one(db, queue, *id).await {
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
    done
}

/// Removes each letter from the dead letters.
pub async fn discard(db: &DatabaseConnection, queue: &RunQueue, ids: &[Uuid]) -> Done {
    let mut done = Done::default();
    for id in ids {
        match discard_one(db, queue, *id).await {
            Ok(true) => done.done += 1,
            Ok(false) => done.left.push((*id, NOT_DEAD)),
            Err(error) => {
                done.stopped = Some(error);
                break;
            }
        }
    }
    done
}
