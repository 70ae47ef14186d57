//! A file, a table on the server, and the program between them.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool, Row, postgres::PgPoolOptions};
use syncline_support::{
    places::{FIELDS, Items, document, edit_csv, read_csv, write_csv},
    postgres::Database,
    program::Program,
};

use crate::common::program;

/// A backlog in a file, a table on the server, and a stored sync named `tasks` in another database there.
pub(super) struct Places {
    pub(super) program: Program,
    pub(super) file: PathBuf,
    table: PgPool,
    pub(super) ledger: PgPool,
    url: String,
}

pub(in super::super) async fn pool(url: &str) -> Result<PgPool> {
    Ok(PgPoolOptions::new().max_connections(1).connect(url).await?)
}

impl Places {
    pub(super) async fn new(rows: usize, more: &str) -> Result<Places> {
        let mut program = program()?;
        let [own, other] = [Database::create().await?, Database::create().await?];
        program.set("DATABASE_URL", &own.url());
        program.expect(0, &["migrate", "up"])?;
        other
            .execute(
                "CREATE TABLE tasks (id TEXT PRIMARY KEY, title TEXT, \
                 state TEXT CONSTRAINT known_state CHECK (state IN ('open', 'closed')), points BIGINT, \
                 updated_at TIMESTAMPTZ DEFAULT now(), starred BOOLEAN NOT NULL DEFAULT FALSE)",
            )
            .await?;
        let file = program.path("backlog.csv");
        write_csv(&file, rows)?;
        let [ledger, table] = [pool(&own.url()).await?, pool(&other.url()).await?];
        let places = Places { program, file, table, ledger, url: other.url() };
        places.apply(more)?;
        Ok(places)
    }

    pub(super) async fn in_step(rows: usize, more: &str) -> Result<Places> {
        let places = Places::new(rows, more).await?;
        places.sync(0, &[])?;
        Ok(places)
    }

    pub(super) fn apply(&self, more: &str) -> Result<()> {
        self.program.write("sync.yaml", &document(more).replace("sqlite://tasks.db", &self.url))?;
        self.program.expect(0, &["apply", "sync.yaml"])?;
        Ok(())
    }

    pub(super) fn json(&self, code: i32, arguments: &[&str]) -> Result<Value> {
        self.program.expect(code, &[&["--json"], arguments].concat())?.json()
    }

    pub(super) fn sync(&self, code: i32, more: &[&str]) -> Result<Value> {
        self.json(code, &[&["sync", "tasks"], more].concat())
    }

    pub(super) fn edit(&self, id: &str, place: usize, value: &str) -> Result<()> {
        let edit = |cells: &mut Vec<String>| {
            if cells[0] == id {
                value.clone_into(&mut cells[place]);
            }
            true
        };
        edit_csv(&self.file, edit, &[])
    }

    pub(super) async fn execute(&self, sql: &str) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&self.table).await?;
        Ok(())
    }

    pub(super) async fn rows(&self) -> Result<Items> {
        let sql = "SELECT id, title, state, points::text AS points FROM tasks";
        let mut items = Items::new();
        for row in sqlx::query(sql).fetch_all(&self.table).await? {
            let mut fields = std::collections::BTreeMap::new();
            for name in FIELDS {
                if let Some(value) = row.try_get::<Option<String>, _>(name)? {
                    fields.insert(name.to_owned(), value);
                }
            }
            items.insert(row.try_get("id")?, fields);
        }
        Ok(items)
    }

    pub(super) async fn ensure_in_step(&self) -> Result<Items> {
        let (file, table) = (read_csv(&self.file)?, self.rows().await?);
        for id in file.keys().chain(table.keys()) {
            let [here, there] = [file.get(id), table.get(id)];
            ensure!(here == there, "{id}: file {here:?}, table {there:?}");
        }
        Ok(file)
    }

    /// Each row's version: any write of a row gives it another.
    pub(super) async fn versions(&self) -> Result<Vec<(String, String)>> {
        let sql = "SELECT id, xmin::text || ctid::text FROM tasks ORDER BY id";
        Ok(sqlx::query_as(sql).fetch_all(&self.table).await?)
    }

    pub(super) async fn ticks(&self) -> Result<Vec<String>> {
        let sql = "SELECT tick_at::text FROM sync_history WHERE tick_at IS NOT NULL ORDER BY tick_at";
        Ok(sqlx::query_scalar(sql).fetch_all(&self.ledger).await?)
    }
}
