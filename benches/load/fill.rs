//! Fills a database in SQL: a few large syncs and many small ones, finished, dead and waiting runs, changes, conflicts.

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use syncline_support::{places::document, program::Program};

/// Syncs; the first one has a quarter of everything, the last one a thousandth.
pub(crate) const SYNCS: u64 = 200;

/// Dead letters of one cause, among all the others.
pub(crate) const RARE: u64 = 12;

/// The fingerprint of that cause.
pub(crate) const RARE_GROUP: &str = "00aa11bb22cc33dd";

/// How much there is of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Volume {
    pub(crate) links: u64,
    /// Runs that ended in another way than as a dead letter.
    pub(crate) ended: u64,
    pub(crate) dead: u64,
    pub(crate) waiting: u64,
}

impl Volume {
    pub(crate) fn scaled(scale: f64) -> Volume {
        let of = |number: f64| (number * scale).max(1_000.0) as u64;
        Volume { links: of(1_000_000.0), ended: of(1_000_000.0), dead: of(700_000.0), waiting: of(100_000.0) }
    }
}

/// Stores the syncs by the program itself, so that their documents can be read and their runs replayed.
fn syncs(program: &Program) -> Result<()> {
    let folder = program.folder().display();
    let documents: Vec<String> = (1..=SYNCS)
        .map(|n| {
            let project = if n % 10 == 0 { "other" } else { "default" };
            let kind = ["issue", "task", "page"][n as usize % 3];
            document(&format!(
                "name: sync-{n}\nproject: {project}\nentity_type: {kind}\nsync_interval: 0\n\
                 source: {{ path: {folder}/backlog-{n}.csv, key: id }}\n\
                 target: {{ url: \"sqlite://{folder}/tasks-{n}.db\", table: tasks, key: id, modified: updated_at }}"
            ))
        })
        .collect();
    program.write("syncs.yaml", &documents.join("---\n"))?;
    program.expect(0, &["apply", "-f", "syncs.yaml"])?;
    Ok(())
}

/// Fills an empty database that has the schema.
pub(crate) async fn fill(program: &Program, url: &str, volume: Volume) -> Result<()> {
    syncs(program)?;
    let mut connection = PgConnection::connect(url).await?;
    for statement in statements(volume) {
        let short: String = statement.chars().take(60).collect();
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(statement)))
            .await
            .with_context(|| format!("{short} ..."))?;
    }
    // As autovacuum would leave them.
    connection.execute("VACUUM ANALYZE").await?;
    connection.execute("CHECKPOINT").await?;
    Ok(connection.close().await?)
}

/// The sync of row `n`: spread over the table, and skewed.
fn sync_of(n: &str) -> String {
    format!("(1 + floor({SYNCS} * power((({n} * 7919) % 1000003) / 1000003.0, 4)))::bigint")
}

