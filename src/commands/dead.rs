//! `syncline dead`: lists, shows, replays and discards dead letters.

use std::{
    collections::HashMap,
    io::{IsTerminal, Write},
};

use sea_orm::DatabaseConnection;
use serde_json::json;
use syncline_queue::Error;
use syncline_runs::{
    RunQueue,
    listing::{self, Listed, Standing},
};
use syncline_service::dead::{self, Done, NOT_DEAD};
use syncline_service::syncs::StoredSync;
use uuid::Uuid;

use super::jobs;
use crate::{
    app,
    cli::{DeadAction, DeadArgs, DeadListArgs, DeadManyArgs, PageArgs},
    config::Config,
    fault::{Exit, Fault},
    ids,
    output::Output,
    words::since,
};

/// Lists, shows, replays or discards dead letters.
pub(crate) async fn run(config: &Config, args: &DeadArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let queue = app::queue(config, &db)?;
    match &args.action {
        Some(DeadAction::Show(args)) => {
            jobs::show(&db, &queue, ids::job(&db, &queue, &args.id).await?, output).await
        }
        Some(DeadAction::Replay(args)) => many(config, (&db, &queue), args, What::Replay, output).await,
        Some(DeadAction::Discard(args)) => many(config, (&db, &queue), args, What::Discard, output).await,
        Some(DeadAction::List(args)) => list(&db, &queue, args, output).await,
        None => list(&db, &queue, &args.list, output).await,
    }
}

async fn list(
    db: &DatabaseConnection,
    queue: &RunQueue,
    args: &DeadListArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let asked = jobs::listing(db, &args.which, &args.page, Standing::Dead).await?;
    let page = listing::list(db, queue, &asked).await?;
    jobs::tell(db, &page.jobs, page.next.as_deref(), "no dead letters", output).await
}

/// Prints dead letters with their error and the reason why they were given up.
pub(super) fn table(letters: &[Listed], syncs: &HashMap<i64, StoredSync>, output: &Output) {
    let line = |letter: &Listed| {
        vec![
            letter.id.to_string(),
            jobs::sync_of(letter, syncs),
            letter.kind.clone(),
            since(letter.since),
            letter.error.clone().unwrap_or_default(),
            reason(letter.reason.as_deref().unwrap_or_default()),
        ]
    };
    output.table(&["job", "sync", "kind", "age", "error", "reason"], letters.iter().map(line).collect());
    output.line("syncline dead replay ID tries one again; syncline dead discard ID removes it from the list");
}

/// A reason in words.
pub(super) fn reason(reason: &str) -> String {
    // The number of scheduled runs that the job stands for follows the reason.
    let (why, more) = reason.split_once("; ").map_or((reason, None), |(why, more)| (why, Some(more)));
    let why = match why {
        "trying again would not help" => "the same attempt would fail again until the cause is mended",
        other => other,
    };
    more.map_or_else(|| why.to_owned(), |more| format!("{why}; {more}"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Replay,
    Discard,
}

async fn many(
    config: &Config,
    (db, queue): (&DatabaseConnection, &RunQueue),
    args: &DeadManyArgs,
    what: What,
    output: &Output,
) -> Result<Exit, Fault> {
    let verb = if what == What::Replay { "replay" } else { "discard" };
    let which = &args.which;
    let filtered = which.sync.is_some()
        || which.kind.is_some()
        || which.key.is_some()
        || which.text.is_some()
        || which.filter.is_some()
        || which.older_than.is_some();
    let ids = match (args.ids.is_empty(), filtered, args.all) {
        (false, false, false) => ids::dead(db, queue, &args.ids).await?,
        (true, true, false) | (true, false, true) => {
            let asked = jobs::listing(db, which, &PageArgs { limit: 1, after: None }, Standing::Dead).await?;
            listing::dead_ids(db, queue, &asked).await?
        }
        (true, false, false) => {
            return Err(Fault::usage(format!(
                "say which dead letters to {verb}: their ids, a filter (--filter, --sync, --text, --older-than, --kind, --key), or --all"
            )));
        }
        _ => return Err(Fault::usage("name ids, or a filter, or --all, and not two of them")),
    };
    if ids.is_empty() {
        output.data(&json!({ "count": 0, "done": 0, "left": [] }));
        output.line("no dead letters match");
        return Ok(Exit::Done);
    }
    // A single id needs no confirmation; for several the count is shown first.
    let confirmed = args.yes || (args.ids.len() == 1) || confirm(verb, ids.len())?;
    if !confirmed {
        output.line("nothing was done");
        return Ok(Exit::Failed);
    }
    carry_out(config, (db, queue), &ids, what, output).await
}

/// Asks for confirmation; without a terminal it fails with the count.
fn confirm(verb: &str, count: usize) -> Result<bool, Fault> {
    let letters = if count == 1 { "dead letter" } else { "dead letters" };
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Fault::usage(format!("would {verb} {count} {letters}; add --yes to do it")));
    }
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{verb} {count} {letters}? [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}

async fn carry_out(
    config: &Config,
    (db, queue): (&DatabaseConnection, &RunQueue),
    ids: &[Uuid],
    what: What,
    output: &Output,
) -> Result<Exit, Fault> {
    let done = match what {
        What::Discard => dead::discard(db, queue, &config.caller(), ids).await,
        What::Replay => dead::replay(db, queue, &config.caller(), ids).await,
    };
    let Done { done, replayed, left, stopped } = done;
    match stopped {
        Some(error @ Error::Full { .. }) => {
            return Err(Fault::failed(format!("{done} replayed, then: {error}")));
        }
        Some(error) => return Err(error.into()),
        None => {}
    }
    let json: Vec<_> = left.iter().map(|(id, why)| json!({ "id": id, "why": why })).collect();
    let again: Vec<_> = replayed.iter().map(|(id, run)| json!({ "id": id, "run": run })).collect();
    output.data(&json!({ "count": ids.len(), "done": done, "left": json, "replayed": again }));
    for (id, run) in &replayed {
        output.line(format!("{id}: replayed as run {run}"));
    }
    for (id, why) in &left {
        let why = if *why == NOT_DEAD { "is no dead letter (any more)" } else { why };
        output.error(&format!("{id}: {why}"));
    }
    output.line(format!("{} {done}", if what == What::Replay { "replayed" } else { "discarded" }));
    Ok(if left.is_empty() { Exit::Done } else { Exit::Failed })
}
