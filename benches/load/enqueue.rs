//! How many runs of single items, no two alike, are accepted in a second: one by one, and a thousand in a request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    cpu::Processes,
    fill::SYNCS,
    report::{Report, ms},
    wire::Wire,
};

const SINGLY: f64 = 2_000.0;
const IN_BULK: f64 = 10_000.0;
/// The least share of the rate of raw inserts.
const SHARE: f64 = 0.5;

/// Callers at once.
const CALLERS: u64 = 64;
const BULK_CALLERS: u64 = 4;
const IN_A_REQUEST: u64 = 1_000;

/// Bulk and raw inserts take turns, so that both have the same machine.
const ROUNDS: u64 = 3;

/// Numbers of items that no run had yet.
#[derive(Debug, Clone, Default)]
struct Items(Arc<AtomicU64>);

impl Items {
    fn next(&self) -> (u64, String) {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        (1 + number % (SYNCS / 10 * 9), format!("N-{number}"))
    }

    /// The body of a request; syncs whose number ends in a zero belong to another project.
    fn body(&self) -> serde_json::Value {
        let (sync, item) = self.next();
        let sync = sync + (sync - 1) / 9;
        json!({ "sync": format!("sync-{sync}"), "items": { "side": "source", "ids": [item] } })
    }
}

pub(crate) async fn measure(
    wire: &Wire,
    processes: Processes,
    url: &str,
    time: Duration,
    report: &mut Report,
) -> Result<()> {
    let items = Items::default();
    let before = processes.used();
    let (accepted, took) = singly(wire, &items, time).await?;
    let used = processes.used().since(before);
    let rate = accepted as f64 / took.as_secs_f64();
    let cpu = |time: Duration| ms(time) / accepted as f64;
    println!(
        "enqueue: {accepted} runs singly by {CALLERS} callers in {:.1} s; cpu ms each: api {:.2}, database {:.2}",
        took.as_secs_f64(),
        cpu(used.program),
        cpu(used.database)
    );
    report.at_least("enqueue, singly", rate, SINGLY, "runs/s");
    let (mut bulk, mut raw) = ((0, Duration::ZERO), (0, Duration::ZERO));
    let (mut of_bulk, mut of_raw) = (Duration::ZERO, Duration::ZERO);
    let mut of_program = Duration::ZERO;
    for _ in 0..ROUNDS {
        let before = processes.used();
        add(&mut bulk, in_bulk(wire, &items, time / 2).await?);
        let used = processes.used().since(before);
        of_bulk += used.database;
        of_program += used.program;
        let before = processes.used();
        add(&mut raw, raw_inserts(url, &items, time / 2).await?);
        of_raw += processes.used().since(before).database;
    }
    let rate = |(number, took): (u64, Duration)| number as f64 / took.as_secs_f64();
    let cpu = |time: Duration, (number, _): (u64, Duration)| ms(time) / number as f64;
    println!(
        "enqueue: {} runs in bulk in {:.1} s; cpu ms each: api {:.3}, database {:.3}; raw inserts of such rows: database {:.3}",
        bulk.0,
        bulk.1.as_secs_f64(),
        cpu(of_program, bulk),
        cpu(of_bulk, bulk),
        cpu(of_raw, raw)
    );
    report.at_least("enqueue, in bulk", rate(bulk), IN_BULK, "runs/s");
    let what = format!("enqueue, in bulk, beside {:.0} raw inserts of such rows/s", rate(raw));
    report.at_least(&what, rate(bulk), rate(raw) * SHARE, "runs/s");
    println!();
    Ok(())
}

fn add(sum: &mut (u64, Duration), more: (u64, Duration)) {
    sum.0 += more.0;
    sum.1 += more.1;
}

async fn singly(wire: &Wire, items: &Items, time: Duration) -> Result<(u64, Duration)> {
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (wire, items) = (wire.clone(), items.clone());
        callers.spawn(async move {
            let mut accepted = 0;
            while began.elapsed() < time {
                let answer = wire.post("/api/v1/jobs", &items.body().to_string()).await?;
                let told = answer.json()?;
                ensure!(answer.status == 202 && told["joined"] == false, "{told}");
                accepted += 1;
            }
            anyhow::Ok(accepted)
        });
    }
    sum(callers, began).await
}

