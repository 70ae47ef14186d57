//! Texts that are too long for one side.

use serde_json::{Value as Json, json};
use syncline_engine::{
    richtext::{Dialect, Limit, Measure, TextForm, is_shortened},
    side::Pair,
};

use crate::support::World;

const LONGEST: usize = 300;

/// The target's texts have at most 300 characters.
fn world(more: Json) -> World {
    let mut changes = json!({ "field_mappings": [
        { "source_field": "title", "target_field": "name" },
        { "source_field": "body", "target_field": "text", "source_type": "rich_text", "target_type": "rich_text" },
    ] });
    for (key, value) in more.as_object().into_iter().flatten() {
        changes[key] = value.clone();
    }
    let mut world = World::new(changes);
    let limit = Some(Limit { longest: LONGEST, measure: Measure::Characters });
    world.forms = Pair::new(Dialect::GitHub.into(), TextForm { dialect: Dialect::Linear, limit });
    world
}

/// A text of 20 paragraphs.
fn long() -> String {
    (1..=20)
        .map(|number| format!("Paragraph {number:02} of the text.\n\n"))
        .collect::<String>()
        .trim()
        .to_owned()
}

/// A pair of an item with a long text, and its copy.
fn pair(world: &World) -> (String, String) {
    world.paired(json!({ "title": "a", "body": long(), "url": "https://x.y/1" }))
}

fn copy(world: &World, id: &str) -> String {
    let text = world.target.value(id, "text").as_str().unwrap().to_owned();
    assert!(text.chars().count() <= LONGEST && is_shortened(&text, Dialect::Linear), "{text}");
    text
}

#[test]
fn case_65_a_shortened_copy_has_a_link_to_the_whole_text() {
    let world = world(json!({}));
    let (source, target) = pair(&world);
    let text = copy(&world, &target);
    assert!(text.starts_with("Paragraph 01 of the text.\n\nParagraph 02"), "{text}");
    assert!(
        text.ends_with("of the text.\n\n_(The text goes on: [the whole text](https://x.y/1))_"),
        "{text}"
    );
    assert_eq!(world.source.value(&source, "body"), json!(long()));
    world.assert_quiet();
}

/// An edit that the copy does not show writes nothing; one that it shows is written; the note goes with the need for it.
#[test]
fn case_65_a_copy_follows_the_whole_text() {
    let world = world(json!({}));
    let (source, target) = pair(&world);
    let before = copy(&world, &target);
    world.source.edit(&source, "body", json!(long().replace("20 of", "twenty of")));
    assert_eq!(world.sync().counts.updated, 0);
    assert_eq!(copy(&world, &target), before);
    world.source.edit(&source, "body", json!(long().replace("01 of", "one of")));
    world.sync();
    assert_eq!(copy(&world, &target), before.replace("01 of", "one of"));
    world.assert_quiet();
    world.source.edit(&source, "body", json!("Short.\n\nAnd whole."));
    world.sync();
    assert_eq!(world.target.value(&target, "text"), json!("Short.\n\nAnd whole."));
    world.assert_quiet();
    world.target.edit(&target, "text", json!("Short."));
    world.sync();
    assert_eq!(world.source.value(&source, "body"), json!("Short."));
}

/// Whatever the sync's strategy is, and with edits of both sides.
#[test]
fn case_65_an_edit_of_a_copy_leaves_the_rest_of_the_whole_text() {
    for strategy in ["source_wins", "target_wins", "last_write_wins", "manual"] {
        let world = world(json!({ "conflict_strategy": strategy }));
        let (source, target) = pair(&world);
        let text = copy(&world, &target);
        world.target.edit(&target, "text", json!(text.replace("02 of", "two of")));
        world.sync();
        assert_eq!(world.source.value(&source, "body"), json!(long().replace("02 of", "two of")));
        world.assert_quiet();
        let (whole, text) = (long().replace("02 of", "two of"), copy(&world, &target));
        world.source.edit(&source, "body", json!(whole.replace("15 of", "fifteen of")));
        world.target.edit(&target, "text", json!(text.replace("01 of", "one of")));
        world.sync();
        let both = whole.replace("15 of", "fifteen of").replace("01 of", "one of");
        assert_eq!(world.source.value(&source, "body"), json!(both));
        assert_eq!(copy(&world, &target), text.replace("01 of", "one of"));
        world.assert_quiet();
    }
}

