//! Area F: sizes.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::stage::{RIGHT, Stage};

/// A file on the one side, whose values may be of any size.
async fn file(stage: &Stage, rows: &[[&str; 4]]) -> Result<()> {
    let rows: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
    stage.program.write("issues.csv", &format!("id,title,text,state\n{}\n", rows.join("\n")))?;
    stage.apply_document(&format!(
        "name: issues\nsource_platform: csv\nsource: {{ path: issues.csv, key: id }}\ntarget_platform: github\n\
         target: {{ account: acme, repository: {RIGHT} }}\nentity_type: issue\ndirection: bidirectional\n\
         field_mappings:\n  - {{ source_field: title, target_field: title }}\n  \
         - {{ source_field: text, target_field: body }}\n  - {{ source_field: state, target_field: state }}\n"
    ))
}

/// The item does not fail, and what GitHub has instead never flows back.
#[tokio::test(flavor = "multi_thread")]
async fn case_65_description_over_the_limit() -> Result<()> {
    let stage = Stage::new().await?;
    let long = "x".repeat(70_000);
    file(&stage, &[["1", "Long", &long, "open"], ["2", "Short", "text", "open"]]).await?;
    stage.sync()?;
    let issue = stage.github.titled(RIGHT, "Long").await?;
    let copy = issue["body"].as_str().unwrap_or_default();
    ensure!(copy.starts_with("xxx") && copy.chars().count() <= 65_536, "{}", copy.len());
    ensure!(copy.contains("The text goes on"), "it says that it is not the whole text");
    stage.github.forget().await?;
    for _ in 0..2 {
        stage.sync()?;
    }
    ensure!(stage.github.mutations().await?.is_empty(), "it is not written in every run");
    // An edit of a copy that has only a part of the block has no place in the whole text.
    let number = issue["number"].as_u64().unwrap_or_default();
    stage
        .github
        .edit(RIGHT, number, json!({ "body": copy.replacen("xxx", "y", 1), "title": "Longer" }))
        .await?;
    let finished = stage.program.run(&["sync", "issues"])?;
    let told = format!("{}{}", finished.stdout, finished.stderr);
    ensure!(told.contains("the target has a shortened copy"), "{told}");
    let text = std::fs::read_to_string(stage.program.path("issues.csv"))?;
    ensure!(text.contains(&long) && text.contains("Longer"), "the long text stays, and the title is new");
    Ok(())
}

/// A text that GitHub does not take as it is holds nothing back.
#[tokio::test(flavor = "multi_thread")]
async fn case_68_oversize_text_does_not_hold_the_status() -> Result<()> {
    let stage = Stage::new().await?;
    file(&stage, &[["1", "T", "short", "open"]]).await?;
    stage.sync()?;
    let long = "x ".repeat(35_000);
    stage.program.write("issues.csv", &format!("id,title,text,state\n1,T,{long},closed\n"))?;
    stage.sync()?;
    let issue = stage.github.titled(RIGHT, "T").await?;
    ensure!(issue["state"] == "closed", "{}", issue["state"]);
    ensure!(issue["body"].as_str().is_some_and(|body| body.starts_with("x x")), "{}", issue["body"]);
    // A text that fits takes its place.
    stage.program.write("issues.csv", "id,title,text,state\n1,T,fits,closed\n")?;
    stage.sync()?;
    let issue = stage.github.titled(RIGHT, "T").await?;
    ensure!(issue["body"].as_str().is_some_and(|body| body.starts_with("fits\n")), "{}", issue["body"]);
    stage.ensure_quiet().await
}

/// A title that is too long fails its item alone, with the limit; it is made when the title fits.
#[tokio::test(flavor = "multi_thread")]
async fn case_67_long_titles() -> Result<()> {
    let stage = Stage::new().await?;
    let fits = "📏".repeat(256);
    let long = "ä".repeat(257);
    file(&stage, &[["1", &fits, "", "open"], ["2", &long, "", "open"], ["3", "Short", "", "open"]]).await?;
    let finished = stage.program.run(&["sync", "issues"])?;
    let told = format!("{}{}", finished.stdout, finished.stderr);
    ensure!(told.contains("takes 256 characters, and the text has 257"), "{told}");
    stage.github.titled(RIGHT, &fits).await?;
    ensure!(stage.github.issues(RIGHT).await?.len() == 2);
    let text = std::fs::read_to_string(stage.program.path("issues.csv"))?;
    stage.program.write("issues.csv", &text.replace(&long, "No longer long"))?;
    stage.settle().await?;
    stage.github.titled(RIGHT, "No longer long").await?;
    ensure!(stage.github.issues(RIGHT).await?.len() == 3);
    stage.ensure_quiet().await
}
