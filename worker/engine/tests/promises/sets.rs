//! Sets are merged element by element.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::{
    Side, Value,
    mapping::Rule,
    merge::{Decision, FieldState, merge_field},
    ports::Clock,
    side::Pair,
};

use crate::support::{Manners, TestClock, World, fields};

fn labelled(source_type: &str, target_type: &str) -> Json {
    json!([
        { "source_field": "title", "target_field": "name" },
        { "source_field": "labels", "target_field": "tags", "source_type": source_type, "target_type": target_type },
    ])
}

fn world(source_type: &str, target_type: &str) -> World {
    World::new(json!({ "field_mappings": labelled(source_type, target_type) }))
}

#[test]
fn both_sides_add_and_remove_and_nothing_is_lost() {
    let world = world("set", "set");
    let (source, target) = world.paired(json!({ "title": "a", "labels": ["bug", "old", "ui"] }));
    assert_eq!(world.target.value(&target, "tags"), json!(["bug", "old", "ui"]));
    world.source.edit(&source, "labels", json!(["ui", "api", "bug"]));
    world.target.edit(&target, "tags", json!(["web", "bug", "old"]));
    let report = world.sync();
    assert_eq!((report.counts.conflicts, report.counts.resolved, report.counts.updated), (0, 0, 1));
    for value in [world.source.value(&source, "labels"), world.target.value(&target, "tags")] {
        assert_eq!(value, json!(["api", "bug", "web"]));
    }
    world.assert_quiet();
    world.assert_quiet();
}

#[rstest]
fn case_25_a_removed_label_stays_removed(#[values(Side::Source, Side::Target)] side: Side) {
    let world = world("set", "set");
    let (source, target) = world.paired(json!({ "title": "a", "labels": ["bug", "ui"] }));
    let (id, field) = if side == Side::Source { (&source, "labels") } else { (&target, "tags") };
    world.place(side).edit(id, field, json!(["ui"]));
    world.sync();
    world.assert_quiet();
    // Another edit of the other side does not bring it back.
    let (id, field) = if side == Side::Source { (&target, "tags") } else { (&source, "labels") };
    world.place(side.other()).edit(id, field, json!(["ui", "web"]));
    world.sync();
    assert_eq!(world.source.value(&source, "labels"), json!(["ui", "web"]));
    assert_eq!(world.target.value(&target, "tags"), json!(["ui", "web"]));
    world.assert_quiet();
}

#[test]
fn order_and_repetition_are_no_edit() {
    let world = world("set", "set");
    let (source, target) = world.paired(json!({ "title": "a", "labels": ["b", "a"] }));
    world.source.edit(&source, "labels", json!(["a", "b", " a ", ""]));
    assert_eq!(world.preview().1, []);
    world.sync();
    assert_eq!(world.target.value(&target, "tags"), json!(["a", "b"]));
    assert_eq!(world.source.value(&source, "labels"), json!(["a", "b", " a ", ""]), "as the person wrote it");
}

#[test]
fn a_first_sync_joins_the_sets_of_paired_items() {
    let world = World::new(json!({ "match_on": ["title"], "field_mappings": labelled("set", "set") }));
    let source = world.source.add(fields(json!({ "title": "a", "labels": ["bug"] })));
    let target = world.target.add(fields(json!({ "name": "a", "tags": ["ui"] })));
    assert_eq!(world.sync().counts.conflicts, 0);
    assert_eq!(world.source.value(&source, "labels"), json!(["bug", "ui"]));
    assert_eq!(world.target.value(&target, "tags"), json!(["bug", "ui"]));
    world.assert_quiet();
}

