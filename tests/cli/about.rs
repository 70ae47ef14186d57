//! What the program says of itself, and the documents that it drafts.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use serde_json::Value;
use syncline_support::{places::document, postgres::Database, program::Program};

use super::common::{ensure_tells, program};

const TABLE: &str = "CREATE TABLE tasks (id TEXT PRIMARY KEY, title TEXT NOT NULL, points REAL, due_on DATE, \
                     blocked BOOLEAN, updated_at TEXT)";
const CSV: &str = "id,Title,points,due,blocked,notes\nT-1,Fix the form,3,2026-12-01,false,x\n";

/// The keys of an object schema and of those within it, as paths.
fn keys(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        keys(property, &path, found);
        keys(&property["items"], &path, found);
        found.insert(path);
    }
}

#[test]
fn the_committed_schema_is_what_the_program_prints() -> Result<()> {
    let printed = program()?.expect(0, &["schema"])?.stdout;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/sync.schema.json");
    ensure!(printed == std::fs::read_to_string(file)?, "run: syncline schema > examples/sync.schema.json");
    Ok(())
}

/// Each key of the schema is known to `validate`, which refuses it only for its value.
#[test]
fn the_schema_has_the_keys_that_are_taken() -> Result<()> {
    let program = program()?;
    let schema: Value = serde_json::from_str(&program.expect(0, &["schema"])?.stdout)?;
    let mut found = BTreeSet::new();
    keys(&schema, "", &mut found);
    for key in ["/name", "/sync_interval", "/delete_guard/max_share", "/field_mappings/back", "/match_on"] {
        ensure!(found.contains(key), "{key} is not among {found:?}");
    }
    ensure!(
        schema["additionalProperties"] == false && schema["$defs"]["csv"]["additionalProperties"] == false
    );
    let strategies = schema["properties"]["conflict_strategy"]["enum"].as_array().context("strategies")?;
    ensure!(strategies.contains(&"prefer_local".into()), "{strategies:?}");
    for key in found.iter().filter(|key| key.matches('/').count() == 1) {
        let key = key.trim_start_matches('/');
        program.write("sync.yaml", &document(&format!("{key}: {{ nothing: 1 }}")))?;
        let told = program.run(&["validate", "sync.yaml"])?.stderr;
        ensure!(!told.contains(&format!("unknown key {key:?}")), "{told}");
    }
    program.write("sync.yaml", &document("colour: red"))?;
    ensure_tells(&program.expect(2, &["validate", "sync.yaml"])?.stderr, &["unknown key \"colour\""])
}

#[test]
fn the_document_of_the_api_is_printed_without_a_database() -> Result<()> {
    let program = program()?;
    let document: Value = serde_json::from_str(&program.expect(0, &["openapi"])?.stdout)?;
    ensure!(document["openapi"] == "3.1.0" && document["info"]["version"] == env!("CARGO_PKG_VERSION"));
    ensure!(document["paths"]["/api/v1/jobs"]["post"]["x-scope"] == "enqueue", "{}", document["paths"]);
    ensure!(!program.path("syncline.db").exists());
    Ok(())
}

#[test]
fn completions_and_manual_pages_are_printed() -> Result<()> {
    let program = program()?;
    for shell in ["bash", "zsh", "fish"] {
        ensure_tells(&program.expect(0, &["completions", shell])?.stdout, &["syncline", "conflicts"])?;
    }
    ensure_tells(&program.expect(0, &["man"])?.stdout, &[".TH", "syncline"])?;
    program.expect(0, &["man", "--dir", "pages"])?;
    ensure!(program.path("pages/syncline-plan.1").exists());
    ensure_tells(
        &program.expect(0, &["version"])?.stdout,
        &[env!("CARGO_PKG_VERSION"), "database schema: m2026"],
    )
}

#[test]
fn settings_are_shown_with_their_origin_and_without_secrets() -> Result<()> {
    let mut program = program()?;
    program.set("DATABASE_URL", "postgres://ada:hunter2@db.example/sync");
    program.set("SYNCLINE_GRACE", "7");
    let told = program.expect(0, &["config", "--concurrency", "9"])?.stdout;
    ensure_tells(
        &told,
        &[
            "postgres://ada@db.example/sync  (environment: DATABASE_URL)",
            "7  (environment: SYNCLINE_GRACE)",
            "9  (flag)",
            "(default)",
        ],
    )?;
    ensure!(!told.contains("hunter2"), "{told}");
    Ok(())
}

