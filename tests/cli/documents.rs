//! Documents that are taken: as the manual writes them, in every spelling it allows.

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use syncline_support::places::{Table, document, write_csv};

use super::common::{Places, ensure_tells, program};

const JIRA_TO_GITHUB: &str = r#"name: jira-github-sync                # unique within its project
project: default                      # optional
source_platform: jira                 # with source: {account, scope...}; see docs of the platform
source: { account: acme-jira, project_key: PROJ }
target_platform: github
target: { account: acme-github, owner: acme, repo: web }
entity_type: issue
direction: bidirectional              # source_to_target, target_to_source; aliases push/pull, local_to_remote/remote_to_local
conflict_strategy: last_write_wins
batch_size: 50                        # default 50
sync_interval: 300                    # seconds, default 300; or schedule: "*/15 * * * *" or every_15_minutes, with timezone
priority: normal
two_way_create: false
enable_audit: true
max_retries: 3
retry_delay: 1                        # seconds, first delay; doubled each time, with jitter
delete_policy: ignore                 # ignore, close, archive, delete
delete_guard: { max_share: 0.1, max_count: 20 }
match_on: [summary]                   # how already populated sides are paired
field_mappings:
  - { source_field: summary, target_field: title, source_type: string, target_type: string, bidirectional: true, required: true, default_value: Untitled }
  - { source_field: customfield_10001, target_field: story_points, source_type: number, target_type: number, transform: my_transform }
  - { source_field: status, target_field: state, values: { "To Do": open, "In Progress": open, "Done": closed }, back: { open: "To Do", closed: "Done" }, conflict_strategy: source_wins }
"#;

const CSV_TO_SQL: &str = r#"name: backlog
# files and SQL tables need no account: their scope stands in the sync
source_platform: csv
source: { path: backlog.csv, key: id }
target_platform: sql
target: { url: "sqlite://tasks.db", table: tasks, key: id, modified: updated_at, marker: sync_marker }   # modified and marker optional; columns are the fields
field_mappings:
  - { source_field: title, target_field: title }
"#;

/// The same between platforms without connectors, which need no accounts yet.
fn without_accounts() -> String {
    JIRA_TO_GITHUB
        .replace("source_platform: jira", "source_platform: openproject")
        .replace("target_platform: github", "target_platform: trello")
}

#[test]
fn what_texts_lose_is_told() -> Result<()> {
    let program = program()?;
    let field = "  - { source_field: description, target_field: body, source_type: rich_text }\n";
    program.write("sync.yaml", &format!("{JIRA_TO_GITHUB}{field}"))?;
    let told = program.expect(0, &["validate", "sync.yaml"])?.stderr;
    let lines = [
        "note: texts from the source in body of github:\n  - mentions are shown as names\n",
        "note: texts from the target in description of jira:\n  - images within a line become links\n",
    ];
    ensure_tells(&told, &lines)?;
    ensure!(
        told.lines().filter(|line| line.starts_with("  - ")).all(|line| line.chars().count() <= 80),
        "{told}"
    );
    let told = program.expect(0, &["--json", "validate", "sync.yaml"])?.json()?;
    let losses = &told["syncs"][0]["losses"];
    ensure!(losses[0]["to"] == "target" && losses[0]["fields"] == serde_json::json!(["body"]), "{told}");
    ensure!(losses[0]["lost"].as_array().is_some_and(|all| all.len() == 13), "{told}");
    ensure!(losses[1]["lost"][0] == "images within a line become links", "{told}");
    program.write("sync.yaml", JIRA_TO_GITHUB)?;
    ensure!(
        !program.expect(0, &["validate", "sync.yaml"])?.stderr.contains("note:"),
        "it has no text with markup"
    );
    Ok(())
}

