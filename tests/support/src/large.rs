//! A large installation in PostgreSQL, generated: syncs with links, their history, changes and conflicts.

use anyhow::Result;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The size of an installation.
#[derive(Debug, Clone, Copy)]
pub struct Volume {
    /// Syncs; everything else is spread evenly among them.
    pub syncs: u64,
    /// Links in all; one in a hundred has an open conflict, and one is a tombstone.
    pub links: u64,
    /// Runs in all, over the last 120 days.
    pub runs: u64,
    /// Changes of each link, over the last 400 days.
    pub changes_per_link: u64,
}

/// The size for published figures.
pub const LARGE: Volume = Volume { syncs: 100, links: 1_000_000, runs: 1_000_000, changes_per_link: 10 };

impl Volume {
    pub fn changes(self) -> u64 {
        self.links * self.changes_per_link
    }
}

/// Fills a database with the schema of the thirteenth migration or a later one. The statements use only columns of that
/// schema; later columns get their defaults, like old rows of an installation that was upgraded.
pub async fn fill(url: &str, volume: Volume) -> Result<()> {
    let Volume { syncs, links, runs, changes_per_link } = volume;
    let (per_sync, runs_per_sync) = (links / syncs, runs / syncs);
    let mut connection = PgConnection::connect(url).await?;
    let statements = [
        "SET synchronous_commit = off".to_owned(),
        format!(
            "INSERT INTO sync_configs (id, project_id, name, source_platform, target_platform, entity_type, direction, \
             enabled, config_json) SELECT n, 1, 'sync-' || n, (ARRAY['jira', 'linear', 'csv'])[1 + n % 3], \
             (ARRAY['github', 'sql'])[1 + n % 2], (ARRAY['issue', 'task'])[1 + n % 2], 'bidirectional', false, '{{}}' \
             FROM generate_series(1, {syncs}) n"
        ),
        "SELECT setval(pg_get_serial_sequence('sync_configs', 'id'), (SELECT max(id) FROM sync_configs))".to_owned(),
        format!(
            "INSERT INTO sync_metadata (id, sync_config_id, entity_type, entity_id, external_id, sync_status, link_state, \
             sync_method, last_sync_attempt, last_successful_sync, content_hash, source_hash, target_hash, base_source, \
             base_target, version, last_run_id, created_at, updated_at, deleted_side) \
             SELECT n, 1 + (n - 1) / {per_sync}, (ARRAY['issue', 'task'])[1 + (1 + (n - 1) / {per_sync}) % 2], 'E-' || n, \
             'X-' || n, CASE WHEN n % 100 = 1 THEN 'conflict' WHEN n % 100 = 2 THEN 'failed' WHEN n % 100 = 3 THEN 'skipped' \
             ELSE 'completed' END, CASE WHEN n % 100 = 4 THEN 'tombstone' ELSE 'linked' END, 'batch', \
             now() - (n % 1000) * interval '1 minute', now() - (n % 1000) * interval '1 minute', md5(n::text), \
             md5('s' || n), md5('t' || n), \
             jsonb_build_object('title', 'Item number ' || n, 'state', 'open', 'points', n % 13), \
             jsonb_build_object('summary', 'Item number ' || n, 'status', 'To Do', 'estimate', n % 13), n % 7, \
             md5('run' || (1 + n % {runs}))::uuid, now() - interval '400 days', now(), \
             CASE WHEN n % 100 = 4 THEN 'source' END FROM generate_series(1, {per_sync} * {syncs}) n"
        ),
        "SELECT setval(pg_get_serial_sequence('sync_metadata', 'id'), (SELECT max(id) FROM sync_metadata))".to_owned(),
        format!(
            "INSERT INTO sync_history (id, run_uid, project_id, sync_config_id, correlation_id, kind, sync_type, args, \
             status, fence, dispatched_at, items_synced, items_failed, items_skipped, created, updated, conflicts, \
             api_calls, duration_ms, queued_at, started_at, completed_at, success) \
             SELECT n, md5('run' || n)::uuid, 1, 1 + n % {syncs}, md5('run' || n)::uuid, \
             CASE WHEN n % 20 = 0 THEN 'plan' ELSE 'sync' END, 'batch', '{{}}', \
             CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'completed' END, 1, at, n % 50, n % 3, 10, n % 2, n % 5, n % 4, 12, \
             20 + (n * 7919) % 5000, at, at, at + ((20 + (n * 7919) % 5000) || ' milliseconds')::interval, n % 50 <> 0 \
             FROM (SELECT n, now() - interval '120 days' + interval '119 days' * (n::float8 / {runs}) AS at \
             FROM generate_series(1::bigint, {runs_per_sync} * {syncs}) n) AS runs"
        ),
        "SELECT setval(pg_get_serial_sequence('sync_history', 'id'), (SELECT max(id) FROM sync_history))".to_owned(),
        "INSERT INTO sync_attempts (run_id, attempt, worker, started_at, ended_at, outcome) \
         SELECT run_uid, 1, 'w1', started_at, completed_at, 'done' FROM sync_history"
            .to_owned(),
        format!(
            "INSERT INTO sync_changes (link_id, seq, run_id, side, field, before, after, rule, origin_system, state, \
             prev_hash, hash, at) SELECT link, seq, md5('run' || (1 + (link * 31 + seq) % {runs}))::uuid, 'target', \
             (ARRAY['title', 'state', 'points'])[1 + seq % 3], to_jsonb('value ' || (seq - 1)), to_jsonb('value ' || seq), \
             'mapping', 'jira', 'confirmed', CASE WHEN seq > 1 THEN md5(link || ' ' || (seq - 1)) END, \
             md5(link || ' ' || seq), \
             now() - interval '400 days' + interval '399 days' * (((seq - 1) * {links} + link)::float8 / ({changes_per_link} * {links})) \
             FROM generate_series(1::bigint, {changes_per_link}) seq, generate_series(1::bigint, {per_sync} * {syncs}) link"
        ),
        "INSERT INTO sync_conflicts (link_id, run_id, field, conflict_type, base_data, source_data, target_data, resolved, \
         resolved_at, resolution, created_at) SELECT id, last_run_id, CASE WHEN open THEN 'title' ELSE 'state' END, \
         'field_mismatch', '\"a\"', '\"b\"', '\"c\"', NOT open, CASE WHEN open THEN NULL ELSE now() - interval '200 days' END, \
         CASE WHEN open THEN NULL ELSE 'source' END, now() - interval '300 days' \
         FROM sync_metadata, (VALUES (true), (false)) AS kinds (open) \
         WHERE sync_status = 'conflict' OR (NOT open AND id % 100 IN (5, 6))"
            .to_owned(),
        "ANALYZE".to_owned(),
    ];
    for statement in statements {
        connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await?;
    }
    // For index-only scans as in an installation with autovacuum.
    connection.execute("VACUUM").await?;
    Ok(connection.close().await?)
}
