//! Jobs out of the line.
//!
//! On SQLite a claim is one `UPDATE`, which is atomic as such. On PostgreSQL it is one statement as well, under
//! `SKIP LOCKED`, for jobs without a concurrency or order key. Jobs with one need more: two claimers that start together
//! do not see each other's uncommitted rows and could each start a job of the same key. So they are taken in a
//! transaction that first gets an advisory lock for each key, and only then, in a statement of its own and thus with a
//! newer snapshot, looks what runs and what is older. Whoever held the lock before has committed by then. The lock is
//! only tried, never waited for: a claimer that hangs holds up its own keys and nobody else.
//!
//! Each priority is looked at by itself: within one, the index has the jobs in the order in which they came due, and a
//! look ends where the due ones end, however many wait for their time.

use std::time::Duration;

use sea_orm::{DatabaseConnection, DbBackend, DbErr, QueryResult, TransactionTrait};
use serde_json::json;
use syncline_sql::{Binds, Bound, Kind};
use uuid::Uuid;

use super::{
    control::not_paused,
    notify::Origin,
    row::{self, CLAIMED},
    settle::{self, Unreadable},
    statement::{JobBinds, length, micros},
};
use crate::{
    backend::{ClaimRequest, Claimed, Error},
    job::{ClaimedJob, Priority},
};

pub(super) async fn claim(
    db: &DatabaseConnection,
    request: &ClaimRequest,
    origin: &Origin,
) -> Result<Claimed, Error> {
    if request.limit == 0 {
        return Ok(Claimed::default());
    }
    let mut taken = match db.get_database_backend() {
        DbBackend::Postgres => claim_postgres(db, request).await?,
        _ => claim_sqlite(db, request).await?,
    };
    if !taken.unreadable.is_empty() {
        settle::bury(db, &taken.unreadable, origin).await?;
        taken.claimed.more = true;
    }
    let mut claimed = taken.claimed;
    claimed.jobs.sort_by_key(|job| (job.priority, job.run_at, job.id));
    // Whoever got all it asked for asks again; nobody waits for what is due later.
    if claimed.jobs.len() < request.limit && !claimed.more && claimed.next_due.is_none() {
        look_further(db, request, &mut claimed).await?;
    }
    Ok(claimed)
}

/// What was taken.
#[derive(Debug, Default)]
struct Taken {
    claimed: Claimed,
    unreadable: Vec<Unreadable>,
}

impl Taken {
    fn add<'a>(&mut self, rows: impl IntoIterator<Item = &'a QueryResult>) -> Result<(), DbErr> {
        for row in rows {
            match row::claimed(row) {
                Ok(job) => self.claimed.jobs.push(job),
                // One job that cannot be read must not keep the others from their handlers.
                Err(error) => {
                    let (lease, error) = (row::lease(row)?, error.to_string());
                    self.unreadable.push(Unreadable { lease, error });
                }
            }
        }
        Ok(())
    }
}

async fn claim_sqlite(db: &DatabaseConnection, request: &ClaimRequest) -> Result<Taken, DbErr> {
    let mut binds = Binds::new(db);
    let asked = ClaimCall::bind(&mut binds, request);
    let sets = sets(&mut binds, request);
    let looks: Vec<_> = Priority::ALL
        .iter()
        .map(|priority| {
            format!("SELECT * FROM ({})", asked.look(&binds, request, &priority.rank().to_string()))
        })
        .collect();
    let line = format!(
        "{} ORDER BY {} LIMIT {}",
        looks.join(" UNION ALL "),
        order(request),
        binds.limit(asked.limit)
    );
    // Only jobs with a key are ranked, and all are found again by their row's number, which is where they stand.
    let text = format!(
        "WITH line AS MATERIALIZED ({line}) UPDATE jobs SET {sets} WHERE rowid IN (\
         SELECT place FROM line WHERE concurrency_key IS NULL UNION ALL \
         SELECT place FROM line WHERE concurrency_key IS NOT NULL AND id IN ({chosen})) AND {going} \
         RETURNING {CLAIMED}",
        chosen = chosen("SELECT * FROM line WHERE concurrency_key IS NOT NULL", request),
        going = not_paused(asked.queue),
    );
    let mut taken = Taken::default();
    taken.add(&binds.all(db, text).await?)?;
    // A shortage is the end of the line, unless jobs of a key that was just taken filled places in front of others. Of a
    // single key that is looked at with what is due next.
    let jobs = &taken.claimed.jobs;
    let one_key = request.concurrency_key.is_some();
    taken.claimed.more = jobs.len() >= request.limit || (!one_key && jobs.iter().any(is_keyed));
    Ok(taken)
}

