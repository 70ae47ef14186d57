//! `syncline conflicts resolve --background`: an operation that workers carry out.

use std::io::{IsTerminal, Write};

use sea_orm::DatabaseConnection;
use serde_json::json;
use syncline_engine::{Side, conflict::Choice, spec::Strategy};
use syncline_runs::RunQueue;
use syncline_service::{
    operations::{self, Conflicts, Take},
    syncs,
};

use super::one_choice;
use crate::{
    cli::ResolveArgs,
    commands::{operations::as_json, workers},
    config::Config,
    fault::{Exit, Fault},
    output::Output,
};

/// Counts the conflicts, asks, and starts the operation.
pub(super) async fn run(
    config: &Config,
    (db, queue): (&DatabaseConnection, &RunQueue),
    args: &ResolveArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let take = taken(args)?;
    let sync = match &args.sync {
        Some(name) => Some(syncs::find(db, name).await?.id),
        None => None,
    };
    let caller = config.caller();
    let asked = Conflicts { sync, q: args.filter.clone(), take };
    let preview = operations::preview_resolve(db, &caller, &asked).await?;
    let total = preview.row.total;
    if total == 0 {
        output.data(&json!({ "count": 0 }));
        output.line("no conflicts");
        return Ok(Exit::Done);
    }
    if !args.yes && !confirm(total)? {
        output.line("nothing was done");
        return Ok(Exit::Failed);
    }
    let row = operations::start(db, queue, &caller, &preview.token, None).await?;
    output.data(&as_json(&row));
    output.line(format!("workers resolve {total} conflicts: syncline operations show {}", row.operation_uid));
    if !workers::any(db).await? {
        output.line(workers::NONE);
    }
    Ok(Exit::Done)
}

fn taken(args: &ResolveArgs) -> Result<Take, Fault> {
    if let Some(name) = &args.strategy {
        return match name.parse::<Strategy>() {
            Ok(Strategy::Manual) => {
                Err(Fault::usage("--strategy manual leaves each conflict to a person; name another one"))
            }
            Ok(strategy) => Ok(Take::Strategy(strategy)),
            Err(told) => Err(Fault::usage(format!("--strategy: {told}"))),
        };
    }
    match one_choice(args)? {
        Some(Choice::Base) => Ok(Take::Base),
        Some(choice) if choice.side() == Some(Side::Source) => Ok(Take::Source),
        Some(choice) if choice.side() == Some(Side::Target) => Ok(Take::Target),
        _ => Err(Fault::usage("in the background a side, the base or a strategy decides; give one of them")),
    }
}

/// Asks; without a terminal it fails with the count.
fn confirm(count: i64) -> Result<bool, Fault> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        let text =
            format!("would resolve {count} conflicts in the background; add --background --yes to do it");
        return Err(Fault::usage(text));
    }
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "resolve {count} conflicts? [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}