/// GitHub returns a label as it was first spelled, whatever is sent.
#[test]
fn a_place_that_respells_labels_makes_no_echo_and_removal_still_works() {
    let shouts = Manners { shouts: true, ..Manners::default() };
    let mappings = json!({ "field_mappings": labelled("set", "set") });
    let world = World::with(mappings, Manners::default(), shouts);
    let (source, target) = world.paired(json!({ "title": "a", "labels": ["bug", "needs triage"] }));
    assert_eq!(world.target.value(&target, "tags"), json!(["BUG", "NEEDS TRIAGE"]));
    world.assert_quiet();
    world.source.edit(&source, "labels", json!(["bug", "needs triage", "ui"]));
    world.sync();
    assert_eq!(world.target.value(&target, "tags"), json!(["BUG", "NEEDS TRIAGE", "UI"]));
    assert_eq!(world.source.value(&source, "labels"), json!(["bug", "needs triage", "ui"]));
    world.assert_quiet();
    world.source.edit(&source, "labels", json!(["ui", "needs triage"]));
    world.sync();
    assert_eq!(world.target.value(&target, "tags"), json!(["NEEDS TRIAGE", "UI"]));
    world.target.edit(&target, "tags", json!(["UI"]));
    world.sync();
    assert_eq!(world.source.value(&source, "labels"), json!(["ui"]));
    // Both spellings at once are one label there, and stay two here.
    world.source.edit(&source, "labels", json!(["ui", "Ui"]));
    world.sync();
    world.assert_quiet();
    world.source.edit(&source, "labels", json!(["Ui"]));
    world.sync();
    assert_eq!(world.target.value(&target, "tags"), json!(["UI"]));
    world.assert_quiet();
}

#[test]
fn places_that_distinguish_case_keep_both_spellings_apart() {
    let world = world("set", "set");
    let (source, target) = world.paired(json!({ "title": "a", "labels": ["bug"] }));
    world.source.edit(&source, "labels", json!(["bug", "Bug"]));
    world.sync();
    assert_eq!(world.target.value(&target, "tags"), json!(["Bug", "bug"]));
    world.target.edit(&target, "tags", json!(["Bug"]));
    world.sync();
    assert_eq!(world.source.value(&source, "labels"), json!(["Bug"]));
}

/// A text column holds a set as it holds a list, in its own form.
#[test]
fn case_71_labels_with_spaces_and_commas_go_into_a_text_column_and_back() {
    let world = world("set", "string");
    let (source, target) = world.paired(json!({ "title": "a", "labels": ["needs triage", "needs-triage"] }));
    assert_eq!(world.target.value(&target, "tags"), json!("needs triage,needs-triage"));
    world.target.edit(&target, "tags", json!("needs-triage"));
    world.sync();
    assert_eq!(world.source.value(&source, "labels"), json!(["needs-triage"]), "removing one removes one");
    world.source.edit(&source, "labels", json!(["needs-triage", "a, b"]));
    world.sync();
    assert_eq!(world.target.value(&target, "tags"), json!("[\"a, b\",\"needs-triage\"]"));
    world.assert_quiet();
    world.target.edit(&target, "tags", json!("[\"needs triage\", \"a, b\"]"));
    world.sync();
    assert_eq!(world.source.value(&source, "labels"), json!(["a, b", "needs triage"]));
}

#[test]
fn a_value_map_chooses_the_elements_that_cross() {
    let mut mappings = labelled("set", "set");
    mappings[1]["values"] = json!({ "bug": "defect", "error": "defect", "ui": "frontend" });
    mappings[1]["back"] = json!({ "defect": "bug", "frontend": "ui" });
    let world = World::new(json!({ "field_mappings": mappings }));
    let (source, target) = world.paired(json!({ "title": "a", "labels": ["error", "mine"] }));
    assert_eq!(world.target.value(&target, "tags"), json!(["defect"]));
    world.target.edit(&target, "tags", json!(["defect", "frontend", "theirs"]));
    world.sync();
    assert_eq!(world.source.value(&source, "labels"), json!(["error", "mine", "ui"]));
    assert_eq!(world.target.value(&target, "tags"), json!(["defect", "frontend", "theirs"]));
    world.assert_quiet();
    world.source.edit(&source, "labels", json!(["bug", "mine", "ui"]));
    world.sync();
    assert_eq!(world.target.value(&target, "tags"), json!(["defect", "frontend", "theirs"]));
    world.target.edit(&target, "tags", json!(["frontend", "theirs"]));
    world.sync();
    assert_eq!(world.source.value(&source, "labels"), json!(["mine", "ui"]));
    world.assert_quiet();
}

#[test]
fn one_way_the_target_keeps_its_own_elements_and_loses_those_that_the_source_removes() {
    let mut mappings = labelled("set", "set");
    mappings[1]["direction"] = json!("source_to_target");
    mappings[1]["values"] = json!({ "bug": "defect", "error": "defect" });
    let world = World::new(json!({ "field_mappings": mappings }));
    let (source, target) = world.paired(json!({ "title": "a", "labels": ["error"] }));
    world.target.edit(&target, "tags", json!(["defect", "own"]));
    world.sync();
    assert_eq!(world.source.value(&source, "labels"), json!(["error"]));
    world.source.edit(&source, "labels", json!([]));
    world.sync();
    assert_eq!(world.target.value(&target, "tags"), json!(["own"]));
    world.assert_quiet();
}