async fn in_bulk(wire: &Wire, items: &Items, time: Duration) -> Result<(u64, Duration)> {
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..BULK_CALLERS {
        let (wire, items) = (wire.clone(), items.clone());
        callers.spawn(async move {
            let mut accepted = 0;
            while began.elapsed() < time {
                let jobs: Vec<_> = (0..IN_A_REQUEST).map(|_| items.body()).collect();
                let answer = wire.post("/api/v1/jobs", &json!({ "jobs": jobs }).to_string()).await?;
                let told = answer.json()?;
                ensure!(told["accepted"] == IN_A_REQUEST, "{}: {}", told["accepted"], told["jobs"][0]);
                accepted += IN_A_REQUEST;
            }
            anyhow::Ok(accepted)
        });
    }
    sum(callers, began).await
}

async fn sum(mut callers: JoinSet<Result<u64>>, began: Instant) -> Result<(u64, Duration)> {
    let mut all = 0;
    while let Some(accepted) = callers.join_next().await {
        all += accepted??;
    }
    Ok((all, began.elapsed()))
}

/// Writes the rows of such runs (the run, its job and its event) in statements of a thousand, as a program would that
/// checks nothing.
async fn raw_inserts(url: &str, items: &Items, time: Duration) -> Result<(u64, Duration)> {
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..BULK_CALLERS {
        let (url, items) = (url.to_owned(), items.clone());
        callers.spawn(async move {
            let mut connection = PgConnection::connect(&url).await?;
            let mut written = 0;
            while began.elapsed() < time {
                write(&mut connection, &items).await?;
                written += IN_A_REQUEST;
            }
            connection.close().await?;
            anyhow::Ok(written)
        });
    }
    sum(callers, began).await
}

async fn write(connection: &mut PgConnection, items: &Items) -> Result<()> {
    let (mut ids, mut syncs, mut args, mut keys) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..IN_A_REQUEST {
        let (sync, item) = items.next();
        let text = format!("{{\"items\":{{\"side\":\"source\",\"ids\":[\"{item}\"]}},\"needs\":3}}");
        ids.push(Uuid::now_v7());
        syncs.push(i64::try_from(sync)?);
        keys.push(format!("sync:{sync}:sync:{text}"));
        args.push(text);
    }
    let statements = [
        "INSERT INTO sync_history (run_uid, project_id, sync_config_id, correlation_id, kind, sync_type, priority, args, status, \
         queued_at, waiting_key, dispatched_at) SELECT id, 1, sync, id, 'sync', 'manual', 2, args::jsonb, 'queued', now(), key, now() \
         FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS new (id, sync, args, key)",
        "INSERT INTO jobs (id, queue, kind, payload_version, payload, run_at, max_attempts, retry_base_ms, retry_cap_ms, unique_key, \
         concurrency_key, enqueued_at) SELECT id, 'default', 'sync', 3, jsonb_build_object('run', id), \
         (extract(epoch FROM now()) * 1000000)::bigint, 4, 1000, 600000, key, 'sync:' || sync, \
         (extract(epoch FROM now()) * 1000000)::bigint \
         FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS new (id, sync, args, key)",
        "INSERT INTO events (id, project_id, rooms, type, subject, time, data) \
         SELECT gen_random_uuid(), 1, 'sync:' || sync || ' queue:default', 'run.accepted', id::text, now(), \
         jsonb_build_object('run', id, 'kind', 'sync', 'sync', sync, 'method', 'manual', 'priority', 'normal') \
         FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS new (id, sync, args, key)",
    ];
    let mut tx = connection.begin().await?;
    for statement in statements {
        sqlx::query(statement).bind(&ids).bind(&syncs).bind(&args).bind(&keys).execute(&mut *tx).await?;
    }
    Ok(tx.commit().await?)
}