#[test]
fn the_manual_s_document_is_taken_as_written() -> Result<()> {
    let program = program()?;
    program.write("sync.yaml", JIRA_TO_GITHUB)?;
    let taken = program.expect(0, &["validate", "-f", "sync.yaml"])?;
    ensure_tells(&taken.stdout, &["jira-github-sync"])?;
    ensure!(!taken.stdout.contains("next:"), "a sync that can only fail: {}", taken.stdout);
    ensure_tells(
        &taken.stderr,
        &[
            "warning: sync.yaml:22:",
            "field_mappings[1].transform: this version has no transform \"my_transform\"",
        ],
    )?;
    let told = program.expect(0, &["--json", "validate", "sync.yaml"])?.json()?;
    let findings = told["syncs"][0]["findings"].as_array().context("findings")?;
    ensure!(findings.len() == 1, "{told}");
    ensure!(findings.iter().all(|finding| finding["severity"] == "warning"), "{told}");
    Ok(())
}

/// A run of it could not read anything.
#[test]
fn a_sync_is_not_stored_before_its_account() -> Result<()> {
    let program = program()?;
    program.write("sync.yaml", JIRA_TO_GITHUB)?;
    let refused = program.expect(2, &["apply", "sync.yaml"])?;
    ensure_tells(
        &refused.stderr,
        &[
            "target.account: the project \"default\" has no account \"acme-github\"",
            "add it: syncline accounts add acme-github --platform github",
        ],
    )
}

#[test]
fn files_and_tables_are_taken_without_a_warning() -> Result<()> {
    let program = program()?;
    program.write("sync.yaml", CSV_TO_SQL)?;
    let taken = program.expect(0, &["--json", "apply", "sync.yaml"])?.json()?;
    ensure!(taken["syncs"][0]["findings"] == serde_json::json!([]), "{taken}");
    Ok(())
}

#[test]
fn a_file_may_hold_several_syncs() -> Result<()> {
    let program = program()?;
    program.write("sync.yaml", &format!("{}---\n{CSV_TO_SQL}", without_accounts()))?;
    program.expect(0, &["validate", "sync.yaml"])?;
    let taken = program.expect(0, &["--json", "apply", "sync.yaml"])?.json()?;
    let names: Vec<_> = taken["syncs"].as_array().into_iter().flatten().map(|sync| &sync["name"]).collect();
    ensure!(names == ["jira-github-sync", "backlog"], "{taken}");
    let again = program.expect(0, &["--json", "apply", "sync.yaml"])?.json()?;
    ensure!(again["syncs"][1]["result"] == "unchanged", "{again}");
    Ok(())
}

/// All files are checked before any is stored, and a folder stands for the YAML files in it.
#[test]
fn several_files_are_taken_together() -> Result<()> {
    let program = program()?;
    std::fs::create_dir(program.path("syncs"))?;
    program.write("syncs/a.yaml", CSV_TO_SQL)?;
    program.write("syncs/b.yml", &JIRA_TO_GITHUB.replace("batch_size: 50", "batch_size: 0"))?;
    for given in
        [&["syncs"][..], &["syncs/a.yaml", "syncs/b.yml"], &["-f", "syncs/a.yaml", "-f", "syncs/b.yml"]]
    {
        for command in ["validate", "apply"] {
            let refused = program.expect(2, &[&[command], given].concat())?;
            ensure_tells(&refused.stderr, &["syncs/b.yml:10:13: batch_size: 0 is not between 1 and 10000"])?;
        }
    }
    program.write("syncs/b.yml", &without_accounts())?;
    let taken = program.expect(0, &["--json", "apply", "syncs"])?.json()?;
    let results: Vec<_> =
        taken["syncs"].as_array().into_iter().flatten().map(|sync| &sync["result"]).collect();
    ensure!(results == ["created", "created"], "{taken}");
    program.write("syncs/c.yaml", CSV_TO_SQL)?;
    let twice = program.expect(2, &["apply", "syncs"])?;
    ensure_tells(&twice.stderr, &["syncs/c.yaml", "\"backlog\" stands in syncs/a.yaml as well"])
}

#[test]
fn a_length_may_have_a_unit() -> Result<()> {
    let program = program()?;
    for (key, text, seconds) in [
        ("sync_interval", "300", "300"),
        ("sync_interval", "5m", "300"),
        ("sync_interval", "1h", "3600"),
        ("sync_interval", "\"90s\"", "90"),
        ("retry_delay", "500ms", "0.5"),
        ("retry_delay", "2m", "120.0"),
    ] {
        program.write("sync.yaml", &document(&format!("{key}: {seconds}")))?;
        program.expect(0, &["apply", "sync.yaml"])?;
        program.write("sync.yaml", &document(&format!("{key}: {text}")))?;
        let again = program.expect(0, &["--json", "apply", "sync.yaml"])?.json()?;
        ensure!(again["syncs"][0]["result"] == "unchanged", "{key}: {text}: {again}");
    }
    Ok(())
}

