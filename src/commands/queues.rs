//! `syncline queues`: counts the jobs of each queue and priority.

use std::time::Duration;

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_runs::RunQueue;
use syncline_service::queues::{self, ClassCounts};

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
            tell_scale(
                &json!({
                    "queue": args.name, "runnable": scale.runnable, "running": scale.running,
                    "wanted_slots": scale.wanted_slots, "slots": scale.slots,
                    "oldest_seconds": scale.oldest.as_secs_f64(),
                }),
                output,
            );
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
    let class = |class: &ClassCounts| {
        json!({
            "priority": class.priority.as_str(),
            "waiting": class.waiting,
            "delayed": class.delayed,
            "running": class.running,
            "undispatched": class.undispatched,
            "dead": class.dead,
            "oldest_seconds": class.oldest.map(|oldest| oldest.as_secs_f64()),
        })
    };
    let queues = queues::counts(db, queue).await?.into_iter().map(|queue| {
        let priorities: Vec<Value> = queue.classes.iter().map(class).collect();
        json!({ "queue": queue.name, "paused": queue.paused, "limit": queue.limit, "priorities": priorities })
    });
    Ok(json!({ "queues": queues.collect::<Vec<_>>() }))
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
                ["waiting", "delayed", "running", "undispatched", "dead"].map(|name| class[name].to_string()),
            );
            let oldest =
                class["oldest_seconds"].as_f64().and_then(|age| Duration::try_from_secs_f64(age).ok());
            row.push(oldest.map(age).unwrap_or_default());
            rows.push(row);
        }
    }
    let head = ["queue", "priority", "waiting", "delayed", "running", "undispatched", "dead", "oldest waits"];
    output.table(&head, rows);
}
