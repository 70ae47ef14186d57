//! Replays and discards dead letters.

use std::collections::HashSet;

use sea_orm::{ActiveModelTrait, ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QuerySelect};
use serde_json::{Value, json};
use syncline_entity::{audit_log, sync_history};
use syncline_queue::Error;
use syncline_runs::{
    RunQueue,
    dead::{self, Left, Replayed},
    listing::{discard as discard_one, replay as replay_one},
};
use uuid::Uuid;

use super::{
    Caller,
    audit::{self, Entry},
};

/// Why a letter was left: it is not, or no longer, a dead letter.
pub const NOT_DEAD: &str = "not dead";

/// Why a letter was left: the caller sees no job with its id.
pub const UNKNOWN: &str = "there is no job with this id";

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
    done.stopped = replay_runs(db, queue, caller, ids, &mut done).await.err();
    if done.stopped.is_none() {
        done.stopped = tell_unknown(db, queue, caller, &mut done).await.err();
    }
    done
}

/// Removes each letter from the dead letters. Those that the caller does not see are left.
pub async fn discard(db: &DatabaseConnection, queue: &RunQueue, caller: &Caller, ids: &[Uuid]) -> Done {
    let mut done = Done::default();
    done.stopped = discard_runs(db, queue, caller, ids, &mut done).await.err();
    if done.stopped.is_none() {
        done.stopped = tell_unknown(db, queue, caller, &mut done).await.err();
    }
    done
}

async fn replay_runs(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    ids: &[Uuid],
    done: &mut Done,
) -> Result<(), Error> {
    let noting = |letters: &[Uuid]| note(caller, "dead.replay", letters);
    for ids in ids.chunks(dead::TOGETHER) {
        let (runs, jobs) = parted(db, caller, ids).await?;
        if !runs.is_empty() {
            let replays = dead::replay_all(db, queue, caller.project, &runs, Some(&noting)).await?;
            done.done += replays.replayed.len();
            done.replayed.extend(&replays.replayed);
            done.left.extend(replays.left.iter().map(|(id, left)| (*id, why(*left))));
        }
        for id in jobs {
            match replay_one(db, queue, id).await? {
                Replayed::As(run) => {
                    note(caller, "dead.replay", &[id]).insert(db).await?;
                    done.replayed.push((id, run));
                    done.done += 1;
                }
                Replayed::Left(left) => done.left.push((id, why(left))),
            }
        }
    }
    Ok(())
}

async fn discard_runs(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    ids: &[Uuid],
    done: &mut Done,
) -> Result<(), Error> {
    let noting = |letters: &[Uuid]| note(caller, "dead.discard", letters);
    for ids in ids.chunks(dead::TOGETHER) {
        let (runs, jobs) = parted(db, caller, ids).await?;
        let gone: HashSet<Uuid> = match runs.is_empty() {
            true => HashSet::new(),
            false => dead::discard_all(db, caller.project, &runs, Some(&noting)).await?.into_iter().collect(),
        };
        done.done += gone.len();
        done.left.extend(runs.iter().filter(|id| !gone.contains(id)).map(|id| (*id, NOT_DEAD)));
        for id in jobs {
            if discard_one(db, queue, id).await? {
                note(caller, "dead.discard", &[id]).insert(db).await?;
                done.done += 1;
            } else {
                done.left.push((id, NOT_DEAD));
            }
        }
    }
    Ok(())
}

/// Parts the letters of runs from those of jobs without a run, which only callers that see all projects see.
async fn parted(
    db: &DatabaseConnection,
    caller: &Caller,
    ids: &[Uuid],
) -> Result<(Vec<Uuid>, Vec<Uuid>), Error> {
    let runs = runs(db, None, ids).await?;
    let without = |id: &Uuid| caller.project.is_none() && !runs.contains(id);
    Ok(ids.iter().copied().partition(|id| !without(id)))
}

/// Which of these ids are those of runs, in one project or in any.
async fn runs(db: &DatabaseConnection, project: Option<i64>, ids: &[Uuid]) -> Result<HashSet<Uuid>, Error> {
    let mut query = sync_history::Entity::find()
        .select_only()
        .column(sync_history::Column::RunUid)
        .filter(sync_history::Column::RunUid.is_in(ids.iter().copied()));
    if let Some(project) = project {
        query = query.filter(sync_history::Column::ProjectId.eq(project));
    }
    let runs: Vec<Uuid> = query.into_tuple().all(db).await?;
    Ok(runs.into_iter().collect())
}

/// Tells the letters that are not dead from those that do not exist, or that the caller does not see.
async fn tell_unknown(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    done: &mut Done,
) -> Result<(), Error> {
    let left = done.left.iter_mut().filter(|(_, why)| *why == NOT_DEAD);
    let mut left: Vec<&mut (Uuid, &'static str)> = left.collect();
    for letters in left.chunks_mut(dead::TOGETHER) {
        let ids: Vec<Uuid> = letters.iter().map(|letter| letter.0).collect();
        let runs = runs(db, caller.project, &ids).await?;
        let jobs = match caller.project {
            None => queue.known(&ids).await?,
            Some(_) => vec![false; ids.len()],
        };
        for (letter, is_job) in letters.iter_mut().zip(jobs) {
            if !is_job && !runs.contains(&letter.0) {
                letter.1 = UNKNOWN;
            }
        }
    }
    Ok(())
}

/// Why a letter was left, in words.
pub fn why(left: Left) -> &'static str {
    match left {
        Left::NotDead => NOT_DEAD,
        Left::SyncGone => "its sync was deleted",
        Left::Unreadable => "this version cannot read it or the document of its sync",
    }
}

/// The row of the audit log for letters that were changed in one transaction.
fn note(caller: &Caller, action: &str, letters: &[Uuid]) -> audit_log::ActiveModel {
    let entry = Entry {
        action,
        kind: "dead letter",
        id: letters.first().filter(|_| letters.len() == 1).map(ToString::to_string),
        project: caller.project,
        before: Value::Null,
        after: json!({ "count": letters.len(), "ids": letters }),
    };
    audit::row(caller, entry)
}