#[test]
fn what_is_no_set_of_single_values_is_an_error_of_its_field() {
    let world = world("set", "set");
    let (source, target) = world.paired(json!({ "title": "a", "labels": ["bug"] }));
    world.source.edit(&source, "labels", json!([["nested"]]));
    let report = world.sync();
    assert_eq!(report.counts.failed, 1);
    assert!(report.errors[0].error.contains("is not a list of single values"), "{report:?}");
    assert_eq!(world.target.value(&target, "tags"), json!(["bug"]));
}

fn rule() -> Rule {
    world("set", "set").mapping().rules.remove(1)
}

fn set(elements: &[usize]) -> Value {
    const NAMES: [&str; 8] = ["a", "b", "c", "needs triage", "needs-triage", "B", "é", "C"];
    let texts = elements.iter().filter_map(|at| NAMES.get(*at)).map(|name| Value::text(*name));
    let list = Value::List(texts.collect());
    syncline_engine::mapping::read_as(&list, syncline_engine::spec::FieldType::Set).unwrap()
}

/// The sets of both sides after a merge.
fn merged(now: Pair<&Value>, base: Option<Pair<&Value>>) -> Pair<Value> {
    let state = FieldState {
        now,
        base,
        pages: Pair::default(),
        modified: Pair::default(),
        unread: Pair::new(false, false),
        modified_before: Pair::default(),
        open: None,
        outdated: false,
        revised: false,
    };
    let merged = merge_field(&rule(), &state, TestClock::new().now());
    assert_eq!(merged.conflict, None);
    let mut after = Pair::new(now.source.clone(), now.target.clone());
    match merged.decision {
        Decision::Write { side, value, .. } => *after.get_mut(side) = value,
        Decision::Set { values, .. } => after = values,
        Decision::Unchanged | Decision::Agree => {}
        other => panic!("{other:?}"),
    }
    after
}

fn some_set() -> impl Strategy<Value = Value> {
    proptest::collection::vec(0_usize..8, 0..6).prop_map(|elements| set(&elements))
}

proptest! {
    #[test]
    fn sides_may_be_exchanged(source in some_set(), target in some_set(), base in proptest::option::of((some_set(), some_set()))) {
        let bases = base.as_ref().map(|(source, target)| Pair::new(source, target));
        let turned = base.as_ref().map(|(source, target)| Pair::new(target, source));
        let one = merged(Pair::new(&source, &target), bases);
        let other = merged(Pair::new(&target, &source), turned);
        prop_assert_eq!((one.source, one.target), (other.target, other.source));
    }

    #[test]
    fn merging_again_changes_nothing(source in some_set(), target in some_set(), base in some_set()) {
        let before = Pair::new(&base, &base);
        let once = merged(Pair::new(&source, &target), Some(before));
        let now = Pair::new(&once.source, &once.target);
        prop_assert_eq!(&merged(now, Some(now)), &once, "with the new bases");
        prop_assert_eq!(&merged(now, Some(before)), &once, "after a crash before the bases were stored");
        prop_assert!(rule().agrees(&once.source, &once.target), "{} and {}", once.source, once.target);
    }

    #[test]
    fn a_side_that_has_its_base_takes_what_the_other_has(now in some_set(), base in some_set()) {
        let after = merged(Pair::new(&now, &base), Some(Pair::new(&base, &base)));
        prop_assert_eq!(&after.source, &now);
        prop_assert!(rule().agrees(&now, &after.target), "{} became {}", now, after.target);
    }

    /// Without case, which a place may ignore: every element obeys its own history.
    #[test]
    fn each_element_is_decided_alone(source in 0_u32..32, target in 0_u32..32, base in 0_u32..32) {
        let of = |bits: u32| set(&(0..5).filter(|at| bits & (1 << at) != 0).collect::<Vec<_>>());
        let (s, t, b) = (of(source), of(target), of(base));
        let after = merged(Pair::new(&s, &t), Some(Pair::new(&b, &b)));
        let wanted = of((source & target) | ((source | target) & !base));
        prop_assert_eq!(&after.source, &wanted);
        prop_assert_eq!(&after.target, &wanted);
    }
}
