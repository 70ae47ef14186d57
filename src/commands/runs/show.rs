//! One run: its numbers, plan, attempts, changes and conflicts.

use sea_orm::{
    ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::{Value, json};
use syncline_entity::{sync_attempt, sync_change, sync_conflict, sync_history};
use syncline_service::syncs;
use uuid::Uuid;

use super::super::{
    changes, plan,
    sync::{as_json, errors, results},
};
use crate::{
    fault::{Exit, Fault},
    output::{Output, moment, sync_name, text},
    words::{count, time},
};

/// Prints a run with at most `limit` of its changes, or of the items of its plan.
pub(super) async fn show(
    db: &DatabaseConnection,
    id: Uuid,
    limit: u64,
    output: &Output,
) -> Result<Exit, Fault> {
    let row =
        sync_history::by_run(db, id).await?.ok_or_else(|| Fault::usage(format!("there is no run {id}")))?;
    let sync = syncs::by_id(db, row.sync_config_id).await?;
    let sync = sync.ok_or_else(|| Fault::failed(format!("the sync of run {id} is gone")))?;
    let attempts = sync_attempt::Entity::find()
        .filter(sync_attempt::Column::RunId.eq(id))
        .order_by_asc(sync_attempt::Column::Attempt)
        .all(db)
        .await?;
    let of_run = || sync_change::Entity::find().filter(sync_change::Column::RunId.eq(id));
    let (happened, refused) = (changes::happened(of_run()), changes::not_written(of_run()));
    let (total, refused_total) = (happened.clone().count(db).await?, refused.clone().count(db).await?);
    let found = changes::find(db, happened.limit(limit)).await?;
    let refused = changes::find(db, refused.limit(limit)).await?;
    let open = open_conflicts(db, id).await?;
    let mut whole = as_json(&sync.named(), &row, open);
    if output.is_json() {
        whole["attempts"] = attempts.iter().map(attempt_json).collect();
        let as_json = |found: &changes::Found| changes::as_json(found, Some(&row));
        whole["changes"] = found.iter().map(as_json).collect();
        whole["changes_total"] = json!(total);
        whole["not_written"] = refused.iter().map(as_json).collect();
        whole["not_written_total"] = json!(refused_total);
        output.data(&whole);
        return Ok(Exit::Done);
    }
    headed(&whole, limit, output);
    let attempts: Vec<Value> = attempts.iter().map(attempt_json).collect();
    tell_attempts(&attempts, output);
    for (headline, found, total) in
        [("changes", &found, total), ("tried and not written", &refused, refused_total)]
    {
        if found.is_empty() {
            continue;
        }
        output.headline(headline);
        changes::table(found, &row, output);
        let more = total.saturating_sub(found.len() as u64);
        if more > 0 {
            output.line(format!("... and {more} more (--limit)"));
        }
    }
    Ok(Exit::Done)
}

/// Prints the numbers of a run, or its plan, its errors, and the conflicts that are still open.
pub(crate) fn headed(run: &Value, limit: u64, output: &Output) {
    output.line(format!("run {}", text(run, "run")));
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

fn attempt_json(row: &sync_attempt::Model) -> Value {
    json!({
        "attempt": row.attempt,
        "worker": row.worker,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "outcome": row.outcome,
        "error": row.error,
    })
}
