//! `syncline operations`: changes of many things in the background.

use serde_json::{Value, json};
use syncline_entity::{
    operation,
    types::{OperationAction, OperationState},
};
use syncline_service::operations;

use crate::{
    app,
    cli::{OperationsAction, OperationsArgs},
    config::Config,
    fault::{Exit, Fault},
    output::Output,
    words::{date, since},
};

/// Operations listed without `--limit`.
const USUAL: u64 = 20;

/// Carries out what is asked of operations.
pub(crate) async fn run(config: &Config, args: &OperationsArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let caller = config.caller();
    let limit = match &args.action {
        Some(OperationsAction::Show(args)) => {
            let row = operations::find(&db, &caller, args.id).await?;
            output.data(&as_json(&row));
            show(&row, output);
            return Ok(if row.state == OperationState::Failed { Exit::Failed } else { Exit::Done });
        }
        Some(OperationsAction::Cancel(args)) => {
            let (row, asked) = operations::cancel(&db, &caller, args.id).await?;
            let mut data = as_json(&row);
            data["changed"] = asked.into();
            output.data(&data);
            output.line(if asked {
                format!("the operation is asked to stop; {} of {} are done", row.done, row.total)
            } else {
                format!("the operation is {} and was not asked anew", row.state)
            });
            return Ok(Exit::Done);
        }
        Some(OperationsAction::List(args)) => args.limit,
        None => USUAL,
    };
    let all = operations::list(&db, &caller, limit, None).await?;
    output.data(&json!({ "operations": all.iter().map(as_json).collect::<Vec<_>>() }));
    if all.is_empty() {
        output.line("no operations; `syncline dead replay --group GROUP --background` starts one");
        return Ok(Exit::Done);
    }
    let line = |row: &operation::Model| {
        vec![
            row.operation_uid.to_string(),
            row.action.to_string(),
            row.state.to_string(),
            format!("{} of {}", row.done, row.total),
            row.skipped.to_string(),
            row.actor.clone(),
            since(row.created_at),
        ]
    };
    let head = ["operation", "action", "state", "done", "left", "by", "age"];
    output.table(&head, all.iter().map(line).collect());
    Ok(Exit::Done)
}

fn show(row: &operation::Model, output: &Output) {
    let subjects = match row.action {
        OperationAction::Resolve => "conflicts",
        OperationAction::Replay | OperationAction::Discard => "dead letters",
    };
    output.line(format!("operation {}: {} of {subjects}", row.operation_uid, row.action));
    output.line(format!(
        "{}: {} of {} done, {} left as they were",
        row.state, row.done, row.total, row.skipped
    ));
    output.line(format!("asked for by {} at {} UTC", row.actor, date(row.created_at)));
    if let Some(reason) = &row.reason {
        output.line(format!("reason: {reason}"));
    }
    if row.cancel_requested_at.is_some() && row.state == OperationState::Running {
        output.line("it was asked to stop");
    }
    if let Some(error) = &row.error {
        output.error(error);
    }
}

pub(super) fn as_json(row: &operation::Model) -> Value {
    json!({
        "id": row.operation_uid, "action": row.action, "state": row.state, "filter": row.filter, "until": row.cutoff,
        "total": row.total, "done": row.done, "skipped": row.skipped, "by": row.actor, "reason": row.reason,
        "created_at": row.created_at, "started_at": row.started_at, "completed_at": row.completed_at,
        "cancel_requested": row.cancel_requested_at.is_some(), "error": row.error,
    })
}