/// A copy without its note gets it back, and the whole text stays.
#[test]
fn case_65_the_note_may_be_removed() {
    let world = world(json!({}));
    let (source, target) = pair(&world);
    let text = copy(&world, &target);
    world.target.edit(&target, "text", json!(text.split_once("\n\n_(").unwrap().0));
    world.sync();
    assert_eq!(world.source.value(&source, "body"), json!(long()));
    assert_eq!(copy(&world, &target), text);
    world.assert_quiet();
}

/// The edit waits and is reported, and the other fields are written.
#[test]
fn case_65_what_has_no_place_in_the_whole_text_is_refused() {
    for strategy in ["source_wins", "target_wins", "last_write_wins", "manual"] {
        for edit in ["", "_(The text goes on)_"] {
            let world = world(json!({ "conflict_strategy": strategy }));
            let (source, target) = pair(&world);
            copy(&world, &target);
            world.target.edit(&target, "text", json!(edit));
            world.target.edit(&target, "name", json!("b"));
            world.sync();
            assert_eq!(world.source.value(&source, "body"), json!(long()), "{strategy}");
            assert_eq!(world.source.value(&source, "title"), json!("b"));
            let error = world.tables().links[&1].error.clone().unwrap_or_default();
            assert!(error.contains("the target has a shortened copy"), "{error}");
        }
    }
}

/// Both sides edited the same block: the strategy decides, but the copy never replaces the whole text.
#[test]
fn case_65_no_strategy_writes_a_copy_over_the_whole_text() {
    for strategy in ["source_wins", "target_wins", "manual"] {
        let world = world(json!({ "conflict_strategy": strategy }));
        let (source, target) = pair(&world);
        let text = copy(&world, &target);
        let whole = long().replace("01 of", "first of");
        world.source.edit(&source, "body", json!(whole));
        world.target.edit(&target, "text", json!(text.replace("01 of", "one of")));
        world.sync();
        assert_eq!(world.source.value(&source, "body"), json!(whole), "{strategy}");
        let expected = if strategy == "source_wins" { "first of" } else { "one of" };
        assert!(copy(&world, &target).contains(expected), "{strategy}");
    }
}

/// A copy that is found without a base is known as one.
#[test]
fn case_65_a_first_sync_knows_a_copy() {
    let world = world(json!({ "match_on": ["title"], "two_way_create": true }));
    let (source, target) = pair(&world);
    let text = copy(&world, &target);
    world.tables().links.clear();
    world.sync();
    assert_eq!(world.source.value(&source, "body"), json!(long()));
    assert_eq!(copy(&world, &target), text);
}

/// A copy that is copied on is a text like any other.
#[test]
fn case_65_a_copy_of_a_copy_is_an_ordinary_text() {
    let world = world(json!({}));
    let note = "_(The text goes on: [the whole text](https://x.y/9))_";
    let body = format!("one\n\ntwo\n\n{note}");
    let (source, target) = world.paired(json!({ "title": "a", "body": "one\n\ntwo" }));
    world.source.edit(&source, "body", json!(body));
    world.sync();
    assert_eq!(world.target.value(&target, "text"), json!(body));
    world.target.edit(&target, "text", json!(body.replace("two", "2")));
    world.sync();
    assert_eq!(world.source.value(&source, "body"), json!(body.replace("two", "2")));
    world.source.edit(&source, "body", Json::Null);
    world.sync();
    assert_eq!(world.target.value(&target, "text"), Json::Null);
    world.assert_quiet();
}
