//! The state of links after their items have been dealt with.

use serde_json::json;
use syncline_engine::{
    Side, Value,
    ports::{Clock, ItemStatus, LinkState, Names, Recorded, Verdict},
    side::Pair,
    value::{Instant, fields_from_json},
};

use super::{
    Stage,
    build::{
        again, assert_outdated, conflict, ended, hash, ids, intended, judged, link, minute, pairs, recorded,
        refs, title,
    },
    seen::see,
};

fn names(key: Option<&str>, url: Option<&str>) -> Names {
    Names { key: key.map(str::to_owned), url: url.map(str::to_owned) }
}

pub(crate) async fn a_record_without_a_link_makes_one(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 1).await;
    let batch = [
        recorded(None, ids("s2", "t2")),
        recorded(Some(made[0]), ids("s1", "t1")),
        Recorded { state: LinkState::Pending, base: Pair::default(), ..recorded(None, ids("s3", "")) },
    ];
    store.record(&batch).await.unwrap();
    let all = refs(&*store).await;
    assert_eq!(all.len(), 3);
    let pair = link(&*store, all[1].id).await;
    assert_eq!((&pair.ids, pair.state), (&batch[0].ids, LinkState::Linked));
    assert_eq!((pair.base, pair.hash), (batch[0].base.clone(), batch[0].hash));
    let single = link(&*store, all[2].id).await;
    assert_eq!((single.ids, single.state), (ids("s3", ""), LinkState::Pending));
    assert_eq!((single.base, single.intent), (Pair::default(), None));
    store.record(&[recorded(Some(all[2]), ids("s3", "t3"))]).await.unwrap();
}

pub(crate) async fn a_record_replaces_the_state(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let at = pairs(&*store, 1).await[0];
    let failed = Recorded {
        base: Pair::new(title("left"), fields_from_json(&json!({ "name": "right", "points": 5 }))),
        hash: Pair::new(None, hash("right")),
        state: LinkState::Pending,
        missing: Some((Side::Source, minute(-9))),
        status: ItemStatus::Failed,
        error: Some("refused: \"title\"".to_owned()),
        error_count: 4,
        retry_at: Some(minute(16)),
        mapping_revision: 7,
        version: Pair::new(Some("W/\"1\"".to_owned()), None),
        calls: 3,
        duration_ms: 1250,
        ..recorded(Some(at), ids("s1", ""))
    };
    store.record(std::slice::from_ref(&failed)).await.unwrap();
    let read = link(&*store, at.id).await;
    assert_eq!((&read.ids, read.state), (&failed.ids, LinkState::Pending));
    assert_eq!((&read.base, read.hash), (&failed.base, failed.hash));
    assert_eq!((read.missing, read.error_count, read.mapping_revision), (failed.missing, 4, 7));
    let kept = stage.kept().await.links.remove(0);
    assert_eq!((kept.status.as_str(), &kept.error), ("failed", &failed.error));
    assert_eq!((&kept.item_version, kept.calls, kept.duration_ms), (&failed.version, 3, 1250));
    assert_eq!(store.briefs(0, 1).await.unwrap()[0].retry_at, Some(minute(16)));
    // And all of it goes with the next record.
    store.record(&[recorded(Some(read.at), ids("s1", "t1"))]).await.unwrap();
    let read = link(&*store, at.id).await;
    assert_eq!(
        (read.base, read.hash),
        (Pair::new(title("same"), title("same")), Pair::new(hash("source"), hash("target")))
    );
    assert_eq!((read.ids, read.missing, read.error_count), (ids("s1", "t1"), None, 0));
    let kept = stage.kept().await.links.remove(0);
    assert_eq!((kept.status.as_str(), kept.error, kept.item_version), ("completed", None, Pair::default()));
    assert_eq!(store.briefs(0, 1).await.unwrap()[0].retry_at, None);
    let at = again(&*store, at).await;
    store.record(&[Recorded { base: Pair::default(), ..recorded(Some(at), ids("s1", "t1")) }]).await.unwrap();
    assert_eq!(link(&*store, at.id).await.base, Pair::default());
}

pub(crate) async fn a_record_ends_the_intent(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 2).await;
    let entry =
        |place: usize, source, target| intended(Some(made[place]), ids(source, target), &[Side::Target]);
    let refs = store.intend(&[entry(0, "s1", "t1"), entry(1, "s2", "t2")]).await.unwrap();
    store.record(&[judged(refs[1], ids("s2", "t2"), &[(Side::Target, Verdict::Unknown)])]).await.unwrap();
    assert_eq!(store.open_intents().await.unwrap(), [made[0].id]);
    assert_eq!(link(&*store, made[1].id).await.intent, None);
    assert!(link(&*store, made[0].id).await.intent.is_some());
}

pub(crate) async fn what_is_not_told_of_names_and_times_stays(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let at = pairs(&*store, 1).await[0];
    let first = Recorded {
        names: Pair::new(names(Some("T-1"), Some("https://here/1")), names(None, Some("https://there/1"))),
        modified: Pair::new(Some(minute(-3)), None),
        resolution: Some("last write wins".to_owned()),
        ..recorded(Some(at), ids("s1", "t1"))
    };
    store.record(&[first]).await.unwrap();
    let second = Recorded {
        names: Pair::new(names(Some("T-2"), None), names(Some("#1"), None)),
        modified: Pair::new(None, Some(minute(-2))),
        ..recorded(Some(again(&*store, at).await), ids("s1", "t1"))
    };
    store.record(&[second]).await.unwrap();
    let kept = stage.kept().await.links.remove(0);
    let source = names(Some("T-2"), Some("https://here/1"));
    assert_eq!(kept.names, Pair::new(source, names(Some("#1"), Some("https://there/1"))));
    assert_eq!(kept.resolution.as_deref(), Some("last write wins"));
    assert_eq!(link(&*store, at.id).await.modified, Pair::new(Some(minute(-3)), Some(minute(-2))));
}

