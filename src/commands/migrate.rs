//! `syncline migrate`: applies and takes back migrations, and shows their state.

mod loss;

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_migration::{
    Migrator, Rebuild, Rehearsed, Until,
    check::{self, MigrationStatus},
    tables,
};
use syncline_worker::roster;

use self::loss::Loss;
use super::audit;
use crate::{
    app,
    cli::{MigrateAction, MigrateAgain, MigrateArgs, MigrateDown, MigrateSteps, MigrateUp},
    config::Config,
    database::{self, Place},
    fault::{Exit, Fault},
    output::Output,
};

/// Length to which statements are cut in text output; JSON has them complete.
const SHOWN: usize = 2_000;

/// Migrates, or shows the applied migrations.
pub(crate) async fn run(config: &Config, args: &MigrateArgs, output: &Output) -> Result<Exit, Fault> {
    let migrator = app::migrator(config);
    match &args.action {
        MigrateAction::Up(args) => up(config, &migrator, args, output).await?,
        MigrateAction::Down(args) => down(config, &app::look(config).await?, &migrator, args, output).await?,
        MigrateAction::Status { steps } => {
            let place = Place::look(&config.database).await?;
            // For an empty database on a server the status is shown: every migration is pending.
            let db = if place.is_missing() || place.is_foreign() {
                place.open_own().await?
            } else {
                place.open().await?
            };
            let mut rows = check::status(&db).await?;
            if let Some(steps) = steps {
                rows.drain(..rows.len().saturating_sub(*steps as usize));
            }
            output.data(&with_status(&rows, json!({})));
            table(&rows, output);
        }
        MigrateAction::Fresh(args) => rebuild(config, &migrator, args, Rebuild::Fresh, output).await?,
        MigrateAction::Refresh(args) => rebuild(config, &migrator, args, Rebuild::Refresh, output).await?,
        MigrateAction::Reset(args) => rebuild(config, &migrator, args, Rebuild::Reset, output).await?,
    }
    Ok(Exit::Done)
}

fn until(args: &MigrateSteps, otherwise: Until) -> Until {
    match (&args.to, args.steps) {
        (Some(name), _) => Until::At(name.clone()),
        (None, Some(steps)) => Until::Steps(steps),
        (None, None) => otherwise,
    }
}

async fn up(config: &Config, migrator: &Migrator, args: &MigrateUp, output: &Output) -> Result<(), Fault> {
    let until = until(&args.steps, Until::End);
    let place = Place::look(&config.database).await?;
    let made = place.made();
    if args.steps.dry_run {
        // A dry run must not create a file.
        let db = if place.is_missing() {
            database::in_memory().await?
        } else {
            place.open_or_make(args.make.among_other_tables).await?
        };
        rehearsal(&migrator.rehearse(&db, &until, true).await?, &Loss::default(), output);
        return Ok(());
    }
    let db = place.open_or_make(args.make.among_other_tables).await?;
    let done = migrator.up(&db, &until).await?;
    if !done.is_empty() {
        audit::note(config, &db, ("schema.migrate", "schema"), json!({ "applied": done }), output).await;
    }
    let rows = check::status(&db).await?;
    output.data(&with_status(&rows, json!({ "applied": done, "rows_gone": [] })));
    if let Some(made) = made {
        output.line(made);
    }
    for name in &done {
        output.line(format!("applied {name}"));
    }
    if done.is_empty() {
        let applied = rows.iter().filter(|row| row.applied).count();
        output.line(format!("nothing to do: {applied} migrations are applied"));
    }
    Ok(())
}

async fn down(
    config: &Config,
    db: &DatabaseConnection,
    migrator: &Migrator,
    args: &MigrateDown,
    output: &Output,
) -> Result<(), Fault> {
    // By default only one migration is taken back; taking back all must be requested.
    let until = until(&args.steps, Until::Steps(1));
    let going = migrator.to_take_back(db, &until).await?;
    let mut loss = Loss::of(db, &going).await?;
    if args.steps.dry_run {
        rehearsal(&migrator.rehearse(db, &until, false).await?, &loss, output);
        return Ok(());
    }
    if !args.yes && !loss.is_empty() {
        return Err(loss.unconfirmed(output));
    }
    refuse_beside_workers(db).await?;
    let done = migrator.down(db, &until).await?;
    if !done.is_empty() {
        audit::note(config, db, ("schema.migrate", "schema"), json!({ "taken_back": done }), output).await;
    }
    loss.keep_of(&done);
    loss.tell_gone(output);
    let rows = check::status(db).await?;
    let mut told = json!({ "taken_back": done });
    loss.add_to(&mut told);
    output.data(&with_status(&rows, told));
    for name in &done {
        output.line(format!("took back {name}"));
    }
    if done.is_empty() {
        output.line("nothing to do: no migration after that one is applied");
    }
    Ok(())
}

