//! Conflicts: opened, met again, resolved and closed.

use serde_json::json;
use syncline_engine::{
    Side, Value,
    conflict::{Choice, Conflict, OpenConflict},
    ports::{ItemStatus, LinkRef, LinkState, Recorded, Store},
    side::Pair,
    value::Instant,
};

use super::{
    Stage,
    build::{again, conflict, ids, link, minute, pairs, recorded, refs, resolved, text},
};

async fn meet(store: &dyn Store, at: LinkRef, conflicts: Vec<Conflict>, closed: &[i64]) {
    let record = Recorded {
        status: ItemStatus::Conflict,
        conflicts,
        closed_conflicts: closed.to_vec(),
        ..recorded(Some(again(store, at).await), ids("s1", "t1"))
    };
    store.record(&[record]).await.unwrap();
}

async fn open(store: &dyn Store, at: LinkRef) -> Vec<OpenConflict> {
    link(store, at.id).await.conflicts
}

fn fields(conflicts: &[OpenConflict]) -> Vec<Option<&str>> {
    conflicts.iter().map(|conflict| conflict.field.as_deref()).collect()
}

pub(crate) async fn an_open_conflict_stands_at_its_link(stage: &dyn Stage) {
    let store = stage.open(1).await;
    pairs(&*store, 1).await;
    let mut mismatch = conflict(Some("title"), "here", "there");
    mismatch.modified = Pair::new(Instant::parse("2026-03-01T11:00:00Z"), None);
    let new = Recorded {
        state: LinkState::Pending,
        status: ItemStatus::Conflict,
        conflicts: vec![mismatch],
        ..recorded(None, ids("s2", ""))
    };
    store.record(&[new]).await.unwrap();
    let all = refs(&*store).await;
    assert_eq!(open(&*store, all[0]).await, []);
    let open = open(&*store, all[1]).await;
    assert_eq!((fields(&open), open[0].kind.as_str()), (vec![Some("title")], "field_mismatch"));
    assert_eq!((&open[0].values, &open[0].chosen), (&Pair::new(text("here"), text("there")), &None));
    let kept = stage.kept().await.conflicts.remove(0);
    assert_eq!((kept.id, kept.link, kept.base), (open[0].id, all[1].id, text("base")));
    assert_eq!(kept.modified, Pair::new(Some(minute(-60)), None));
    assert_eq!((kept.open, kept.choice, kept.reason, kept.occurrences), (true, None, None, 1));
}

/// A choice was made for the values that were shown.
pub(crate) async fn a_conflict_met_again_is_asked_anew(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let at = pairs(&*store, 1).await[0];
    meet(&*store, at, vec![conflict(Some("title"), "here", "there")], &[]).await;
    let first = open(&*store, at).await.remove(0);
    stage.choose(first.id, Choice::Source).await;
    meet(&*store, at, vec![conflict(Some("title"), "here", "elsewhere")], &[]).await;
    let again = open(&*store, at).await;
    assert_eq!((again.len(), again[0].id, &again[0].chosen), (1, first.id, &None));
    assert_eq!(again[0].values, Pair::new(text("here"), text("elsewhere")));
    let kept = stage.kept().await.conflicts;
    assert_eq!((kept.len(), kept[0].occurrences), (1, 2));
}

pub(crate) async fn each_field_has_its_own_conflict(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let at = pairs(&*store, 1).await[0];
    let several = vec![
        conflict(Some("title"), "here", "there"),
        conflict(None, "edited", ""),
        conflict(Some("state"), "open", "closed"),
    ];
    meet(&*store, at, several, &[]).await;
    meet(&*store, at, vec![conflict(None, "edited again", "")], &[]).await;
    let open = open(&*store, at).await;
    assert_eq!(fields(&open), [Some("title"), None, Some("state")]);
    assert_eq!((open[1].kind.as_str(), &open[1].values.source), ("edit_delete", &text("edited again")));
    assert_eq!(open[0].values.source, text("here"));
}

pub(crate) async fn a_resolved_conflict_is_kept_and_not_asked(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let at = pairs(&*store, 1).await[0];
    meet(&*store, at, vec![resolved(conflict(Some("title"), "here", "there"), Side::Target)], &[]).await;
    assert_eq!(open(&*store, at).await, []);
    let kept = stage.kept().await.conflicts.remove(0);
    assert_eq!(
        (kept.open, kept.choice, kept.reason.as_deref()),
        (false, Some(Choice::Target), Some("last write wins"))
    );
    // The next one of the field is another conflict.
    meet(&*store, at, vec![conflict(Some("title"), "here", "there")], &[]).await;
    assert_eq!(open(&*store, at).await.len(), 1);
    assert_eq!(stage.kept().await.conflicts.len(), 2);
}

