//! `keep_unwritten_changes`: the rows of the audit trail after `up` and `down`, and the programs that may run beside
//! it.

use rstest::rstest;
use syncline_migration::{Migrator, check::Fit, tables::values_going};

use crate::support::{On, Postgres, Sqlite, TestDatabase, empty, names};

const STEP: &str = "m20261130_000100_keep_unwritten_changes";

/// Returns a database at the step before it, with a link and three changes.
async fn before(on: On) -> TestDatabase {
    let test = empty(on).await;
    test.steps_up(names().iter().position(|name| name == STEP).unwrap()).await;
    let test = test.with_link().await;
    for (seq, state) in [(1, "confirmed"), (2, "unknown"), (3, "intended")] {
        insert(&test, seq, state).await.unwrap();
    }
    // The newest number was used and is not reused.
    test.run("DELETE FROM sync_changes WHERE seq = 3").await;
    test
}

async fn insert(test: &TestDatabase, seq: i64, state: &str) -> Result<(), sea_orm::DbErr> {
    let run = test.pick("X'0190a1b2c3d47e5f8a9b0c1d00009999'", "'0190a1b2c3d47e5f8a9b0c1d00009999'");
    test.try_run(&format!(
        "INSERT INTO sync_changes (link_id, seq, run_id, side, field, before, after, rule, origin_system, state, \
         prev_hash, hash, at) VALUES ((SELECT MAX(id) FROM sync_metadata), {seq}, {run}, 'target', 'title', '\"old\"', \
         '{{\"n\": 1.50}}', 'it''s', 'jira', '{state}', 'h{}', 'h{seq}', '2026-03-01T10:00:00.123456+00:00')",
        seq - 1
    ))
    .await
}

async fn chain(test: &TestDatabase) -> Vec<Vec<String>> {
    test.texts(
        "SELECT CAST(id AS text), CAST(seq AS text), CAST(before AS text), CAST(after AS text), rule, prev_hash, hash, \
         CAST(at AS text), state FROM sync_changes ORDER BY seq",
    )
    .await
}

fn states(chain: &[Vec<String>]) -> Vec<&str> {
    chain.iter().filter_map(|row| row.last()).map(String::as_str).collect()
}

#[rstest]
#[tokio::test]
async fn the_chain_is_unchanged_and_accepts_refused_writes(#[values(Sqlite, Postgres)] on: On) {
    let test = before(on).await;
    let there = chain(&test).await;
    assert!(insert(&test, 4, "not_written").await.is_err());
    test.up().await;
    assert_eq!(chain(&test).await, there);
    insert(&test, 4, "not_written").await.unwrap();
    assert!(insert(&test, 4, "confirmed").await.is_err(), "a place in the chain is taken once");
    let all = chain(&test).await;
    assert_eq!(states(&all), ["confirmed", "unknown", "not_written"]);
    let id = |row: &[String]| row[0].parse::<i64>().unwrap();
    assert!(id(&all[2]) > id(&there[1]) + 1, "the number of a removed row was given again: {all:?}");
}

#[rstest]
#[tokio::test]
async fn down_keeps_all_rows_and_turns_no_refused_write_into_a_change(#[values(Sqlite, Postgres)] on: On) {
    let test = before(on).await;
    test.up().await;
    insert(&test, 3, "not_written").await.unwrap();
    let going = [STEP.to_owned()];
    let told = values_going(&test.db, &going).await.unwrap();
    assert_eq!((told.len(), told[0].table.as_str(), told[0].name.as_str()), (1, "sync_changes", "state"));
    assert_eq!((told[0].values, told[0].dropped_by.as_str()), (1, STEP));
    let before = chain(&test).await;
    test.down().await;
    let after = chain(&test).await;
    assert_eq!(states(&after), ["confirmed", "unknown", "unknown"]);
    let hashes = |chain: &[Vec<String>]| chain.iter().map(|row| row[..8].to_vec()).collect::<Vec<_>>();
    assert_eq!(hashes(&after), hashes(&before));
    assert!(insert(&test, 4, "not_written").await.is_err());
    test.up().await;
    assert_eq!(values_going(&test.db, &going).await.unwrap()[0].values, 0);
}

/// Links out of scope were introduced after `count_living_links`. Programs that know them may run beside this schema;
/// released ones, which would take such a link for one whose item is missing, may not.
#[rstest]
#[tokio::test]
async fn the_program_before_it_runs_beside_it_and_released_ones_do_not(#[values(Sqlite, Postgres)] on: On) {
    let test = before(on).await;
    test.up().await;
    let fit = async |newest: &str| Migrator::as_of(newest).compare(&test.db).await.unwrap().fit();
    assert_eq!(fit("m20261129_000100_count_living_links").await, Fit::Newer);
    for older in ["m20261125_001000_join_waiting_runs", "m20261122_000100_note_compatibility"] {
        assert!(matches!(fit(older).await, Fit::TooNew { .. }), "{older}");
    }
}
