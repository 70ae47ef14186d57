//! `syncline operations`: changes of many things in the background.

use serde_json::{Value, json};
use syncline_api::routes::operations::view;
use syncline_entity::operation;
use syncline_service::operations;

use crate::{
    app,
    cli::{OperationsAction, OperationsArgs, OperationsListArgs},
    config::Config,
    fault::{Exit, Fault},
    output::{Output, list, moment, text},
    words::{date, since},
};

/// Carries out what is asked of operations.
pub(crate) async fn run(config: &Config, args: &OperationsArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let caller = config.caller();
    let limit = match &args.action {
        Some(OperationsAction::Show(args)) => {
            let row = operations::find(&db, &caller, args.id).await?;
            return Ok(show(&as_json(&row), output));
        }
        Some(OperationsAction::Cancel(args)) => {
            let (row, asked) = operations::cancel(&db, &caller, args.id).await?;
            let mut data = as_json(&row);
            data["changed"] = asked.into();
            tell_cancelled(&data, output);
            return Ok(Exit::Done);
        }
        Some(OperationsAction::List(args)) => args.limit,
        None => OperationsListArgs::USUAL,
    };
    let all = operations::list(&db, &caller, limit, None).await?;
    tell(&json!({ "operations": all.iter().map(as_json).collect::<Vec<_>>() }), output);
    Ok(Exit::Done)
}

/// Prints operations.
pub(crate) fn tell(document: &Value, output: &Output) {
    output.data(document);
    let all = list(document, "operations");
    if all.is_empty() {
        output.line("no operations; `syncline dead replay --group GROUP --background` starts one");
        return;
    }
    let line = |row: &Value| {
        vec![
            text(row, "id"),
            text(row, "action"),
            text(row, "state"),
            format!("{} of {}", row["done"], row["total"]),
            row["skipped"].to_string(),
            text(row, "by"),
            moment(row, "created_at").map(since).unwrap_or_default(),
        ]
    };
    let head = ["operation", "action", "state", "done", "left", "by", "age"];
    output.table(&head, all.iter().map(line).collect());
}

/// Prints that an operation was asked to stop.
pub(crate) fn tell_cancelled(row: &Value, output: &Output) {
    output.data(row);
    output.line(if row["changed"] == true {
        format!("the operation is asked to stop; {} of {} are done", row["done"], row["total"])
    } else {
        format!("the operation is {} and was not asked anew", text(row, "state"))
    });
}

/// Prints an operation. The exit code is 1 if it failed.
pub(crate) fn show(row: &Value, output: &Output) -> Exit {
    output.data(row);
    let state = text(row, "state");
    let subjects = if row["action"] == "resolve" { "conflicts" } else { "dead letters" };
    output.line(format!("operation {}: {} of {subjects}", text(row, "id"), text(row, "action")));
    output.line(format!(
        "{state}: {} of {} done, {} left as they were",
        row["done"], row["total"], row["skipped"]
    ));
    let at = moment(row, "created_at").map(date).unwrap_or_default();
    output.line(format!("asked for by {} at {at} UTC", text(row, "by")));
    if let Some(reason) = row["reason"].as_str() {
        output.line(format!("reason: {reason}"));
    }
    if row["cancel_requested"] == true && state == "running" {
        output.line("it was asked to stop");
    }
    if let Some(error) = row["error"].as_str() {
        output.error(error);
    }
    if state == "failed" { Exit::Failed } else { Exit::Done }
}

/// An operation as JSON.
pub(super) fn as_json(row: &operation::Model) -> Value {
    json!(view(row.clone()))
}
