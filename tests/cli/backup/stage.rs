//! A file, a table and a ledger that is put back, with what both sides ought to say in the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use sqlx::Row;
use syncline_support::{
    places::{Table, document, edit_csv},
    postgres::{self, Database},
    program::Program,
};

use super::put_back;
use crate::common::program;

/// How the table can tell what was created on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It numbers its rows, and a column holds a marker.
    Marker,
    /// Its key is the file's.
    MappedKey,
    /// It numbers its rows, and nothing tells.
    Numbered,
}

/// Points by title. Titles are never edited, so that they tell doubles.
pub(super) type Items = BTreeMap<String, i64>;

/// A sync between a file and a table, and a backup of its ledger.
pub(super) struct Stage {
    pub(super) program: Program,
    ledger: Option<Database>,
    file: PathBuf,
    pub(super) table: Table,
    kind: Kind,
}

impl Stage {
    pub(super) async fn new(server: bool, kind: Kind, two_way: bool) -> Result<Stage> {
        let mut program = program()?;
        let ledger = if server { Some(Database::create().await?) } else { None };
        if let Some(ledger) = &ledger {
            program.set("DATABASE_URL", &ledger.url());
            program.expect(0, &["migrate", "up"])?;
        }
        let file = program.path("backlog.csv");
        std::fs::write(&file, "id,title,state,points,notes\n")?;
        let table = Table::open(&program.path("tasks.db")).await?;
        let key = if kind == Kind::MappedKey { "TEXT" } else { "INTEGER" };
        let sql = format!(
            "DROP TABLE tasks; CREATE TABLE tasks (id {key} PRIMARY KEY, title TEXT, state TEXT, points INTEGER, \
             updated_at TEXT, sync_marker TEXT)"
        );
        table.execute(&sql).await?;
        let marker = if kind == Kind::Marker { ", marker: sync_marker" } else { "" };
        let more = format!(
            "target: {{ url: \"sqlite://tasks.db\", table: tasks, key: id, modified: updated_at{marker} }}\n\
             two_way_create: {two_way}\ndelete_guard: {{ max_share: 1.0, max_count: 5000 }}"
        );
        let mut document = document(&more);
        if kind != Kind::MappedKey {
            document = document.replace("  - { source_field: id, target_field: id }\n", "");
        }
        program.write("sync.yaml", &document)?;
        program.expect(0, &["apply", "sync.yaml"])?;
        Ok(Stage { program, ledger, file, table, kind })
    }

    // What people do.

    pub(super) fn add_to_file(&self, title: &str, points: i64) -> Result<()> {
        let row = [&format!("F-{title}"), title, "open", &points.to_string(), ""];
        edit_csv(&self.file, |_| true, &[row])
    }

    pub(super) async fn add_to_table(&self, title: &str, points: i64) -> Result<()> {
        let (column, id) = match self.kind {
            Kind::MappedKey => ("id, ", format!("'D-{title}', ")),
            Kind::Marker | Kind::Numbered => ("", String::new()),
        };
        let sql = format!(
            "INSERT INTO tasks ({column}title, state, points, updated_at) VALUES ({id}'{title}', 'open', {points}, {NOW})"
        );
        self.table.execute(&sql).await
    }

    pub(super) fn edit_file(&self, title: &str, points: i64) -> Result<()> {
        let edit = |cells: &mut Vec<String>| {
            if cells[1] == title {
                cells[3] = points.to_string();
            }
            true
        };
        edit_csv(&self.file, edit, &[])
    }

    pub(super) async fn edit_table(&self, title: &str, points: i64) -> Result<()> {
        let sql = format!("UPDATE tasks SET points = {points}, updated_at = {NOW} WHERE title = '{title}'");
        self.table.execute(&sql).await
    }

    pub(super) fn remove_from_file(&self, title: &str) -> Result<()> {
        edit_csv(&self.file, |cells| cells[1] != title, &[])
    }

    pub(super) async fn remove_from_table(&self, title: &str) -> Result<()> {
        self.table.execute(&format!("DELETE FROM tasks WHERE title = '{title}'")).await
    }

    // What is there.

    /// The file's items; a title that stands there twice is an error.
    pub(super) fn in_file(&self) -> Result<Items> {
        let mut rows = Vec::new();
        let look = |cells: &mut Vec<String>| {
            rows.push((cells[1].clone(), cells[3].clone()));
            true
        };
        edit_csv(&self.file, look, &[])?;
        unique("file", rows.into_iter().map(|(title, points)| Ok((title, points.parse()?))))
    }

