//! Documents that are refused: file, line, column, the value and what is allowed are told, and nothing is stored.

use anyhow::{Result, ensure};
use rstest::rstest;
use syncline_support::{places::document, program::Program};

use super::common::{ensure_tells, program};

/// Both commands refuse `sync.yaml`, say all of `parts`, and store nothing.
fn ensure_refused(program: &Program, parts: &[&str]) -> Result<()> {
    for command in ["validate", "apply"] {
        let refused = program.expect(2, &[command, "sync.yaml"])?;
        ensure!(refused.stdout.is_empty(), "{}", refused.stdout);
        ensure_tells(&refused.stderr, parts)?;
    }
    let unknown = program.expect(2, &["sync", "tasks"])?;
    ensure_tells(&unknown.stderr, &["there is no Syncline database at", "`syncline apply`"])
}

/// The document with one part replaced, and where the replacement stands.
fn with(old: &str, new: &str) -> Result<(String, String)> {
    let text = document("");
    ensure!(text.contains(old), "{old:?} is not in {text}");
    let text = text.replacen(old, new, 1);
    let place = text
        .lines()
        .collect::<Vec<_>>()
        .into_iter()
        .rposition(|line| new.lines().any(|new| line.contains(new)));
    Ok((text, format!("sync.yaml:{}:", place.unwrap_or_default() + 1)))
}