pub(crate) async fn a_resolution_ends_the_open_conflict(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let at = pairs(&*store, 1).await[0];
    let asked = || conflict(Some("title"), "here", "there");
    meet(&*store, at, vec![asked(), conflict(None, "edited", "")], &[]).await;
    meet(&*store, at, vec![resolved(asked(), Side::Source)], &[]).await;
    assert_eq!(fields(&open(&*store, at).await), [None]);
    let kept = stage.kept().await.conflicts;
    assert_eq!((kept.len(), kept[0].open, kept[0].choice.clone()), (2, false, Some(Choice::Source)));
    assert_eq!(kept[0].occurrences, 2);
}

pub(crate) async fn a_closed_conflict_is_open_no_more(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 2).await;
    let several =
        || vec![conflict(Some("title"), "here", "there"), conflict(Some("state"), "open", "closed")];
    meet(&*store, made[0], several(), &[]).await;
    let first = open(&*store, made[0]).await;
    let other = Recorded { conflicts: several(), ..recorded(Some(made[1]), ids("s2", "t2")) };
    store.record(&[other]).await.unwrap();
    meet(&*store, made[0], Vec::new(), &[first[0].id]).await;
    assert_eq!(open(&*store, made[0]).await, first[1..]);
    assert_eq!(open(&*store, made[1]).await.len(), 2);
    // One is closed while another is met, and closing twice does no harm.
    let closed = [first[0].id, first[1].id];
    meet(&*store, made[0], vec![conflict(None, "edited", "")], &closed).await;
    assert_eq!(fields(&open(&*store, made[0]).await), [None]);
    let still: Vec<bool> = stage.kept().await.conflicts.iter().map(|conflict| conflict.open).collect();
    assert_eq!(still, [false, false, true, true, true]);
}

pub(crate) async fn a_choice_is_read_with_its_conflict(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let at = pairs(&*store, 1).await[0];
    let several = vec![conflict(Some("title"), "here", "there"), conflict(Some("state"), "open", "closed")];
    meet(&*store, at, several, &[]).await;
    let asked = open(&*store, at).await;
    stage.choose(asked[1].id, Choice::Target).await;
    let chosen: Vec<_> = open(&*store, at).await.iter().map(|conflict| conflict.chosen.clone()).collect();
    assert_eq!(chosen, [None, Some(Choice::Target)]);
    // A record that does not meet it leaves it alone.
    meet(&*store, at, vec![conflict(Some("title"), "here", "there")], &[]).await;
    assert_eq!(open(&*store, at).await[1].chosen, Some(Choice::Target));
}

/// A base and a value stand beside the sides: read, forgotten with the values they were made for, kept once applied.
pub(crate) async fn every_choice_is_kept_while_its_values_stand(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let at = pairs(&*store, 1).await[0];
    let of = |field: &str, source: &str| conflict(Some(field), source, "there");
    let fields = ["title", "state", "points", "body"];
    meet(&*store, at, fields.map(|field| of(field, "here")).to_vec(), &[]).await;
    let asked = open(&*store, at).await;
    let value = Choice::Value(Value::from_json(&json!({ "n": 1.50, "list": ["a", null] })));
    let choices = [Choice::Base, value.clone(), Choice::Base, Choice::Value(text(""))];
    for (open, choice) in asked.iter().zip(&choices) {
        stage.choose(open.id, choice.clone()).await;
    }
    let chosen = |open: &[OpenConflict]| open.iter().map(|one| one.chosen.clone()).collect::<Vec<_>>();
    assert_eq!(chosen(&open(&*store, at).await), choices.clone().map(Some));
    // A later choice of a side replaces it, and the other way round.
    stage.choose(asked[2].id, Choice::Target).await;
    assert_eq!(open(&*store, at).await[2].chosen, Some(Choice::Target));
    stage.choose(asked[2].id, Choice::Base).await;
    let other = vec![of("state", "elsewhere"), resolved(of("title", "here"), Choice::Base)];
    meet(&*store, at, other, &[asked[3].id]).await;
    assert_eq!(chosen(&open(&*store, at).await), [None, Some(Choice::Base)]);
    let kept = stage.kept().await.conflicts;
    let choices: Vec<_> = kept.iter().map(|conflict| conflict.choice.clone()).collect();
    assert_eq!(choices, [Some(Choice::Base), None, Some(Choice::Base), Some(Choice::Value(text("")))]);
}

pub(crate) async fn conflicts_come_oldest_first(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let at = pairs(&*store, 1).await[0];
    let of = |number: usize| conflict(Some(&format!("f{number}")), "here", "there");
    meet(&*store, at, (0..40).map(of).collect(), &[]).await;
    // Rows that are written again go elsewhere in a table.
    meet(&*store, at, vec![of(3), of(0), of(17)], &[]).await;
    meet(&*store, at, vec![of(3)], &[]).await;
    let names: Vec<String> = (0..40).map(|number| format!("f{number}")).collect();
    let open = open(&*store, at).await;
    assert_eq!(open.iter().filter_map(|conflict| conflict.field.clone()).collect::<Vec<_>>(), names);
}
