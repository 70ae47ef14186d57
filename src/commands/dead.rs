//! `syncline dead`: lists, shows, replays and discards dead letters.

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_api::routes::dead_groups::view;
use syncline_entity::types::OperationAction;
use syncline_queue::Error;
use syncline_runs::{
    RunQueue,
    dead::{self as letters, GroupQuery},
    listing::{self, Listing, Standing},
};
use syncline_service::{
    dead::{self, Done, NOT_DEAD},
    operations::{self, Letters},
    syncs,
};
use uuid::Uuid;

use super::{jobs, workers};
use crate::{
    app,
    cli::{DeadAction, DeadArgs, DeadGroupsArgs, DeadListArgs, DeadManyArgs, PageArgs},
    config::Config,
    fault::{Exit, Fault},
    ids,
    output::{Output, list as entries, moment, sync_name, text},
    words::{self, since},
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
        Some(DeadAction::Groups(args)) => {
            tell_groups(&groups(&db, args).await?, output);
            Ok(Exit::Done)
        }
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
    let document = jobs::document(db, page.jobs, page.next.as_deref()).await?;
    jobs::tell(&document, "no dead letters", output);
    Ok(Exit::Done)
}

/// Groups of dead letters as JSON.
pub(crate) async fn groups(db: &DatabaseConnection, args: &DeadGroupsArgs) -> Result<Value, Fault> {
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
    let groups: Vec<Value> = groups.into_iter().map(|group| json!(view(group, &known))).collect();
    Ok(json!({ "groups": groups }))
}

/// Prints groups of dead letters.
pub(crate) fn tell_groups(document: &Value, output: &Output) {
    output.data(document);
    let groups = entries(document, "groups");
    if groups.is_empty() {
        output.line("no dead letters");
        return;
    }
    let age = |group: &Value, key| moment(group, key).map(since).unwrap_or_default();
    let line = |group: &Value| {
        vec![
            text(group, "group"),
            sync_name(group),
            text(group, "error_kind"),
            group["letters"].to_string(),
            age(group, "first_at"),
            age(group, "last_at"),
            text(group, "error"),
        ]
    };
    let head = ["group", "sync", "kind", "letters", "first", "latest", "error"];
    output.table(&head, groups.iter().map(line).collect());
    output.line("syncline dead replay --group GROUP tries all of a group again");
}

/// Prints dead letters with their error and the reason why they were given up.
pub(super) fn table(letters: &[Value], output: &Output) {
    let line = |letter: &Value| {
        vec![
            text(letter, "id"),
            sync_name(letter),
            text(letter, "kind"),
            moment(letter, "since").map(since).unwrap_or_default(),
            text(letter, "error"),
            reason(&text(letter, "reason")),
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

/// What is done with dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Replay,
    Discard,
}

impl What {
    pub(crate) fn verb(self) -> &'static str {
        match self {
            What::Replay => "replay",
            What::Discard => "discard",
        }
    }
}

/// How the arguments select dead letters.
pub(crate) enum Selection {
    /// By their ids, or the beginnings of them.
    Ids,
    /// By a filter, or all.
    Filter,
}

impl Selection {
    pub(crate) fn of(args: &DeadManyArgs, verb: &str) -> Result<Selection, Fault> {
        let which = &args.which;
        let filtered = args.group.is_some()
            || which.sync.is_some()
            || which.kind.is_some()
            || which.key.is_some()
            || which.text.is_some()
            || which.filter.is_some()
            || which.older_than.is_some();
        match (args.ids.is_empty(), filtered, args.all) {
            (false, false, false) => Ok(Selection::Ids),
            (true, true, false) | (true, false, true) => Ok(Selection::Filter),
            (true, false, false) => Err(Fault::usage(format!(
                "say which dead letters to {verb}: their ids, a filter (--group, --filter, --sync, --text, --older-than, --kind, --key), or --all"
            ))),
            _ => Err(Fault::usage("name ids, or a filter, or --all, and not two of them")),
        }
    }
}

async fn many(
    config: &Config,
    (db, queue): (&DatabaseConnection, &RunQueue),
    args: &DeadManyArgs,
    what: What,
    output: &Output,
) -> Result<Exit, Fault> {
    let verb = what.verb();
    let ids = match Selection::of(args, verb)? {
        Selection::Ids => ids::dead(db, queue, &args.ids).await?,
        Selection::Filter => {
            if args.background {
                return in_background(config, (db, queue), args, what, output).await;
            }
            let asked =
                jobs::listing(db, &args.which, &PageArgs { limit: 1, after: None }, Standing::Dead).await?;
            let asked = Listing { group: args.group.clone(), ..asked };
            listing::dead_ids(db, queue, &asked).await?
        }
    };
    if ids.is_empty() {
        return Ok(none_match(output));
    }
    // A single id needs no confirmation; for several the count is shown first.
    let confirmed = args.yes || (args.ids.len() == 1) || confirm(verb, ids.len() as u64)?;
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
    let verb = what.verb();
    let action = match what {
        What::Replay => OperationAction::Replay,
        What::Discard => OperationAction::Discard,
    };
    let caller = config.caller();
    let preview = operations::preview(db, &caller, action, &letters).await?;
    let total = preview.row.total.unsigned_abs();
    if !args.yes && !confirm(verb, total)? {
        output.line("nothing was done");
        return Ok(Exit::Failed);
    }
    let row = operations::start(db, queue, &caller, &preview.token, args.why.as_deref()).await?;
    tell_begun(&super::operations::as_json(&row), verb, total, output);
    if !workers::any(db).await? {
        output.line(workers::NONE);
    }
    Ok(Exit::Done)
}

/// Prints that workers carry it out.
pub(crate) fn tell_begun(operation: &Value, verb: &str, total: u64, output: &Output) {
    output.data(operation);
    let id = text(operation, "id");
    output.line(format!("workers {verb} {total} dead letters: syncline operations show {id}"));
}

/// Prints that there is nothing to do.
pub(crate) fn none_match(output: &Output) -> Exit {
    output.data(&json!({ "count": 0, "done": 0, "left": [], "replayed": [] }));
    output.line("no dead letters match");
    Exit::Done
}

/// Asks for confirmation; without a terminal it fails with the count.
pub(crate) fn confirm(verb: &str, count: u64) -> Result<bool, Fault> {
    super::confirm::confirm(
        &format!("{verb} {}", words::count(count, "dead letter", "dead letters")),
        "--yes",
    )
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
    let done = json!({ "count": ids.len(), "done": done, "left": json, "replayed": again });
    Ok(tell_done(&done, what, output))
}

/// Prints what became of dead letters. The exit code is 1 if some were left.
pub(crate) fn tell_done(done: &Value, what: What, output: &Output) -> Exit {
    output.data(done);
    for letter in entries(done, "replayed") {
        output.line(format!("{}: replayed as run {}", text(letter, "id"), text(letter, "run")));
    }
    let left = entries(done, "left");
    for letter in left {
        let why = text(letter, "why");
        let why = if why == NOT_DEAD { "is no dead letter (any more)" } else { &why };
        output.error(&format!("{}: {why}", text(letter, "id")));
    }
    let word = if what == What::Replay { "replayed" } else { "discarded" };
    output.line(format!("{word} {}", done["done"]));
    if left.is_empty() { Exit::Done } else { Exit::Failed }
}
