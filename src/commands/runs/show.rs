//! One run: its numbers, plan, attempts, changes and conflicts.

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};
use serde_json::{Value, json};
use syncline_entity::{sync_change, sync_conflict, sync_history};
use syncline_runs::RunQueue;
use uuid::Uuid;

use super::super::{
    changes, plan,
    sync::{document, errors, results},
};
use crate::{
    fault::{Exit, Fault},
    output::{Output, list, moment, sync_name, text},
    words::{count, time},
};

/// Prints a run with at most `limit` of its changes, or of the items of its plan.
pub(super) async fn show(
    db: &DatabaseConnection,
    queue: &RunQueue,
    id: Uuid,
    limit: u64,
    output: &Output,
) -> Result<Exit, Fault> {
    let row =
        sync_history::by_run(db, id).await?.ok_or_else(|| Fault::usage(format!("there is no run {id}")))?;
    let of_run = || sync_change::Entity::find().filter(sync_change::Column::RunId.eq(id));
    let (happened, refused) = (changes::happened(of_run()), changes::not_written(of_run()));
    let (total, refused_total) = (happened.clone().count(db).await?, refused.clone().count(db).await?);
    let found = changes::find(db, happened.limit(limit)).await?;
    let refused = changes::find(db, refused.limit(limit)).await?;
    let open = open_conflicts(db, id).await?;
    let mut whole = document(db, Some(queue), row, open).await?;
    whole["changes"] = found.into_iter().map(changes::as_json).collect();
    whole["changes_total"] = json!(total);
    whole["not_written"] = refused.into_iter().map(changes::as_json).collect();
    whole["not_written_total"] = json!(refused_total);
    tell_whole(&whole, limit, output);
    Ok(Exit::Done)
}

/// Prints a run with its attempts and changes.
pub(crate) fn tell_whole(whole: &Value, limit: u64, output: &Output) {
    output.data(whole);
    headed(whole, limit, output);
    tell_attempts(list(whole, "attempts"), output);
    for (headline, key) in [("changes", "changes"), ("tried and not written", "not_written")] {
        let found = list(whole, key);
        if found.is_empty() {
            continue;
        }
        output.headline(headline);
        changes::table(found, output);
        let total = whole[format!("{key}_total")].as_u64();
        match total.map(|total| total.saturating_sub(found.len() as u64)) {
            Some(0) => {}
            Some(more) => output.line(format!("... and {more} more (--limit)")),
            None => output.line("... and more (--limit)"),
        }
    }
}

/// Prints the numbers of a run, or its plan, its errors, and the conflicts that are still open.
fn headed(run: &Value, limit: u64, output: &Output) {
    output.line(format!("run {}", text(run, "id")));
    if run["kind"] == "plan" {
        plan_of(run, limit, output);
    } else {
        results(run, output);
    }
    for error in errors(run) {
        output.line(format!("error: {error}"));
    }
    let open = run["open_conflicts"].as_u64().unwrap_or(0);
    if open > 0 {
        let still = count(open, "conflict of this run is", "conflicts of this run are");
        output.line(format!("{still} still open: syncline conflicts"));
    }
}

/// Prints a plan run as a plan instead of as work done.
fn plan_of(run: &Value, limit: u64, output: &Output) {
    let details = &run["details"];
    if details["plan"].is_null() {
        output.line(format!("plan of {}: {}", sync_name(run), text(run, "status")));
        return;
    }
    let plan = json!({
        "sync": run["sync"], "project": run["project"], "plan": details["plan"], "held": details["held"],
    });
    plan::tell(&plan, usize::try_from(limit).unwrap_or(usize::MAX), output);
    output.line("This was a plan: nothing was written.");
}

/// The number of conflicts that this run left to a person and that are still open.
async fn open_conflicts(db: &DatabaseConnection, run: Uuid) -> Result<u64, Fault> {
    Ok(sync_conflict::Entity::find()
        .filter(sync_conflict::Column::RunId.eq(run))
        .filter(sync_conflict::Column::Resolved.eq(false))
        .count(db)
        .await?)
}

/// Prints the attempts of a run.
pub(crate) fn tell_attempts(attempts: &[Value], output: &Output) {
    if attempts.is_empty() {
        return;
    }
    let at = |row: &Value, key| moment(row, key).map(time).unwrap_or_default();
    let line = |row: &Value| {
        vec![
            row["attempt"].to_string(),
            text(row, "worker"),
            at(row, "started_at"),
            at(row, "ended_at"),
            text(row, "outcome"),
            text(row, "error"),
        ]
    };
    output.headline("attempts");
    output.table(
        &["attempt", "worker", "began", "ended", "outcome", "error"],
        attempts.iter().map(line).collect(),
    );
    if let Some(waited) = takeover(attempts) {
        output.line(waited);
    }
}

/// Explains a later attempt after a lost one: it begins when the lease of the dead worker has expired.
fn takeover(attempts: &[Value]) -> Option<String> {
    let lost = |row: &&Value| row["ended_at"].is_null() || row["outcome"] == "lost";
    let (at, before) = attempts.iter().enumerate().rev().skip(1).find(|(_, row)| lost(row))?;
    let next = attempts.get(at + 1)?;
    let waited = (moment(next, "started_at")? - moment(before, "started_at")?).num_seconds();
    Some(format!(
        "attempt {} did not end: its worker died or lost its lease, and attempt {} began {waited} s after it. The time \
         of the run includes this.",
        before["attempt"], next["attempt"]
    ))
}
