//! Lists of runs, links and conflicts: pages, filters, and what a caller sees.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use serde_json::json;
use syncline_entity::types::{RunKind, RunStatus, SyncStatus};
use syncline_migration::{Migrator, Until};
use syncline_runs::{
    RunQueue,
    listing::{self, Listing, Standing},
};
use syncline_service::{
    Caller, Error, Origin, Unknown, configs,
    conflicts::{self, Asked, ConflictsQuery},
    filter::jobs::of_jobs,
    history::{self, RunsQuery},
    links::{self, LinksQuery},
    scan::Start,
};

async fn database(folder: &tempfile::TempDir) -> DatabaseConnection {
    let path = folder.path().join("syncline.db");
    let db = Database::connect(format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    Migrator::new().up(&db, &Until::End).await.unwrap();
    for name in ["a", "b"] {
        let document = json!({
            "name": name, "source_platform": "csv", "source": { "path": "/tmp/a.csv" }, "entity_type": "task",
            "target_platform": "sql", "target": { "url": "sqlite:///tmp/x.db", "table": "t" },
            "field_mappings": [{ "source_field": "title", "target_field": "name" }],
        });
        configs::create(&db, &Caller::person("mia"), &document, Origin::CommandLine).await.unwrap();
    }
    db
}

/// Runs of both syncs, a second apart; the 100th failed.
async fn runs(db: &DatabaseConnection, count: u32) {
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
         INSERT INTO sync_history (run_uid, project_id, sync_config_id, correlation_id, kind, sync_type, priority, args, \
         status, fence, items_synced, items_failed, items_skipped, created, updated, deleted, conflicts, api_calls, \
         queued_at, completed_at, rolled_up, error_message) \
         SELECT randomblob(16), 1, 1 + i % 2, randomblob(16), 'sync', 'batch', 2, '{{}}', \
         CASE WHEN i = 100 THEN 'failed' ELSE 'completed' END, 1, i, 0, 0, 0, 0, 0, 0, 0, \
         strftime('%Y-%m-%dT%H:%M:%S+00:00', '2026-01-01', i || ' seconds'), '2026-06-01T00:00:00+00:00', \
         1, CASE WHEN i = 100 THEN 'Quota of 50% reached' END FROM n"
    );
    db.execute_unprepared(&sql).await.unwrap();
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[tokio::test]
async fn runs_are_listed_in_pages_that_meet() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    runs(&db, 25_000).await;
    let mia = Caller::person("mia");
    let asked = RunsQuery::latest(3);
    let first = history::list(&db, &mia, &asked).await.unwrap();
    let synced = |page: &history::Page<syncline_entity::sync_history::Model>| -> Vec<i64> {
        page.rows.iter().map(|row| row.items_synced).collect()
    };
    assert_eq!(synced(&first), [25_000, 24_999, 24_998]);
    let start = Start::After(first.next.unwrap());
    let second = history::list(&db, &mia, &RunsQuery { start, ..asked.clone() }).await.unwrap();
    assert_eq!(synced(&second), [24_997, 24_996, 24_995]);
    let skipped =
        history::list(&db, &mia, &RunsQuery { start: Start::Skip(3), ..asked.clone() }).await.unwrap();
    assert_eq!(synced(&skipped), synced(&second));
    let of_b = history::list(&db, &mia, &RunsQuery { sync: Some(2), ..asked.clone() }).await.unwrap();
    assert_eq!(synced(&of_b), [24_999, 24_997, 24_995]);

    // The failed one: by its index, and by a filter that looks through windows.
    for (status, filter) in [(Some(RunStatus::Failed), None), (None, Some("status:failed"))] {
        let asked = RunsQuery { status, filter: filter.map(str::to_owned), ..asked.clone() };
        let page = history::list(&db, &mia, &asked).await.unwrap();
        assert_eq!((synced(&page), page.next), (vec![100], None), "{filter:?}");
    }
    let whole = async |mut asked: RunsQuery| {
        let (mut pages, mut found) = (0, Vec::new());
        loop {
            let page = history::list(&db, &mia, &asked).await.unwrap();
            found.extend(synced(&page));
            pages += 1;
            match page.next {
                Some(next) => asked.start = Start::After(next),
                None => return (found, pages),
            }
        }
    };
    let reached = RunsQuery { filter: Some("\"50% REACHED\"".to_owned()), ..asked.clone() };
    assert_eq!(whole(reached).await, (vec![100], 13), "25,000 runs are thirteen windows");

    // Many have the status, and none the kind as well: no index has both.
    let asked = RunsQuery {
        status: Some(RunStatus::Completed),
        kind: Some(RunKind::Plan),
        start: Start::First,
        filter: None,
        ..asked
    };
    let page = history::list(&db, &mia, &asked).await.unwrap();
    assert!(page.rows.is_empty() && page.next.is_some(), "{page:?}");

    let (since, until) = (time("2026-01-01T01:00:00Z"), time("2026-01-01T01:00:03Z"));
    let asked = RunsQuery { since: Some(since), until: Some(until), ..RunsQuery::latest(10) };
    assert_eq!(whole(asked).await.0, [3_602, 3_601, 3_600]);
    let none = RunsQuery { filter: Some("sync:c".to_owned()), ..RunsQuery::latest(10) };
    assert!(history::list(&db, &mia, &none).await.unwrap().rows.is_empty());

    let elsewhere = Caller { project: Some(99), ..Caller::person("ben") };
    assert!(history::list(&db, &elsewhere, &RunsQuery::latest(10)).await.unwrap().rows.is_empty());
    let run = first.rows[0].run_uid;
    let hidden = history::get(&db, &elsewhere, run).await.unwrap_err();
    assert!(matches!(hidden, Error::Unknown { what: Unknown::Run, .. }));
}

