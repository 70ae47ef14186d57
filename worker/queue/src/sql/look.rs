//! Reads jobs and counts.

use std::{collections::HashSet, fmt, str::FromStr};

use sea_orm::{DatabaseConnection, DbBackend, DbErr};
use syncline_sql::{Binds, Bound};
use uuid::Uuid;

use super::{
    row::{self, STORED},
    statement::{JobBinds, length, micros},
};
use crate::{
    backend::{Count, Error, JobQuery, Page},
    job::Job,
    state::State,
};

/// The most jobs that one call of a list examines.
const BOUND: usize = 2_000;

pub(super) async fn get(db: &DatabaseConnection, id: Uuid) -> Result<Option<Job>, Error> {
    let mut binds = Binds::new(db);
    let id = binds.bind(id);
    let rows = binds.all(db, format!("SELECT {STORED} FROM jobs WHERE id = {id}")).await?;
    Ok(rows.first().map(row::job).transpose()?)
}

pub(super) async fn known(db: &DatabaseConnection, ids: &[Uuid]) -> Result<Vec<bool>, Error> {
    let mut found = HashSet::new();
    for chunk in ids.chunks(1000) {
        let mut binds = Binds::new(db);
        let asked = binds.ids(chunk.iter().copied());
        let text = format!("SELECT jobs.id AS id FROM {asked} AS asked JOIN jobs ON jobs.id = asked.job");
        for row in binds.all(db, text).await? {
            found.insert(row::id(&row)?);
        }
    }
    Ok(ids.iter().map(|id| found.contains(id)).collect())
}

/// Where a page ended. Dead jobs are listed by the time of their death, others by id, which is the order of their
/// creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    id: Uuid,
    dead_at: Option<i64>,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dead_at {
            Some(at) => write!(f, "{}.{at}", self.id.simple()),
            None => self.id.simple().fmt(f),
        }
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (id, at) = match text.split_once('.') {
            Some((id, at)) => (id, Some(at)),
            None => (text, None),
        };
        let read = |error: Box<dyn std::error::Error + Send + Sync>| Error::Refused(error);
        let dead_at =
            at.map(str::parse).transpose().map_err(|error: std::num::ParseIntError| read(error.into()))?;
        Ok(Cursor { id: id.parse().map_err(|error: uuid::Error| read(error.into()))?, dead_at })
    }
}

impl Cursor {
    fn after(job: &Job) -> Self {
        let dead_at =
            (job.state == State::Dead).then(|| job.finished_at.unwrap_or_default().timestamp_micros());
        Cursor { id: job.id, dead_at }
    }
}

pub(super) async fn list(db: &DatabaseConnection, query: &JobQuery) -> Result<Page, Error> {
    let after: Option<Cursor> = query.after.as_deref().map(str::parse).transpose()?;
    if after.is_some_and(|after| after.dead_at.is_some() != (query.state == State::Dead)) {
        return Err(Error::Refused("the cursor is of a list of jobs in another state".into()));
    }
    if query.limit == 0 {
        return Ok(Page::default());
    }
    let mut binds = Binds::new(db);
    let mut looked = looked(&mut binds, query, after);
    let filters = filters(&mut binds, query);
    // One more than requested, to know whether there is a next page.
    let limit = binds.bind(i64::try_from(query.limit.saturating_add(1)).unwrap_or(i64::MAX));
    if !filters.is_empty() {
        looked += &format!(" LIMIT {BOUND}");
    }
    let text = format!(
        "SELECT {STORED} FROM ({looked}) AS looked WHERE TRUE{filters} ORDER BY {} LIMIT {}",
        order(query.state),
        binds.limit(limit)
    );
    let rows = binds.all(db, text).await?;
    let mut jobs = rows.iter().map(row::job).collect::<Result<Vec<_>, _>>()?;
    let next = if jobs.len() > query.limit {
        jobs.truncate(query.limit);
        jobs.last().map(Cursor::after)
    } else if filters.is_empty() {
        None
    } else {
        last_looked_at(db, query, after).await?
    };
    Ok(Page { jobs, next: next.map(|next| next.to_string()) })
}

fn order(state: State) -> &'static str {
    match state {
        State::Dead => "finished_at DESC, id DESC",
        State::Waiting | State::Running => "id",
    }
}

/// Returns the jobs that a page examines, in order.
fn looked(binds: &mut Binds, query: &JobQuery, after: Option<Cursor>) -> String {
    let queue = binds.bind(&*query.queue);
    let mut text = format!("SELECT {STORED} FROM jobs WHERE queue = {queue} AND state = '{}'", query.state);
    match after {
        Some(Cursor { id, dead_at: Some(at) }) => {
            text += &format!(" AND (finished_at, id) < ({}, {})", binds.bind(at), binds.bind(id));
        }
        Some(Cursor { id, dead_at: None }) => text += &format!(" AND id > {}", binds.bind(id)),
        None => {}
    }
    format!("{text} ORDER BY {}", order(query.state))
}

/// Returns the conditions that no index covers.
fn filters(binds: &mut Binds, query: &JobQuery) -> String {
    let mut filters = String::new();
    if let Some(kind) = &query.kind {
        filters += &format!(" AND kind = {}", binds.bind(&**kind));
    }
    if let Some(priority) = query.priority {
        filters += &format!(" AND priority = {}", binds.bind(priority.rank()));
    }
    if let Some(key) = &query.key {
        let key = binds.bind(&**key);
        filters += &format!(" AND (unique_key = {key} OR concurrency_key = {key} OR order_key = {key})");
    }
    if let Some(age) = query.older_than {
        let now = binds.now();
        filters += &format!(" AND enqueued_at <= {now} - {}", binds.bind(micros(age)));
    }
    if let Some(text) = &query.text {
        let text = binds.bind(&**text);
        filters += &format!(
            " AND ({} OR {} OR {})",
            holds(binds.backend, "CAST(payload AS text)", text),
            holds(binds.backend, "coalesce(last_error, '')", text),
            holds(binds.backend, "coalesce(dead_reason, '')", text),
        );
    }
    filters
}

fn holds(backend: DbBackend, text: &str, part: Bound) -> String {
    match backend {
        DbBackend::Postgres => format!("strpos({text}, {part}) > 0"),
        _ => format!("instr({text}, {part}) > 0"),
    }
}

/// Finds the last job that a page has examined, if the page had to end there.
async fn last_looked_at(
    db: &DatabaseConnection,
    query: &JobQuery,
    after: Option<Cursor>,
) -> Result<Option<Cursor>, DbErr> {
    let mut binds = Binds::new(db);
    let looked = looked(&mut binds, query, after);
    let text = format!("SELECT id, finished_at FROM ({looked} LIMIT 1 OFFSET {}) AS looked", BOUND - 1);
    let rows = binds.all(db, text).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let dead_at: Option<i64> = row.try_get("", "finished_at")?;
    Ok(Some(Cursor { id: row::id(row)?, dead_at: dead_at.filter(|_| query.state == State::Dead) }))
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
