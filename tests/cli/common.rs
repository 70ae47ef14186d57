//! A backlog in a file, a table, and the program between them.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use syncline_support::{
    places::{Items, Table, document, edit_csv, read_csv, write_csv},
    postgres::Database,
    program::{Finished, Program},
};

/// The program in a folder of its own. Nothing crashes here, so leases are long enough for a machine that is busy.
pub(crate) fn program() -> Result<Program> {
    let mut program = Program::new(env!("CARGO_BIN_EXE_syncline"))?;
    program.set("SYNCLINE_LEASE_MS", "30000");
    Ok(program)
}

/// The same, with a database that has no syncs yet.
pub(crate) fn with_database() -> Result<Program> {
    let program = program()?;
    program.expect(0, &["migrate", "up"])?;
    Ok(program)
}

/// A backlog, a table and a stored sync named `tasks`.
pub(crate) struct Places {
    pub(crate) program: Program,
    pub(crate) file: PathBuf,
    pub(crate) table: Table,
}

/// Where Syncline's own database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    Sqlite,
    Postgres,
}

impl Places {
    /// So many rows in the file, none in the table; `more` are lines of the document.
    pub(crate) async fn new(rows: usize, more: &str) -> Result<Places> {
        Places::new_on(Own::Sqlite, rows, more).await
    }

    /// The same, with Syncline's own database where the caller likes.
    pub(crate) async fn new_on(own: Own, rows: usize, more: &str) -> Result<Places> {
        let mut program = program()?;
        if own == Own::Postgres {
            program.set("DATABASE_URL", &Database::create().await?.url());
        }
        Places::with(program, rows, more).await
    }

    /// The same with a program that is set up already.
    pub(crate) async fn with(program: Program, rows: usize, more: &str) -> Result<Places> {
        let file = program.path("backlog.csv");
        write_csv(&file, rows)?;
        let table = Table::open(&program.path("tasks.db")).await?;
        let places = Places { program, file, table };
        places.apply(more)?;
        Ok(places)
    }

    /// The same, synced once.
    pub(crate) async fn in_step(rows: usize, more: &str) -> Result<Places> {
        Places::in_step_on(Own::Sqlite, rows, more).await
    }

    /// The same, with Syncline's own database where the caller likes.
    pub(crate) async fn in_step_on(own: Own, rows: usize, more: &str) -> Result<Places> {
        let places = Places::new_on(own, rows, more).await?;
        places.sync(0, &[])?;
        Ok(places)
    }

    /// Stores the document with these lines.
    pub(crate) fn apply(&self, more: &str) -> Result<()> {
        self.program.write("sync.yaml", &document(more))?;
        self.program.expect(0, &["apply", "sync.yaml"])?;
        Ok(())
    }

    /// Runs a sync that must end with this exit code, and answers what it says of itself.
    pub(crate) fn sync(&self, code: i32, more: &[&str]) -> Result<Value> {
        let arguments = [&["--json", "sync", "tasks"], more].concat();
        self.program.expect(code, &arguments)?.json()
    }

    /// Runs a sync that must end with this exit code, and answers what people read.
    pub(crate) fn told(&self, code: i32, more: &[&str]) -> Result<Finished> {
        let arguments = [&["sync", "tasks"], more].concat();
        self.program.expect(code, &arguments)
    }

    /// Sets a cell of the file.
    pub(crate) fn edit(&self, id: &str, column: &str, value: &str) -> Result<()> {
        let place = ["id", "title", "state", "points", "notes"].iter().position(|name| *name == column);
        let place = place.with_context(|| format!("no column {column}"))?;
        let mut found = false;
        let edit = |cells: &mut Vec<String>| {
            if cells.first().is_some_and(|cell| cell == id)
                && let Some(cell) = cells.get_mut(place)
            {
                found = true;
                *cell = value.to_owned();
            }
            true
        };
        edit_csv(&self.file, edit, &[])?;
        ensure!(found, "no row {id}");
        Ok(())
    }

    /// Takes rows out of the file.
    pub(crate) fn remove(&self, ids: &[&str]) -> Result<()> {
        edit_csv(&self.file, |cells| !cells.first().is_some_and(|id| ids.contains(&id.as_str())), &[])
    }

    /// The file's items.
    pub(crate) fn items(&self) -> Result<Items> {
        read_csv(&self.file)
    }

    /// A field of both sides, first the file's; nothing where it is empty or its item is gone.
    pub(crate) async fn both(&self, id: &str, field: &str) -> Result<[Option<String>; 2]> {
        let of = |items: &Items| items.get(id).and_then(|fields| fields.get(field)).cloned();
        Ok([of(&self.items()?), of(&self.table.read().await?)])
    }

    /// Both sides hold the same items with the same values.
    pub(crate) async fn ensure_in_step(&self) -> Result<Items> {
        let (file, table) = (self.items()?, self.table.read().await?);
        for id in file.keys().chain(table.keys()) {
            ensure!(
                file.get(id) == table.get(id),
                "{id}: file {:?}, table {:?}",
                file.get(id),
                table.get(id)
            );
        }
        Ok(file)
    }

    /// What must not change when something is refused: the file's bytes and the table's rows.
    pub(crate) async fn contents(&self) -> Result<(Vec<u8>, Items)> {
        Ok((std::fs::read(&self.file)?, self.table.read().await?))
    }
}

/// A number of a JSON document.
pub(crate) fn number(json: &Value, key: &str) -> Result<u64> {
    json[key].as_u64().with_context(|| format!("no number {key} in {json}"))
}

/// All of these stand in a text.
pub(crate) fn ensure_tells(text: &str, parts: &[&str]) -> Result<()> {
    for part in parts {
        ensure!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
    Ok(())
}