/// The draft can be checked and planned as it is.
fn ensure_usable(program: &Program, file: &str, parts: &[&str]) -> Result<()> {
    let text = std::fs::read_to_string(program.path(file))?;
    ensure_tells(&text, parts)?;
    program.expect(0, &["validate", file])?;
    program.expect(0, &["plan", "-f", file])?;
    Ok(())
}

async fn sqlite(program: &Program, name: &str) -> Result<()> {
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(program.path(name)).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await?;
    sqlx::query(TABLE).execute(&pool).await?;
    pool.close().await;
    Ok(())
}

const PARTS: [&str; 4] = [
    "source_field: \"Title\", target_field: \"title\"",
    "source_field: \"due\", target_field: \"due_on\", source_type: date, target_type: date",
    "source_field: \"points\", target_field: \"points\", source_type: number",
    "# not mapped, of the source: \"notes\"",
];

#[tokio::test]
async fn a_file_and_a_table_in_sqlite_give_a_document() -> Result<()> {
    let program = program()?;
    program.write("backlog.csv", &CSV.replace(',', ";"))?;
    sqlite(&program, "tasks.db").await?;
    let arguments = ["init", "backlog.csv", "sqlite://tasks.db", "--table", "tasks"];
    program.expect(0, &arguments)?;
    ensure_usable(&program, "tasks.yaml", &PARTS)?;
    ensure_usable(
        &program,
        "tasks.yaml",
        &["\"delimiter\":\";\"", "\"modified\":\"updated_at\"", "match_on: [\"id\"]"],
    )?;
    ensure_tells(&program.expect(2, &arguments)?.stderr, &["tasks.yaml is there already", "--force"])?;
    program.expect(0, &[&arguments[..], &["--force"]].concat())?;
    let wrong = program.expect(2, &[&arguments[..], &["--force", "--key", "idd"]].concat())?;
    ensure_tells(&wrong.stderr, &["no column \"idd\" for --key; did you mean \"id\"?"])
}

#[tokio::test]
async fn a_file_and_a_table_in_postgresql_give_a_document() -> Result<()> {
    let program = program()?;
    program.write("backlog.csv", CSV)?;
    let url = Database::create().await?.url();
    let pool = sqlx::PgPool::connect(&url).await?;
    sqlx::query(TABLE).execute(&pool).await?;
    program.expect(0, &["init", "backlog.csv", &url, "--table", "tasks", "-o", "draft.yaml"])?;
    ensure_usable(&program, "draft.yaml", &PARTS)
}

#[tokio::test]
async fn two_tables_and_two_files_give_documents() -> Result<()> {
    let program = program()?;
    sqlite(&program, "a.db").await?;
    sqlite(&program, "b.db").await?;
    program.expect(
        0,
        &["init", "sqlite://a.db", "sqlite://b.db", "--source-table", "tasks", "--table", "tasks"],
    )?;
    ensure_usable(
        &program,
        "tasks.yaml",
        &["source_field: \"due_on\", target_field: \"due_on\", source_type: date"],
    )?;
    program.write("a.csv", CSV)?;
    program.write("b.csv", CSV)?;
    program.expect(0, &["init", "a.csv", "b.csv"])?;
    ensure_usable(&program, "a.yaml", &["source_field: \"notes\", target_field: \"notes\""])
}

#[rstest]
#[case::a_table_that_is_not_named(&["init", "a.csv", "sqlite://a.db"], "--table TABLE must name the table")]
#[case::a_file_that_is_not_there(&["init", "a.csv", "b.csv"], "a.csv")]
fn a_draft_needs_places_that_are_there(#[case] arguments: &[&str], #[case] told: &str) -> Result<()> {
    let program = program()?;
    if told.starts_with("--") {
        program.write("a.csv", CSV)?;
    }
    ensure_tells(&program.expect(2, arguments)?.stderr, &[told])?;
    ensure!(!program.path("a.yaml").exists() && !program.path("a.db").exists());
    Ok(())
}