#[rstest]
#[case::an_unknown_key("entity_type: task", "entity_typ: task", &[":1: entity_typ: unknown key \"entity_typ\"; did you mean \"entity_type\"?", "more"])]
#[case::an_unknown_key_of_a_mapping(
    "{ source_field: id,", "{ source_feld: id,", &["field_mappings[0].source_feld: unknown key", "did you mean \"source_field\"?", "source_field is missing"]
)]
#[case::an_unknown_key_of_the_source("key: id }", "key: id, sheet: 2 }", &["source.sheet: unknown key \"sheet\"", "modified, delimiter"])]
#[case::an_unknown_key_of_the_target("table: tasks,", "tabel: tasks,", &["target.tabel", "did you mean \"table\"?", "target: table is missing"])]
#[case::an_unknown_key_of_the_guard("{ max_share: 0.5,", "{ share: 0.5,", &["delete_guard.share: unknown key \"share\"; did you mean \"max_share\"?"])]
#[case::text_for_a_number("entity_type: task", "batch_size: many", &["batch_size: must be a whole number, 0 or more, not \"many\""])]
#[case::a_number_for_a_list("entity_type: task", "match_on: 7", &[":11: match_on: must be a list, for example [id], not 7"])]
#[case::text_for_a_boolean("two_way_create: true", "two_way_create: often", &["two_way_create: must be true or false, not \"often\""])]
#[case::an_unknown_strategy(
    "entity_type: task", "conflict_strategy: mine", &["\"mine\"", "last_write_wins", "source_wins", "target_wins", "manual"]
)]
#[case::an_unknown_strategy_of_a_field(
    "target_field: title }", "target_field: title, conflict_strategy: mine }", &["\"mine\"", "source_wins"]
)]
#[case::an_unknown_direction(
    "entity_type: task", "direction: sideways", &["\"sideways\"", "bidirectional", "source_to_target"]
)]
#[case::an_unknown_type("source_type: number", "source_type: nummer", &["\"nummer\"; did you mean \"number\"?", "datetime", "rich_text"])]
#[case::an_unknown_delete_policy("delete_policy: delete", "delete_policy: shred", &["\"shred\"", "ignore", "archive"])]
#[case::an_unknown_source_platform(
    "source_platform: csv", "source_platform: cvs", &["source_platform", "\"cvs\"; did you mean \"csv\"? this version has csv, sql"]
)]
#[case::an_unknown_target_platform(
    "target_platform: sql", "target_platform: mysql", &["target_platform", "\"mysql\"", "this version has csv, sql"]
)]
#[case::a_batch_of_nothing("entity_type: task", "batch_size: 0", &["batch_size: 0 is not between 1 and 10000"])]
#[case::too_large_a_batch("entity_type: task", "batch_size: 10001", &["batch_size: 10001 is not between 1 and 10000"])]
#[case::a_share_above_one("max_share: 0.5", "max_share: 50", &["max_share: 50 is not between 0 and 1"])]
#[case::a_schedule_that_is_none("entity_type: task", "schedule: sometimes", &["\"sometimes\"", "every_N_minutes"])]
#[case::a_name_that_is_none("name: tasks", "name: \"my tasks\"", &["\"my tasks\" is no name", "letters"])]
#[case::a_field_mapped_twice(
    "target_field: state }", "target_field: title }", &["\"title\" is mapped already by field_mappings[1]"]
)]
#[case::a_match_by_what_is_not_mapped(
    "entity_type: task", "match_on: [code]", &["match_on[0]: \"code\" is not the source_field", "id, points, state, title"]
)]
#[case::keys_and_values_for_a_list(
    "entity_type: task", "match_on: { by: id }", &["match_on: must be a list, for example [id], not keys and values"]
)]
#[case::a_number_for_a_guard("{ max_share: 0.5, max_count: 5000 }", "5", &["delete_guard: must be keys and values", "max_share", "not 5"])]
#[case::a_full_read_that_is_none("entity_type: task", "full_read: dayly", &["full_read: \"dayly\" is not a length of time", "\"daily\"", "a length such as 6h"])]
#[case::a_full_read_of_another_kind("entity_type: task", "full_read: [1]", &["full_read: must be always, daily, weekly, or a length such as 6h, not a list"])]
#[case::a_length_that_is_none("entity_type: task", "sync_interval: 5x", &["sync_interval: \"5x\" is not a length of time", "5m"])]
#[case::an_interval_below_nothing("entity_type: task", "sync_interval: -5", &["sync_interval: must be a number of seconds", "5m"])]
#[case::a_column_number_for_a_field("target_field: title }", "target_field: [title] }", &["field_mappings[1].target_field: must be text"])]
#[case::an_alias_nearly("entity_type: task", "conflict_strategy: prefer_locl", &["did you mean \"prefer_local\"?"])]
#[case::an_url_that_is_missing("url: \"sqlite://tasks.db\", table", "table", &[": target: url is missing: the database"])]
#[case::an_ambiguous_value_map(
    "target_field: state }",
    "target_field: state, values: { todo: open, doing: open } }",
    &["field_mappings[2].values", "\"doing\" and \"todo\" both become \"open\"", "back"]
)]
#[case::an_url_of_another_database(
    "\"sqlite://tasks.db\"", "\"mysql://me:s3cret@host/tasks\"", &["target.url", "sqlite: or postgres:"]
)]
fn is_refused_with_its_place(#[case] old: &str, #[case] new: &str, #[case] parts: &[&str]) -> Result<()> {
    let program = program()?;
    let (text, place) = with(old, new)?;
    program.write("sync.yaml", &text)?;
    ensure_refused(&program, &[&[place.as_str()], parts].concat())?;
    ensure!(!program.run(&["validate", "sync.yaml"])?.stderr.contains("s3cret"), "a password was printed");
    Ok(())
}

#[test]
fn a_sync_that_stands_in_a_file_twice_is_refused() -> Result<()> {
    let program = program()?;
    program.write("sync.yaml", &format!("{}---\n{}", document(""), document("")))?;
    let line = document("").lines().count() + 2;
    ensure_refused(&program, &[&format!("sync.yaml:{line}:7: name: \"tasks\" stands in this file twice")])
}

#[test]
fn one_bad_sync_keeps_the_good_ones_of_its_file_out() -> Result<()> {
    let program = program()?;
    let other = document("name: other\nbatch_size: 0");
    program.write("sync.yaml", &format!("{}---\n{other}", document("")))?;
    ensure_refused(&program, &["batch_size: 0 is not between 1 and 10000"])
}

