//! The counts of links and open conflicts are those of the rows, after every commit.

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use rstest::rstest;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use syncline_api::stats::{StatsFilter, stats};
use syncline_migration::{Migrator, Step, Until};
use syncline_upkeep::stats::{fold_slots, recount};

use crate::stage::{Kind, Stage};

const STATUSES: [&str; 6] = ["pending", "in_progress", "completed", "failed", "skipped", "conflict"];

/// Stands for an id of a run, which each database makes in its own way.
const NEW_ID: &str = "NEW_ID()";

/// Where counts and rows differ, in one look at both.
const DIFFERENCES: &str = "SELECT COUNT(*) FROM (SELECT sync_config_id, entity_type, sync_status, SUM(links) AS links FROM ( \
    SELECT sync_config_id, entity_type, sync_status, COUNT(*) AS links FROM sync_metadata WHERE link_state <> 'tombstone' GROUP BY 1, 2, 3 UNION ALL \
    SELECT sync_config_id, entity_type, sync_status, -links FROM sync_link_counts UNION ALL \
    SELECT m.sync_config_id, 'conflicts', 'open', COUNT(*) FROM sync_conflicts x JOIN sync_metadata m ON m.id = x.link_id \
    WHERE x.resolved = FALSE GROUP BY 1 UNION ALL \
    SELECT sync_config_id, 'conflicts', 'open', -conflicts FROM sync_conflict_counts) AS both_of_them GROUP BY 1, 2, 3) AS d \
    WHERE links <> 0";

fn change(rng: &mut StdRng, syncs: &[i64], serial: &mut u64) -> String {
    let status = STATUSES.choose(rng).unwrap();
    let sync = syncs.choose(rng).unwrap();
    let some = format!("id % 7 = {} AND sync_config_id = {sync}", rng.random_range(0..7));
    match rng.random_range(0..13) {
        0..=2 => {
            let rows: Vec<String> = (0..rng.random_range(1..40))
                .map(|_| {
                    *serial += 1;
                    format!("({sync}, 'record', '{serial}', '{}', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')", STATUSES.choose(rng).unwrap())
                })
                .collect();
            format!(
                "INSERT INTO sync_metadata (sync_config_id, entity_type, entity_id, sync_status, created_at, updated_at) VALUES {}",
                rows.join(", ")
            )
        }
        // As the engine writes: many rows, each to a status of its own.
        3..=4 => format!(
            "UPDATE sync_metadata SET sync_status = v.status, version = version + 1 FROM (SELECT column1 AS rest, column2 AS status \
             FROM (VALUES (0, 'completed'), (1, '{status}'), (2, 'conflict')) AS raw) AS v \
             WHERE id % 3 = v.rest AND {some}"
        ),
        5 => {
            format!("UPDATE sync_metadata SET version = version + 1, sync_status = sync_status WHERE {some}")
        }
        6 => format!(
            "UPDATE sync_metadata SET entity_type = '{}' WHERE {some}",
            ["record", "other"].choose(rng).unwrap()
        ),
        7..=8 => format!(
            "INSERT INTO sync_conflicts (link_id, run_id, field, conflict_type, resolved, created_at) \
             SELECT id, {NEW_ID}, 'field ' || version, 'field_mismatch', {}, created_at FROM sync_metadata \
             WHERE {some} ON CONFLICT DO NOTHING",
            rng.random_bool(0.3)
        ),
        9 => format!(
            "UPDATE sync_conflicts SET occurrences = occurrences + 1, resolved = {} WHERE link_id IN \
             (SELECT id FROM sync_metadata WHERE {some})",
            ["TRUE", "resolved", "TRUE"].choose(rng).unwrap()
        ),
        10 => format!(
            "UPDATE sync_metadata SET link_state = '{}' WHERE {some}",
            ["linked", "tombstone"].choose(rng).unwrap()
        ),
        11 => {
            format!("DELETE FROM sync_conflicts WHERE link_id IN (SELECT id FROM sync_metadata WHERE {some})")
        }
        _ => format!(
            "DELETE FROM sync_metadata WHERE {some} AND id NOT IN (SELECT link_id FROM sync_conflicts)"
        ),
    }
}