fn statements(Volume { links, ended, dead, waiting }: Volume) -> Vec<String> {
    let sync = sync_of("n");
    let changes = links;
    vec![
        "SET synchronous_commit = off".to_owned(),
        format!(
            "INSERT INTO sync_metadata (sync_config_id, entity_type, entity_id, external_id, source_key, target_key, \
             sync_status, link_state, sync_method, last_sync_attempt, last_successful_sync, error_count, last_error, \
             content_hash, source_hash, target_hash, base_source, base_target, version, last_run_id, created_at, updated_at) \
             SELECT c.id, c.entity_type, 'E-' || n, 'X-' || n, 'KEY-' || n, NULL, status, \
             CASE WHEN n % 200 = 4 THEN 'out_of_scope' ELSE 'linked' END, 'batch', at, at, \
             CASE WHEN status = 'failed' THEN 1 + n % 5 ELSE 0 END, \
             CASE WHEN status = 'failed' THEN 'HTTP 422: field \"priority\" of KEY-' || n || ' is not on the screen' END, \
             md5(n::text), md5('s' || n), md5('t' || n), \
             jsonb_build_object('title', 'Item number ' || n, 'state', 'open', 'points', n % 13), \
             jsonb_build_object('title', 'Item number ' || n, 'state', 'open', 'points', n % 13), n % 7, \
             md5('run' || (1 + n % {ended}))::uuid, at - interval '200 days', at \
             FROM (SELECT n, {sync} AS sync, now() - (n * 104729 % 43200) * interval '1 minute' AS at, \
             CASE WHEN n * 104729 % 1000 < 8 THEN 'failed' WHEN n * 104729 % 1000 < 12 THEN 'pending' \
             WHEN n * 104729 % 1000 < 22 THEN 'conflict' WHEN n * 104729 % 1000 < 24 THEN 'skipped' \
             ELSE 'completed' END AS status FROM generate_series(1::bigint, {links}) n) AS links \
             JOIN sync_configs c ON c.id = links.sync ORDER BY n"
        ),
        // In order of their times, as ids are.
        format!(
            "INSERT INTO sync_history (run_uid, project_id, sync_config_id, link_id, correlation_id, kind, sync_type, priority, \
             args, status, fence, dispatched_at, items_synced, items_failed, items_skipped, created, updated, conflicts, \
             api_calls, duration_ms, queued_at, started_at, completed_at, success, error_message, sync_metadata, rolled_up, \
             dead_at, dead_reason, error_kind, error_fingerprint, waiting_key) \
             SELECT uid, c.project_id, c.id, link, uid, r.kind, r.method, r.priority, r.args, status, fence, at, synced, r.failed, \
             skipped, created, updated, conflicts, calls, took, at, begun, ended, success, error, details, ended IS NOT NULL, \
             dead_at, reason, error_kind, mark, 'sync:' || c.id || wkey FROM ({ended_runs} UNION ALL {dead_runs} UNION ALL \
             {waiting_runs}) AS r JOIN sync_configs c ON c.id = r.sync ORDER BY at",
            ended_runs = ended_runs(ended, links),
            dead_runs = dead_runs(dead),
            waiting_runs = waiting_runs(waiting),
        ),
        // Dead in the middle of the others, and of a small sync.
        format!(
            "INSERT INTO sync_history (run_uid, project_id, sync_config_id, correlation_id, kind, sync_type, args, status, \
             fence, dispatched_at, items_failed, api_calls, duration_ms, queued_at, started_at, completed_at, success, \
             error_message, rolled_up, dead_at, dead_reason, error_kind, error_fingerprint) \
             SELECT md5('rare' || n)::uuid, project_id, id, md5('rare' || n)::uuid, 'sync', 'webhook', \
             jsonb_build_object('items', jsonb_build_object('ids', jsonb_build_array('R-' || n), 'side', 'source'), 'needs', 3), \
             'failed', 1, at, 1, 3, 900, at, at, at, false, 'HTTP 410: the board of R-' || n || ' was archived', true, at, \
             'trying again would not help', 'permanent', '{RARE_GROUP}' \
             FROM generate_series(1, {RARE}) n, sync_configs, LATERAL (SELECT now() - interval '12 days' - n * interval '1 hour' \
             AS at) AS times WHERE id = {SYNCS} - 3"
        ),
        "INSERT INTO jobs (id, queue, kind, payload_version, payload, priority, run_at, max_attempts, retry_base_ms, \
         retry_cap_ms, unique_key, concurrency_key, enqueued_at) \
         SELECT run_uid, 'default', kind, 3, jsonb_build_object('run', run_uid), priority, \
         (extract(epoch FROM queued_at) * 1000000)::bigint, 4, 1000, 600000, waiting_key, 'sync:' || sync_config_id, \
         (extract(epoch FROM queued_at) * 1000000)::bigint FROM sync_history WHERE completed_at IS NULL"
            .to_owned(),
        "INSERT INTO sync_attempts (run_id, attempt, worker, started_at, ended_at, outcome) \
         SELECT run_uid, 1, 'w1', started_at, completed_at, 'done' FROM sync_history \
         WHERE completed_at IS NOT NULL AND id % 10 = 0"
            .to_owned(),
        // One run with many changes, and one link with a long history.
        format!(
            "INSERT INTO sync_changes (link_id, seq, run_id, side, field, before, after, rule, origin_system, state, prev_hash, \
             hash, at) SELECT CASE WHEN n % 200 = 0 THEN 1 ELSE 1 + n * 31 % {links} END, n, \
             md5('run' || CASE WHEN n % 100 = 1 THEN 1 ELSE 1 + n * 17 % {ended} END)::uuid, 'target', \
             (ARRAY['title', 'state', 'points'])[1 + n % 3], to_jsonb('value ' || (n - 1)), to_jsonb('value ' || n), 'mapping', \
             'csv', 'confirmed', md5('p' || n), md5('h' || n), now() - interval '300 days' + interval '299 days' * (n::float8 / {changes}) \
             FROM generate_series(1::bigint, {changes}) n"
        ),
        "INSERT INTO sync_conflicts (link_id, run_id, field, conflict_type, base_data, source_data, target_data, resolved, \
         resolved_at, resolved_by, resolution, occurrences, created_at) \
         SELECT id, last_run_id, CASE WHEN open THEN (ARRAY['title', 'state', 'points'])[1 + id % 3] ELSE 'state' END, \
         CASE WHEN id % 10 = 0 THEN 'timestamp' ELSE 'field_mismatch' END, '\"a\"', '\"b\"', '\"c\"', NOT open, \
         CASE WHEN NOT open THEN now() - interval '20 days' END, CASE WHEN NOT open THEN 'ann' END, \
         CASE WHEN NOT open THEN 'source' END, 1 + id % 4, now() - (id % 400) * interval '1 hour' \
         FROM sync_metadata, (VALUES (true), (false)) AS kinds (open) \
         WHERE (open AND sync_status = 'conflict') OR (NOT open AND id % 20 = 5) ORDER BY sync_metadata.id * 7919 % 1000003"
            .to_owned(),
        statistics("hour"),
        statistics("day"),
        statistics("month"),
        format!(
            "INSERT INTO audit_log (project_id, at, actor, action, subject_kind, subject_id, details, request_id) \
             SELECT 1, now() - interval '90 days' + interval '90 days' * (n::float8 / {ended}), \
             (ARRAY['ann', 'ben', 'ci'])[1 + n % 3], (ARRAY['run.enqueue', 'dead.replay', 'conflict.resolve', 'sync.store'])[1 + n % 4], \
             (ARRAY['run', 'dead letter', 'conflict', 'sync'])[1 + n % 4], n::text, '{{\"from\": \"127.0.0.1\"}}', 'r-' || n \
             FROM generate_series(1::bigint, {ended} / 5) n"
        ),
        format!(
            "INSERT INTO events (id, project_id, rooms, type, subject, time, data) \
             SELECT md5('event' || n)::uuid, 1, 'sync:1 queue:default', 'run.completed', md5('run' || n), \
             now() - interval '1 day' * (1 - n::float8 / {ended}), '{{\"sync\": 1, \"kind\": \"sync\"}}' \
             FROM generate_series(1::bigint, {ended} / 5) n"
        ),
        "INSERT INTO person_identities (project_id, person, remote_id, login, name, email, matched_by) \
         SELECT 1, md5('person' || n)::uuid, 'u' || n, 'user' || n, 'User ' || n, 'user' || n || '@example.com', 'none' \
         FROM generate_series(1, 2000) n"
            .to_owned(),
        // Reported by a worker of each machine a minute ago; they are gone, and the lists show them all the same.
        "INSERT INTO workers (id, name, role, host, pid, version, schema_version, queues, concurrency, beat_ms, started_at, \
         heartbeat_at) SELECT md5('worker' || n)::uuid, 'worker-' || n, 'worker', 'host-' || n, n, '0.1.0', \
         (SELECT max(version) FROM syncline_migrations), '[\"default\"]', 16, 10000, \
         (extract(epoch FROM now()) * 1000000)::bigint - 3600000000, (extract(epoch FROM now()) * 1000000)::bigint - 60000000 \
         FROM generate_series(1, 40) n"
            .to_owned(),
        "INSERT INTO operations (operation_uid, action, filter, cutoff, state, total, done, actor, created_at, started_at, completed_at) \
         SELECT md5('operation' || n)::uuid, 'replay', '{}', now(), 'done', 10, 10, 'ann', now(), now(), now() \
         FROM generate_series(1, 2000) n"
            .to_owned(),
    ]
}

