//! `syncline migrate`: the schema up, down, and where it stands.

use serde_json::json;
use syncline_migration::{Migrator, MigratorTrait, check};

use crate::{
    app::{self, Schema},
    cli::{MigrateAction, MigrateArgs},
    fault::{Exit, Fault},
    output::Output,
};

/// Migrates and says what is applied.
pub(crate) async fn run(url: &str, args: &MigrateArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(url, Schema::Any).await?;
    let shown = match args.action {
        MigrateAction::Up { steps: None } => {
            app::migrate(&db).await?;
            None
        }
        MigrateAction::Up { steps } => {
            Migrator::up(&db, steps).await?;
            None
        }
        MigrateAction::Down { steps } => {
            Migrator::down(&db, Some(steps)).await?;
            None
        }
        MigrateAction::Status { steps } => steps,
    };
    let mut rows = check::status(&db).await?;
    if let Some(steps) = shown {
        rows.drain(..rows.len().saturating_sub(steps as usize));
    }
    output.data(&json!({
        "migrations": rows
            .iter()
            .map(|row| json!({ "name": row.name, "applied": row.applied, "applied_at": row.applied_at }))
            .collect::<Vec<_>>(),
    }));
    let line = |row: &check::MigrationStatus| {
        let at = row.applied_at.map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default();
        vec![row.name.clone(), if row.applied { "applied" } else { "pending" }.to_owned(), at]
    };
    output.table(&["migration", "state", "applied at (UTC)"], rows.iter().map(line).collect());
    Ok(Exit::Done)
}
