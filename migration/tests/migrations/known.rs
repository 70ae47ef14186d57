//! What a binary can tell about a database before it touches it.

use syncline_migration::check;

use crate::support::{empty, migrated, names};

#[test]
fn names_are_unique_and_in_order() {
    let mut sorted = names();
    sorted.sort();
    sorted.dedup();
    assert_eq!(names(), sorted);
}

#[tokio::test]
async fn an_empty_database_has_everything_pending_and_is_not_touched() {
    let test = empty().await;
    assert_eq!(check::pending(&test.db).await.unwrap(), names());
    assert!(check::compare(&test.db).await.unwrap().unknown.is_empty());
    assert!(check::status(&test.db).await.unwrap().iter().all(|status| !status.applied));
    assert!(test.rows("SELECT name FROM sqlite_master").await.is_empty());
}

#[tokio::test]
async fn status_tells_what_is_applied_and_since_when() {
    let test = empty().await;
    test.up_to("create_accounts").await;
    let status = check::status(&test.db).await.unwrap();
    assert_eq!(status.iter().map(|status| status.name.clone()).collect::<Vec<_>>(), names());
    for (place, status) in status.iter().enumerate() {
        assert_eq!((status.applied, status.applied_at.is_some()), (place < 2, place < 2), "{}", status.name);
    }
    assert_eq!(check::pending(&test.db).await.unwrap(), names()[2..]);
}

#[tokio::test]
async fn a_newer_binary_was_here() {
    let test = migrated().await;
    test.run("INSERT INTO syncline_migrations (version, applied_at) VALUES ('m20990101_000000_later', 1)")
        .await;
    let unknown = check::compare(&test.db).await.unwrap().unknown;
    assert_eq!(
        unknown.iter().map(|unknown| unknown.name.as_str()).collect::<Vec<_>>(),
        ["m20990101_000000_later"]
    );
    assert!(check::pending(&test.db).await.unwrap().is_empty());
}
