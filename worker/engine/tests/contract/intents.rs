//! What is about to be written.

use chrono::TimeDelta;
use serde_json::json;
use syncline_engine::{
    Side,
    capability::Removal,
    ports::{Clock, Intended, IntentOp, LinkState, OpKind, Verdict},
    side::Pair,
};

use super::{
    Stage,
    build::{again, assert_outdated, count, ids, intended, judged, link, minute, pairs, recorded},
    seen::see,
};

pub(crate) async fn an_intent_makes_its_link(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let new = intended(None, ids("s1", ""), &[Side::Target]);
    let made = store.intend(std::slice::from_ref(&new)).await.unwrap();
    let link = link(&*store, made[0].id).await;
    assert_eq!((link.at, link.state), (made[0], LinkState::Pending));
    assert_eq!((&link.ids, &link.intent), (&new.ids, &Some(new.intent)));
    assert_eq!((link.base, link.hash), (Pair::default(), Pair::default()));
    assert_eq!(store.open_intents().await.unwrap(), [made[0].id]);
    let brief = &store.briefs(0, 10).await.unwrap()[0];
    assert!(brief.retry_at.unwrap() <= stage.clock().now(), "nothing finished it yet: {brief:?}");
    assert!(!brief.unanswered && !brief.tombstone);
}

pub(crate) async fn ids_and_versions_come_in_the_order_of_the_batch(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 12).await;
    // New ones and known ones by turns, the known ones backwards.
    let mut batch: Vec<Intended> = Vec::new();
    for (place, at) in made.iter().enumerate().rev() {
        let both = ids(&format!("s{}", place + 1), &format!("t{}", place + 1));
        batch.push(intended(Some(*at), both, &[Side::Source]));
        batch.push(intended(None, ids(&format!("new{place}"), ""), &[Side::Target]));
        batch.push(intended(None, ids("", &format!("new{place}")), &[Side::Source]));
    }
    let refs = store.intend(&batch).await.unwrap();
    assert_eq!(refs.len(), batch.len());
    for (at, intended) in refs.iter().zip(&batch) {
        let link = link(&*store, at.id).await;
        assert_eq!((link.at, &link.ids), (*at, &intended.ids));
    }
    assert_eq!(count(&*store).await, 36);
    // Each is good for the record that follows.
    let verdict = |intended: &Intended| (intended.intent.ops[0].side, Verdict::Confirmed);
    let records: Vec<_> = refs
        .iter()
        .zip(&batch)
        .map(|(at, intended)| judged(*at, intended.ids.clone(), &[verdict(intended)]))
        .collect();
    store.record(&records).await.unwrap();
}

pub(crate) async fn an_intent_reads_back_as_it_was(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 1).await;
    let mut one = intended(Some(made[0]), ids("s1", "t1"), &Side::BOTH);
    one.intent.deadline = minute(3) + TimeDelta::microseconds(123_457);
    one.intent.ops[1] = IntentOp {
        side: Side::Target,
        kind: OpKind::Delete,
        how: Removal::default(),
        id: Some("t1".to_owned()),
        marker: None,
        before: json!({ "title": null, "points": 1.5, "tags": ["a", { "b": true }] }),
        after: json!({}),
        origin: json!({ "title": "\"quoted\"\nlines" }),
    };
    let at = store.intend(std::slice::from_ref(&one)).await.unwrap()[0];
    assert_eq!(link(&*store, at.id).await.intent, Some(one.intent));
}

pub(crate) async fn each_write_raises_the_version(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 1).await[0];
    let intent = store.intend(&[intended(Some(made), ids("s1", "t1"), &[Side::Source])]).await.unwrap()[0];
    assert!(intent.version > made.version);
    let confirmed = judged(intent, ids("s1", "t1"), &[(Side::Source, Verdict::Confirmed)]);
    store.record(&[confirmed]).await.unwrap();
    let last = again(&*store, made).await;
    assert!(last.version > intent.version);
    store.move_deadline(stage.clock().now()).await.unwrap();
    assert_eq!(again(&*store, made).await, last, "no link is written");
}

pub(crate) async fn an_outdated_link_keeps_the_whole_batch_out(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let old = pairs(&*store, 3).await;
    store.record(&[recorded(Some(old[1]), ids("s2", "t2"))]).await.unwrap();
    let before = see(stage, &*store).await;
    let entry = |place: usize| {
        let number = place + 1;
        let both = ids(&format!("s{number}"), &format!("t{number}"));
        intended(Some(old[place]), both, &Side::BOTH)
    };
    let new = || intended(None, ids("s9", ""), &[Side::Target]);
    for batch in [
        vec![entry(1)],
        vec![entry(1), new(), entry(0)],
        vec![new(), entry(0), entry(2), entry(1)],
        vec![entry(0), entry(1), entry(2)],
    ] {
        assert_outdated(store.intend(&batch).await);
        assert_eq!(see(stage, &*store).await, before);
    }
    let mut unknown = entry(0);
    unknown.link.as_mut().unwrap().id += 1000;
    assert_outdated(store.intend(&[new(), unknown]).await);
    assert_eq!(see(stage, &*store).await, before);
    store.intend(&[entry(0), new(), entry(2)]).await.unwrap();
}

