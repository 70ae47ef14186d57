//! Area D: who may read what is copied.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::stage::{COMMON, FIELDS, LEFT, RIGHT, Stage};

/// `validate --online` says so; it is allowed, since it may be meant.
#[tokio::test(flavor = "multi_thread")]
async fn case_52_mixed_audience_is_flagged() -> Result<()> {
    let stage = Stage::new().await?;
    let document = |direction: &str| {
        format!(
            "name: issues\nsource_platform: github\nsource: {{ account: acme, repository: {LEFT} }}\n\
             target_platform: github\ntarget: {{ account: acme, repository: {RIGHT} }}\n{}{FIELDS}",
            COMMON.replace("bidirectional", direction).replace("two_way_create: true\n", "")
        )
    };
    let told = |direction: &str| -> Result<String> {
        stage.program.write("sync.yaml", &document(direction))?;
        let told = stage.program.expect(0, &["validate", "--online", "sync.yaml"])?.stderr;
        Ok(told.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    ensure!(!told("source_to_target")?.contains("public"), "both are public");
    stage.github.control("PATCH", &format!("/github/repos/{LEFT}"), json!({ "private": true })).await?;
    let warning =
        "issues: the source is private, and the target is public: everyone may read what is copied there";
    for direction in ["source_to_target", "bidirectional"] {
        let told = told(direction)?;
        ensure!(told.contains(warning), "{direction}: {told}");
    }
    ensure!(!told("target_to_source")?.contains("public"), "nothing is copied to where everyone reads");
    Ok(())
}

/// Nothing more is copied, and a person decides. What is resumed stays so until the audience changes again.
#[tokio::test(flavor = "multi_thread")]
async fn case_52_a_target_that_turns_public_pauses_the_sync() -> Result<()> {
    let stage = Stage::new().await?;
    let private = |repository: &'static str, private: bool| {
        let change = json!({ "private": private });
        let github = &stage.github;
        async move { github.control("PATCH", &format!("/github/repos/{repository}"), change).await }
    };
    private(LEFT, true).await?;
    private(RIGHT, true).await?;
    stage.github.create(LEFT, json!({ "title": "first" })).await?;
    stage.apply("")?;
    stage.sync()?;
    private(RIGHT, false).await?;
    stage.github.create(LEFT, json!({ "title": "secret" })).await?;
    let stopped = || -> Result<bool> {
        let run = stage.program.run(&["sync", "issues"])?;
        let told = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(run.code != Some(0) && told.contains("has come to be public"))
    };
    ensure!(stopped()?, "the run ends before it writes");
    ensure!(stage.github.issues(RIGHT).await?.len() == 1, "the second one is not copied");

    let pauses = stage.program.expect(0, &["--json", "pauses"])?.json()?.to_string();
    ensure!(pauses.contains("the target has come to be public while the source is private"), "{pauses}");
    let syncs = stage.program.expect(0, &["--json", "syncs", "list"])?.json()?;
    ensure!(syncs["syncs"][0]["paused"] == true, "{syncs}");
    let log = stage.program.expect(0, &["--json", "audit"])?.json()?.to_string();
    ensure!(log.contains("\"pause\"") && log.contains("has come to be public"), "{log}");
    let alerts =
        || stage.ledger.number("SELECT COUNT(*) FROM alerts WHERE rule = 'audience' AND cleared_at IS NULL");
    ensure!(alerts().await? == 1, "an alert is open");
    let refused = stage.program.run(&["sync", "issues"])?;
    ensure!(refused.code == Some(1), "{refused:?}");

    stage.program.expect(0, &["resume", "sync", "issues"])?;
    ensure!(alerts().await? == 0, "the alert is over");
    stage.sync()?;
    ensure!(stage.github.issues(RIGHT).await?.len() == 2, "it is meant");
    private(RIGHT, true).await?;
    stage.github.create(LEFT, json!({ "title": "third" })).await?;
    stage.sync()?;
    private(RIGHT, false).await?;
    stage.github.create(LEFT, json!({ "title": "fourth" })).await?;
    ensure!(stopped()?, "it is public once more");
    Ok(())
}
