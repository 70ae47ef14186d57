//! What a binary can detect about a database before changing it.

use rstest::rstest;
use syncline_migration::{Migrator, Until, check, tables::columns_going};

use crate::schema::{printed, tables};
use crate::support::{On, Postgres, Sqlite, TestDatabase, empty, migrated, names};

#[test]
fn names_are_unique_and_in_order() {
    let mut sorted = names();
    sorted.sort();
    sorted.dedup();
    assert_eq!(names(), sorted);
}

#[rstest]
#[tokio::test]
async fn an_empty_database_has_everything_pending_and_is_not_touched(#[values(Sqlite, Postgres)] on: On) {
    let test = empty(on).await;
    assert_eq!(check::pending(&test.db).await.unwrap(), names());
    assert!(check::compare(&test.db).await.unwrap().unknown.is_empty());
    assert!(check::status(&test.db).await.unwrap().iter().all(|status| !status.applied));
    assert!(printed(&test).await.is_empty());
    assert!(test.try_run("SELECT 1 FROM syncline_migrations").await.is_err());
}

#[rstest]
#[tokio::test]
async fn status_lists_applied_migrations_with_their_times(#[values(Sqlite, Postgres)] on: On) {
    let test = empty(on).await;
    test.up_to("create_accounts").await;
    let status = check::status(&test.db).await.unwrap();
    assert_eq!(status.iter().map(|status| status.name.clone()).collect::<Vec<_>>(), names());
    for (place, status) in status.iter().enumerate() {
        assert_eq!((status.applied, status.applied_at.is_some()), (place < 2, place < 2), "{}", status.name);
    }
    assert_eq!(check::pending(&test.db).await.unwrap(), names()[2..]);
}

#[rstest]
#[tokio::test]
async fn migrations_of_a_newer_binary_are_detected(#[values(Sqlite, Postgres)] on: On) {
    let test = migrated(on).await;
    test.run("INSERT INTO syncline_migrations (version, applied_at) VALUES ('m20990101_000000_later', 1)")
        .await;
    let unknown = check::compare(&test.db).await.unwrap().unknown;
    assert_eq!(
        unknown.iter().map(|unknown| unknown.name.as_str()).collect::<Vec<_>>(),
        ["m20990101_000000_later"]
    );
    assert!(check::pending(&test.db).await.unwrap().is_empty());
}

/// `fresh` drops the tables of the applied migrations, so each table must be listed with its migration.
#[rstest]
#[tokio::test]
async fn every_table_is_known_as_ours(#[values(Sqlite, Postgres)] on: On) {
    let test = migrated(on).await;
    let mut own: Vec<String> = syncline_migration::tables::own(&test.db)
        .await
        .unwrap()
        .into_iter()
        .map(|table| table.name)
        .collect();
    own.sort();
    let there: Vec<String> = tables(&test).await.into_iter().map(|table| table.name).collect();
    assert_eq!(
        own, there,
        "a table whose migration is not named create_TABLE stands in `MADE_BY` of tables.rs"
    );
}

/// `down` asks before values are lost, so each column that a step drops must be listed with that step.
#[rstest]
#[tokio::test]
async fn every_column_dropped_by_down_is_listed(#[values(Sqlite, Postgres)] on: On) {
    let test = migrated(on).await;
    let mut before = columns(&test).await;
    for step in names().into_iter().rev() {
        let mut named: Vec<String> = columns_going(&test.db, std::slice::from_ref(&step))
            .await
            .unwrap()
            .into_iter()
            .map(|column| format!("{}.{}", column.table, column.name))
            .collect();
        named.sort();
        Migrator::new().down(&test.db, &Until::Steps(1)).await.unwrap();
        let after = columns(&test).await;
        let table = |column: &str| column.split('.').next().unwrap().to_owned();
        let stays = |column: &&String| after.iter().any(|other| table(other) == table(column));
        let gone: Vec<String> =
            before.iter().filter(|column| !after.contains(column)).filter(stays).cloned().collect();
        assert_eq!(
            named, gone,
            "a column that {step} drops on its way down stands in `DROPPED_BY` of tables.rs"
        );
        before = after;
    }
}

/// `TABLE.COLUMN` of our tables, in order.
async fn columns(test: &TestDatabase) -> Vec<String> {
    let mut columns: Vec<String> = tables(test)
        .await
        .iter()
        .flat_map(|table| table.columns.iter().map(|column| format!("{}.{}", table.name, column.name)))
        .collect();
    columns.sort();
    columns
}