async fn claim_postgres(db: &DatabaseConnection, request: &ClaimRequest) -> Result<Taken, Error> {
    let mut binds = Binds::new(db);
    let asked = ClaimCall::bind(&mut binds, request);
    let sets = sets(&mut binds, request);
    // The loop goes through the priorities in the order in which they stand there, so the limit cuts off the last ones.
    let line = format!(
        "SELECT due.* FROM (VALUES (0), (1), (2), (3)) AS class(priority) CROSS JOIN LATERAL ({look} FOR UPDATE OF j \
         SKIP LOCKED) AS due WHERE {going}{order} LIMIT {limit}",
        look = asked.look(&binds, request, "class.priority"),
        going = not_paused(asked.queue),
        order = if request.overdue_by.is_some() { " ORDER BY due.run_at, due.id" } else { "" },
        limit = asked.limit,
    );
    let columns: Vec<&str> = CLAIMED.split(", ").map(str::trim).collect();
    // Of those with a key no more is wanted than what they are and which.
    let known = |column: &&str| match *column {
        "id" | "concurrency_key" | "order_key" => (*column).to_owned(),
        other => format!("NULL AS {other}"),
    };
    let text = format!(
        "WITH line AS MATERIALIZED ({line}), \
         taken AS (UPDATE jobs SET {sets} WHERE id = ANY (ARRAY(SELECT id FROM line \
         WHERE concurrency_key IS NULL AND order_key IS NULL)) RETURNING {columns}) \
         SELECT taken.*, FALSE AS keyed, {next_due} AS next_due FROM taken UNION ALL \
         SELECT {known}, TRUE AS keyed, {next_due} AS next_due FROM line \
         WHERE concurrency_key IS NOT NULL OR order_key IS NOT NULL",
        columns = columns.join(", "),
        known = columns.iter().map(known).collect::<Vec<_>>().join(", "),
        // ClaimCall only by whoever got less than it asked for.
        next_due = format!(
            "CASE WHEN (SELECT count(*) FROM line) < {} THEN {} END",
            asked.limit,
            next_due_expression(&binds, asked.queue)
        ),
    );
    let rows = binds.all(db, text).await?;
    let (mut free, mut keyed) = (Vec::new(), Vec::new());
    for row in &rows {
        match row.try_get::<bool>("", "keyed")? {
            true => keyed.push(Keyed::read(row)?),
            false => free.push(row),
        }
    }
    let mut taken = Taken::default();
    taken.add(free)?;
    taken.claimed.more = rows.len() >= request.limit;
    taken.claimed.next_due = match rows.first() {
        Some(row) => row.try_get::<Option<i64>>("", "next_due")?.map(length),
        None => None,
    };
    if !keyed.is_empty() {
        match claim_keyed(db, request, &keyed).await {
            Ok(rows) => taken.add(&rows)?,
            Err(error) if taken.claimed.jobs.is_empty() => return Err(error.into()),
            // What was taken already must reach its handler; the rest has its turn next time.
            Err(error) => tracing::warn!(%error, "jobs with a key could not be claimed"),
        }
        // Several jobs of one key may have stood in front of others, so there may be more. With nothing taken another
        // claimer is taking those keys just now: they are out of the way in a moment.
        taken.claimed.more = !taken.claimed.jobs.is_empty();
        if taken.claimed.jobs.is_empty() {
            taken.claimed.next_due = Some(Duration::from_millis(10));
        }
    }
    Ok(taken)
}

fn is_keyed(job: &ClaimedJob) -> bool {
    job.concurrency_key.is_some() || job.order_key.is_some()
}

/// A job in line that has a key.
#[derive(Debug)]
struct Keyed {
    id: Uuid,
    locks: Vec<String>,
}

impl Keyed {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        let (concurrency, order): (Option<String>, Option<String>) =
            (row.try_get("", "concurrency_key")?, row.try_get("", "order_key")?);
        let locks: Vec<_> = concurrency
            .map(|key| format!("jobs:{key}"))
            .into_iter()
            .chain(order.map(|key| format!("order:{key}")))
            .collect();
        Ok(Self { id: row::id(row)?, locks })
    }
}

