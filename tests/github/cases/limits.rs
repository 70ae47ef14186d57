//! Area J: rate limits.

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use crate::stage::{LEFT, RIGHT, Stage};

fn at(entry: &Json) -> Result<DateTime<Utc>> {
    entry["at"].as_str().and_then(|at| at.parse().ok()).with_context(|| format!("a time in {entry}"))
}

/// One sync meets the limit; the other one of the account sends nothing either until it is over.
#[tokio::test(flavor = "multi_thread")]
async fn case_116_a_wait_is_kept_by_all_syncs() -> Result<()> {
    let stage = Stage::new().await?;
    let document = |name: &str, repository: &str| {
        format!(
            "name: {name}\nsource_platform: github\nsource: {{ account: acme, repository: {repository} }}\n\
             target_platform: csv\ntarget: {{ path: {name}.csv, key: id }}\nentity_type: issue\n\
             direction: source_to_target\nfield_mappings:\n  \
             - {{ source_field: number, target_field: id, source_type: number }}\n  \
             - {{ source_field: title, target_field: title }}\n"
        )
    };
    for name in ["one", "two"] {
        stage.program.write(&format!("{name}.csv"), "id,title\n")?;
    }
    stage.apply_document(&format!("{}---\n{}", document("one", LEFT), document("two", RIGHT)))?;
    stage.github.forget().await?;
    stage.github.fault(json!({ "kind": "rate_limit", "status": 429, "retry_after": 6 })).await?;
    let mut first = stage.program.start(&["sync", "one"])?;
    while stage.github.get("/log").await?["entries"].as_array().is_none_or(Vec::is_empty) {
        ensure!(!first.has_ended()?, "the first sync did not wait");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    stage.program.expect(0, &["sync", "two"])?;
    ensure!(first.wait()? == Some(0), "the first sync goes on by itself");
    let log = stage.github.get("/log").await?;
    let entries = log["entries"].as_array().context("entries")?;
    ensure!(entries[0]["status"] == 429 && entries.len() >= 3, "{entries:#?}");
    let waited = at(&entries[1])? - at(&entries[0])?;
    ensure!(waited.num_milliseconds() >= 5_900, "a request came {waited} after the limit");
    let attempts = "SELECT COUNT(*) FROM sync_history WHERE status = 'completed'";
    ensure!(stage.ledger.number(attempts).await? == 2);
    Ok(())
}
