//! `run.progressed`: the progress of runs, for readers of the live feed.
//!
//! Workers write the progress of a run to its job, in the store of the queue. While the feed has a reader, it is read there once
//! a second. So it reaches the readers of every replica, and nothing is stored for it.

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
/// The most running jobs that are read.
const MOST: usize = 1_000;

/// The last progress that was sent, by run.
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

/// Sends the progress that has changed.
async fn look(feed: &Inner, queue: &RunQueue, told: &mut Told) -> Result<(), Error> {
    let asked = Listing { limit: MOST, ..Listing::new(Standing::InProgress) };
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
        // An error means that there is no reader.
        let _ = feed.passing.send(Arc::new(Delivery::of(row, &feed.names)));
    }
    told.extend(news.into_iter().map(|(job, progress)| (job.id, progress)));
    Ok(())
}
