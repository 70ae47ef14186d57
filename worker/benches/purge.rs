//! How long a purge of a million rows takes, and how long writers beside it wait.
//!
//! `cargo bench -p syncline-worker --bench purge [-- ROWS]` on a server of its own; `PURGE_BENCH_URL` names another one
//! (an empty database, which is filled), such as one that writes through to its disk. Half of the time is for writers
//! alone, so that both can be compared.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and ends where something fails"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{SubsecRound, Utc};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, TransactionTrait,
};
use syncline_migration::{Migrator, Until};
use syncline_support::postgres;
use syncline_upkeep::purge::{Kind, Retention, Unwatched, purge};
use uuid::Uuid;

const SYNCS: i64 = 20;
/// Changes of each link that are past their limit; two more are not.
const OLD: i64 = 10;

#[tokio::main]
async fn main() {
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let url = match std::env::var("PURGE_BENCH_URL") {
        Ok(url) => url,
        Err(_) => postgres::Database::create().await.unwrap().url(),
    };
    let mut options = ConnectOptions::new(url);
    options.max_connections(10).sqlx_logging(false);
    let db = Database::connect(options).await.unwrap();
    Migrator::new().up(&db, &Until::End).await.unwrap();
    let began = Instant::now();
    seed(&db, rows).await;
    println!("{rows} runs and {rows} changes past their limit made in {:?}", began.elapsed());

    write_while(&db, "writers alone", tokio::time::sleep(Duration::from_secs(20))).await;
    for (name, retention) in [
        (
            "purge of runs",
            Retention { changes: syncline_upkeep::purge::Age::Forever, ..Retention::default() },
        ),
        ("purge of changes", Retention::default()),
    ] {
        let purged = async {
            let began = Instant::now();
            let now = Utc::now().trunc_subsecs(6);
            let report = purge(&db, now, &retention, false, "bench", &Unwatched).await.unwrap();
            let removed = |kind| report.kinds.get(&kind).map_or(0, |tally| tally.removed);
            let took = began.elapsed();
            println!(
                "{name}: {} runs and {} changes in {took:?}, {:.0} rows/s",
                removed(Kind::Runs),
                removed(Kind::Changes),
                report.removed() as f64 / took.as_secs_f64()
            );
        };
        write_while(&db, name, purged).await;
    }
    let began = Instant::now();
    let now = Utc::now().trunc_subsecs(6);
    purge(&db, now, &Retention::default(), false, "bench", &Unwatched).await.unwrap();
    println!("a purge with nothing to do: {:?}", began.elapsed());
}

async fn execute(db: &impl ConnectionTrait, sql: &str) {
    db.execute_unprepared(sql).await.unwrap();
}

async fn seed(db: &DatabaseConnection, rows: i64) {
    let links = rows / OLD;
    execute(
        db,
        &format!(
            "INSERT INTO sync_configs (project_id, name, source_platform, target_platform, entity_type, direction, \
             conflict_strategy, config_json, managed_by) SELECT (SELECT MIN(id) FROM projects), 'sync ' || n, 'files', \
             'sql', 'task', 'bidirectional', 'last_write_wins', '{{}}', 'file' FROM generate_series(1, {SYNCS}) n"
        ),
    )
    .await;
    let sync = |number: &str| format!("(SELECT MIN(id) FROM sync_configs) + ({number}) % {SYNCS}");
    let details =
        r#"{"read": 1000, "errors": [], "links": 1000, "complete": true, "skipped": 0, "unchanged": 1000}"#;
    let run = |from: i64, to: i64, age: &str| {
        format!(
            "INSERT INTO sync_history (run_uid, project_id, sync_config_id, correlation_id, kind, sync_type, args, status, \
             dispatched_at, queued_at, started_at, completed_at, success, duration_ms, sync_metadata) \
             SELECT gen_random_uuid(), (SELECT MIN(id) FROM projects), {}, gen_random_uuid(), 'sync', 'batch', '{{}}', \
             'completed', at, at, at, at, true, n % 1000, '{details}' \
             FROM (SELECT n, {age} AS at FROM generate_series({from}, {to}) n) made",
            sync("n")
        )
    };
    execute(db, &run(1, rows, "now() - interval '700 days' + n * interval '30 seconds'")).await;
    execute(db, &run(1, rows / 5, "now() - interval '80 days' + n * interval '30 seconds'")).await;
    execute(
        db,
        "INSERT INTO sync_attempts (run_id, attempt, worker, started_at, ended_at, outcome) \
         SELECT run_uid, 1, 'w', queued_at, queued_at, 'done' FROM sync_history",
    )
    .await;
    execute(
        db,
        &format!(
            "INSERT INTO sync_metadata (sync_config_id, entity_type, entity_id, external_id, sync_status, link_state, \
             sync_direction, base_source, base_target, created_at, updated_at) SELECT {}, 'task', 'S-' || n, 'T-' || n, \
             'completed', 'linked', 'bidirectional', '{{\"title\": \"A title of usual length\"}}', \
             '{{\"title\": \"A title of usual length\"}}', now(), now() FROM generate_series(1, {links}) n",
            sync("n")
        ),
    )
    .await;
    let change = |from: i64, to: i64, start: &str| {
        format!(
            "INSERT INTO sync_changes (link_id, seq, run_id, side, field, before, after, rule, origin_system, state, \
             prev_hash, hash, at) SELECT m.id, s, gen_random_uuid(), 'target', 'title', '\"Before it was edited\"', \
             '\"After it was edited\"', 'title', 'files', 'confirmed', md5(m.id || ':' || (s - 1)), md5(m.id || ':' || s), \
             {start} + s * interval '1 day' + m.id * interval '100 milliseconds' \
             FROM generate_series({from}, {to}) s CROSS JOIN sync_metadata m"
        )
    };
    execute(db, &change(1, OLD, "now() - interval '700 days'")).await;
    execute(db, &change(OLD + 1, OLD + 2, "now() - interval '100 days'")).await;
    execute(db, "VACUUM ANALYZE").await;
    execute(db, "CHECKPOINT").await;
}

