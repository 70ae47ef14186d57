//! Accepts concurrent requests for runs in one transaction.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, SubsecRound, Utc};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};
use serde_json::json;
use syncline_entity::types::RunStatus;
use syncline_queue::{Error, NewJob, Pushed, Together};
use syncline_sql::{Binds, Kind, begin};
use uuid::Uuid;

use super::{
    accept::{self, undo},
    dispatch::{self, Handed},
    job::{Facts, link_of},
    pause,
    queue::RunQueue,
    run::{Accepted, NewRun},
};

/// Runs in one transaction.
const MOST: usize = 128;

/// A run whose caller waits for its acceptance.
pub(super) struct AcceptCall {
    pub(super) db: DatabaseConnection,
    pub(super) queue: RunQueue,
    pub(super) run: Arc<NewRun>,
    pub(super) key: Option<String>,
}

impl AcceptCall {
    /// The row's id: the caller's, or one that is chosen once.
    fn id(&self) -> Uuid {
        self.run.id.unwrap_or_default()
    }

    async fn alone(&self) -> Result<Accepted, Error> {
        accept::accept_alone(&self.db, &self.queue, &self.run, self.key.as_deref()).await
    }
}

/// Creates the batch that concurrent requests join.
pub(super) fn meeting_place() -> Together<AcceptCall, Result<Accepted, Error>> {
    Together::new(MOST, |asked| Box::pin(accept(asked)))
}

async fn accept(mut asked: Vec<AcceptCall>) -> Vec<Result<Accepted, Error>> {
    if let [one] = &asked[..] {
        return vec![one.alone().await];
    }
    for one in &mut asked {
        if one.run.id.is_none() {
            let run = NewRun { id: Some(Uuid::now_v7()), ..(*one.run).clone() };
            one.run = Arc::new(run);
        }
    }
    let mut accepted = match at_once(&asked).await {
        Ok(accepted) => accepted,
        Err(error) => {
            // One run may have caused the error; each is accepted alone.
            tracing::debug!(%error, runs = asked.len(), "runs could not be accepted together");
            HashMap::new()
        }
    };
    let answers = asked.iter().enumerate().map(|(at, one)| {
        let accepted = accepted.remove(&at);
        async move {
            match accepted {
                Some(accepted) => Ok(accepted),
                // The run conflicts with another one.
                None => one.alone().await,
            }
        }
    });
    join_all(answers).await
}

/// Accepts the runs without a conflict; returns them by their position in the list.
async fn at_once(asked: &[AcceptCall]) -> Result<HashMap<usize, Accepted>, Error> {
    let Some(AcceptCall { db, queue, .. }) = asked.first() else { return Ok(HashMap::new()) };
    // All writers use this order of keys, so that two transactions cannot deadlock.
    let mut order: Vec<usize> = (0..asked.len()).collect();
    order.sort_by_key(|at| asked.get(*at).map(|one| (&one.key, one.id())));
    let in_order: Vec<&AcceptCall> = order.iter().filter_map(|at| asked.get(*at)).collect();
    let now = Utc::now().trunc_subsecs(6);
    let runs = match queue.same_database() {
        Some(sql) => {
            let _turn = queue.turn(db).await;
            let tx = begin(db).await?;
            let (mut runs, jobs) = written(insert(&tx, &in_order, now, true).await?, &in_order, now);
            let pushed = sql.push_in(&tx, &jobs).await?;
            // A run that waits for a retry has no waiting key any more, but its job still stands in for others.
            let winners = jobs.iter().zip(pushed.iter().copied().map(Pushed::winner));
            let joined: Vec<(Uuid, Uuid)> =
                winners.filter_map(|(job, winner)| Some((job.id, winner?))).collect();
            for (run, winner) in joined {
                undo(&tx, run).await?;
                runs.insert(run, Accepted::Joined(winner));
            }
            tx.commit().await?;
            queue.wake();
            runs
        }
        None => {
            let turn = queue.turn(db).await;
            let inserted = insert(db, &in_order, now, false).await?;
            drop(turn);
            let (mut runs, jobs) = written(inserted, &in_order, now);
            match dispatch::hand_over(db, queue, &jobs).await {
                Ok(handed) => {
                    for (job, handed) in jobs.iter().zip(handed) {
                        if let Handed::Joined(winner) = handed {
                            runs.insert(job.id, Accepted::Joined(winner));
                        }
                    }
                }
                Err(error) => {
                    let runs = jobs.len();
                    tracing::debug!(runs, %error, "accepted; the queue's store will have the runs later");
                }
            }
            runs
        }
    };
    // An id that occurs twice in the list is new once.
    let mut runs = runs;
    let answer = |at: usize| Some((at, runs.remove(&asked.get(at)?.id())?));
    Ok(order.into_iter().filter_map(answer).collect())
}

