//! `syncline queues`: how long the lines are.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use syncline_entity::worker;
use syncline_queue::{Count, Priority, State, outbox::RUN_QUEUE};

use super::jobs::age;
use crate::{
    app,
    fault::{Exit, Fault},
    output::Output,
};

/// Counts them.
pub(crate) async fn run(url: &str, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(url).await?;
    let queue = app::queue(&db)?;
    let mut queues = BTreeSet::from([RUN_QUEUE.to_owned()]);
    for seen in worker::live(&db).await? {
        let names = seen.worker.queues.as_array().into_iter().flatten();
        queues.extend(names.filter_map(Value::as_str).map(str::to_owned));
    }
    let (mut told, mut rows) = (Vec::new(), Vec::new());
    for name in queues {
        let counts = queue.counts(&name).await?;
        let paused = queue.is_paused(&name).await?;
        let classes: Vec<Class> =
            Priority::ALL.into_iter().map(|priority| Class::of(priority, &counts)).collect();
        for class in &classes {
            rows.push(vec![
                if paused { format!("{name} (paused)") } else { name.clone() },
                class.priority.to_string(),
                class.waiting.to_string(),
                class.delayed.to_string(),
                class.running.to_string(),
                class.dead.to_string(),
                class.oldest.map(age).unwrap_or_default(),
            ]);
        }
        let json: Vec<Value> = classes.iter().map(Class::json).collect();
        told.push(json!({ "queue": name, "paused": paused, "limit": queue.limit(), "priorities": json }));
    }
    output.data(&json!({ "queues": told }));
    let head = ["queue", "priority", "waiting", "delayed", "running", "dead", "oldest waits"];
    output.table(&head, rows);
    Ok(Exit::Done)
}

/// The jobs of one priority.
struct Class {
    priority: Priority,
    waiting: u64,
    delayed: u64,
    running: u64,
    dead: u64,
    oldest: Option<std::time::Duration>,
}

impl Class {
    fn of(priority: Priority, counts: &[Count]) -> Class {
        let of = |state| counts.iter().find(|count| count.priority == priority && count.state == state);
        let jobs = |state| of(state).map_or(0, |count| count.jobs);
        let waiting = of(State::Waiting);
        Class {
            priority,
            waiting: jobs(State::Waiting),
            delayed: waiting.map_or(0, |count| count.delayed),
            running: jobs(State::Running),
            dead: jobs(State::Dead),
            oldest: waiting.filter(|count| count.jobs > count.delayed).map(|count| count.oldest),
        }
    }

    fn json(&self) -> Value {
        json!({
            "priority": self.priority.as_str(),
            "waiting": self.waiting,
            "delayed": self.delayed,
            "running": self.running,
            "dead": self.dead,
            "oldest_seconds": self.oldest.map(|oldest| oldest.as_secs_f64()),
        })
    }
}
