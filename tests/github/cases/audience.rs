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
