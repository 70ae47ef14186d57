//! Claims jobs.
//!
//! On SQLite a claim is one `UPDATE`, which is atomic. On PostgreSQL jobs without a concurrency or order key also need
//! only one statement, with `SKIP LOCKED`. Jobs with a key need more: two concurrent claimers do not see each other's
//! uncommitted rows, so each could start a job of the same key. Such jobs are claimed in a transaction that first takes
//! an advisory lock per key. Only then a second statement, which has a newer snapshot, checks which jobs run and which
//! are older; the previous owner of the lock has committed by then. The lock is only tried, never waited for: a claimer
//! that hangs blocks its own keys only.
//!
//! Each priority is read separately: the index has the jobs of one priority by due time, so reading ends with the last
//! due job, however many delayed ones follow.

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
    // A claim that reached its limit is followed by another one, so the next due time is not needed.
    if claimed.jobs.len() < request.limit && !claimed.more && claimed.next_due.is_none() {
        look_further(db, request, &mut claimed).await?;
    }
    Ok(claimed)
}

/// The result of the first statement.
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
                // A job that cannot be read must not keep the others from their handlers.
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
    // Only jobs with a key are ranked. All are found again by `rowid`, the position of their row.
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
    // Fewer jobs than the limit means the line is empty, unless jobs of a claimed key filled places in front of others.
    // For a single key `look_further` checks this.
    let jobs = &taken.claimed.jobs;
    let one_key = request.concurrency_key.is_some();
    taken.claimed.more = jobs.len() >= request.limit || (!one_key && jobs.iter().any(is_keyed));
    Ok(taken)
}

async fn claim_postgres(db: &DatabaseConnection, request: &ClaimRequest) -> Result<Taken, Error> {
    let mut binds = Binds::new(db);
    let asked = ClaimCall::bind(&mut binds, request);
    let sets = sets(&mut binds, request);
    // The loop reads the priorities in the order of `VALUES`, so the limit cuts off the last ones.
    let line = format!(
        "SELECT due.* FROM (VALUES (0), (1), (2), (3)) AS class(priority) CROSS JOIN LATERAL ({look} FOR UPDATE OF j \
         SKIP LOCKED) AS due WHERE {going}{order} LIMIT {limit}",
        look = asked.look(&binds, request, "class.priority"),
        going = not_paused(asked.queue),
        order = if request.overdue_by.is_some() { " ORDER BY due.run_at, due.id" } else { "" },
        limit = asked.limit,
    );
    let columns: Vec<&str> = CLAIMED.split(", ").map(str::trim).collect();
    // Of jobs with a key only the id and the keys are needed.
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
        // Computed only if the claim got less than it asked for.
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
            // Jobs that were claimed already must reach their handlers; the others are left to the next claim.
            Err(error) => tracing::warn!(%error, "jobs with a key could not be claimed"),
        }
        // Several jobs of one key may have been in front of others, so there may be more. If nothing was claimed,
        // another claimer has those keys at the moment; it will be done shortly.
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

/// A job with a key, ready to claim.
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

/// Claims the jobs whose keys allow it; see the top of this file.
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
    // Read by id: the index of waiting jobs may be long. `state` is never null, but the planner does not know that.
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

/// The columns of a job in line.
const LINE: &str = "j.id, j.concurrency_key, j.order_key, j.priority, j.run_at, j.concurrency_limit, \
     CASE WHEN j.concurrency_key IS NULL THEN 0 ELSE (SELECT count(*) FROM jobs r WHERE r.queue = j.queue \
     AND r.concurrency_key = j.concurrency_key AND r.state = 'running') END AS running";

/// True if fewer jobs of the concurrency key run than its limit, and the job is the oldest unfinished one of its order
/// key with no other running: an older one may have been pushed late. Ids increase with the time of their creation.
const READY: &str = "(j.concurrency_key IS NULL OR (SELECT count(*) FROM jobs r WHERE r.queue = j.queue \
     AND r.concurrency_key = j.concurrency_key AND r.state = 'running') < j.concurrency_limit) \
     AND (j.order_key IS NULL OR (NOT EXISTS (SELECT 1 FROM jobs o WHERE o.queue = j.queue \
     AND o.order_key = j.order_key AND o.state <> 'dead' AND o.id < j.id) \
     AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.queue = j.queue AND o.order_key = j.order_key \
     AND o.state = 'running')))";

/// Selects the jobs that can start together, in the order of the request: no more of one concurrency key than its
/// limit.
fn chosen(line: &str, request: &ClaimRequest) -> String {
    format!(
        "SELECT id FROM (SELECT id, concurrency_key, concurrency_limit, running, row_number() OVER \
         (PARTITION BY concurrency_key ORDER BY {}) AS nth FROM ({line}) AS line) AS ranked \
         WHERE concurrency_key IS NULL OR running + nth <= concurrency_limit",
        order(request)
    )
}

/// The bound parameters of a request.
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

    /// Selects the jobs of one priority that may start now, by due time.
    fn look(&self, binds: &Binds, request: &ClaimRequest, priority: &str) -> String {
        let now = binds.now();
        // On PostgreSQL jobs with a key are only found here; the running ones are counted at the claim.
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

/// Returns the columns that a claim writes.
fn sets(binds: &mut Binds, request: &ClaimRequest) -> String {
    let now = binds.now();
    let (lease, worker) = (binds.bind(micros(request.lease)), binds.bind(&*request.worker_id));
    format!(
        "state = 'running', attempt = attempt + 1, claim_token = claim_token + 1, lease_until = {now} + {lease}, \
         worker_id = {worker}"
    )
}

/// Selects the time until the next delayed job is due. There is one query per priority, so that each reads the first
/// entry of an index range. Due jobs that a key blocks are not counted: a settlement frees them, not time.
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

/// Finds when the next job is due, and whether more jobs of the requested key may start: the claimed ones may have been
/// in front of others with a larger limit.
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
