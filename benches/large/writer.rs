//! A writer on the same tables, and how long its writes take.

use std::time::{Duration, Instant};

use anyhow::Result;
use sqlx::{Connection, PgConnection};
use syncline_support::large::Volume;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Makes small writes one after the other until it is stopped.
pub(crate) struct Writer {
    stopping: CancellationToken,
    task: JoinHandle<Result<Vec<Duration>>>,
}

/// How long the writes took.
pub(crate) struct Waits {
    pub(crate) longest: Duration,
    pub(crate) p99: Duration,
    pub(crate) writes: usize,
}

impl Writer {
    pub(crate) async fn start(url: &str, volume: Volume) -> Result<Writer> {
        let stopping = CancellationToken::new();
        let mut connection = PgConnection::connect(url).await?;
        // The first execution prepares the statements and is not measured.
        write(&mut connection, volume, 0).await?;
        let stop = stopping.clone();
        let task = tokio::spawn(async move {
            let mut took = Vec::new();
            let mut round = 1;
            while !stop.is_cancelled() {
                took.extend(write(&mut connection, volume, round).await?);
                round += 1;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Ok(took)
        });
        Ok(Writer { stopping, task })
    }

    pub(crate) async fn stop(self) -> Result<Waits> {
        self.stopping.cancel();
        let mut took = self.task.await??;
        took.sort();
        Ok(Waits {
            longest: took.last().copied().unwrap_or_default(),
            p99: took.get(took.len() * 99 / 100).copied().unwrap_or_default(),
            writes: took.len(),
        })
    }
}

/// Writes what a run of one item writes: a link, a run begun and ended, a change. Each statement commits by itself.
async fn write(connection: &mut PgConnection, volume: Volume, round: u64) -> Result<Vec<Duration>> {
    let link = i64::try_from(1 + (round * 7_919) % volume.links)?;
    let sync = i64::try_from(1 + round % volume.syncs)?;
    let mut took = Vec::with_capacity(4);
    let mut began = Instant::now();
    let mut lap = |took: &mut Vec<Duration>| {
        took.push(began.elapsed());
        began = Instant::now();
    };
    sqlx::query("UPDATE sync_metadata SET updated_at = now(), version = version + 1 WHERE id = $1")
        .bind(link)
        .execute(&mut *connection)
        .await?;
    lap(&mut took);
    let run: (i64,) = sqlx::query_as(
        "INSERT INTO sync_history (run_uid, project_id, sync_config_id, correlation_id, kind, sync_type, args, queued_at) \
         VALUES (gen_random_uuid(), 1, $1, gen_random_uuid(), 'sync', 'manual', '{}', now()) RETURNING id",
    )
    .bind(sync)
    .fetch_one(&mut *connection)
    .await?;
    lap(&mut took);
    sqlx::query(
        "INSERT INTO sync_changes (link_id, seq, run_id, side, field, rule, origin_system, state, hash, at) \
         SELECT $1, max(seq) + 1, gen_random_uuid(), 'target', 'title', 'mapping', 'jira', 'confirmed', 'x', now() \
         FROM sync_changes WHERE link_id = $1",
    )
    .bind(link)
    .execute(&mut *connection)
    .await?;
    lap(&mut took);
    sqlx::query(
        "UPDATE sync_history SET status = 'completed', success = true, completed_at = now(), duration_ms = 5 WHERE id = $1",
    )
    .bind(run.0)
    .execute(&mut *connection)
    .await?;
    lap(&mut took);
    Ok(took)
}