/// Takes those whose keys let them start; see the head of this file.
async fn claim_keyed(
    db: &DatabaseConnection,
    request: &ClaimRequest,
    line: &[Keyed],
) -> Result<Vec<QueryResult>, DbErr> {
    let mut names: Vec<&String> = line.iter().flat_map(|keyed| &keyed.locks).collect();
    names.sort();
    names.dedup();
    let transaction = db.begin().await?;
    let mut binds = Binds::new(&transaction);
    let queue = binds.bind(&*request.queue);
    let row = |name: &&String| {
        let (what, key) = name.split_once(':').unwrap_or((name, ""));
        json!({ "name": name, "what": what, "key": key })
    };
    let columns = [("name", Kind::Text), ("what", Kind::Text), ("key", Kind::Text)];
    let names = binds.rows(names.iter().map(row).collect(), &columns);
    let text = format!(
        "SELECT name FROM {names} AS locks WHERE pg_try_advisory_xact_lock(hashtextextended(\
         'syncline:' || what || ':' || {queue} || ':' || key, 0))"
    );
    let locked: Vec<String> = binds
        .all(&transaction, text)
        .await?
        .iter()
        .map(|row| row.try_get("", "name"))
        .collect::<Result<_, _>>()?;
    let free: Vec<Uuid> = line
        .iter()
        .filter(|keyed| keyed.locks.iter().all(|name| locked.contains(name)))
        .map(|keyed| keyed.id)
        .collect();
    if free.is_empty() {
        transaction.rollback().await?;
        return Ok(Vec::new());
    }

    let mut binds = Binds::new(&transaction);
    let sets = sets(&mut binds, request);
    let ids = binds.ids(free);
    // Under their ids: the index over what waits may be long. No state is null, but the planner does not know.
    let line = format!(
        "SELECT {LINE} FROM jobs j WHERE j.id = ANY (ARRAY(SELECT job FROM {ids} AS free)) \
         AND COALESCE(j.state, '') = 'waiting' AND {READY} FOR UPDATE OF j SKIP LOCKED"
    );
    let text = format!(
        "WITH line AS MATERIALIZED ({line}), chosen AS MATERIALIZED ({chosen}) \
         UPDATE jobs SET {sets} WHERE id = ANY (ARRAY(SELECT id FROM chosen)) RETURNING {CLAIMED}",
        chosen = chosen("SELECT * FROM line", request),
    );
    let rows = binds.all(&transaction, text).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// What is known of a job in line.
const LINE: &str = "j.id, j.concurrency_key, j.order_key, j.priority, j.run_at, j.concurrency_limit, \
     CASE WHEN j.concurrency_key IS NULL THEN 0 ELSE (SELECT count(*) FROM jobs r WHERE r.queue = j.queue \
     AND r.concurrency_key = j.concurrency_key AND r.state = 'running') END AS running";

/// Fewer jobs of its concurrency key run than it asks for, and of its order key it is the oldest unfinished one, while
/// no other runs: one that is older may have been pushed late. Ids are in the order of their making.
const READY: &str = "(j.concurrency_key IS NULL OR (SELECT count(*) FROM jobs r WHERE r.queue = j.queue \
     AND r.concurrency_key = j.concurrency_key AND r.state = 'running') < j.concurrency_limit) \
     AND (j.order_key IS NULL OR (NOT EXISTS (SELECT 1 FROM jobs o WHERE o.queue = j.queue \
     AND o.order_key = j.order_key AND o.state <> 'dead' AND o.id < j.id) \
     AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.queue = j.queue AND o.order_key = j.order_key \
     AND o.state = 'running')))";

/// Of jobs in line those that can start together, in the order of the request: of one concurrency key no more than its limit.
fn chosen(line: &str, request: &ClaimRequest) -> String {
    format!(
        "SELECT id FROM (SELECT id, concurrency_key, concurrency_limit, running, row_number() OVER \
         (PARTITION BY concurrency_key ORDER BY {}) AS nth FROM ({line}) AS line) AS ranked \
         WHERE concurrency_key IS NULL OR running + nth <= concurrency_limit",
        order(request)
    )
}

/// What a request binds.
#[derive(Debug, Clone, Copy)]
struct ClaimCall {
    queue: Bound,
    limit: Bound,
    key: Option<Bound>,
    overdue_by: Option<Bound>,
}

impl ClaimCall {
    fn bind(binds: &mut Binds, request: &ClaimRequest) -> Self {
        Self {
            queue: binds.bind(&*request.queue),
            limit: binds.bind(i64::try_from(request.limit).unwrap_or(i64::MAX)),
            key: request.concurrency_key.as_ref().map(|key| binds.bind(&**key)),
            overdue_by: request.overdue_by.map(|bound| binds.bind(micros(bound))),
        }
    }

    /// The head of the line of one priority: what may start now, in the order in which it came due.
    fn look(&self, binds: &Binds, request: &ClaimRequest, priority: &str) -> String {
        let now = binds.now();
        // On PostgreSQL what has a key is only found here; how many run is counted when it is taken.
        let columns = match binds.backend {
            DbBackend::Postgres => "j.id, j.concurrency_key, j.order_key, j.priority, j.run_at".to_owned(),
            _ => format!("j.rowid AS place, {LINE}"),
        };
        let mut text = format!(
            "SELECT {columns} FROM jobs j WHERE j.queue = {} AND j.state = 'waiting' AND j.priority = {priority} \
             AND j.run_at <= {now} AND {READY}",
            self.queue
        );
        if let Some(key) = self.key {
            text += &format!(" AND j.concurrency_key = {key}");
        }
        if let (Some(_), Some(bound)) = (request.overdue_by, self.overdue_by) {
            text += &format!(" AND j.run_at <= {now} - {bound}");
        }
        format!("{text} ORDER BY j.run_at, j.id LIMIT {}", binds.limit(self.limit))
    }
}

fn order(request: &ClaimRequest) -> &'static str {
    match request.overdue_by {
        Some(_) => "run_at, id",
        None => "priority, run_at, id",
    }
}

