//! Two repositories: a first sync, and polls that find nothing new.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use syncline_support::cost::Cost;

use crate::stage::{ISSUES, Stage, tell, used};

/// Polls of the worker that are measured.
const POLLS: u32 = 100;

const DOCUMENT: &str = "\
name: web
source_platform: github
source: { account: acme, repository: acme/web }
target_platform: github
target: { account: acme, repository: acme/copy }
entity_type: issue
two_way_create: true
field_mappings:
  - { source_field: title, target_field: title, required: true }
  - { source_field: body, target_field: body }
  - { source_field: status, target_field: status }
  - { source_field: labels, target_field: labels, source_type: array, target_type: array }
";

pub(crate) async fn run() -> Result<()> {
    let stage = Stage::new().await?;
    stage.repository("web").await?;
    // Old enough for a poll not to look at them again.
    let seed = json!({ "items": ISSUES, "closed": 0, "pull_requests": 0, "every": 60 });
    stage.control("/github/repos/acme/web/seed", seed).await?;
    stage.apply(DOCUMENT).await?;
    let first = stage.sync()?;
    let requests = stage.requests().await?.len();
    tell("GitHub to GitHub, first sync of 2,000", first.wall, Some(used(&first)), Some(ISSUES), requests);
    stage.rest().await?;
    let mut polls = (0..9).map(|_| stage.sync()).collect::<Result<Vec<Cost>>>()?;
    let requests = stage.requests().await?.len() / polls.len();
    polls.sort_by_key(used);
    let middle = &polls[polls.len() / 2];
    tell("  no change, a whole `syncline sync`", middle.wall, Some(used(middle)), None, requests);
    quiet(&stage).await
}

/// The processor time of a poll in a worker that runs, without what the worker uses in the same time when it has nothing
/// to do.
async fn quiet(stage: &Stage) -> Result<()> {
    let worker = stage.worker()?;
    stage.simulator.forget().await?;
    let (began, before) = (Instant::now(), worker.processor()?);
    let mut wall = Duration::ZERO;
    for _ in 0..POLLS {
        wall += worker.poll()?;
    }
    let (took, used) = (began.elapsed(), worker.processor()? - before);
    let requests = stage.requests().await?.len() / POLLS as usize;
    let before = worker.processor()?;
    tokio::time::sleep(took).await;
    let used = used.saturating_sub(worker.processor()? - before);
    tell("  no change, a poll in a worker", wall / POLLS, Some(used / POLLS), None, requests);
    Ok(())
}
