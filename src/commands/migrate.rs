//! `syncline migrate`: the schema up, down, and where it stands.

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_migration::{
    Migrator, Rebuild, Rehearsed, Until,
    check::{self, MigrationStatus},
    tables,
};
use syncline_worker::registry;

use crate::{
    app::{self, Schema},
    cli::{MigrateAction, MigrateAgain, MigrateArgs, MigrateSteps},
    fault::{Exit, Fault},
    output::Output,
};

/// How much of a statement people are shown; programs get it whole.
const SHOWN: usize = 2_000;

/// Migrates and says what is applied.
pub(crate) async fn run(url: &str, args: &MigrateArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(url, Schema::Any).await?;
    let migrator = app::migrator()?;
    match &args.action {
        MigrateAction::Up(steps) => walk(&db, &migrator, steps, true, output).await?,
        MigrateAction::Down(steps) => walk(&db, &migrator, steps, false, output).await?,
        MigrateAction::Status { steps } => {
            let mut rows = check::status(&db).await?;
            if let Some(steps) = steps {
                rows.drain(..rows.len().saturating_sub(*steps as usize));
            }
            show(&rows, json!({}), output);
        }
        MigrateAction::Fresh(again) => rebuild(&db, &migrator, again, Rebuild::Fresh, output).await?,
        MigrateAction::Refresh(again) => rebuild(&db, &migrator, again, Rebuild::Refresh, output).await?,
        MigrateAction::Reset(again) => rebuild(&db, &migrator, again, Rebuild::Reset, output).await?,
    }
    Ok(Exit::Done)
}

async fn walk(
    db: &DatabaseConnection,
    migrator: &Migrator,
    args: &MigrateSteps,
    up: bool,
    output: &Output,
) -> Result<(), Fault> {
    let until = match (&args.to, args.steps) {
        (Some(name), _) => Until::At(name.clone()),
        (None, Some(steps)) => Until::Steps(steps),
        (None, None) if up => Until::End,
        // Back is further than most people want to go by leaving something out.
        (None, None) => Until::Steps(1),
    };
    if args.dry_run {
        let rehearsed = migrator.rehearse(db, &until, up).await?;
        rehearsal(&rehearsed, output);
        return Ok(());
    }
    let before = if up { Vec::new() } else { tables::own(db).await? };
    let done = if up { migrator.up(db, &until).await? } else { migrator.down(db, &until).await? };
    let lost: Vec<&tables::OwnTable> =
        before.iter().filter(|table| table.rows > 0 && done.contains(&table.made_by)).collect();
    for table in &lost {
        output.note(&format!("{} went with its {} rows", table.name, table.rows));
    }
    let lost: Vec<Value> =
        lost.iter().map(|table| json!({ "table": table.name, "rows": table.rows })).collect();
    let key = if up { "applied" } else { "taken_back" };
    show(&check::status(db).await?, json!({ key: done, "rows_gone": lost }), output);
    Ok(())
}

/// Shows every migration, and beside it to programs what was done.
fn show(rows: &[MigrationStatus], mut done: Value, output: &Output) {
    done["migrations"] = rows
        .iter()
        .map(|row| {
            json!({
                "name": row.name,
                "applied": row.applied,
                "applied_at": row.applied_at,
                "known": row.known,
                "compatible_from": row.compatible_from,
            })
        })
        .collect();
    output.data(&done);
    let line = |row: &MigrationStatus| {
        let at = row.applied_at.map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default();
        let state = match (row.applied, row.known) {
            (true, true) => "applied",
            (true, false) => "applied by a newer program",
            (false, _) => "pending",
        };
        let compatible_from = row.compatible_from.as_deref().unwrap_or("not noted");
        let compatible_from = if compatible_from == row.name { "itself" } else { compatible_from };
        vec![row.name.clone(), state.to_owned(), at, compatible_from.to_owned()]
    };
    output.table(
        &["migration", "state", "applied at (UTC)", "programs must know"],
        rows.iter().map(line).collect(),
    );
}

/// Shows what a dry run did.
fn rehearsal(steps: &[Rehearsed], output: &Output) {
    output.data(&json!({
        "dry_run": true,
        "steps": steps
            .iter()
            .map(|step| {
                let direction = if step.up { "up" } else { "down" };
                json!({ "name": step.name, "direction": direction, "statements": step.statements })
            })
            .collect::<Vec<_>>(),
    }));
    for step in steps {
        output.line(format!("-- {} {}", step.name, if step.up { "up" } else { "down" }));
        for statement in &step.statements {
            match statement.char_indices().nth(SHOWN) {
                None => output.line(format!("{statement};")),
                Some((end, _)) => {
                    let rest = statement.len() - end;
                    output
                        .line(format!("{} ... -- and {rest} bytes more; --json has them", &statement[..end]));
                }
            }
        }
    }
    output.line(format!("-- steps: {}, rolled back: nothing was changed", steps.len()));
}

async fn rebuild(
    db: &DatabaseConnection,
    migrator: &Migrator,
    args: &MigrateAgain,
    how: Rebuild,
    output: &Output,
) -> Result<(), Fault> {
    if args.dry_run {
        rehearsal(&migrator.rebuild(db, how, false).await?, output);
        return Ok(());
    }
    let tables = tables::own(db).await?;
    let rows: i64 = tables.iter().map(|table| table.rows).sum();
    let filled = |table: &&tables::OwnTable| table.rows > 0;
    if !args.yes {
        output.table(
            &["table", "rows"],
            tables
                .iter()
                .filter(filled)
                .map(|table| vec![table.name.clone(), table.rows.to_string()])
                .collect(),
        );
        let counts: Vec<String> =
            tables.iter().filter(filled).map(|table| format!("{} {}", table.name, table.rows)).collect();
        return Err(Fault::usage(format!(
            "this deletes {rows} rows in {} tables{}; nothing was done. If that is right, add --yes. `syncline backup` \
             comes before",
            tables.len(),
            if output.is_json() && !counts.is_empty() {
                format!(" ({})", counts.join(", "))
            } else {
                String::new()
            }
        )));
    }
    refuse_beside_workers(db).await?;
    migrator.rebuild(db, how, true).await?;
    for table in tables.iter().filter(filled) {
        output.note(&format!("{} went with its {} rows", table.name, table.rows));
    }
    let gone: Vec<Value> = tables
        .iter()
        .filter(filled)
        .map(|table| json!({ "table": table.name, "rows": table.rows }))
        .collect();
    show(&check::status(db).await?, json!({ "rows_gone": gone }), output);
    Ok(())
}

/// A worker whose tables vanish fails every job it holds, and writes what it has in hand into the new ones.
async fn refuse_beside_workers(db: &DatabaseConnection) -> Result<(), Fault> {
    let live = registry::live(db).await?;
    if live.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = live
        .iter()
        .map(|worker| {
            format!(
                "{} (process {} on {}, syncline {})",
                worker.role, worker.pid, worker.host, worker.version
            )
        })
        .collect();
    Err(Fault::failed(format!(
        "{} registered on this database: {}; nothing was done. Stop them first; one that was killed is forgotten within \
         half a minute",
        if live.len() == 1 { "a worker is".to_owned() } else { format!("{} workers are", live.len()) },
        names.join(", ")
    )))
}
