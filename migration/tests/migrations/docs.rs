//! The generated parts of docs/database.md: drawings of the tables, a list of them, and a list of the migrations.
//! `UPDATE_DOCS=1` regenerates them.

use std::fmt::Write as _;
use std::path::PathBuf;

use syncline_migration::Migrator;

use crate::schema::{self, Kind, Table};
use crate::support::{Sqlite, migrated};

/// The tables of each drawing.
const AREAS: &[(&str, &[&str])] = &[
    (
        "Projects, accounts and syncs",
        &[
            "projects",
            "accounts",
            "person_identities",
            "sync_configs",
            "sync_config_revisions",
            "schedules",
            "sync_cursors",
            "installation",
        ],
    ),
    (
        "Links and what happened to them",
        &[
            "sync_metadata",
            "sync_link_counts",
            "sync_conflicts",
            "sync_conflict_counts",
            "sync_changes",
            "sync_change_checkpoints",
            "sync_texts",
            "status_history",
        ],
    ),
    (
        "Runs and the queue",
        &[
            "sync_history",
            "sync_attempts",
            "approvals",
            "jobs",
            "job_unique_windows",
            "job_results",
            "workers",
            "pauses",
            "rate_buckets",
            "circuit_breakers",
            "maintenance_tasks",
            "sync_stats",
            "dead_letter_counts",
            "operations",
        ],
    ),
    (
        "The outside",
        &["webhook_deliveries", "api_tokens", "idempotency_keys", "alerts", "audit_log", "events"],
    ),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[tokio::test]
async fn the_page_matches_the_schema() {
    let test = migrated(Sqlite).await;
    let tables = schema::tables(&test).await;
    let file = root().join("docs/database.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let written =
        between(&page, "<!-- tables: generated -->", "<!-- end of tables -->", &all_tables(&tables));
    let written =
        between(&written, "<!-- migrations: generated -->", "<!-- end of migrations -->", &all_migrations());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &written).unwrap();
    } else {
        assert!(page == written, "docs/database.md is out of date: run this test again with UPDATE_DOCS=1");
    }
}

fn between(page: &str, begin: &str, end: &str, text: &str) -> String {
    let (before, rest) = page.split_once(begin).unwrap_or_else(|| panic!("docs/database.md lacks {begin}"));
    let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("docs/database.md lacks {end}"));
    format!("{before}{begin}\n\n{text}\n{end}{after}")
}

fn all_tables(tables: &[Table]) -> String {
    for table in tables {
        let areas = AREAS.iter().filter(|(_, names)| names.contains(&table.name.as_str())).count();
        assert_eq!(
            areas, 1,
            "{} has no one place in AREAS in migration/tests/migrations/docs.rs",
            table.name
        );
    }
    let mut text = String::from("| table | what it holds |\n| --- | --- |\n");
    let purposes = purposes();
    for table in tables {
        let purpose = purposes.iter().find(|(name, _)| *name == table.name);
        let (_, purpose) =
            purpose.unwrap_or_else(|| panic!("{} has no entity that says what it holds", table.name));
        writeln!(text, "| `{}` | {purpose} |", table.name).unwrap();
    }
    text.push_str(
        "\nDrawn are keys, references, and columns that hold one of a closed set; `FK` refers to another table, `UK` \
         is part of a unique key. A table without columns is drawn in another area.\n",
    );
    for (title, names) in AREAS {
        let drawn: Vec<&Table> =
            names.iter().filter_map(|name| tables.iter().find(|table| table.name == **name)).collect();
        write!(text, "\n### {title}\n\n```mermaid\nerDiagram\n").unwrap();
        for table in &drawn {
            references(&mut text, table);
        }
        for table in &drawn {
            columns(&mut text, table);
        }
        text.push_str("```\n");
    }
    text
}

fn references(text: &mut String, table: &Table) {
    for reference in &table.references {
        let parent = if table.column(&reference.column).nullable { "|o" } else { "||" };
        let alone = table.key == [reference.column.as_str()];
        let child = if alone { "o|" } else { "o{" };
        let (to, column) = (&reference.to_table, &reference.column);
        writeln!(text, "    {to} {parent}--{child} {} : {column}", table.name).unwrap();
    }
}

fn columns(text: &mut String, table: &Table) {
    writeln!(text, "    {} {{", table.name).unwrap();
    for column in &table.columns {
        let mut marks = Vec::new();
        if table.key.contains(&column.name) {
            marks.push("PK");
        }
        if table.references.iter().any(|reference| reference.column == column.name) {
            marks.push("FK");
        }
        let unique = table.indexes.iter().filter(|index| index.unique);
        if unique.flat_map(|index| &index.columns).any(|part| words(part).any(|word| word == column.name)) {
            marks.push("UK");
        }
        let closed = table.checks.iter().any(|check| check.columns == [column.name.as_str()]);
        if marks.is_empty() && !closed {
            continue;
        }
        let kind = match &column.kind {
            Kind::Bool => "boolean",
            Kind::Small => "smallint",
            Kind::Int | Kind::Big => "integer",
            Kind::Float => "double",
            Kind::Text => "text",
            Kind::Bytes => "bytes",
            Kind::Time => "timestamp",
            Kind::Json => "json",
            Kind::Uuid => "uuid",
            Kind::Other(other) => other,
        };
        writeln!(text, "        {}", format!("{kind} {} {}", column.name, marks.join(", ")).trim_end())
            .unwrap();
    }
    text.push_str("    }\n");
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}

/// Returns the purpose of each table: the first sentence of its entity's file.
fn purposes() -> Vec<(String, String)> {
    let mut purposes = Vec::new();
    for entry in std::fs::read_dir(root().join("entity/src")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let source = std::fs::read_to_string(path).unwrap();
        let Some((_, rest)) = source.split_once("table_name = \"") else {
            continue;
        };
        let table = rest.split('"').next().unwrap().to_owned();
        purposes.push((table, first_sentence(&source)));
    }
    purposes
}

fn all_migrations() -> String {
    let mut text =
        String::from("| migration | why | runs with programs that know at least |\n| --- | --- | --- |\n");
    for step in Migrator::new().steps() {
        let file = root().join(format!("migration/src/{}.rs", step.name()));
        let why = first_sentence(&std::fs::read_to_string(file).unwrap());
        let from = match step.compatible_from() {
            from if from == step.name() => "itself".to_owned(),
            from => format!("`{from}`"),
        };
        writeln!(text, "| `{}` | {why} | {from} |", step.name()).unwrap();
    }
    text
}

/// Returns the first sentence of a file's module doc.
fn first_sentence(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let doc: Vec<&str> = lines.map(str::trim).take_while(|line| !line.is_empty()).collect();
    let doc = doc.join(" ");
    let sentence = doc.split_once(". ").map_or(doc.as_str(), |(first, _)| first);
    format!("{}.", sentence.trim_end_matches('.')).replace('|', "\\|")
}
