//! The two places of most tests: a CSV file and a table in SQLite, with the same fields.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result};
use sqlx::{
    Row, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

/// Items by key; their fields by name, as text; empty fields are left out.
pub type Items = BTreeMap<String, BTreeMap<String, String>>;

/// The fields of both places besides the key.
pub const FIELDS: [&str; 3] = ["title", "state", "points"];

/// Returns a row of the backlog, determined by its number.
pub fn row(number: usize) -> [String; 4] {
    let state = ["open", "closed"][number % 2];
    [
        format!("T-{number:06}"),
        format!("Task {number}, generated"),
        state.to_owned(),
        (number % 13).to_string(),
    ]
}

/// Writes a CSV file with `rows` rows, and a column `notes` that is not mapped.
pub fn write_csv(file: &Path, rows: usize) -> Result<()> {
    let mut writer = csv::Writer::from_path(file)?;
    writer.write_record(["id", "title", "state", "points", "notes"])?;
    for number in 1..=rows {
        let [id, title, state, points] = row(number);
        writer.write_record([id, title, state, points, format!("note {number}")])?;
    }
    Ok(writer.flush()?)
}

/// Reads the rows of a CSV file; two rows with one id are an error.
pub fn read_csv(file: &Path) -> Result<Items> {
    let mut reader = csv::Reader::from_path(file)?;
    let names = reader.headers()?.clone();
    let mut items = Items::new();
    for record in reader.records() {
        let record = record?;
        let fields: BTreeMap<String, String> =
            names.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect();
        let id = fields.get("id").context("a column id")?.clone();
        let kept =
            fields.into_iter().filter(|(name, value)| FIELDS.contains(&name.as_str()) && !value.is_empty());
        anyhow::ensure!(
            items.insert(id.clone(), kept.collect()).is_none(),
            "{id} stands twice in {}",
            file.display()
        );
    }
    Ok(items)
}

/// Rewrites a CSV file: `edit` gets each row's cells and returns whether the row stays.
pub fn edit_csv(
    file: &Path,
    mut edit: impl FnMut(&mut Vec<String>) -> bool,
    new: &[[&str; 5]],
) -> Result<()> {
    let mut reader = csv::Reader::from_path(file)?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(reader.headers()?)?;
    for record in reader.records() {
        let mut cells: Vec<String> = record?.iter().map(str::to_owned).collect();
        if edit(&mut cells) {
            writer.write_record(&cells)?;
        }
    }
    for row in new {
        writer.write_record(row)?;
    }
    Ok(std::fs::write(file, writer.into_inner()?)?)
}

/// A table `tasks` in a SQLite file.
pub struct Table {
    /// A pool of connections to the file.
    pub pool: SqlitePool,
}

impl Table {
    /// Opens the file, and creates it and the table if they are missing.
    pub async fn open(file: &Path) -> Result<Table> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .busy_timeout(std::time::Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        let table = "CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, title TEXT, \
                     state TEXT CHECK (state IN ('open', 'closed')), points INTEGER, updated_at TEXT, sync_marker TEXT)";
        sqlx::query(table).execute(&pool).await?;
        Ok(Table { pool })
    }

    pub async fn execute(&self, sql: &str) -> Result<()> {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&self.pool).await?;
        Ok(())
    }

    pub async fn read(&self) -> Result<Items> {
        let rows = sqlx::query("SELECT id, title, state, CAST(points AS TEXT) AS points FROM tasks")
            .fetch_all(&self.pool);
        let mut items = Items::new();
        for row in rows.await? {
            let mut fields = BTreeMap::new();
            for name in FIELDS {
                if let Some(value) = row.try_get::<Option<String>, _>(name)?.filter(|value| !value.is_empty())
                {
                    fields.insert(name.to_owned(), value);
                }
            }
            items.insert(row.try_get("id")?, fields);
        }
        Ok(items)
    }

    /// SQLite's counter of writes by other connections.
    pub async fn data_version(&self) -> Result<i64> {
        Ok(sqlx::query_scalar("PRAGMA data_version").fetch_one(&self.pool).await?)
    }
}

/// Returns the document of a sync between `backlog.csv` and the table; `more` are further lines, which may replace
/// those here.
pub fn document(more: &str) -> String {
    let mut lines: Vec<String> = r#"name: tasks
source_platform: csv
source: { path: backlog.csv, key: id }
target_platform: sql
target: { url: "sqlite://tasks.db", table: tasks, key: id, modified: updated_at }
entity_type: task
two_way_create: true
delete_policy: delete
delete_guard: { max_share: 0.5, max_count: 5000 }
field_mappings:
  - { source_field: id, target_field: id }
  - { source_field: title, target_field: title }
  - { source_field: state, target_field: state }
  - { source_field: points, target_field: points, source_type: number, target_type: number }
"#
    .lines()
    .map(str::to_owned)
    .collect();
    for line in more.lines() {
        let key = line.split_once(':').map_or(line, |(key, _)| key).to_owned();
        lines.retain(|old| old.split_once(':').map_or(old.as_str(), |(old, _)| old) != key);
        lines.insert(0, line.to_owned());
    }
    lines.join("\n") + "\n"
}
