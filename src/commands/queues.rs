//! `syncline queues`: counts the jobs of each queue and priority.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};
use serde_json::{Value, json};
use syncline_entity::{sync_history, types};
use syncline_queue::{Count, Priority, State};
use syncline_runs::{
    RUN_QUEUE, RunQueue,
    listing::{self, Listing, Standing},
    queue_priority,
};
use syncline_service::{pauses::known_queues, queues};

use crate::{
    app,
    cli::{QueuesAction, QueuesArgs},
    config::Config,
    fault::{Exit, Fault},
    output::Output,
    words::age,
};

pub(crate) async fn run(config: &Config, args: &QueuesArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let queue = app::queue(config, &db)?;
    match &args.action {
        Some(QueuesAction::Scale(args)) => scale(&db, &queue, &args.name, output).await,
        None | Some(QueuesAction::List) => list(&db, &queue, output).await,
    }
}

/// Tells how many slots the jobs of a queue need.
async fn scale(
    db: &DatabaseConnection,
    queue: &RunQueue,
    name: &str,
    output: &Output,
) -> Result<Exit, Fault> {
    let scale = queues::scale(db, queue, name).await?;
    output.data(&json!({
        "queue": name, "runnable": scale.runnable, "running": scale.running, "wanted_slots": scale.wanted_slots,
        "slots": scale.slots, "oldest_seconds": scale.oldest.as_secs_f64(),
    }));
    let row =
        [scale.runnable, scale.running, scale.wanted_slots, scale.slots].map(|number| number.to_string());
    output.table(&["runnable", "running", "wanted slots", "slots there are"], vec![row.to_vec()]);
    Ok(Exit::Done)
}

async fn list(db: &DatabaseConnection, queue: &RunQueue, output: &Output) -> Result<Exit, Fault> {
    let (mut json, mut rows) = (Vec::new(), Vec::new());
    for name in known_queues(db).await? {
        let counts = queue.counts(&name).await?;
        let paused = queue.is_paused(&name).await?;
        let mut classes: Vec<Class> =
            Priority::ALL.into_iter().map(|priority| Class::of(priority, &counts)).collect();
        if name == RUN_QUEUE {
            let dead = dead(db, queue).await?;
            for class in &mut classes {
                class.add_undispatched(db).await?;
                class.dead = dead.get(&class.priority).copied().unwrap_or(0);
            }
        }
        for class in &classes {
            rows.push(vec![
                if paused { format!("{name} (paused)") } else { name.clone() },
                class.priority.to_string(),
                class.waiting.to_string(),
                class.delayed.to_string(),
                class.running.to_string(),
                class.undispatched.to_string(),
                class.dead.to_string(),
                class.oldest.map(age).unwrap_or_default(),
            ]);
        }
        let priorities: Vec<Value> = classes.iter().map(Class::json).collect();
        json.push(
            json!({ "queue": name, "paused": paused, "limit": queue.limit(), "priorities": priorities }),
        );
    }
    output.data(&json!({ "queues": json }));
    let head = ["queue", "priority", "waiting", "delayed", "running", "undispatched", "dead", "oldest waits"];
    output.table(&head, rows);
    Ok(Exit::Done)
}

/// The number of dead letters of each priority, as `syncline dead` lists them. The queue's own count differs: it may still
/// contain a dead job whose run is recorded as dead already, and it lacks dead runs whose job is gone.
async fn dead(db: &DatabaseConnection, queue: &RunQueue) -> Result<HashMap<Priority, u64>, Fault> {
    let mut counts: HashMap<Priority, u64> = HashMap::new();
    let rows: Vec<(types::Priority, i64)> = sync_history::Entity::find()
        .select_only()
        .column(sync_history::Column::Priority)
        .column_as(sync_history::Column::Id.count(), "letters")
        .filter(sync_history::Column::DeadAt.is_not_null())
        .group_by(sync_history::Column::Priority)
        .into_tuple()
        .all(db)
        .await?;
    for (priority, letters) in rows {
        *counts.entry(queue_priority(priority)).or_default() += letters.unsigned_abs();
    }
    // Dead jobs without a run.
    let mut asked =
        Listing { limit: 1000, after: Some(listing::AFTER_RUNS.to_owned()), ..Listing::new(Standing::Dead) };
    loop {
        let page = listing::list(db, queue, &asked).await?;
        for job in &page.jobs {
            *counts.entry(job.priority).or_default() += 1;
        }
        match page.next {
            Some(next) => asked.after = Some(next),
            None => return Ok(counts),
        }
    }
}

/// The jobs of one priority.
struct Class {
    priority: Priority,
    waiting: u64,
    delayed: u64,
    running: u64,
    /// Accepted runs that the queue does not have: their sync is paused, or the queue could not be reached.
    undispatched: u64,
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
            undispatched: 0,
            dead: jobs(State::Dead),
            oldest: waiting.filter(|count| count.jobs > count.delayed).map(|count| count.oldest),
        }
    }

    /// Counts the undispatched runs, which are rows of the database with any queue.
    async fn add_undispatched(&mut self, db: &DatabaseConnection) -> Result<(), Fault> {
        let priority: types::Priority = self
            .priority
            .as_str()
            .parse()
            .map_err(|error: types::UnknownValue| Fault::failed(error.to_string()))?;
        self.undispatched = sync_history::Entity::find()
            .filter(sync_history::Column::Priority.eq(priority))
            .filter(sync_history::Column::CompletedAt.is_null())
            .filter(sync_history::Column::DispatchedAt.is_null())
            .count(db)
            .await?;
        Ok(())
    }

    fn json(&self) -> Value {
        json!({
            "priority": self.priority.as_str(),
            "waiting": self.waiting,
            "delayed": self.delayed,
            "running": self.running,
            "undispatched": self.undispatched,
            "dead": self.dead,
            "oldest_seconds": self.oldest.map(|oldest| oldest.as_secs_f64()),
        })
    }
}