/// What a claim writes.
fn sets(binds: &mut Binds, request: &ClaimRequest) -> String {
    let now = binds.now();
    let (lease, worker) = (binds.bind(micros(request.lease)), binds.bind(&*request.worker_id));
    format!(
        "state = 'running', attempt = attempt + 1, claim_token = claim_token + 1, lease_until = {now} + {lease}, \
         worker_id = {worker}"
    )
}

/// How long until the next delayed job is due. One look per priority, so that each is the first entry of an index
/// range. What is due already and held up by a key is not counted: it becomes free by a settlement, not by time.
fn next_due_expression(binds: &Binds, queue: Bound) -> String {
    let now = binds.now();
    let looks: Vec<_> = Priority::ALL
        .iter()
        .map(|priority| {
            format!(
                "SELECT min(run_at) AS due FROM jobs WHERE queue = {queue} AND state = 'waiting' \
                 AND priority = {} AND run_at > {now}",
                priority.rank()
            )
        })
        .collect();
    format!("(SELECT min(due) - {now} FROM ({}) AS soonest)", looks.join(" UNION ALL "))
}

/// When the next job is due, and whether more of the key that was asked for may start: those that were taken may have stood in
/// front of others with a larger limit of their own.
async fn look_further(
    db: &DatabaseConnection,
    request: &ClaimRequest,
    claimed: &mut Claimed,
) -> Result<(), DbErr> {
    let mut binds = Binds::new(db);
    let queue = binds.bind(&*request.queue);
    let mut more = "FALSE".to_owned();
    if let (Some(key), false) = (&request.concurrency_key, claimed.jobs.is_empty()) {
        let (key, now) = (binds.bind(&**key), binds.now());
        more = format!(
            "EXISTS (SELECT 1 FROM jobs j WHERE j.queue = {queue} AND j.state = 'waiting' \
             AND j.concurrency_key = {key} AND j.run_at <= {now} AND {READY})"
        );
    }
    let next_due = next_due_expression(&binds, queue);
    let rows = binds.all(db, format!("SELECT {next_due} AS next_due, {more} AS more")).await?;
    if let Some(row) = rows.first() {
        claimed.next_due = row.try_get::<Option<i64>>("", "next_due")?.map(length);
        claimed.more = row.try_get("", "more")?;
    }
    Ok(())
}
