//! A person's decisions about a field: a side, the base, a value of their own.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::{
    Side, Value,
    conflict::Choice,
    ports::{Change, ItemStatus, Step},
    run::{Options, Scope},
};

use crate::support::{ChangeState, Fault, World};

fn only(link: i64) -> Options {
    Options { scope: Scope::Links(vec![link]), ..Options::default() }
}

fn value(text: &str) -> Choice {
    Choice::Value(Value::text(text))
}

/// A pair with an open conflict in its title: "old" was agreed on.
fn asked() -> (World, String, String) {
    let world = World::new(json!({ "conflict_strategy": "manual" }));
    let (s, t) = world.paired(json!({ "title": "old", "body": "text" }));
    world.source.edit(&s, "title", "S");
    world.target.edit(&t, "name", "T");
    assert_eq!(world.sync().counts.conflicts, 1);
    (world, s, t)
}

fn titles(world: &World, s: &str, t: &str) -> (Json, Json) {
    (world.source.value(s, "title"), world.target.value(t, "name"))
}

#[track_caller]
fn assert_decided(world: &World, choice: &Choice) {
    let tables = world.tables();
    let [row] = tables.conflicts.as_slice() else { panic!("{:?}", tables.conflicts) };
    let resolution = row.conflict.resolution.clone().expect("a resolution");
    assert_eq!((row.open, &resolution.winner), (false, choice));
    assert_eq!(resolution.reason, format!("{choice} chosen by a person"));
    assert_eq!(tables.links[&1].status, ItemStatus::Completed);
}

/// One write for each side that does not have the value yet, and no other.
#[rstest]
#[case::source(Choice::Source, "S", &[("target", "T", "S")])]
#[case::target(Choice::Target, "T", &[("source", "S", "T")])]
#[case::base(Choice::Base, "old", &[("source", "S", "old"), ("target", "T", "old")])]
#[case::value(value("mine"), "mine", &[("source", "S", "mine"), ("target", "T", "mine")])]
#[case::the_value_of_a_side(value("T"), "T", &[("source", "S", "T")])]
fn each_choice_ends_with_one_value_on_both_sides(
    #[case] choice: Choice,
    #[case] expected: &str,
    #[case] written: &[(&str, &str, &str)],
) {
    let (world, s, t) = asked();
    let before = world.tables().changes.len();
    world.tables().choose(choice.clone());
    let report = world.sync_with(only(1));
    assert_eq!((report.counts.updated, report.counts.resolved, report.counts.failed), (1, 1, 0));
    assert_eq!(titles(&world, &s, &t), (json!(expected), json!(expected)));
    assert_decided(&world, &choice);
    let row = |change: &Change| {
        assert_eq!(change.rule, format!("{choice} chosen by a person"));
        (change.side.to_string(), change.before.to_json(), change.after.to_json())
    };
    let rows: Vec<_> = world.tables().changes[before..].iter().map(|changed| row(&changed.change)).collect();
    let expected: Vec<_> =
        written.iter().map(|(side, from, to)| ((*side).to_owned(), json!(from), json!(to))).collect();
    assert_eq!(rows, expected);
    world.assert_quiet();
    // What comes after it flows as usual.
    world.wait(1);
    world.target.edit(&t, "name", "later");
    world.sync();
    assert_eq!(titles(&world, &s, &t), (json!("later"), json!("later")));
}

/// Whatever was edited since was not seen by the person who decided.
#[rstest]
fn an_edit_after_the_decision_is_not_written_over(
    #[values(Choice::Source, Choice::Target, Choice::Base, value("mine"))] choice: Choice,
    #[values(Side::Source, Side::Target)] edited: Side,
) {
    let (world, s, t) = asked();
    world.tables().choose(choice);
    let (mut expected, later) = ((json!("S"), json!("T")), json!("later"));
    match edited {
        Side::Source => {
            world.source.edit(&s, "title", "later");
            expected.0 = later;
        }
        Side::Target => {
            world.target.edit(&t, "name", "later");
            expected.1 = later;
        }
    }
    let before = world.write_calls();
    let report = world.sync_with(only(1));
    assert_eq!((report.counts.updated, report.counts.conflicts), (0, 1));
    assert_eq!((titles(&world, &s, &t), world.write_calls()), (expected, before));
    let tables = world.tables();
    let open = tables.open_conflicts();
    assert_eq!((open.len(), &open[0].chosen, open[0].occurrences), (1, &None, 2), "asked anew");
}