/// Runs over the last 120 days.
fn ended_runs(ended: u64, links: u64) -> String {
    format!(
        "SELECT md5('run' || n)::uuid AS uid, {sync} AS sync, CASE WHEN n % 100 = 7 THEN 1 + n % {links} END AS link, \
         CASE WHEN n % 25 = 3 THEN 'plan' WHEN n % 100 = 7 THEN 'resolve' ELSE 'sync' END AS kind, \
         (ARRAY['batch', 'batch', 'batch', 'webhook', 'manual', 'poll'])[1 + n % 6] AS method, 2 AS priority, \
         '{{}}'::jsonb AS args, status, 1 AS fence, at, n % 50 AS synced, CASE WHEN n % 40 = 0 THEN n % 9 ELSE 0 END AS failed, \
         10 AS skipped, n % 2 AS created, n % 5 AS updated, CASE WHEN n % 60 = 0 THEN 2 ELSE 0 END AS conflicts, 12 AS calls, \
         took, at AS begun, at + took * interval '1 millisecond' AS ended, status = 'completed' AND n % 40 <> 0 AS success, \
         CASE WHEN status = 'failed' THEN 'no answer from https://tracker.example/rest/' || n || ' in 30s' END AS error, \
         '{{\"errors\": [], \"links\": 3, \"unchanged\": 3}}'::jsonb AS details, NULL::timestamptz AS dead_at, NULL AS reason, \
         NULL AS error_kind, NULL AS mark, NULL AS wkey \
         FROM (SELECT n, 20 + (n * 7919) % 5000 AS took, \
         CASE WHEN n % 100 = 11 THEN 'failed' WHEN n % 200 = 12 THEN 'cancelled' WHEN n % 500 = 13 THEN 'held' \
         ELSE 'completed' END AS status, now() - interval '120 days' + interval '119 days' * (n::float8 / {ended}) AS at \
         FROM generate_series(1::bigint, {ended}) n) AS runs",
        sync = sync_of("n"),
    )
}

