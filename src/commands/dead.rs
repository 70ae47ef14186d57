//! `syncline dead`: lists, shows, replays and discards dead letters.

use std::{
    collections::HashMap,
    io::{IsTerminal, Write},
};

use sea_orm::DatabaseConnection;
use serde_json::json;
use syncline_entity::types::OperationAction;
use syncline_queue::Error;
use syncline_runs::{
    RunQueue,
    dead::{self as letters, Group, GroupQuery},
    listing::{self, Listed, Listing, Standing},
};
use syncline_service::{
    dead::{self, Done, NOT_DEAD},
    operations::{self, Letters},
    syncs::{self, StoredSync},
};
use uuid::Uuid;

use super::{jobs, workers};
use crate::{
    app,
    cli::{DeadAction, DeadArgs, DeadGroupsArgs, DeadListArgs, DeadManyArgs, PageArgs},
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
        Some(DeadAction::Groups(args)) => groups(&db, args, output).await,
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
    let asked = Listing { group: args.group.clone(), ..asked };
    let page = listing::list(db, queue, &asked).await?;
    jobs::tell(db, &page.jobs, page.next.as_deref(), "no dead letters", output).await
}

/// Lists groups of dead letters.
async fn groups(db: &DatabaseConnection, args: &DeadGroupsArgs, output: &Output) -> Result<Exit, Fault> {
    let sync = match &args.sync {
        Some(name) => Some(syncs::find(db, name).await?.id),
        None => None,
    };
    let query = GroupQuery {
        sync,
        kind: args.error_kind.clone(),
        text: args.text.clone(),
        order: args.sort,
        limit: args.limit,
        skip: args.skip,
        ..GroupQuery::default()
    };
    let groups = letters::groups(db, &query).await?;
    let known = syncs::all(db).await?;
    let sync_of = |group: &Group| known.get(&group.sync).map(ToString::to_string).unwrap_or_default();
    let json = groups.iter().map(|group| {
        json!({
            "group": group.fingerprint, "sync": known.get(&group.sync).map(|sync| &sync.name),
            "project": known.get(&group.sync).map(|sync| &sync.project), "error_kind": group.kind,
            "letters": group.letters, "first_at": group.first_at, "last_at": group.last_at, "latest": group.latest,
            "reason": group.reason, "error": group.error,
        })
    });
    output.data(&json!({ "groups": json.collect::<Vec<_>>() }));
    if groups.is_empty() {
        output.line("no dead letters");
        return Ok(Exit::Done);
    }
    let line = |group: &Group| {
        vec![
            group.fingerprint.clone(),
            sync_of(group),
            group.kind.clone().unwrap_or_default(),
            group.letters.to_string(),
            since(group.first_at),
            since(group.last_at),
            group.error.clone().unwrap_or_default(),
        ]
    };
    let head = ["group", "sync", "kind", "letters", "first", "latest", "error"];
    output.table(&head, groups.iter().map(line).collect());
    output.line("syncline dead replay --group GROUP tries all of a group again");
    Ok(Exit::Done)
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
    let filtered = args.group.is_some()
        || which.sync.is_some()
        || which.kind.is_some()
        || which.key.is_some()
        || which.text.is_some()
        || which.filter.is_some()
        || which.older_than.is_some();
    let ids = match (args.ids.is_empty(), filtered, args.all) {
        (false, false, false) => ids::dead(db, queue, &args.ids).await?,
        (true, true, false) | (true, false, true) => {
            if args.background {
                return in_background(config, (db, queue), args, what, output).await;
            }
            let asked = jobs::listing(db, which, &PageArgs { limit: 1, after: None }, Standing::Dead).await?;
            let asked = Listing { group: args.group.clone(), ..asked };
            listing::dead_ids(db, queue, &asked).await?
        }
        (true, false, false) => {
            return Err(Fault::usage(format!(
                "say which dead letters to {verb}: their ids, a filter (--group, --filter, --sync, --text, --older-than, --kind, --key), or --all"
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

/// Starts an operation that workers carry out.
async fn in_background(
    config: &Config,
    (db, queue): (&DatabaseConnection, &RunQueue),
    args: &DeadManyArgs,
    what: What,
    output: &Output,
) -> Result<Exit, Fault> {
    let sync = match &args.which.sync {
        Some(name) => Some(syncs::find(db, name).await?.id),
        None => None,
    };
    let letters = Letters {
        sync,
        group: args.group.clone(),
        kind: args.which.kind.clone(),
        text: args.which.text.clone(),
        q: args.which.filter.clone(),
    };
    let (action, verb) = match what {
        What::Replay => (OperationAction::Replay, "replay"),
        What::Discard => (OperationAction::Discard, "discard"),
    };
    let caller = config.caller();
    let preview = operations::preview(db, &caller, action, &letters).await?;
    let total = preview.row.total.unsigned_abs();
    if !args.yes && !confirm(verb, usize::try_from(total).unwrap_or(usize::MAX))? {
        output.line("nothing was done");
        return Ok(Exit::Failed);
    }
    let row = operations::start(db, queue, &caller, &preview.token, args.why.as_deref()).await?;
    output.data(&super::operations::as_json(&row));
    output
        .line(format!("workers {verb} {total} dead letters: syncline operations show {}", row.operation_uid));
    if !workers::any(db).await? {
        output.line(workers::NONE);
    }
    Ok(Exit::Done)
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