#[test]
fn every_mistake_is_told_at_once() -> Result<()> {
    let program = program()?;
    program
        .write("sync.yaml", &document("batch_size: 0\nmatch_on: [code]\ndelete_guard: { max_share: 7 }"))?;
    ensure_refused(&program, &["batch_size: 0", "match_on[0]: \"code\"", "max_share: 7"])
}

#[test]
fn every_wrong_key_and_kind_of_value_is_told_at_once() -> Result<()> {
    let program = program()?;
    let text = document("entity_typ: task\nmatch_on: id\nconflict_strategy: mine\nsource_platform: cvs")
        .replace("source_type: number", "source_type: nummer");
    program.write("sync.yaml", &text)?;
    let parts = ["entity_typ: unknown key", "match_on: must be a list", "\"mine\"", "\"cvs\"", "\"nummer\""];
    ensure_refused(&program, &parts)?;
    let told = program.run(&["validate", "sync.yaml"])?.stderr;
    ensure!(told.lines().count() == parts.len(), "{told}");
    Ok(())
}

#[test]
fn messages_hold_no_words_of_the_parser() -> Result<()> {
    let program = program()?;
    for text in
        ["name: a\nname: b\n", "a: [1\nb: 2\n", "just text\n", "- 1\n", "name: *nowhere\n", "name: \"open\n"]
    {
        program.write("sync.yaml", text)?;
        let told = program.expect(2, &["validate", "sync.yaml"])?.stderr;
        for word in [
            "DuplicateKeyPolicy",
            "expected sequence",
            "expected mapping",
            "missing field",
            "SyncSpec",
            "struct",
        ] {
            ensure!(!told.contains(word), "{word:?} stands in {told:?}");
        }
    }
    Ok(())
}

#[rstest]
#[case::an_empty_file("", "sync.yaml: holds no sync")]
#[case::only_comments("# nothing here\n", "sync.yaml: holds no sync")]
#[case::something_else(
    "just text\n",
    "sync.yaml:1:1: a sync must be keys and values, for example name: ..., not \"just text\""
)]
#[case::broken_yaml("name: tasks\nsource: { path: backlog.csv\n", "sync.yaml:")]
#[case::a_missing_key("name: tasks\n", "sync.yaml:1:1: source_platform is missing")]
#[case::one_key_twice(
    "name: tasks\nname: other\n",
    "sync.yaml:2:1: the key \"name\" stands here a second time"
)]
#[case::a_tab(
    "name: tasks\nsource:\n\tpath: backlog.csv\n",
    "sync.yaml:3:1: a tab stands in the indentation"
)]
fn what_is_no_document_is_refused(#[case] text: &str, #[case] told: &str) -> Result<()> {
    let program = program()?;
    program.write("sync.yaml", text)?;
    ensure_refused(&program, &[told])
}

#[test]
fn a_file_that_is_not_there_is_named() -> Result<()> {
    ensure_refused(&program()?, &["sync.yaml", "there is no such file"])
}

#[test]
fn a_file_that_is_not_text_is_named() -> Result<()> {
    let program = program()?;
    std::fs::write(program.path("sync.yaml"), b"name: \xff\xfe\n")?;
    ensure_refused(&program, &["sync.yaml", "UTF-8"])
}

#[tokio::test]
async fn a_run_that_a_person_waits_for_leaves_no_dead_letter() -> Result<()> {
    let places = super::common::Places::in_step(3, "").await?;
    std::fs::remove_file(&places.file)?;
    places.told(1, &[])?;
    places.program.expect(1, &["plan", "tasks"])?;
    let dead = places.program.expect(0, &["--json", "dead"])?.json()?;
    anyhow::ensure!(dead["jobs"] == serde_json::json!([]), "{dead}");
    Ok(())
}