/// Dead letters of the last 30 days, of 12 causes in each sync.
fn dead_runs(dead: u64) -> String {
    format!(
        "SELECT md5('dead' || n)::uuid, {sync}, NULL, 'sync', 'webhook', 2, {args}, 'failed', 4, at, 0, 1, 0, 0, 0, 0, 3, 900, at, \
         at + interval '1 second', false, \
         'HTTP 500: cause ' || chr(65 + cause % 26) || chr(97 + cause / 26) || ' of D-' || n || ' at the tracker', NULL, \
         at + interval '1 second', 'failed 4 times, and may be tried 4 times', \
         (ARRAY['transient', 'transient', 'permanent', 'lost', 'auth'])[1 + cause % 5], left(md5('cause' || cause), 16), NULL \
         FROM (SELECT n, floor(12 * power((n * 6151 % 99991) / 99991.0, 3))::integer AS cause, \
         now() - interval '30 days' + interval '29 days' * (n::float8 / {dead}) AS at \
         FROM generate_series(1::bigint, {dead}) n) AS runs",
        sync = sync_of("n"),
        args = args_of("'D-' || n"),
    )
}

/// Runs of single items that wait, accepted within the last day.
fn waiting_runs(waiting: u64) -> String {
    format!(
        "SELECT md5('wait' || n)::uuid, {sync}, NULL, 'sync', 'webhook', \
         CASE WHEN n % 50 = 0 THEN 1 WHEN n % 20 = 0 THEN 3 ELSE 2 END, {args}, 'queued', 0, at, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, \
         NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
         ':sync:{{\"items\":{{\"side\":\"source\",\"ids\":[\"W-' || n || '\"]}},\"needs\":3}}' \
         FROM (SELECT n, now() - interval '1 day' * (1 - n::float8 / {waiting}) AS at \
         FROM generate_series(1::bigint, {waiting}) n) AS runs",
        sync = sync_of("n"),
        args = args_of("'W-' || n"),
    )
}

/// The arguments of a run of one item.
fn args_of(item: &str) -> String {
    format!(
        "jsonb_build_object('items', jsonb_build_object('ids', jsonb_build_array({item}), 'side', 'source'), 'needs', 3)"
    )
}

/// The statistics as the program adds them up while runs end.
fn statistics(span: &str) -> String {
    format!(
        "INSERT INTO sync_stats (sync_config_id, span, bucket, entity_type, runs_completed, runs_failed, runs_cancelled, \
         runs_held, runs_succeeded, items_synced, items_failed, items_skipped, created, updated, conflicts, api_calls, \
         duration_sum_ms, duration_max_ms, durations) \
         SELECT s.sync_config_id, '{span}', s.bucket, c.entity_type, sum(completed), sum(failed), sum(cancelled), sum(held), \
         sum(succeeded), sum(synced), sum(not_synced), sum(skipped), sum(created), sum(updated), sum(conflicts), sum(calls), \
         sum(took), max(longest), string_agg(s.class || ':' || s.runs, ' ' ORDER BY s.class) \
         FROM (SELECT sync_config_id, date_trunc('{span}', completed_at, 'UTC') AS bucket, duration_ms / 64 * 64 AS class, \
         count(*) AS runs, count(*) FILTER (WHERE status = 'completed') AS completed, \
         count(*) FILTER (WHERE status = 'failed') AS failed, count(*) FILTER (WHERE status = 'cancelled') AS cancelled, \
         count(*) FILTER (WHERE status = 'held') AS held, count(*) FILTER (WHERE success) AS succeeded, \
         sum(items_synced) AS synced, sum(items_failed) AS not_synced, sum(items_skipped) AS skipped, sum(created) AS created, \
         sum(updated) AS updated, sum(conflicts) AS conflicts, sum(api_calls) AS calls, sum(duration_ms) AS took, \
         max(duration_ms) AS longest FROM sync_history WHERE kind <> 'plan' AND completed_at IS NOT NULL GROUP BY 1, 2, 3) AS s \
         JOIN sync_configs c ON c.id = s.sync_config_id GROUP BY 1, 2, 3, 4"
    )
}
