//! `syncline conflicts resolve --background`: an operation that workers carry out.

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_engine::{Side, conflict::Choice, spec::Strategy};
use syncline_runs::RunQueue;
use syncline_service::{
    operations::{self, Conflicts, Take},
    syncs,
};

use super::one_choice;
use crate::{
    cli::ResolveArgs,
    commands::{confirm::confirm, operations::as_json, workers},
    config::Config,
    fault::{Exit, Fault},
    output::{Output, text},
    words,
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
    let total = preview.row.total.unsigned_abs();
    if let Some(ended) = ends_here(total, args, output)? {
        return Ok(ended);
    }
    let row = operations::start(db, queue, &caller, &preview.token, None).await?;
    tell_begun(&as_json(&row), total, output);
    if !workers::any(db).await? {
        output.line(workers::NONE);
    }
    Ok(Exit::Done)
}

/// Asks whether to begin. Returns the exit code if there is nothing to do, or the answer is no.
pub(crate) fn ends_here(total: u64, args: &ResolveArgs, output: &Output) -> Result<Option<Exit>, Fault> {
    if total == 0 {
        output.data(&json!({ "count": 0 }));
        output.line("no conflicts");
        return Ok(Some(Exit::Done));
    }
    let what = format!("resolve {} in the background", words::count(total, "conflict", "conflicts"));
    if !args.yes && !confirm(&what, "--background --yes")? {
        output.line("nothing was done");
        return Ok(Some(Exit::Failed));
    }
    Ok(None)
}

/// Prints that workers carry it out.
pub(crate) fn tell_begun(operation: &Value, total: u64, output: &Output) {
    output.data(operation);
    let (conflicts, id) = (words::count(total, "conflict", "conflicts"), text(operation, "id"));
    output.line(format!("workers resolve {conflicts}: syncline operations show {id}"));
}

/// What stands, from the arguments.
pub(crate) fn taken(args: &ResolveArgs) -> Result<Take, Fault> {
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