/// What `apply` prints can be typed as it is, in every project.
#[test]
fn a_sync_of_another_project_is_called_with_its_project() -> Result<()> {
    let program = program()?;
    program.write("sync.yaml", &CSV_TO_SQL.replacen("name: backlog", "name: backlog\nproject: team-a", 1))?;
    let taken = program.expect(0, &["apply", "sync.yaml"])?;
    ensure_tells(&taken.stdout, &["next: syncline plan team-a/backlog, then syncline sync team-a/backlog"])?;
    let unknown = program.expect(2, &["plan", "backlog"])?;
    ensure_tells(
        &unknown.stderr,
        &["there is no sync \"backlog\"; did you mean \"team-a/backlog\"? stored are: team-a/backlog"],
    )
}

#[test]
fn stored_syncs_are_listed_in_order_and_not_all() -> Result<()> {
    let program = program()?;
    let name = |number: usize| CSV_TO_SQL.replacen("name: backlog", &format!("name: sync-{number:02}"), 1);
    let text: Vec<String> = (0..14).rev().map(name).collect();
    program.write("sync.yaml", &text.join("---\n"))?;
    program.expect(0, &["apply", "sync.yaml"])?;
    let unknown = program.expect(2, &["plan", "zzz"])?;
    ensure_tells(&unknown.stderr, &["stored are: sync-00, sync-01, sync-02", "sync-09 and 4 more"])
}

#[test]
fn one_name_may_stand_in_two_projects() -> Result<()> {
    let program = program()?;
    program.write("sync.yaml", &format!("{CSV_TO_SQL}---\nproject: other\n{CSV_TO_SQL}"))?;
    let taken = program.expect(0, &["--json", "apply", "sync.yaml"])?.json()?;
    ensure!(taken["syncs"][1]["project"] == "other" && taken["syncs"][1]["result"] == "created", "{taken}");
    Ok(())
}

#[test]
fn a_document_may_come_from_standard_input() -> Result<()> {
    let program = program()?;
    program.write("sync.yaml", CSV_TO_SQL)?;
    let file = std::fs::File::open(program.path("sync.yaml"))?;
    let output = program.command(&["validate", "-"]).stdin(file).output()?;
    ensure!(output.status.code() == Some(0), "{output:?}");
    Ok(())
}

#[rstest]
#[case::strategies(
    "conflict_strategy",
    &["last_write_wins", "last_modified_wins", "timestamp_based", "source_wins", "local_wins", "elder_wins",
      "prefer_local", "target_wins", "jira_wins", "remote_wins", "external_wins", "prefer_remote", "manual",
      "manual_review"]
)]
#[case::directions(
    "direction",
    &["bidirectional", "source_to_target", "push", "local_to_remote", "target_to_source", "pull", "remote_to_local"]
)]
#[case::priorities("priority", &["critical", "high", "normal", "default", "low"])]
#[case::delete_policies("delete_policy", &["ignore", "delete"])]
#[case::schedules("schedule", &["every_15_minutes", "every_2_hours", "\"*/15 * * * *\""])]
fn every_spelling_is_taken(#[case] key: &str, #[case] values: &[&str]) -> Result<()> {
    let program = program()?;
    for value in values {
        program.write("sync.yaml", &document(&format!("{key}: {value}")))?;
        program.expect(0, &["validate", "sync.yaml"])?;
    }
    Ok(())
}

#[rstest]
#[case("close")]
#[case("archive")]
fn a_delete_policy_that_no_place_can_carry_out_is_refused(#[case] policy: &str) -> Result<()> {
    let program = program()?;
    program.write("sync.yaml", &document(&format!("delete_policy: {policy}")))?;
    let refused = program.expect(2, &["validate", "sync.yaml"])?;
    ensure!(
        refused.stderr.contains(&format!("cannot {policy}; it can: ignore, delete")),
        "{}",
        refused.stderr
    );
    // Platforms that will be able to are believed.
    let planned =
        document(&format!("delete_policy: {policy}\nsource_platform: openproject\ntarget_platform: trello"));
    program.write("sync.yaml", &planned)?;
    program.expect(0, &["validate", "sync.yaml"])?;
    Ok(())
}