/// Half of a decision is no edit by somebody else: what is left of it is carried out.
#[rstest]
fn a_decision_of_which_one_write_was_refused_is_finished_later(
    #[values(Choice::Base, value("mine"))] choice: Choice,
    #[values(Side::Source, Side::Target)] refusing: Side,
) {
    let (world, s, t) = asked();
    world.tables().choose(choice.clone());
    world.place(refusing).refuse(|_| true);
    assert_eq!(world.sync_with(only(1)).counts.failed, 1);
    assert_eq!(world.tables().open_conflicts()[0].chosen, Some(choice.clone()));
    world.place(refusing).refuse_nothing();
    world.sync();
    let expected = if choice == Choice::Base { json!("old") } else { json!("mine") };
    assert_eq!(titles(&world, &s, &t), (expected.clone(), expected));
    assert_decided(&world, &choice);
    world.assert_quiet();
}

/// The other half was edited before it could be: the person is asked about what there is now.
#[test]
fn a_decision_that_was_half_carried_out_gives_way_to_an_edit() {
    let (world, s, t) = asked();
    world.tables().choose(value("mine"));
    world.target.refuse(|_| true);
    world.sync_with(only(1));
    world.target.refuse_nothing();
    world.target.edit(&t, "name", "later");
    let report = world.sync_with(only(1));
    assert_eq!((report.counts.updated, report.counts.conflicts), (0, 1));
    assert_eq!(titles(&world, &s, &t), (json!("mine"), json!("later")));
    let values = world.tables().open_conflicts()[0].conflict.values.clone();
    assert_eq!((values.source, values.target), (Value::text("mine"), Value::text("later")));
}

#[rstest]
fn a_crash_in_the_middle_of_a_decision_leaves_it_whole(
    #[values(Step::IntentCommitted, Step::RemoteWritten, Step::Confirmed, Step::BaseAdvanced)] step: Step,
    #[values(Choice::Base, value("mine"))] choice: Choice,
) {
    let (world, s, t) = asked();
    world.tables().choose(choice.clone());
    assert!(world.crash(step, 0).is_none());
    world.wait(1);
    world.sync();
    let expected = if choice == Choice::Base { json!("old") } else { json!("mine") };
    assert_eq!(titles(&world, &s, &t), (expected.clone(), expected));
    assert_decided(&world, &choice);
    let written = |change: &Change| change.rule.ends_with("chosen by a person");
    let rows = world.tables().happened().iter().filter(|row| written(&row.change)).count();
    assert_eq!(rows, 2, "each side is written once");
    world.assert_quiet();
}

/// The write to the source arrived, the one to the target did not, and the process died.
#[rstest]
fn a_lost_answer_in_the_middle_of_a_decision_is_found_out(
    #[values(Choice::Base, value("mine"))] choice: Choice,
) {
    for (source, target) in [(Fault::After, Fault::None), (Fault::None, Fault::After)] {
        let (world, s, t) = asked();
        world.tables().choose(choice.clone());
        world.source.fail([source]);
        world.target.fail([target]);
        world.try_sync().unwrap_err();
        world.wait(1);
        world.sync();
        let expected = if choice == Choice::Base { json!("old") } else { json!("mine") };
        assert_eq!(titles(&world, &s, &t), (expected.clone(), expected));
        assert_decided(&world, &choice);
        world.assert_quiet();
    }
}

