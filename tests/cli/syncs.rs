//! Stored syncs at the command line: listed, shown, compared, exported and deleted; and what `apply` would change.

use anyhow::{Result, ensure};
use serde_json::json;

use super::common::{Places, ensure_tells, program};

const TASKS: &str = "name: tasks
source_platform: csv
source: { path: backlog.csv, key: id }
target_platform: sql
target: { url: \"postgres://app:hunter2@db.internal/x\", table: tasks, key: id }
entity_type: task
field_mappings:
  - { source_field: title, target_field: title }
";

#[test]
fn apply_says_what_it_changes_and_may_only_say_it() -> Result<()> {
    let program = program()?;
    program.write("sync.yaml", TASKS)?;
    let dry = program.expect(0, &["apply", "--dry-run", "sync.yaml"])?;
    ensure_tells(&dry.stdout, &["would create tasks", "nothing was stored"])?;
    ensure!(!program.path("syncline.db").exists(), "a dry run makes no database");
    program.expect(0, &["apply", "sync.yaml"])?;
    program.write("sync.yaml", &format!("{TASKS}sync_interval: 60\n").replace("hunter2", "hunter3"))?;
    let dry = program.expect(0, &["apply", "--dry-run", "sync.yaml"])?;
    ensure_tells(&dry.stdout, &["would change tasks:", "  sync_interval: 300 -> 60"])?;
    ensure!(!dry.stdout.contains("hunter"), "{}", dry.stdout);
    let stored = program.expect(0, &["--json", "syncs", "show", "tasks"])?.json()?;
    ensure!(stored["revision"] == 1 && stored["document"]["sync_interval"] == 300, "{stored}");
    let told = program.expect(0, &["--json", "apply", "sync.yaml"])?.json()?;
    let expected = json!([{ "path": "sync_interval", "before": 300, "after": 60 }]);
    ensure!(told["syncs"][0]["differences"] == expected, "{told}");
    let diff = program.expect(0, &["syncs", "diff", "tasks"])?;
    ensure_tells(&diff.stdout, &["from revision 1 to 2", "  sync_interval: 300 -> 60"])
}

#[test]
fn what_is_exported_is_applied_unchanged_and_a_deleted_sync_is_gone() -> Result<()> {
    let program = program()?;
    program.write(
        "sync.yaml",
        &format!("{TASKS}---\n{}", TASKS.replace("name: tasks", "name: other\nproject: web")),
    )?;
    program.expect(0, &["apply", "sync.yaml"])?;
    let listed = program.expect(0, &["syncs"])?;
    ensure_tells(&listed.stdout, &["tasks", "web/other", "enabled"])?;
    let one = program.expect(0, &["--json", "syncs", "--filter", "project:web"])?.json()?;
    ensure!(
        one["syncs"].as_array().is_some_and(|syncs| syncs.len() == 1 && syncs[0]["name"] == "other"),
        "{one}"
    );
    let text = program.expect(0, &["syncs", "export"])?.stdout;
    ensure!(text.contains("app:***@db.internal") && !text.contains("hunter2"), "{text}");
    program.write("all.yaml", &text)?;
    let again = program.expect(0, &["--json", "apply", "all.yaml"])?.json()?;
    let words: Vec<_> = again["syncs"].as_array().into_iter().flatten().map(|sync| &sync["result"]).collect();
    ensure!(words == ["unchanged", "unchanged"], "{again}");
    program.write("new.yaml", &text.replace("name: tasks", "name: new"))?;
    let refused = program.expect(2, &["apply", "new.yaml"])?;
    ensure_tells(&refused.stderr, &["target.url: has *** in place of a password"])?;

    let asked = program.expect(2, &["syncs", "delete", "tasks"])?;
    ensure_tells(&asked.stderr, &["its waiting runs are cancelled", "--yes"])?;
    program.expect(0, &["syncs", "delete", "tasks", "--yes"])?;
    let gone = program.expect(2, &["syncs", "show", "tasks"])?;
    ensure_tells(&gone.stderr, &["there is no sync \"tasks\""])
}

#[tokio::test]
async fn conflicts_are_listed_and_settled_by_a_filter() -> Result<()> {
    let places = Places::in_step(3, "conflict_strategy: manual").await?;
    for id in ["T-000001", "T-000002"] {
        places.edit(id, "title", "Ours")?;
        places.table.execute(&format!("UPDATE tasks SET title = 'Theirs' WHERE id = '{id}'")).await?;
    }
    places.sync(1, &[])?;
    let program = &places.program;
    let listed = program.expect(0, &["--json", "conflicts", "--filter", "item:T-000002 age:<1h"])?.json()?;
    let found = listed["conflicts"].as_array().map_or(0, Vec::len);
    ensure!(found == 1 && listed["conflicts"][0]["item"] == "T-000002", "{listed}");
    let wrong = program.expect(2, &["conflicts", "--filter", "feld:title"])?;
    ensure_tells(&wrong.stderr, &["\"feld\" is no key of this list", "field"])?;
    program.expect(0, &["conflicts", "resolve", "--filter", "field:title -item:T-000001", "--target"])?;
    let theirs = [Some("Theirs".to_owned()), Some("Theirs".to_owned())];
    ensure!(places.both("T-000002", "title").await? == theirs);
    let left = program.expect(0, &["--json", "conflicts"])?.json()?;
    ensure!(left["conflicts"].as_array().is_some_and(|left| left.len() == 1), "{left}");
    Ok(())
}
