//! Up, down, and up again.

use syncline_migration::{Migrator, Until};

use crate::support::{empty, migrated, names};

const SCHEMA: &str = "SELECT type, name, sql FROM sqlite_master \
    WHERE name NOT LIKE 'sqlite_%' AND name <> 'syncline_migrations' ORDER BY type, name";

#[tokio::test]
async fn an_installation_begins_with_the_default_project() {
    let test = migrated().await;
    assert_eq!(
        test.texts("SELECT CAST(id AS TEXT), key, name FROM projects").await,
        [["1", "default", "Default"]]
    );
    test.run("INSERT INTO projects (key, name) VALUES ('web', 'Web')").await;
    assert!(test.try_run("INSERT INTO projects (key, name) VALUES ('web', 'Again')").await.is_err());
}

#[tokio::test]
async fn each_step_down_undoes_exactly_its_step_up() {
    let test = empty().await;
    let mut before = Vec::new();
    for _ in names() {
        before.push(test.texts(SCHEMA).await);
        test.up().await;
    }
    let whole = test.texts(SCHEMA).await;
    for (name, before) in names().iter().zip(before).rev() {
        test.down().await;
        assert_eq!(test.texts(SCHEMA).await, before, "after {name} was reverted");
    }
    Migrator::new().up(&test.db, &Until::End).await.unwrap();
    assert_eq!(test.texts(SCHEMA).await, whole);
}

#[tokio::test]
async fn rows_outlive_later_steps() {
    let test = migrated().await.with_link().await;
    let rows =
        "SELECT entity_id, external_id, sync_status, last_successful_sync, content_hash FROM sync_metadata";
    let before = test.texts(rows).await;
    let later = names().iter().rev().take_while(|name| !name.ends_with("create_sync_metadata")).count();
    for _ in 0..later {
        test.down().await;
        assert_eq!(test.texts(rows).await, before);
    }
    for _ in 0..later {
        test.up().await;
        assert_eq!(test.texts(rows).await, before);
    }
    assert_eq!(
        test.texts("SELECT CAST(api_calls_count AS TEXT), conflicts FROM sync_metadata").await,
        [["0", "-"]]
    );
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_behind() {
    let test = empty().await;
    test.up_to("create_sync_config_revisions").await;
    // The last index of the next step cannot be made, after its table was.
    test.run("CREATE TABLE other (id integer); CREATE INDEX ix_sync_metadata_intent ON other (id)").await;
    let before = test.texts(SCHEMA).await;
    assert!(Migrator::new().up(&test.db, &Until::Steps(1)).await.is_err());
    assert_eq!(test.texts(SCHEMA).await, before);
    test.run("DROP INDEX ix_sync_metadata_intent").await;
    test.up().await;
}

#[tokio::test]
async fn a_second_migration_finds_nothing_to_do() {
    let test = migrated().await;
    let before = test.texts(SCHEMA).await;
    Migrator::new().up(&test.db, &Until::End).await.unwrap();
    assert_eq!(test.texts(SCHEMA).await, before);
}