/// A value is in the source's terms and goes through the mapping; a base is each side's own.
#[test]
fn a_value_is_converted_and_a_base_is_not() {
    for (choice, expected) in [(value("Done"), ("Done", "closed")), (Choice::Base, ("In Progress", "open"))] {
        let mut world = World::new(json!({}));
        let (s, t) = world.paired(json!({ "title": "one", "status": "In Progress" }));
        let mut fields = crate::support::default_fields();
        fields[2]["values"]["Review"] = json!("reviewed");
        fields[2]["back"]["waiting"] = json!("On Hold");
        world.revise(json!({ "conflict_strategy": "manual", "field_mappings": fields }));
        world.sync();
        world.source.edit(&s, "status", "Review");
        world.target.edit(&t, "state", "waiting");
        assert_eq!(world.sync().counts.conflicts, 1);
        world.tables().choose(choice);
        world.sync();
        let now = (world.source.value(&s, "status"), world.target.value(&t, "state"));
        assert_eq!(now, (json!(expected.0), json!(expected.1)));
        assert_eq!(world.tables().open_conflicts().len(), 0);
        world.assert_quiet();
    }
}

/// Neither side is written, and the reason names the field, the value and what to do.
#[rstest]
#[case::no_number("points", value("many"), "many")]
#[case::no_mapping("status", value("Parked"), "no mapping for value \"Parked\"; add it to values")]
fn a_value_that_a_side_cannot_have_is_written_to_neither(
    #[case] field: &str,
    #[case] choice: Choice,
    #[case] reason: &str,
) {
    let world = World::new(json!({ "conflict_strategy": "manual" }));
    let (s, t) = world.paired(json!({ "title": "one", "status": "To Do", "points": 1 }));
    let (there, here, other) = if field == "points" {
        ("points", json!(2), json!(3))
    } else {
        ("state", json!("Done"), json!("odd"))
    };
    world.source.edit(&s, field, here.clone());
    world.target.edit(&t, there, other.clone());
    world.sync();
    let before = world.write_calls();
    world.tables().choose(choice.clone());
    let report = world.sync_with(only(1));
    assert_eq!((world.write_calls(), report.counts.failed), (before, 1));
    assert!(report.errors[0].error.contains(reason), "{:?}", report.errors);
    assert_eq!((world.source.value(&s, field), world.target.value(&t, there)), (here, other));
    assert_eq!(world.tables().open_conflicts()[0].chosen, Some(choice), "the decision waits");
}

/// The base would have to be written to the side that this sync only reads.
#[rstest]
fn a_side_that_is_only_read_refuses_a_decision_for_both(
    #[values(Choice::Base, value("mine"))] choice: Choice,
) {
    let world = World::new(json!({ "conflict_strategy": "manual", "direction": "push" }));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", "S");
    world.target.edit(&t, "name", "T");
    world.sync();
    world.tables().choose(choice);
    let report = world.sync_with(only(1));
    assert!(report.errors[0].error.contains("this sync does not write the source"), "{:?}", report.errors);
    assert_eq!(titles(&world, &s, &t), (json!("S"), json!("T")));
}

/// Without a base there is nothing to go back to: the sides are asked about again.
#[test]
fn a_base_that_never_was_cannot_come_back() {
    let world = World::new(json!({ "conflict_strategy": "manual", "match_on": ["title"] }));
    let s = world.source.add(crate::support::fields(json!({ "title": "same", "body": "S" })));
    let t = world.target.add(crate::support::fields(json!({ "name": "same", "notes": "T" })));
    world.sync();
    world.tables().choose(Choice::Base);
    let report = world.sync_with(only(1));
    assert_eq!((report.counts.updated, report.counts.conflicts), (0, 1));
    assert_eq!((world.source.value(&s, "body"), world.target.value(&t, "notes")), (json!("S"), json!("T")));
    assert_eq!(world.tables().open_conflicts()[0].chosen, None);
    world.tables().choose(value("both"));
    world.sync_with(only(1));
    assert_eq!(
        (world.source.value(&s, "body"), world.target.value(&t, "notes")),
        (json!("both"), json!("both"))
    );
}

