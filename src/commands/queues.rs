//! `syncline queues`: counts the jobs of each queue and priority.

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use syncline_entity::{sync_history, types};
use syncline_queue::{Count, Priority, State};
use syncline_runs::{
    RUN_QUEUE, RunQueue,
    listing::{self, Listing, Standing},
};
use syncline_service::pauses::known_queues;

use crate::{
    app,
    config::Config,
    fault::{Exit, Fault},
    output::Output,
    words::age,
};

pub(crate) async fn run(config: &Config, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let queue = app::queue(config, &db)?;
    let (mut json, mut rows) = (Vec::new(), Vec::new());
    for name in known_queues(&db).await? {
        let counts = queue.counts(&name).await?;
        let paused = queue.is_paused(&name).await?;
        let mut classes: Vec<Class> =
            Priority::ALL.into_iter().map(|priority| Class::of(priority, &counts)).collect();
        if name == RUN_QUEUE {
            let dead = dead(&db, &queue).await?;
            for class in &mut classes {
                class.add_undispatched(&db).await?;
                class.dead = dead.iter().filter(|priority| **priority == class.priority).count() as u64;
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

/// The priorities of the jobs that `syncline dead` lists. The queue's own count differs: it may still contain a dead
/// job whose run is recorded as dead already, and it lacks dead runs whose job is gone.
async fn dead(db: &DatabaseConnection, queue: &RunQueue) -> Result<Vec<Priority>, Fault> {
    let mut asked = Listing { limit: 1000, ..Listing::new(Standing::Dead) };
    let mut priorities = Vec::new();
    loop {
        let page = listing::list(db, queue, &asked).await?;
        priorities.extend(page.jobs.iter().map(|job| job.priority));
        match page.next {
            Some(next) => asked.after = Some(next),
            None => return Ok(priorities),
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
