//! Two repositories: a first sync, and polls that find nothing new.

use anyhow::Result;
use serde_json::json;
use syncline_support::cost::Cost;

use crate::stage::{ISSUES, Stage, tell, used};

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
    stage.worker()?.tell_quiet(&stage).await
}