#[tokio::test]
async fn a_page_of_dead_letters_reads_only_so_many_where_a_caller_waits() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    runs(&db, 5_000).await;
    let dead = "UPDATE sync_history SET status = 'failed', success = 0, dead_at = queued_at, dead_reason = 'given up'";
    db.execute_unprepared(dead).await.unwrap();
    let queue = RunQueue::sql(db.clone());
    let of_error = Some(of_jobs(&db, "error:Quota").await.unwrap());
    for (text, also, pages) in [(Some("Quota".to_owned()), None, 3), (None, of_error, 9)] {
        for (reads, expected) in [(listing::BOUND, pages), (usize::MAX, 1)] {
            let (text, also) = (text.clone(), also.clone());
            let mut asked = Listing { text, also, limit: 10, reads, ..Listing::new(Standing::Dead) };
            let (mut pages, mut found) = (0, 0);
            loop {
                let page = listing::list(&db, &queue, &asked).await.unwrap();
                (pages, found) = (pages + 1, found + page.jobs.len());
                match page.next {
                    Some(next) => asked.after = Some(next),
                    None => break,
                }
            }
            assert_eq!((found, pages), (1, expected), "{asked:?}");
        }
    }
}

#[tokio::test]
async fn links_and_conflicts_are_found_by_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    runs(&db, 2).await;
    let sql = "INSERT INTO sync_metadata (id, sync_config_id, entity_type, entity_id, external_id, source_key, sync_status, \
               link_state, sync_direction, error_count, mapping_revision, version, created_at, updated_at, \
               api_calls_count) SELECT column1, column2, 'task', column3, column4, column5, column6, 'linked', \
               'bidirectional', 0, 1, 1, '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00', 0 \
               FROM (VALUES (1, 1, 's1', 't1', 'T-1', 'completed'), (2, 1, 's2', 't2', 'T-2', 'conflict'), \
               (3, 2, 's1', 't9', 'T-1', 'failed'))";
    db.execute_unprepared(sql).await.unwrap();
    let sql = "INSERT INTO sync_conflicts (id, link_id, run_id, field, conflict_type, source_data, target_data, \
               source_modified, target_modified, resolved, occurrences, created_at) \
               SELECT column1, column2, h.run_uid, column3, 'field_mismatch', '\"one\"', '\"two\"', \
               '2026-01-01T00:00:00+00:00', column4, column5, 1, '2026-01-01T00:00:00+00:00' \
               FROM sync_history h, (VALUES (1, 2, 'title', '2026-01-02T00:00:00+00:00', 0), \
               (2, 2, 'state', NULL, 0), (3, 3, 'title', NULL, 1)) WHERE h.id = 1";
    db.execute_unprepared(sql).await.unwrap();
    let mia = Caller::person("mia");
    let ids = async |asked: LinksQuery| -> Vec<i64> {
        links::list(&db, &mia, &asked).await.unwrap().rows.iter().map(|row| row.id).collect()
    };
    let all = LinksQuery::first(10);
    assert_eq!(ids(all.clone()).await, [1, 2, 3]);
    assert_eq!(
        ids(LinksQuery { sync: Some(1), status: Some(SyncStatus::Conflict), ..all.clone() }).await,
        [2]
    );
    assert_eq!(ids(LinksQuery { entity_id: Some("s1".to_owned()), ..all.clone() }).await, [1, 3]);
    assert_eq!(ids(LinksQuery { external_id: Some("t9".to_owned()), ..all.clone() }).await, [3]);
    for (filter, expected) in [
        ("item:T-1", vec![1, 3]),
        ("item:T-1 sync:b", vec![3]),
        ("status:failed,conflict", vec![2, 3]),
        ("T-2", vec![2]),
    ] {
        assert_eq!(
            ids(LinksQuery { filter: Some(filter.to_owned()), ..all.clone() }).await,
            expected,
            "{filter}"
        );
    }
    let elsewhere = Caller { project: Some(99), ..Caller::person("ben") };
    assert!(links::list(&db, &elsewhere, &all).await.unwrap().rows.is_empty());
    assert!(links::get(&db, &elsewhere, 1).await.is_err() && links::get(&db, &mia, 1).await.is_ok());

    let found = async |resolved, filter: &str| -> Vec<i64> {
        let filter = (!filter.is_empty()).then(|| filter.to_owned());
        let asked = ConflictsQuery { sync: None, resolved, filter, start: Start::First, limit: 10 };
        conflicts::list(&db, &mia, &asked).await.unwrap().rows.iter().map(|row| row.conflict.id).collect()
    };
    assert_eq!(found(Some(false), "").await, [2, 1]);
    assert_eq!(found(Some(true), "").await, [3]);
    assert_eq!(found(None, "field:title").await, [3, 1]);
    assert_eq!(found(None, "sync:a T-2 -field:state").await, [1]);
    assert_eq!(conflicts::open_ids(&db, &mia, Some(1), None).await.unwrap(), [1, 2]);
    let groups = conflicts::groups(&db, &mia, None).await.unwrap();
    let told: Vec<_> = groups
        .iter()
        .map(|group| (group.sync.name.as_str(), group.field.as_deref(), group.conflicts))
        .collect();
    assert_eq!(told, [("a", Some("state"), 1), ("a", Some("title"), 1)]);
    assert!(conflicts::groups(&db, &elsewhere, None).await.unwrap().is_empty());
    assert!(conflicts::get(&db, &elsewhere, 1).await.is_err());

    let decide = async |id, strategy: &str| {
        let asked = Asked::Strategy { strategy: strategy.parse().unwrap(), seen: None };
        conflicts::decide(&db, &mia, id, &asked).await.map(|decisions| decisions[0].choice.as_str())
    };
    assert_eq!(decide(1, "elder_wins").await.unwrap(), "source");
    assert_eq!(decide(1, "jira_wins").await.unwrap(), "target");
    assert_eq!(decide(1, "last_write_wins").await.unwrap(), "target", "which was modified a day later");
    assert_eq!(
        decide(2, "last_write_wins").await.unwrap(),
        "source",
        "a tie: the target counts as first seen"
    );
    assert!(decide(1, "manual").await.unwrap_err().to_string().contains("a person"));
}
