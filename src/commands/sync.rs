//! `syncline sync`: runs a sync and waits for its end.

use sea_orm::{
    ColumnTrait, DatabaseConnection, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QuerySelect,
    RelationTrait,
};
use serde_json::{Value, json};
use syncline_api::routes::jobs::show::view;
use syncline_entity::{sync_conflict, sync_history, sync_metadata, types::RunKind};
use syncline_runs::RunQueue;
use syncline_service::{runs::refuse_paused, syncs};

use crate::{
    app,
    cli::SyncArgs,
    config::{Config, LeaseConfig},
    fault::{Exit, Fault},
    output::{Output, bare, list, sync_name, text},
    wait,
    words::{count, is_are},
};

/// Item errors shown; `--json` has more.
const ERRORS_SHOWN: usize = 5;

/// Runs a sync and prints its result.
pub(crate) async fn run(config: &Config, args: &SyncArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let sync = syncs::find(&db, &args.name).await?;
    if !args.wait {
        refuse_paused(&db, &sync).await?;
    }
    let run = wait::manual_run(&sync, RunKind::Sync, &args.run)?;
    let row = wait::run_to_end(config, &db, &run, LeaseConfig::from(&args.lease), output).await?;
    let open = open_conflicts(&db, sync.id).await?;
    Ok(tell(&document(&db, None, row, open).await?, output))
}

/// The number of a sync's conflicts that wait for a person.
pub(crate) async fn open_conflicts(db: &DatabaseConnection, config_id: i64) -> Result<u64, Fault> {
    Ok(sync_conflict::Entity::find()
        .join(JoinType::InnerJoin, sync_conflict::Relation::Link.def())
        .filter(sync_metadata::Column::SyncConfigId.eq(config_id))
        .filter(sync_conflict::Column::Resolved.eq(false))
        .count(db)
        .await?)
}

/// Prints the result of a run: the numbers on standard output, errors on standard error. The exit code is 0 only if
/// everything is in step.
pub(crate) fn tell(run: &Value, output: &Output) -> Exit {
    output.data(run);
    results(run, output);
    output.line(format!("details: syncline runs {}", text(run, "id")));
    for error in errors(run) {
        output.error(&error);
    }
    let open = run["open_conflicts"].as_u64().unwrap_or(0);
    if open > 0 {
        output.line(format!(
            "{} for a person: syncline conflicts",
            count(open, "conflict waits", "conflicts wait")
        ));
    }
    let done = run["status"] == "completed" && run["items_failed"] == 0 && open == 0;
    if done { Exit::Done } else { Exit::Failed }
}

/// Prints the result of a run without its errors.
pub(crate) fn results(run: &Value, output: &Output) {
    let details = &run["details"];
    let number = |key: &str| details[key].as_u64().unwrap_or(0);
    // A run that no worker began has no duration, and one that is not over has none yet.
    let over = !run["started_at"].is_null() && !run["completed_at"].is_null();
    let took = run["duration_ms"].as_i64().filter(|_| over);
    let took = took.map(|ms| format!(" in {:.2} s", ms as f64 / 1000.0)).unwrap_or_default();
    output.line(format!("{}: {}{took}", sync_name(run), text(run, "status")));
    if !details.is_null() {
        output.line(counts(run));
    }
    let (missing, both_gone) = (number("missing"), number("both_gone"));
    let ended = number("ended").saturating_sub(both_gone);
    if missing > 0 {
        output.line(format!(
            "{} {} missing: the next complete run that does not find {}, or --confirm-deletes, acts on it",
            count(missing, "item", "items"),
            is_are(missing),
            if missing == 1 { "it" } else { "them" },
        ));
    }
    if ended > 0 {
        output.line(format!(
            "{}: the item is gone from one side; the item of the other side stays and is not created again",
            count(ended, "link ended", "links ended")
        ));
    }
    if both_gone > 0 {
        output.line(format!("{}: both items are gone", count(both_gone, "link ended", "links ended")));
    }
    notes(details, output);
    if details["after_restore"] == true {
        output.line("Syncline's database was restored before this run: syncline mark-restored --show");
    }
}

