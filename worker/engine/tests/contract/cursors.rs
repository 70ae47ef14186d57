//! Where incremental reads go on.

use serde_json::json;
use syncline_engine::{Side, ports::CursorState};

use super::{Stage, build::minute};

fn state(cursor: Option<serde_json::Value>, full: i64) -> CursorState {
    CursorState { cursor, last_full_at: Some(minute(full)) }
}

pub(crate) async fn a_cursor_is_kept_for_each_side(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let source = state(Some(json!({ "at": "2026-03-01T12:00:00Z", "id": 12345678901234567890_u64 })), 0);
    store.save_cursors(&[(Side::Source, source.clone())]).await.unwrap();
    assert_eq!(store.cursor(Side::Source).await.unwrap(), Some(source.clone()));
    assert_eq!(store.cursor(Side::Target).await.unwrap(), None);
    let target = CursorState { cursor: None, last_full_at: None };
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