#[test]
fn words_that_other_yaml_takes_for_booleans_are_words() -> Result<()> {
    let program = program()?;
    let mapped = document("target: { url: \"sqlite://tasks.db\", table: tasks, key: n }").replace(
        "{ source_field: state, target_field: state }",
        "{ source_field: state, target_field: y, values: { yes: on, no: off } }",
    );
    program.write("sync.yaml", &mapped)?;
    program.expect(0, &["validate", "sync.yaml"])?;
    Ok(())
}

#[tokio::test]
async fn a_changed_document_replaces_the_stored_one() -> Result<()> {
    let places = Places::in_step(5, "direction: push").await?;
    places.table.execute("UPDATE tasks SET title = 'Theirs' WHERE id = 'T-000001'").await?;
    places.sync(0, &[])?;
    ensure!(places.items()?["T-000001"]["title"] == "Task 1, generated");
    places.program.write("sync.yaml", &document("direction: bidirectional"))?;
    let taken = places.program.expect(0, &["--json", "apply", "sync.yaml"])?.json()?;
    ensure!(taken["syncs"][0]["result"] == "changed", "{taken}");
    Ok(())
}

#[tokio::test]
async fn paths_start_at_the_document_s_folder() -> Result<()> {
    let program = program()?;
    let folder = program.path("deep/down");
    std::fs::create_dir_all(&folder)?;
    write_csv(&folder.join("backlog.csv"), 3)?;
    let table = Table::open(&folder.join("tasks.db")).await?;
    program.write("deep/down/sync.yaml", &document(""))?;
    program.expect(0, &["apply", "deep/down/sync.yaml"])?;
    program.expect(0, &["sync", "tasks"])?;
    ensure!(table.read().await?.len() == 3);
    Ok(())
}

/// A replica of an older version beside newer ones: what only they know is ignored, at the top, in a mapping and in a scope.
#[tokio::test]
async fn a_stored_document_with_keys_of_a_newer_version_runs() -> Result<()> {
    let places = Places::new(2, "").await?;
    let own = sqlx::sqlite::SqliteConnectOptions::new().filename(places.program.path("syncline.db"));
    let own = sqlx::SqlitePool::connect_with(own).await?;
    sqlx::query(
        "UPDATE sync_configs SET config_json = json_set(config_json, '$.shape', 'round', '$.delete_guard.per', 'day', \
         '$.field_mappings[1].unit', 'h', '$.source.encoding', 'utf-8')",
    )
    .execute(&own)
    .await?;
    places.sync(0, &[])?;
    places.ensure_in_step().await?;
    let unreadable =
        "UPDATE sync_configs SET config_json = json_set(config_json, '$.conflict_strategy', 'unheard_of')";
    sqlx::query(unreadable).execute(&own).await?;
    let refused = places.told(2, &[])?;
    ensure_tells(
        &refused.stderr,
        &["this version cannot read the stored document of \"tasks\"", "use a newer version"],
    )
}

#[test]
fn the_examples_are_valid() -> Result<()> {
    let program = program()?;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let files = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let yaml = files
        .iter()
        .map(std::fs::DirEntry::path)
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"));
    for path in yaml {
        program.expect(0, &["validate", &path.display().to_string()])?;
    }
    Ok(())
}

#[test]
fn mistakes_are_told_in_the_order_of_the_file() -> Result<()> {
    let program = program()?;
    program.write(
        "sync.yaml",
        "name: tasks\nentity_typ: task\nsource_platform: cvs\nbatch: 5\ntarget_platform: sq\n",
    )?;
    let refused = program.expect(2, &["validate", "sync.yaml"])?;
    let place = |line: &str| line.split(':').nth(1).and_then(|number| number.trim().parse::<u32>().ok());
    let lines: Vec<u32> = refused.stderr.replace("error: ", "").lines().filter_map(place).collect();
    ensure!(lines.len() >= 4 && lines.is_sorted(), "{}", refused.stderr);
    Ok(())
}
