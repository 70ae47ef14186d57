//! A Jira project and a repository: a first sync, polls that find nothing new, and one that finds a thousand edits.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::{
    raw,
    stage::{ISSUES, Stage, tell, used},
};

/// Edits that one poll finds.
const EDITS: usize = 1_000;

const DOCUMENT: &str = "\
name: web
source_platform: jira
source: { account: acme-jira, project_key: WEB }
target_platform: github
target: { account: acme, repository: acme/copy }
entity_type: issue
two_way_create: true
field_mappings:
  - { source_field: summary, target_field: title, required: true }
  - { source_field: description, target_field: body, source_type: rich_text, target_type: rich_text }
  - { source_field: status, target_field: status, source_type: status, target_type: status }
  - { source_field: labels, target_field: labels, source_type: set, target_type: set }
";

pub(crate) async fn run() -> Result<()> {
    let mut stage = Stage::new().await?;
    stage.control("/jira/users", json!({ "handle": "ada", "name": "Ada Quist", "admin": true })).await?;
    let project = json!({ "key": "WEB", "lead": "ada", "members": { "ada": "admin" } });
    stage.control("/jira/projects", project).await?;
    let token = stage.control("/jira/tokens", json!({ "user": "ada" })).await?;
    let part = |key: &str| token[key].as_str().context("a part of the secret");
    let secret = format!("{}:{}", part("email")?, part("token")?);
    stage.account("acme-jira", "jira", &secret)?;
    stage.control("/jira/projects/WEB/seed", json!({ "items": ISSUES, "done": 0 })).await?;
    stage.apply(DOCUMENT).await?;
    let first = stage.sync()?;
    let requests = stage.requests().await?.len();
    tell("Jira to GitHub, first sync of 2,000", first.wall, Some(used(&first)), Some(ISSUES), requests);
    stage.rest().await?;

    let found = stage.simulator.get("/jira/projects/WEB/issues").await?;
    let keys: Vec<&str> =
        found.as_array().context("issues")?.iter().filter_map(|issue| issue["key"].as_str()).collect();
    let worker = stage.worker()?;
    worker.tell_quiet(&stage).await?;
    for (round, latency) in [0_u64, 10].into_iter().enumerate() {
        for key in keys.iter().take(EDITS) {
            let change = json!({ "summary": format!("Edited in round {round}: {key}"), "lag_ms": 0 });
            stage.simulator.control("PATCH", &format!("/jira/issues/{key}"), change).await?;
        }
        stage.simulator.control("PATCH", "/settings", json!({ "latency_ms": latency })).await?;
        stage.simulator.forget().await?;
        let before = worker.processor()?;
        let wall = worker.poll()?;
        let used = worker.processor()? - before;
        let calls = stage.requests().await?;
        let edits = calls.iter().filter(|call| call["method"] == "PATCH").count();
        ensure!(edits == EDITS, "{edits} issues were written");
        let what = format!("  1,000 edits, answers after {latency} ms");
        tell(&what, wall, Some(used), Some(EDITS), calls.len());
        let alone = raw::send(&stage, &calls, &secret).await?;
        tell("  the same calls without Syncline", alone, None, Some(EDITS), calls.len());
        println!("  {:.2} times the time of the calls", wall.as_secs_f64() / alone.as_secs_f64());
        stage.simulator.control("PATCH", "/settings", json!({ "latency_ms": 0 })).await?;
        stage.rest().await?;
    }
    Ok(())
}
