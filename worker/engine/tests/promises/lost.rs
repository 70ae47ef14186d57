//! An edit that was made between our reading and our write, of the same field, on a platform that compares nothing and keeps a
//! history: it is a conflict that waits for a person.

use rstest::rstest;
use serde_json::json;
use syncline_engine::{
    capability::ConcurrencyControl,
    conflict::Choice,
    run::{Options, Scope},
};

use crate::support::{Manners, World};

/// The target's name was overwritten as soon as a person had changed it.
fn overwritten() -> (World, String, String) {
    let manners = Manners { concurrency: ConcurrencyControl::None, history: true, ..Manners::default() };
    let world = World::with(json!({}), Manners::default(), manners);
    let (source, target) = world.paired(json!({ "title": "old", "body": "b" }));
    world.source.edit(&source, "title", "ours");
    let id = target.clone();
    world.target.meddle(move |place| place.edit(&id, "name", "theirs"));
    let report = world.sync();
    assert_eq!((report.counts.updated, report.counts.conflicts), (1, 1));
    assert_eq!(world.target.value(&target, "name"), json!("ours"));
    (world, source, target)
}

fn only_first() -> Options {
    Options { scope: Scope::Links(vec![1]), ..Options::default() }
}

#[test]
fn an_overwritten_edit_is_a_conflict_that_shows_it() {
    let (world, source, _) = overwritten();
    {
        let tables = world.tables();
        let [open] = &tables.open_conflicts()[..] else { panic!("{:?}", tables.conflicts) };
        let conflict = &open.conflict;
        assert_eq!(conflict.kind.as_str(), "lost_update");
        assert_eq!(conflict.field.as_deref(), Some("title"));
        assert_eq!(
            (conflict.values.source.name(), conflict.values.target.name()),
            ("ours".into(), "theirs".into())
        );
    }
    // It stands until somebody decides, also when other fields change.
    world.assert_quiet();
    world.source.edit(&source, "body", "c");
    world.sync();
    assert_eq!(world.tables().open_conflicts().len(), 1);
}

#[rstest]
#[case::it_comes_back(Choice::Target, "theirs")]
#[case::ours_stays(Choice::Source, "ours")]
#[case::what_both_have_stays(Choice::Base, "ours")]
#[case::a_value(Choice::Value(syncline_engine::Value::text("third")), "third")]
fn a_person_decides_about_an_overwritten_edit(#[case] choice: Choice, #[case] title: &str) {
    let (world, source, target) = overwritten();
    world.tables().choose(choice);
    world.sync_with(only_first());
    assert_eq!(world.source.value(&source, "title"), json!(title));
    assert_eq!(world.target.value(&target, "name"), json!(title));
    assert_eq!(world.tables().open_conflicts().len(), 0);
    world.assert_quiet();
}

/// Who edits the field again has seen what is there.
#[test]
fn a_later_edit_of_the_field_settles_it() {
    let (world, source, target) = overwritten();
    world.target.edit(&target, "name", "again");
    world.wait(1);
    world.sync();
    assert_eq!(world.source.value(&source, "title"), json!("again"));
    assert_eq!(world.tables().open_conflicts().len(), 0);
    world.assert_quiet();
}