/// Prints what a run left alone.
fn notes(details: &Value, output: &Output) {
    let notes = details["notes"].as_array().map(Vec::as_slice).unwrap_or_default();
    for note in notes.iter().take(ERRORS_SHOWN) {
        let text = |key: &str| note[key].as_str().unwrap_or("?");
        output.line(format!("note: {}: {}", text("item"), text("error")));
    }
    if notes.len() > ERRORS_SHOWN {
        output.line(format!("and {} more notes; --json has them", notes.len() - ERRORS_SHOWN));
    }
}

/// A run's numbers in a sentence; rare ones only if they are not zero.
fn counts(run: &Value) -> String {
    let number = |key: &str| run["details"][key].as_i64().unwrap_or(0);
    let of_run = |key: &str| run[key].as_i64().unwrap_or(0);
    let mut told = format!(
        "{} created, {} updated, {} deleted, {} unchanged",
        of_run("created"),
        of_run("updated"),
        of_run("deleted"),
        number("unchanged")
    );
    let (resolved, open) = (number("resolved"), of_run("conflicts"));
    let conflicts = |number: i64| if number == 1 { "conflict" } else { "conflicts" };
    let rest = [
        (number("skipped"), "skipped".to_owned()),
        (of_run("items_failed"), "failed".to_owned()),
        (resolved, format!("{} resolved", conflicts(resolved))),
        (open, format!("{} for a person", conflicts(open))),
    ];
    for (number, what) in rest.into_iter().filter(|(number, _)| *number > 0) {
        told.push_str(&format!(", {number} {what}"));
    }
    told
}

/// The errors of a run, a line each.
pub(crate) fn errors(run: &Value) -> Vec<String> {
    let status = text(run, "status");
    let message = || run["error"].as_str().map(str::to_owned);
    let items = list(&run["details"], "errors");
    if items.is_empty() {
        // The status shows that it was cancelled; any other message adds something.
        let says_more = |message: &String| status != "cancelled" || message != "cancelled";
        return message().into_iter().filter(says_more).collect();
    }
    let line = |error: &Value| {
        format!("{}: {}", error["item"].as_str().unwrap_or("?"), error["error"].as_str().unwrap_or("?"))
    };
    let mut lines: Vec<String> = items.iter().take(ERRORS_SHOWN).map(line).collect();
    // A held run lists the reason beside its failed items.
    if status != "completed" {
        lines.extend(message());
    }
    if items.len() > ERRORS_SHOWN {
        lines.push(format!("and {} more; --json has them", items.len() - ERRORS_SHOWN));
    }
    lines
}

/// A run as JSON: the view of the API, and the number of open conflicts.
pub(crate) async fn document(
    db: &DatabaseConnection,
    queue: Option<&RunQueue>,
    row: sync_history::Model,
    open: u64,
) -> Result<Value, Fault> {
    let mut run = bare(view(db, queue, row, "").await?);
    run["open_conflicts"] = json!(open);
    Ok(run)
}

/// The result of a run, or a plan, in a few words.
pub(crate) fn brief(run: &Value) -> String {
    let plan = run["kind"] == "plan";
    let number = |key: &str| run[key].as_i64().unwrap_or(0);
    let verbs = if plan {
        ["would create", "would update", "would delete"]
    } else {
        ["created", "updated", "deleted"]
    };
    let numbers = ["created", "updated", "deleted"].map(number);
    let mut parts: Vec<String> = numbers
        .iter()
        .zip(verbs)
        .filter(|(number, _)| **number > 0)
        .map(|(number, verb)| if plan { format!("{verb} {number}") } else { format!("{number} {verb}") })
        .collect();
    let rest = [(number("items_failed"), "failed"), (number("conflicts"), "in conflict")];
    parts.extend(
        rest.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")),
    );
    let completed = run["status"] == "completed";
    let over = !run["completed_at"].is_null() && completed;
    let did = match (parts.is_empty(), over) {
        (false, _) => parts.join(", "),
        (true, true) if plan => "would change nothing".to_owned(),
        (true, true) => "no changes".to_owned(),
        (true, false) => String::new(),
    };
    let error = run["error"].as_str().and_then(|text| text.lines().next());
    // Errors of a completed run are those of its items, which are counted.
    let error = error.filter(|error| !completed && *error != "cancelled");
    match (did.is_empty(), error) {
        (_, None) => did,
        (true, Some(error)) => error.to_owned(),
        (false, Some(error)) => format!("{did}; {error}"),
    }
}
