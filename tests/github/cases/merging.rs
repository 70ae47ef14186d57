//! Area B: what was removed stays removed.

use anyhow::{Result, ensure};
use serde_json::{Value as Json, json};

use crate::stage::{LEFT, RIGHT, Stage};

fn labels(issue: &Json) -> Vec<String> {
    let names = issue["labels"].as_array().into_iter().flatten();
    let mut names: Vec<String> =
        names.filter_map(|label| label["name"].as_str().map(str::to_owned)).collect();
    names.sort();
    names
}

/// Removed on either side, a label goes from the other side, and never comes back.
#[tokio::test(flavor = "multi_thread")]
async fn case_25_a_removed_label_stays_removed() -> Result<()> {
    let stage = Stage::new().await?;
    stage.apply("")?;
    let left = stage.github.create(LEFT, json!({ "title": "T", "labels": ["a", "b", "c"] })).await?;
    stage.sync()?;
    let right = stage.github.titled(RIGHT, "T").await?["number"].as_u64().unwrap_or_default();
    for (repository, number, kept) in [(LEFT, left, vec!["a", "b"]), (RIGHT, right, vec!["a"])] {
        stage.github.edit(repository, number, json!({ "labels": kept })).await?;
        stage.sync()?;
        for repository in [LEFT, RIGHT] {
            ensure!(labels(&stage.github.titled(repository, "T").await?) == kept, "{repository}");
        }
        // Another edit does not bring it back.
        stage.github.edit(repository, number, json!({ "body": format!("{repository} edited") })).await?;
        stage.sync()?;
        ensure!(labels(&stage.github.titled(LEFT, "T").await?) == kept);
        stage.ensure_quiet().await?;
    }
    Ok(())
}

/// Both stay themselves, and removing one removes one.
#[tokio::test(flavor = "multi_thread")]
async fn case_71_labels_with_spaces() -> Result<()> {
    let stage = Stage::new().await?;
    stage.apply("")?;
    let both = ["needs triage", "needs-triage"];
    let left = stage.github.create(LEFT, json!({ "title": "T", "labels": both })).await?;
    stage.sync()?;
    ensure!(labels(&stage.github.titled(RIGHT, "T").await?) == both);
    stage.github.edit(LEFT, left, json!({ "labels": ["needs-triage"] })).await?;
    stage.sync()?;
    ensure!(labels(&stage.github.titled(RIGHT, "T").await?) == ["needs-triage"]);
    stage.ensure_quiet().await
}