pub(crate) async fn a_link_stands_in_a_batch_once(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 2).await;
    let before = see(stage, &*store).await;
    let twice = || recorded(Some(made[0]), ids("s1", "t1"));
    assert_outdated(store.record(&[twice(), recorded(Some(made[1]), ids("s2", "t2")), twice()]).await);
    assert_eq!(see(stage, &*store).await, before);
}

pub(crate) async fn what_another_run_wrote_is_not_overwritten(stage: &dyn Stage) {
    let (store, other) = (stage.open(1).await, stage.open(2).await);
    let read = pairs(&*store, 2).await;
    other.intend(&[intended(Some(read[0]), ids("s1", "t1"), &[Side::Target])]).await.unwrap();
    let before = see(stage, &*store).await;
    assert_outdated(store.intend(&[intended(Some(read[0]), ids("s1", "t1"), &[Side::Source])]).await);
    let records = [recorded(Some(read[1]), ids("s2", "t2")), recorded(Some(read[0]), ids("s1", "t1"))];
    assert_outdated(store.record(&records).await);
    assert_eq!(see(stage, &*store).await, before);
}

pub(crate) async fn released_intents_are_over_now(stage: &dyn Stage) {
    let earlier = stage.open(1).await;
    let made = pairs(&*earlier, 3).await;
    let entry = |place: usize| {
        let number = place + 1;
        let both = ids(&format!("s{number}"), &format!("t{number}"));
        let mut entry = intended(Some(made[place]), both, &[Side::Target]);
        entry.intent.deadline = minute(60);
        entry
    };
    earlier.intend(&[entry(0)]).await.unwrap();
    // A run keeps its intents through all its attempts.
    let store = stage.open(1).await;
    store.intend(&[entry(1)]).await.unwrap();
    stage.clock().advance(TimeDelta::seconds(10));
    store.move_deadline(stage.clock().now()).await.unwrap();
    for at in &made[..2] {
        let intent = link(&*store, at.id).await.intent.unwrap();
        assert_eq!(intent.deadline, stage.clock().now());
        assert_eq!(
            intent.ops,
            entry(0)
                .intent
                .ops
                .iter()
                .map(|op| IntentOp { id: link_id(at.id, made[0].id), ..op.clone() })
                .collect::<Vec<_>>()
        );
    }
    assert_eq!(link(&*store, made[2].id).await.intent, None);
    let mut open = store.open_intents().await.unwrap();
    open.sort();
    assert_eq!(open, [made[0].id, made[1].id], "released is not recorded");
}

fn link_id(id: i64, first: i64) -> Option<String> {
    Some(if id == first { "t1" } else { "t2" }.to_owned())
}

pub(crate) async fn another_runs_intents_are_not_released(stage: &dyn Stage) {
    let (store, other) = (stage.open(1).await, stage.open(2).await);
    let made = pairs(&*store, 1).await;
    let mut entry = intended(Some(made[0]), ids("s1", "t1"), &[Side::Target]);
    entry.intent.deadline = minute(60);
    other.intend(&[entry]).await.unwrap();
    store.move_deadline(stage.clock().now()).await.unwrap();
    assert_eq!(link(&*store, made[0].id).await.intent.unwrap().deadline, minute(60));
    assert_eq!(store.open_intents().await.unwrap(), [made[0].id], "every run sees it");
}

pub(crate) async fn the_intents_of_another_run_are_live_until_they_are_recorded(stage: &dyn Stage) {
    let (store, other) = (stage.open(1).await, stage.open(2).await);
    let made = pairs(&*store, 3).await;
    let links: Vec<i64> = made.iter().map(|at| at.id).collect();
    let theirs = other.intend(&[intended(Some(made[0]), ids("s1", "t1"), &[Side::Target])]).await.unwrap();
    store.intend(&[intended(Some(made[1]), ids("s2", "t2"), &[Side::Target])]).await.unwrap();
    assert_eq!(store.live_intents(&links).await.unwrap(), [made[0].id]);
    assert_eq!(other.live_intents(&links).await.unwrap(), [made[1].id]);
    assert_eq!(store.live_intents(&[]).await.unwrap(), [0_i64; 0]);
    let confirmed = judged(theirs[0], ids("s1", "t1"), &[(Side::Target, Verdict::Confirmed)]);
    other.record(&[confirmed]).await.unwrap();
    assert_eq!(store.live_intents(&links).await.unwrap(), [0_i64; 0]);
}
