//! `syncline queues`: counts the jobs of each queue and priority.

use std::time::Duration;

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_api::routes::queues::{Queue, scale_view, view};
use syncline_runs::RunQueue;
use syncline_service::queues;

use crate::{
    app,
    cli::{QueuesAction, QueuesArgs},
    config::Config,
    fault::{Exit, Fault},
    output::{Output, list, text},
    words::age,
};

pub(crate) async fn run(config: &Config, args: &QueuesArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let queue = app::queue(config, &db)?;
    match &args.action {
        Some(QueuesAction::Scale(args)) => {
            let scale = queues::scale(&db, &queue, &args.name).await?;
            tell_scale(&json!(scale_view(args.name.clone(), &scale)), output);
        }
        None | Some(QueuesAction::List) => tell(&document(&db, &queue).await?, output),
    }
    Ok(Exit::Done)
}

/// Prints how many slots the jobs of a queue need.
pub(crate) fn tell_scale(scale: &Value, output: &Output) {
    output.data(scale);
    let row = ["runnable", "running", "wanted_slots", "slots"].map(|name| scale[name].to_string());
    output.table(&["runnable", "running", "wanted slots", "slots there are"], vec![row.to_vec()]);
}

/// The queues as JSON.
pub(crate) async fn document(db: &DatabaseConnection, queue: &RunQueue) -> Result<Value, Fault> {
    let queues: Vec<Queue> = queues::counts(db, queue).await?.into_iter().map(view).collect();
    Ok(json!({ "queues": queues }))
}

/// Prints queues.
pub(crate) fn tell(document: &Value, output: &Output) {
    output.data(document);
    let mut rows = Vec::new();
    for queue in list(document, "queues") {
        let name = text(queue, "queue");
        let name = if queue["paused"] == true { format!("{name} (paused)") } else { name };
        for class in list(queue, "priorities") {
            let mut row = vec![name.clone(), text(class, "priority")];
            row.extend(
                ["queued", "delayed", "undispatched", "in_progress", "dead"]
                    .map(|name| class[name].to_string()),
            );
            let oldest =
                class["oldest_seconds"].as_f64().and_then(|age| Duration::try_from_secs_f64(age).ok());
            row.push(oldest.map(age).unwrap_or_default());
            rows.push(row);
        }
    }
    let head =
        ["queue", "priority", "queued", "delayed", "undispatched", "in progress", "dead", "oldest waits"];
    output.table(&head, rows);
}
