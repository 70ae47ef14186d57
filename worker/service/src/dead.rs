//! Dead letters are replayed and discarded.

use sea_orm::DatabaseConnection;
use syncline_queue::Error;
use syncline_runs::{
    RunQueue,
    dead::Replayed,
    listing::{discard as discard_one, replay as replay_one},
};
use uuid::Uuid;

/// Why a letter was left: it is none, or none any more.
pub const NOT_DEAD: &str = "not dead";

/// What was done with dead letters.
#[derive(Debug, Default)]
pub struct Done {
    /// How many were replayed or discarded.
    pub done: usize,
    /// The letters that were replayed, each with the run that does its work now.
    pub replayed: Vec<(Uuid, Uuid)>,
    /// The letters that were left, and why.
    pub left: Vec<(Uuid, &'static str)>,
    /// Why it stopped before the last one.
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

/// Takes each letter off the list.
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
