//! Effects of a single step.

use rstest::rstest;
use syncline_migration::{Migrator, Until};

use crate::schema::printed;
use crate::support::{On, Postgres, Sqlite, empty, migrated};

#[rstest]
#[tokio::test]
async fn an_installation_begins_with_the_default_project(#[values(Sqlite, Postgres)] on: On) {
    let test = migrated(on).await;
    assert_eq!(
        test.texts("SELECT CAST(id AS text), key, name FROM projects").await,
        [["1", "default", "Default"]]
    );
    test.run("INSERT INTO projects (key, name) VALUES ('web', 'Web')").await;
    assert!(test.try_run("INSERT INTO projects (key, name) VALUES ('web', 'Again')").await.is_err());
}

#[rstest]
#[tokio::test]
async fn a_step_that_fails_leaves_nothing_behind(#[values(Sqlite, Postgres)] on: On) {
    let test = empty(on).await;
    test.up_to("create_sync_config_revisions").await;
    // Creating the last index of the next step fails, after its table was created.
    test.run("CREATE TABLE other (id integer); CREATE INDEX ix_sync_metadata_intent ON other (id)").await;
    let before = printed(&test).await;
    assert!(Migrator::new().up(&test.db, &Until::Steps(1)).await.is_err());
    assert_eq!(printed(&test).await, before);
    test.run("DROP INDEX ix_sync_metadata_intent").await;
    test.up().await;
}

#[rstest]
#[tokio::test]
async fn a_second_migration_finds_nothing_to_do(#[values(Sqlite, Postgres)] on: On) {
    let test = migrated(on).await;
    let before = printed(&test).await;
    Migrator::new().up(&test.db, &Until::End).await.unwrap();
    assert_eq!(printed(&test).await, before);
}
