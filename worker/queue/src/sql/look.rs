//! Jobs and numbers for whoever asks.

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use syncline_entity::{job, types::JobState};
use uuid::Uuid;

use super::{
    row,
    statement::{Binds, length},
};
use crate::{
    backend::{Count, Error, JobQuery, Page},
    job::Job,
    state::State,
};

pub(super) async fn get(db: &DatabaseConnection, id: Uuid) -> Result<Option<Job>, Error> {
    let row = job::Entity::find_by_id(id).one(db).await?;
    Ok(row.map(row::job).transpose()?)
}

pub(super) async fn list(db: &DatabaseConnection, query: &JobQuery) -> Result<Page, Error> {
    let state = match query.state {
        State::Waiting => JobState::Waiting,
        State::Running => JobState::Running,
        State::Dead => JobState::Dead,
    };
    let rows = job::Entity::find()
        .filter(job::Column::Queue.eq(&*query.queue))
        .filter(job::Column::State.eq(state))
        .order_by_desc(job::Column::FinishedAt)
        .order_by_desc(job::Column::Id)
        .limit(query.limit as u64)
        .all(db)
        .await?;
    Ok(Page { jobs: rows.into_iter().map(row::job).collect::<Result<_, _>>()?, next: None })
}

pub(super) async fn counts(db: &DatabaseConnection, queue: &str) -> Result<Vec<Count>, Error> {
    let mut binds = Binds::new(db);
    let (now, queue) = (binds.now(), binds.bind(queue));
    let text = format!(
        "SELECT state, priority, count(*) AS jobs, \
         CAST(sum(CASE WHEN state = 'waiting' AND run_at > {now} THEN 1 ELSE 0 END) AS bigint) AS delayed, \
         {now} - min(CASE WHEN state = 'waiting' THEN run_at ELSE enqueued_at END) AS oldest \
         FROM jobs WHERE queue = {queue} GROUP BY state, priority ORDER BY state, priority"
    );
    let mut counts = Vec::new();
    for row in binds.all(db, text).await? {
        let (jobs, delayed, oldest): (i64, i64, i64) =
            (row.try_get("", "jobs")?, row.try_get("", "delayed")?, row.try_get("", "oldest")?);
        counts.push(Count {
            state: row::state(&row)?,
            priority: row::priority(&row)?,
            jobs: jobs.unsigned_abs(),
            delayed: delayed.unsigned_abs(),
            oldest: length(oldest),
        });
    }
    Ok(counts)
}