/// Writes as runs do while something lasts, and prints how long the writes took.
async fn write_while(db: &DatabaseConnection, name: &str, work: impl Future<Output = ()>) {
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> =
        (0..2).map(|number| tokio::spawn(write(db.clone(), number, Arc::clone(&done)))).collect();
    work.await;
    done.store(true, Ordering::SeqCst);
    let mut times = Vec::new();
    for writer in writers {
        times.extend(writer.await.unwrap());
    }
    times.sort();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    println!(
        "{name}: {} transactions of writers, p50 {:?}, p99 {:?}, p99.9 {:?}, longest {:?}",
        times.len(),
        at(0.5),
        at(0.99),
        at(0.999),
        times.last().copied().unwrap_or_default()
    );
}

/// A run's row, a link taken up and a change at its chain's end, as the store writes them.
async fn write(db: DatabaseConnection, number: u64, done: Arc<AtomicBool>) -> Vec<Duration> {
    let links: i64 = scalar(&db, "SELECT COUNT(*) AS n FROM sync_metadata").await;
    let first: i64 = scalar(&db, "SELECT MIN(id) AS n FROM sync_metadata").await;
    let mut times = Vec::new();
    let mut turn = number;
    while !done.load(Ordering::SeqCst) {
        turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let link = first + (turn >> 33) as i64 % links;
        let run = Uuid::now_v7();
        let began = Instant::now();
        let tx = db.begin().await.unwrap();
        execute(
            &tx,
            &format!(
                "INSERT INTO sync_history (run_uid, project_id, sync_config_id, correlation_id, kind, sync_type, args, \
                 status, queued_at) SELECT '{run}', project_id, id, '{run}', 'sync', 'batch', '{{}}', 'queued', now() \
                 FROM sync_configs ORDER BY id LIMIT 1"
            ),
        )
        .await;
        execute(
            &tx,
            &format!(
                "UPDATE sync_metadata SET version = version + 1, external_id = external_id || '.', updated_at = now() \
                 WHERE id = {link}"
            ),
        )
        .await;
        execute(
            &tx,
            &format!(
                "INSERT INTO sync_changes (link_id, seq, run_id, side, field, before, after, rule, origin_system, state, \
                 prev_hash, hash, at) SELECT link_id, seq + 1, '{run}', side, field, before, after, rule, origin_system, \
                 state, hash, md5(hash), now() FROM sync_changes WHERE link_id = {link} ORDER BY seq DESC LIMIT 1"
            ),
        )
        .await;
        execute(
            &tx,
            &format!(
                "UPDATE sync_history SET status = 'completed', completed_at = now() WHERE run_uid = '{run}'"
            ),
        )
        .await;
        tx.commit().await.unwrap();
        times.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    times
}

async fn scalar(db: &DatabaseConnection, sql: &str) -> i64 {
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap().unwrap();
    row.try_get("", "n").unwrap()
}