#[test]
fn several_fields_are_decided_differently_in_one_run() {
    let world = World::new(json!({ "conflict_strategy": "manual" }));
    let (s, t) = world.paired(json!({ "title": "old", "body": "old", "points": 1 }));
    for (field, there) in [("title", "name"), ("body", "notes")] {
        world.source.edit(&s, field, "S");
        world.target.edit(&t, there, "T");
    }
    world.source.edit(&s, "points", 2);
    world.target.edit(&t, "points", 3);
    assert_eq!(world.sync().counts.conflicts, 3);
    for row in &mut world.tables().conflicts {
        row.chosen = Some(match row.conflict.field.as_deref() {
            Some("title") => Choice::Target,
            Some("body") => Choice::Base,
            _ => Choice::Value(Value::text("5")),
        });
    }
    let report = world.sync_with(only(1));
    assert_eq!((report.counts.updated, report.counts.resolved), (1, 3));
    let source = ["title", "body", "points"].map(|field| world.source.value(&s, field));
    let target = ["name", "notes", "points"].map(|field| world.target.value(&t, field));
    assert_eq!(source, [json!("T"), json!("old"), json!(5)]);
    assert_eq!(target, source);
    world.assert_quiet();
}

/// A field that the target leaves out of every write, until it takes it.
#[rstest]
#[case::the_other_side(Choice::Target, "old", "old")]
#[case::the_base(Choice::Base, "old", "old")]
#[case::a_value(value("short"), "short", "short")]
fn a_refused_value_is_resolved_by_every_choice(
    #[case] choice: Choice,
    #[case] here: &str,
    #[case] there: &str,
) {
    let mut world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "one", "body": "old" }));
    world.target.leave_out(Some("notes"));
    world.source.edit(&s, "body", "far too long");
    world.source.edit(&s, "title", "two");
    let report = world.sync();
    assert_eq!((report.counts.conflicts, world.target.value(&t, "name")), (1, json!("two")));
    let states: Vec<(Option<String>, ChangeState)> =
        world.tables().changes[1..].iter().map(|row| (row.change.field.clone(), row.state)).collect();
    let expected = [("name", ChangeState::Confirmed), ("notes", ChangeState::NotWritten)];
    assert_eq!(states, expected.map(|(field, state)| (Some(field.to_owned()), state)));
    assert_eq!(world.tables().open_conflicts()[0].conflict.kind.as_str(), "refused_value");
    world.assert_quiet();
    if choice.side().is_none() && choice != Choice::Base {
        world.target.leave_out(None);
    }
    world.tables().choose(choice.clone());
    world.sync_with(only(1));
    assert_eq!(
        (world.source.value(&s, "body"), world.target.value(&t, "notes")),
        (json!(here), json!(there))
    );
    assert_decided(&world, &choice);
    world.assert_quiet();
}

/// The target refuses the person's value, too: it is asked about what is there now.
#[test]
fn a_value_that_a_platform_leaves_out_is_asked_about_again() {
    let mut world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "one", "body": "old" }));
    world.target.leave_out(Some("notes"));
    world.source.edit(&s, "body", "far too long");
    world.sync();
    world.tables().choose(value("still too long"));
    let report = world.sync_with(only(1));
    assert_eq!(report.counts.conflicts, 1);
    assert_eq!(
        (world.source.value(&s, "body"), world.target.value(&t, "notes")),
        (json!("still too long"), json!("old"))
    );
    {
        let tables = world.tables();
        let open = tables.open_conflicts();
        assert_eq!((open.len(), &open[0].chosen), (1, &None));
        assert_eq!(open[0].conflict.values.source, Value::text("still too long"));
    }
    world.tables().choose(Choice::Base);
    world.sync_with(only(1));
    assert_eq!(
        (world.source.value(&s, "body"), world.target.value(&t, "notes")),
        (json!("old"), json!("old"))
    );
    world.assert_quiet();
}