/// Returns the accepted runs, and the jobs of those whose sync is not paused.
fn written(
    inserted: HashMap<Uuid, bool>,
    asked: &[&AcceptCall],
    now: DateTime<Utc>,
) -> (HashMap<Uuid, Accepted>, Vec<NewJob>) {
    let mut jobs: Vec<NewJob> = Vec::with_capacity(inserted.len());
    for one in asked {
        let id = one.id();
        if inserted.get(&id) == Some(&false) && jobs.iter().all(|job| job.id != id) {
            jobs.push(Facts::new(id, &one.run, one.key.as_deref()).job(now));
        }
    }
    (inserted.into_keys().map(|id| (id, Accepted::New(id))).collect(), jobs)
}

/// Writes the rows without a conflict, as [`accept`](super::accept()) does for one row. Returns the ids of the written
/// rows, and whether their syncs are paused.
async fn insert(
    db: &impl ConnectionTrait,
    asked: &[&AcceptCall],
    now: DateTime<Utc>,
    dispatched: bool,
) -> Result<HashMap<Uuid, bool>, DbErr> {
    let mut binds = Binds::new(db);
    let rows = asked.iter().map(|one| row(one)).collect::<Result<_, _>>();
    let rows = binds.rows(
        rows.map_err(|error: serde_json::Error| DbErr::Json(error.to_string()))?,
        &[
            ("id", Kind::Id),
            ("project", Kind::Number),
            ("sync", Kind::Number),
            ("link", Kind::Number),
            ("parent", Kind::Id),
            ("correlation", Kind::Id),
            ("kind", Kind::Text),
            ("method", Kind::Text),
            ("priority", Kind::Number),
            ("args", Kind::Text),
            ("wkey", Kind::Text),
        ],
    );
    let now = binds.bind(now);
    let paused = pause::condition("c");
    let (dispatched_at, told) = match dispatched {
        true => (format!("CASE WHEN {paused} THEN NULL ELSE {now} END"), "dispatched_at IS NULL".to_owned()),
        false => {
            let told =
                format!("(SELECT {paused} FROM sync_configs c WHERE c.id = sync_history.sync_config_id)");
            ("NULL".to_owned(), told)
        }
    };
    let text = format!(
        "INSERT INTO sync_history (run_uid, project_id, sync_config_id, link_id, parent_run_id, correlation_id, kind, \
         sync_type, priority, args, status, queued_at, waiting_key, dispatched_at) \
         SELECT new.id, new.project, c.id, new.link, new.parent, new.correlation, new.kind, new.method, new.priority, \
         {args}, '{queued}', {now}, new.wkey, {dispatched_at} FROM {rows} AS new \
         {configs} WHERE TRUE ON CONFLICT DO NOTHING RETURNING run_uid, {told} AS paused",
        args = binds.json("new.args"),
        // Without `LATERAL`, PostgreSQL would read the whole table for a few dozen runs.
        configs = match binds.backend {
            DbBackend::Postgres => {
                "CROSS JOIN LATERAL (SELECT * FROM sync_configs WHERE id = new.sync LIMIT 1) AS c"
            }
            _ => "JOIN sync_configs c ON c.id = new.sync",
        },
        queued = RunStatus::Queued.as_str(),
    );
    let read = |row: &sea_orm::QueryResult| Ok((row.try_get("", "run_uid")?, row.try_get("", "paused")?));
    binds.all(db, text).await?.iter().map(read).collect()
}

fn row(asked: &AcceptCall) -> Result<serde_json::Value, serde_json::Error> {
    let (run, id) = (&asked.run, asked.id());
    let text = |id: Uuid| id.simple().to_string();
    Ok(json!({
        "id": text(id),
        "project": run.project_id,
        "sync": run.sync_config_id,
        "link": link_of(&run.args),
        "parent": run.parent.map(text),
        "correlation": text(run.correlation.or(run.parent).unwrap_or(id)),
        "kind": run.kind.as_str(),
        "method": run.method.as_str(),
        "priority": run.priority.rank(),
        "args": serde_json::to_string(&run.args)?,
        "wkey": asked.key,
    }))
}