/// Transactions of a few changes each, some taken back.
async fn write(db: &DatabaseConnection, seed: u64, syncs: &[i64], transactions: usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut serial = seed * 1_000_000;
    for _ in 0..transactions {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let tx = db.begin_with_options(options).await.unwrap();
        for _ in 0..rng.random_range(1..4) {
            let id = if db.get_database_backend() == DbBackend::Postgres {
                "gen_random_uuid()"
            } else {
                "randomblob(16)"
            };
            let sql = change(&mut rng, syncs, &mut serial).replace(NEW_ID, id);
            tx.execute_unprepared(&sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
        }
        match rng.random_ratio(1, 4) {
            true => tx.rollback().await.unwrap(),
            false => tx.commit().await.unwrap(),
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_counts_are_those_of_the_links(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let stage = Stage::new(kind).await;
    let mut writers = Vec::new();
    let mut all = Vec::new();
    for writer in 1..=4 {
        // Two syncs each: different writers of the same links would wait for each other, with and without counts.
        let syncs = [
            stage.sync(&format!("{writer}a"), ["csv", "jsonl"], "record").await,
            stage.sync(&format!("{writer}b"), ["csv", "jsonl"], "record").await,
        ];
        all.extend(syncs);
        let db = stage.another().await;
        writers.push(tokio::spawn(async move { write(&db, writer, &syncs, 40).await }));
    }
    for round in 0..30 {
        assert_eq!(stage.number(DIFFERENCES).await, 0, "at any moment");
        fold_slots(&stage.db).await.unwrap();
        assert_eq!(recount(&stage.db, all[round % all.len()]).await.unwrap(), 0);
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(stage.number(DIFFERENCES).await, 0);
    fold_slots(&stage.db).await.unwrap();
    assert_eq!(stage.number("SELECT COUNT(*) FROM sync_link_counts WHERE slot <> 0").await, 0);
    assert_eq!(stage.number(DIFFERENCES).await, 0);
    for table in ["sync_metadata", "sync_conflicts WHERE resolved = FALSE", "sync_conflicts WHERE resolved"] {
        assert!(
            stage.number(&format!("SELECT COUNT(*) FROM {table}")).await > 0,
            "nothing was left of {table}"
        );
    }

    let shown = stats(&stage.db, &StatsFilter::default()).await.unwrap();
    let links: i64 = shown.total.links.values().sum();
    assert_eq!(
        links,
        stage.number("SELECT COUNT(*) FROM sync_metadata WHERE link_state <> 'tombstone'").await
    );
    let open = stage.number("SELECT COUNT(*) FROM sync_conflicts WHERE resolved = FALSE").await;
    assert_eq!(shown.total.open_conflicts, open);

    stage.execute("UPDATE sync_link_counts SET links = links + 3 WHERE slot = 0").await;
    stage.execute("UPDATE sync_conflict_counts SET conflicts = conflicts - 2 WHERE slot = 0").await;
    for sync in all {
        recount(&stage.db, sync).await.unwrap();
    }
    assert_eq!(stage.number(DIFFERENCES).await, 0, "a recount mends");
    if stage.db.get_database_backend() == DbBackend::Postgres {
        stage.execute("TRUNCATE sync_metadata CASCADE").await;
        assert_eq!(stage.number(DIFFERENCES).await, 0);
    }
}

#[rstest]
#[tokio::test]
async fn links_from_before_are_counted_by_the_migration(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let stage = Stage::new(kind).await;
    let sync = stage.sync("a", ["csv", "jsonl"], "record").await;
    let migrator = Migrator::new();
    let names: Vec<&str> = migrator.steps().iter().map(Step::name).collect();
    let place = names.iter().position(|name| name.ends_with("_count_links")).unwrap();
    let steps = u32::try_from(names.len() - place).unwrap();
    migrator.down(&stage.db, &Until::Steps(steps)).await.unwrap();
    write(&stage.db, 9, &[sync], 20).await;
    migrator.up(&stage.db, &Until::End).await.unwrap();
    assert_eq!(stage.number(DIFFERENCES).await, 0);
    write(&stage.db, 10, &[sync], 20).await;
    assert_eq!(stage.number(DIFFERENCES).await, 0);
    assert!(stage.number("SELECT COUNT(*) FROM sync_metadata").await > 0, "something was left");
}
