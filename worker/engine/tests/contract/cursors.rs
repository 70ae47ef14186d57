//! Where incremental reads go on.

use chrono::TimeDelta;
use serde_json::json;
use syncline_engine::{
    Side,
    ports::{BrokenListing, Clock as _, CursorState},
};

use super::{Stage, build::minute};

fn state(cursor: Option<serde_json::Value>, full: i64) -> CursorState {
    CursorState { cursor, last_full_at: Some(minute(full)), reader: Some(format!("reader {full}")) }
}

pub(crate) async fn a_cursor_is_kept_for_each_side(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let source = state(Some(json!({ "at": "2026-03-01T12:00:00Z", "id": 12345678901234567890_u64 })), 0);
    store.save_cursors(&[(Side::Source, source.clone())]).await.unwrap();
    assert_eq!(store.cursor(Side::Source).await.unwrap(), Some(source.clone()));
    assert_eq!(store.cursor(Side::Target).await.unwrap(), None);
    let target = CursorState { cursor: None, last_full_at: None, reader: None };
    store.save_cursors(&[(Side::Target, target.clone())]).await.unwrap();
    // Another run goes on from them.
    let next = stage.open(2).await;
    assert_eq!(next.cursor(Side::Source).await.unwrap(), Some(source));
    assert_eq!(next.cursor(Side::Target).await.unwrap(), Some(target));
}

pub(crate) async fn a_later_cursor_replaces_an_earlier_one(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let both = |source: CursorState, target| [(Side::Source, source), (Side::Target, target)];
    let first = both(state(Some(json!("one")), 0), state(Some(json!("uno")), 0));
    store.save_cursors(&first).await.unwrap();
    let (source, target) = (state(Some(json!(["two", null])), 1), state(None, 1));
    store.save_cursors(&both(source.clone(), target.clone())).await.unwrap();
    assert_eq!(store.cursor(Side::Source).await.unwrap(), Some(source));
    assert_eq!(store.cursor(Side::Target).await.unwrap(), Some(target.clone()));
    let third = state(Some(json!("three")), 2);
    store.save_cursors(&[(Side::Source, third.clone())]).await.unwrap();
    assert_eq!(store.cursor(Side::Source).await.unwrap(), Some(third));
    assert_eq!(store.cursor(Side::Target).await.unwrap(), Some(target));
    store.save_cursors(&[]).await.unwrap();
}

pub(crate) async fn a_broken_listing_is_kept_until_it_is_forgotten(stage: &dyn Stage) {
    let store = stage.open(1).await;
    assert_eq!(store.listing(Side::Source).await.unwrap(), None);
    let cursor = state(Some(json!("one")), 0);
    store.save_cursors(&[(Side::Source, cursor.clone())]).await.unwrap();
    let listing = |page: u64, seen: &[u8]| BrokenListing {
        whole: true,
        position: json!({ "page": page }),
        seen: seen.to_vec(),
    };
    let first = listing(3, &[0, 1, 255, 7, 0, 1, 2, 3, 4, 5, 6, 7]);
    store.save_listing(Side::Source, Some(&first)).await.unwrap();
    let target = BrokenListing { whole: false, position: json!("t"), seen: Vec::new() };
    store.save_listing(Side::Target, Some(&target)).await.unwrap();
    // Another run goes on there.
    let next = stage.open(2).await;
    assert_eq!(next.listing(Side::Source).await.unwrap(), Some(first));
    assert_eq!(next.listing(Side::Target).await.unwrap(), Some(target.clone()));
    assert_eq!(next.cursor(Side::Source).await.unwrap(), Some(cursor.clone()), "the cursor stays");
    let second = listing(u64::MAX, &[]);
    next.save_listing(Side::Source, Some(&second)).await.unwrap();
    assert_eq!(next.listing(Side::Source).await.unwrap(), Some(second));
    next.save_listing(Side::Source, None).await.unwrap();
    assert_eq!(next.listing(Side::Source).await.unwrap(), None);
    assert_eq!(next.listing(Side::Target).await.unwrap(), Some(target));
    assert_eq!(next.cursor(Side::Source).await.unwrap(), Some(cursor));
}

pub(crate) async fn removals_of_other_runs_are_counted_unless_they_were_approved(stage: &dyn Stage) {
    for (run, items, approved) in [(1, 3, false), (2, 40, true), (3, 5, false)] {
        stage.open(run).await;
        stage.end_after_removals(run, items, approved).await;
        stage.clock().advance(TimeDelta::hours(1));
    }
    let store = stage.open(4).await;
    let since = |hours: i64| stage.clock().now() - TimeDelta::minutes(hours * 60 + 30);
    assert_eq!(store.removed_since(since(3)).await.unwrap(), 8);
    assert_eq!(store.removed_since(since(2)).await.unwrap(), 5);
    assert_eq!(store.removed_since(since(0)).await.unwrap(), 0);
}