pub(crate) async fn ended_links_name_their_side(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 3).await;
    let mut batch = [
        ended(Some(made[0]), ids("s1", "t1"), Side::Source),
        ended(Some(made[1]), ids("s2", "t2"), Side::Target),
        ended(Some(made[2]), ids("s3", "t3"), Side::Source),
    ];
    batch[2].deleted_side = None;
    store.record(&batch).await.unwrap();
    for (at, side) in made.iter().zip([Some(Side::Source), Some(Side::Target), None]) {
        let link = link(&*store, at.id).await;
        assert_eq!((link.state, link.deleted_side), (LinkState::Tombstone, side));
    }
    let at = again(&*store, made[0]).await;
    store.record(&[recorded(Some(at), ids("s1", "t1"))]).await.unwrap();
    let link = link(&*store, at.id).await;
    assert_eq!((link.state, link.deleted_side), (LinkState::Linked, None), "it may come back");
}

pub(crate) async fn unfinished_links_are_due(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let of = |number: usize, status, retry_at| Recorded {
        status,
        retry_at,
        ..recorded(None, ids(&format!("s{number}"), ""))
    };
    let later = Some(minute(30));
    let batch = [
        of(1, ItemStatus::Failed, later),
        of(2, ItemStatus::Failed, None),
        of(3, ItemStatus::Skipped, later),
        of(4, ItemStatus::Skipped, None),
        of(5, ItemStatus::Completed, None),
        of(6, ItemStatus::Conflict, None),
        of(7, ItemStatus::Conflict, later),
    ];
    store.record(&batch).await.unwrap();
    let briefs = store.briefs(0, 10).await.unwrap();
    let due: Vec<_> = briefs.iter().map(|brief| brief.retry_at).collect();
    assert!(due[1].unwrap() <= stage.clock().now(), "without a time it is due at once");
    assert_eq!((due[0], &due[2..]), (later, &[later, None, None, None, later][..]));
    let states: Vec<String> = stage.kept().await.links.into_iter().map(|link| link.status).collect();
    let expected = ["failed", "failed", "pending", "skipped", "completed", "conflict", "conflict"];
    assert_eq!(states, expected);
}

pub(crate) async fn an_unanswered_create_is_marked(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let of = |number: usize, state, status| Recorded {
        state,
        status,
        ..recorded(None, ids(&format!("s{number}"), ""))
    };
    let batch = [
        of(1, LinkState::Pending, ItemStatus::Conflict),
        of(2, LinkState::Linked, ItemStatus::Conflict),
        of(3, LinkState::Pending, ItemStatus::Failed),
        of(4, LinkState::Tombstone, ItemStatus::Conflict),
    ];
    store.record(&batch).await.unwrap();
    let marks: Vec<bool> = store.briefs(0, 10).await.unwrap().iter().map(|brief| brief.unanswered).collect();
    assert_eq!(marks, [true, false, false, false]);
}

pub(crate) async fn an_outdated_record_keeps_the_whole_batch_out(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let old = pairs(&*store, 3).await;
    store.record(&[recorded(Some(old[2]), ids("s3", "t3"))]).await.unwrap();
    let at = store.intend(&[intended(Some(old[0]), ids("s1", "t1"), &Side::BOTH)]).await.unwrap()[0];
    let verdicts = [(Side::Source, Verdict::NotWritten), (Side::Target, Verdict::Confirmed)];
    let mut judged = judged(at, ids("s1", "t1"), &verdicts);
    judged.conflicts = vec![conflict(Some("title"), "here", "there")];
    let before = see(stage, &*store).await;
    let new = || recorded(None, ids("s9", "t9"));
    let stale = || Recorded { error_count: 9, ..recorded(Some(old[2]), ids("s3", "t3")) };
    for batch in [vec![judged.clone(), new(), stale()], vec![stale(), judged.clone()], vec![new(), stale()]] {
        assert_outdated(store.record(&batch).await);
        assert_eq!(see(stage, &*store).await, before);
    }
    store.record(&[judged, new()]).await.unwrap();
}

/// Bases and change rows are JSON; the mapping types them anew.
pub(crate) async fn typed_values_become_what_json_says(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let at = pairs(&*store, 1).await[0];
    let instant = Instant::parse("2026-02-03T04:05:06.700Z").unwrap();
    let mut base = fields_from_json(&json!({
        "price": 12.50, "big": 9007199254740993_i64, "flag": true, "none": null, "empty": "",
        "text": "Ünï\tcode \"and\" more", "list": [1, "two", null], "object": { "inner": { "deep": 1.5 } },
    }));
    base.insert("at".to_owned(), Value::DateTime(instant));
    base.insert("day".to_owned(), Value::Date("2026-02-03".parse().unwrap()));
    let record =
        Recorded { base: Pair::new(base.clone(), title("same")), ..recorded(Some(at), ids("s1", "t1")) };
    store.record(&[record]).await.unwrap();
    let read = link(&*store, at.id).await.base.source;
    assert_eq!(read["at"], Value::Text(instant.to_text()));
    assert_eq!(read["day"], Value::text("2026-02-03"));
    for (name, value) in base.iter().filter(|(name, _)| !["at", "day"].contains(&name.as_str())) {
        assert!(read[name].same(value), "{name}: {value:?} became {:?}", read[name]);
    }
}
