//! `run.progressed`: how far runs have come, for those who listen.
//!
//! Workers note the progress of a run on its job, in whichever store the queue is. It is read there once a second while
//! somebody listens, so that it is the same in one process and over several ones, and nothing is written for it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{SubsecRound, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use syncline_entity::{event, sync_config, types::EventType};
use syncline_queue::chain;
use syncline_runs::{
    RunQueue,
    listing::{Listed, Listing, Standing, list},
};
use tokio::time::sleep;
use uuid::Uuid;

use super::{Delivery, Inner};
use crate::Error;

/// The shortest time between two events of one run.
const EVERY: Duration = Duration::from_secs(1);
/// Running jobs that are looked at; more are never at work at once.
const MOST: usize = 1_000;

/// The progress that was told last, by run.
type Told = HashMap<Uuid, Value>;

pub(super) async fn run(feed: &Inner, queue: &RunQueue) {
    let mut readers = feed.readers.subscribe();
    let mut told = Told::new();
    loop {
        if readers.wait_for(|readers| *readers > 0).await.is_err() {
            return;
        }
        if let Err(error) = look(feed, queue, &mut told).await {
            tracing::debug!(error = chain(&error), "the progress of runs cannot be read");
        }
        sleep(EVERY).await;
    }
}

/// Passes on the progress that is new.
async fn look(feed: &Inner, queue: &RunQueue, told: &mut Told) -> Result<(), Error> {
    let asked = Listing { limit: MOST, ..Listing::new(Standing::Running) };
    let jobs = list(&feed.db, queue, &asked).await?.jobs;
    told.retain(|run, _| jobs.iter().any(|job| job.id == *run));
    let news: Vec<(Listed, Value)> = jobs
        .into_iter()
        .filter_map(|job| {
            let progress = job.progress.clone()?;
            (told.get(&job.id) != Some(&progress)).then_some((job, progress))
        })
        .collect();
    let syncs: Vec<i64> = news.iter().filter_map(|(job, _)| job.sync).collect();
    if syncs.is_empty() {
        return Ok(());
    }
    let syncs =
        sync_config::Entity::find().filter(sync_config::Column::Id.is_in(syncs)).all(&feed.db).await?;
    let projects: HashMap<i64, i64> = syncs.into_iter().map(|sync| (sync.id, sync.project_id)).collect();
    let rows: Vec<event::Model> = news
        .iter()
        .filter_map(|(job, progress)| {
            let sync = job.sync?;
            Some(event::Model {
                seq: 0,
                id: Uuid::now_v7(),
                project_id: Some(*projects.get(&sync)?),
                rooms: format!("sync:{sync} queue:{}", asked.queue),
                kind: EventType::RunProgressed.as_str().to_owned(),
                subject: Some(job.id.to_string()),
                time: Utc::now().trunc_subsecs(6),
                data: json!({
                    "run": job.id, "sync": sync, "kind": job.kind, "done": progress["done"], "total": progress["total"],
                }),
            })
        })
        .collect();
    feed.names.learn(&feed.db, &rows).await?;
    for row in rows {
        // Nobody listens any more: then nobody misses it.
        let _ = feed.passing.send(Arc::new(Delivery::of(row, &feed.names)));
    }
    told.extend(news.into_iter().map(|(job, progress)| (job.id, progress)));
    Ok(())
}