    /// The table's items; the same.
    pub(super) async fn in_table(&self) -> Result<Items> {
        let rows = sqlx::query("SELECT title, points FROM tasks").fetch_all(&self.table.pool).await?;
        unique("table", rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))))
    }

    // What Syncline does.

    /// Runs the sync, whatever it ends with.
    pub(super) fn sync(&self, more: &[&str]) -> Result<Value> {
        let finished = self.program.run(&[&["--json", "sync", "tasks"], more].concat())?;
        ensure!(matches!(finished.code, Some(0 | 1)), "{finished:?}");
        finished.json()
    }

    /// Whether a restore is still on the sync's mind.
    pub(super) fn is_held(&self) -> Result<bool> {
        let shown = self.program.expect(0, &["--json", "mark-restored", "--show"])?.json()?;
        Ok(shown["syncs"].as_array().is_some_and(|syncs| !syncs.is_empty()))
    }

    /// Takes a backup: of a server as the command says it is done.
    pub(super) fn back_up(&self) -> Result<()> {
        match &self.ledger {
            None => self.program.expect(0, &["backup", "kept.db"]).map(drop),
            Some(_) => self.as_told("pg_dump"),
        }
    }

    /// Puts the backup back, again as it is said.
    pub(super) fn put_back(&self, by_copy: bool) -> Result<()> {
        if self.ledger.is_some() {
            return self.as_told("pg_restore");
        }
        if by_copy {
            // Another file under the same name, as most tools leave it.
            std::fs::remove_file(self.program.path("syncline.db"))?;
        }
        put_back(&self.program, "kept.db")
    }

    fn as_told(&self, tool: &str) -> Result<()> {
        let told = self.program.expect(2, &["backup", "kept.dump"])?.stderr;
        let line =
            told.lines().find(|line| line.trim_start().starts_with(tool)).context("a line to follow")?;
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell: Command = self.program.shell(&["-c", line]);
        let done = shell.env("PATH", format!("{}:{path}", postgres::bin().display())).output()?;
        ensure!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    }

    /// A person who knows what is right answers all that is asked, item by item.
    pub(super) async fn answer(&self, expected: &Items) -> Result<()> {
        let listed = self.program.expect(0, &["--json", "conflicts"])?.json()?;
        for open in listed["conflicts"].as_array().context("conflicts")? {
            let (file, table) = (self.in_file()?, self.in_table().await?);
            let title =
                ["source", "target"].iter().find_map(|side| open[side]["title"].as_str()).map(str::to_owned);
            let side = match (open["kind"].as_str().context("a kind")?, title) {
                ("ambiguous_create", Some(title))
                    if file.contains_key(&title) && table.contains_key(&title) =>
                {
                    // They are the same: made equal, they find each other.
                    self.edit_file(&title, expected[&title])?;
                    self.edit_table(&title, expected[&title]).await?;
                    continue;
                }
                ("ambiguous_create", Some(title)) => {
                    if file.contains_key(&title) {
                        "source"
                    } else {
                        "target"
                    }
                }
                ("edit_delete", Some(title)) => {
                    if file.contains_key(&title) {
                        "target"
                    } else {
                        "source"
                    }
                }
                // The link does not say the title; newer numbers are larger.
                (_, _) => {
                    let number = |side: &str| open[side].as_f64().unwrap_or(-1.0);
                    if number("source") > number("target") { "source" } else { "target" }
                }
            };
            let id = open["id"].to_string();
            self.program.run(&["conflicts", "resolve", &id, "--side", side])?;
        }
        Ok(())
    }

    /// Both sides say what they ought to; what only the table ever had, only it has.
    pub(super) async fn ensure_is(&self, expected: &Items, only_there: &BTreeSet<String>) -> Result<()> {
        let (file, table) = (self.in_file()?, self.in_table().await?);
        let mut here = expected.clone();
        here.retain(|title, _| !only_there.contains(title));
        ensure!(file == here, "file {file:?}, expected {here:?}");
        ensure!(table == *expected, "table {table:?}, expected {expected:?}");
        Ok(())
    }
}

const NOW: &str = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";

fn unique(place: &str, rows: impl Iterator<Item = Result<(String, i64)>>) -> Result<Items> {
    let mut items = Items::new();
    for row in rows {
        let (title, points) = row?;
        if items.insert(title.clone(), points).is_some() {
            bail!("{title} stands twice in the {place}");
        }
    }
    Ok(items)
}