/// The result and the state of every migration, as JSON.
fn with_status(rows: &[MigrationStatus], mut done: Value) -> Value {
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
    done
}

/// Prints every migration as a table.
fn table(rows: &[MigrationStatus], output: &Output) {
    let line = |row: &MigrationStatus| {
        let at = row.applied_at.map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default();
        let state = match (row.applied, row.known) {
            (true, true) => "applied",
            (true, false) => "applied by a newer program",
            (false, _) => "pending",
        };
        let needed = row.compatible_from.as_deref().unwrap_or("not noted");
        // Left empty if it is the migration itself, as for most.
        let needed = if needed == row.name { "" } else { needed };
        vec![row.name.clone(), state.to_owned(), at, needed.to_owned()]
    };
    output.table(
        &["migration", "state", "applied at (UTC)", "needs at least"],
        rows.iter().map(line).collect(),
    );
    let applied = rows.iter().filter(|row| row.applied).count();
    output.line(format!("{applied} applied, {} pending", rows.len() - applied));
}

/// Prints the result of a dry run.
fn rehearsal(steps: &[Rehearsed], loss: &Loss, output: &Output) {
    let mut told = json!({
        "dry_run": true,
        "steps": steps
            .iter()
            .map(|step| {
                let direction = if step.up { "up" } else { "down" };
                json!({ "name": step.name, "direction": direction, "statements": step.statements })
            })
            .collect::<Vec<_>>(),
    });
    loss.add_to(&mut told);
    output.data(&told);
    for step in steps {
        output.line(format!("-- {} {}", step.name, if step.up { "up" } else { "down" }));
        for statement in &step.statements {
            match statement.char_indices().nth(SHOWN) {
                None => output.verbatim(format!("{statement};")),
                Some((end, _)) => {
                    let rest = statement.len() - end;
                    output.verbatim(format!(
                        "{} ... -- and {rest} bytes more; --json has them",
                        &statement[..end]
                    ));
                }
            }
        }
    }
    for (what, how_many) in loss.told() {
        output.line(format!("-- {what} would go with its {how_many}"));
    }
    output.line(format!("-- steps: {}, rolled back: nothing was changed", steps.len()));
}

async fn rebuild(
    config: &Config,
    migrator: &Migrator,
    args: &MigrateAgain,
    how: Rebuild,
    output: &Output,
) -> Result<(), Fault> {
    let db = &app::look(config).await?;
    let loss = Loss { tables: tables::own(db).await?, columns: Vec::new() };
    if args.dry_run {
        rehearsal(&migrator.rebuild(db, how, false).await?, &loss, output);
        return Ok(());
    }
    if !args.yes {
        return Err(loss.unconfirmed(output));
    }
    refuse_beside_workers(db).await?;
    let done = migrator.rebuild(db, how, true).await?;
    let after = json!({ "made_anew": done.iter().filter(|step| step.up).count() });
    audit::note(config, db, ("schema.rebuild", "schema"), after, output).await;
    loss.tell_gone(output);
    let mut told = json!({});
    loss.add_to(&mut told);
    output.data(&with_status(&check::status(db).await?, told));
    let applied = done.iter().filter(|step| step.up).count();
    output.line(match how {
        Rebuild::Reset => format!("took back every migration; {} tables are gone", loss.tables.len()),
        Rebuild::Fresh | Rebuild::Refresh => {
            format!("made Syncline's tables anew, empty: {applied} migrations are applied")
        }
    });
    Ok(())
}

/// Fails while workers run: they would fail every job whose tables are dropped, and write current data into new tables.
async fn refuse_beside_workers(db: &DatabaseConnection) -> Result<(), Fault> {
    let live = roster::live(db).await?;
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
