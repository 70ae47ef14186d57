//! A worker that was taken over can write no more.

use serde_json::json;
use syncline_engine::ports::Clock as _;
use syncline_engine::{
    Side,
    ports::{CursorState, LinkRef, Recorded, Store, Verdict},
};

use super::{
    Stage,
    build::{assert_stopped, conflict, ids, intended, judged, link, pairs, recorded},
    seen::see,
};

/// A sync with a pair, a link with an open intent and a conflict, and a cursor.
async fn set_up(store: &dyn Store) -> Vec<LinkRef> {
    let mut made = pairs(store, 2).await;
    let asked = Recorded {
        conflicts: vec![conflict(Some("title"), "here", "there")],
        ..recorded(Some(made[1]), ids("s2", "t2"))
    };
    store.record(&[asked]).await.unwrap();
    let at = link(store, made[1].id).await.at;
    made[1] = store.intend(&[intended(Some(at), ids("s2", "t2"), &Side::BOTH)]).await.unwrap()[0];
    store.save_cursors(&[(Side::Source, cursor("one"))]).await.unwrap();
    made
}

fn cursor(text: &str) -> CursorState {
    CursorState { cursor: Some(json!(text)), last_full_at: None, reader: None }
}

/// Every call that writes stops, and leaves everything as it was.
async fn assert_shut_out(stage: &dyn Stage, store: &dyn Store, made: &[LinkRef]) {
    let before = see(stage, store).await;
    let known = || intended(Some(made[0]), ids("s1", "t1"), &[Side::Target]);
    let new = || intended(None, ids("s9", ""), &[Side::Target]);
    assert_stopped(store.intend(&[]).await);
    assert_stopped(store.intend(&[new()]).await);
    assert_stopped(store.intend(&[known(), new()]).await);
    let verdicts = [(Side::Source, Verdict::Confirmed), (Side::Target, Verdict::NotWritten)];
    let open = link(store, made[1].id).await.conflicts[0].id;
    let judged = Recorded {
        conflicts: vec![conflict(None, "edited", "")],
        closed_conflicts: vec![open],
        ..judged(made[1], ids("s2", "t2"), &verdicts)
    };
    assert_stopped(store.record(&[]).await);
    assert_stopped(store.record(&[recorded(None, ids("s9", "t9"))]).await);
    assert_stopped(store.record(&[judged, recorded(Some(made[0]), ids("s1", "t1"))]).await);
    assert_stopped(store.save_cursors(&[(Side::Source, cursor("two")), (Side::Target, cursor("two"))]).await);
    assert_stopped(store.move_deadline(stage.clock().now()).await);
    assert_eq!(see(stage, store).await, before);
}

pub(crate) async fn a_worker_that_was_taken_over_writes_nothing(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = set_up(&*store).await;
    let next = stage.open(1).await;
    assert_shut_out(stage, &*store, &made).await;
    // The one who took over can.
    let verdicts = [(Side::Source, Verdict::Confirmed), (Side::Target, Verdict::Confirmed)];
    next.record(&[judged(made[1], ids("s2", "t2"), &verdicts)]).await.unwrap();
    next.save_cursors(&[(Side::Target, cursor("two"))]).await.unwrap();
    next.move_deadline(stage.clock().now()).await.unwrap();
}

pub(crate) async fn a_run_that_is_over_writes_nothing(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = set_up(&*store).await;
    stage.end(1).await;
    assert_shut_out(stage, &*store, &made).await;
}

/// Its links were changed by whoever took over, and to read them again would be of no use.
pub(crate) async fn a_stopped_worker_hears_of_that_first(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 1).await;
    let next = stage.open(1).await;
    next.record(&[recorded(Some(made[0]), ids("s1", "t1"))]).await.unwrap();
    assert_stopped(store.intend(&[intended(Some(made[0]), ids("s1", "t1"), &[Side::Target])]).await);
    assert_stopped(store.record(&[recorded(Some(made[0]), ids("s1", "t1"))]).await);
    assert_stopped(store.record(&[recorded(None, ids("s1", "t1"))]).await);
}

pub(crate) async fn other_runs_go_on(stage: &dyn Stage) {
    let (store, other) = (stage.open(1).await, stage.open(2).await);
    stage.open(1).await;
    other.record(&[recorded(None, ids("s1", "t1"))]).await.unwrap();
    stage.end(2).await;
    assert_stopped(store.move_deadline(stage.clock().now()).await);
    stage.open(1).await.record(&[recorded(None, ids("s2", "t2"))]).await.unwrap();
    assert_stopped(other.record(&[]).await);
}
