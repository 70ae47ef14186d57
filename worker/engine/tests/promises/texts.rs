//! Texts with markup are compared by what they say, and merged block by block.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::{Side, Value, mapping::Mapping, richtext::Dialect, side::Pair, spec::SyncSpec};

use crate::support::World;

fn world(source_type: &str, target_type: &str, more: Json) -> World {
    let mut changes = json!({ "field_mappings": [
        { "source_field": "title", "target_field": "name" },
        { "source_field": "body", "target_field": "text", "source_type": source_type, "target_type": target_type },
    ] });
    for (key, value) in more.as_object().into_iter().flatten() {
        changes[key] = value.clone();
    }
    World::new(changes)
}

const BASE: &str = "# Title\n\n*   one\n*   two\n\nend\n";

#[rstest]
#[case("rich_text", "rich_text")]
#[case("markdown", "string")]
#[case("string", "rich_text")]
fn edits_of_different_blocks_are_both_kept(#[case] source_type: &str, #[case] target_type: &str) {
    let world = world(source_type, target_type, json!({}));
    let (source, target) = world.paired(json!({ "title": "a", "body": BASE }));
    world.source.edit(&source, "body", json!(BASE.replace("Title", "A title")));
    world.target.edit(&target, "text", json!(BASE.replace("end", "the end")));
    let report = world.sync();
    assert_eq!((report.counts.conflicts, report.counts.resolved, report.counts.updated), (0, 0, 1));
    let merged = json!(BASE.replace("Title", "A title").replace("end", "the end"));
    assert_eq!(world.source.value(&source, "body"), merged);
    assert_eq!(world.target.value(&target, "text"), merged);
    world.assert_quiet();
}

#[rstest]
#[case::source("source_wins", "X")]
#[case::target("target_wins", "Y")]
fn two_edits_of_one_block_are_a_conflict_of_the_field(#[case] strategy: &str, #[case] word: &str) {
    let world = world("rich_text", "rich_text", json!({ "conflict_strategy": strategy }));
    let (source, target) = world.paired(json!({ "title": "a", "body": BASE }));
    world.source.edit(&source, "body", json!(BASE.replace("end", "X")));
    world.target.edit(&target, "text", json!(BASE.replace("end", "Y")));
    let report = world.sync();
    assert_eq!((report.counts.conflicts, report.counts.resolved), (0, 1));
    assert_eq!(world.source.value(&source, "body"), json!(BASE.replace("end", word)));
    assert_eq!(world.target.value(&target, "text"), json!(BASE.replace("end", word)));
    world.assert_quiet();
}

/// What one side spells in its own way stays so on that side, and is no edit.
#[test]
fn another_spelling_is_no_edit() {
    let world = world("rich_text", "rich_text", json!({}));
    let (source, target) = world.paired(json!({ "title": "a", "body": BASE }));
    let respelled = "Title\n===\n\n- one\n- two\n\nend";
    world.target.edit(&target, "text", json!(respelled));
    assert_eq!(world.sync().counts.updated, 0);
    world.assert_quiet();
    world.source.edit(&source, "body", json!(BASE.replace("end", "new end")));
    world.sync();
    assert_eq!(world.target.value(&target, "text"), json!(respelled.replace("end", "new end")));
    world.assert_quiet();
    world.target.edit(&target, "text", json!(respelled.replace("end", "new end").replace("two", "three")));
    world.sync();
    assert_eq!(world.source.value(&source, "body"), json!("# Title\n\n- one\n- three\n\nnew end\n"));
    world.assert_quiet();
}

#[test]
fn a_side_that_is_not_written_keeps_its_edit() {
    let world = world("rich_text", "rich_text", json!({ "direction": "source_to_target" }));
    let (source, target) = world.paired(json!({ "title": "a", "body": BASE }));
    world.source.edit(&source, "body", json!(BASE.replace("Title", "A title")));
    world.target.edit(&target, "text", json!(BASE.replace("end", "the end")));
    world.sync();
    assert_eq!(world.source.value(&source, "body"), json!(BASE.replace("Title", "A title")));
    assert_eq!(
        world.target.value(&target, "text"),
        json!(BASE.replace("Title", "A title").replace("end", "the end"))
    );
}

#[test]
fn what_one_side_empties_and_the_other_edits_is_a_conflict() {
    let world = world("rich_text", "rich_text", json!({ "conflict_strategy": "manual" }));
    let (source, target) = world.paired(json!({ "title": "a", "body": BASE }));
    world.source.edit(&source, "body", Json::Null);
    world.target.edit(&target, "text", json!("new"));
    assert_eq!(world.sync().counts.conflicts, 1);
    assert_eq!(world.target.value(&target, "text"), json!("new"));
}

/// A text goes over in the words of the other side's platform.
#[test]
fn a_text_is_carried_into_the_dialect_of_the_other_side() {
    let document = json!({
        "name": "texts", "source_platform": "csv", "target_platform": "csv", "entity_type": "record",
        "source": {}, "target": {},
        "field_mappings": [{ "source_field": "body", "target_field": "text", "source_type": "rich_text", "target_type": "rich_text" }],
    });
    let spec: SyncSpec = serde_json::from_value(document).unwrap();
    let mut mapping = Mapping::compile(&spec, 1).unwrap();
    let dialects = Pair::new(Dialect::GitHub, Dialect::Linear);
    mapping.set_text_forms(|side, _| (*dialects.get(side)).into());
    let rule = &mapping.rules[0];
    let carry = |from: Side, text: &str| rule.carry(from, &Value::text(text)).unwrap();
    assert_eq!(carry(Side::Source, "a\nb"), Value::text("a\\\nb"));
    assert_eq!(carry(Side::Target, "a\\\nb"), Value::text("a\\\nb"));
    assert_eq!(carry(Side::Source, "*   a\n*   b"), Value::text("*   a\n*   b"));
    assert!(rule.agrees(&Value::text("a\nb"), &Value::text("a  \nb")));
    assert!(rule.agrees(&Value::text("> [!NOTE]\n> a"), &Value::text("> **Note**\n>\n> a")));
    assert!(!rule.agrees(&Value::text("a"), &Value::text("b")));
}
