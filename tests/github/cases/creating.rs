//! Area A: creating, echo, loops.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::stage::{COMMON, FIELDS, LEFT, RIGHT, Stage};

/// The answer never comes, and the worker is killed while it waits.
#[tokio::test(flavor = "multi_thread")]
async fn case_2_create_answered_too_late() -> Result<()> {
    let stage = Stage::new().await?;
    stage.apply("")?;
    stage.github.create(LEFT, json!({ "title": "Once", "body": "B" })).await?;
    let hang =
        json!({ "method": "POST", "path": "/repos/acme/right/issues", "kind": "hang", "when": "after" });
    stage.github.fault(hang).await?;
    stage.github.forget().await?;
    let mut running = stage.program.start(&["sync", "issues"])?;
    stage.github.wait_for(1, &mut running).await?;
    running.kill()?;
    stage.settle().await?;
    stage.github.titled(RIGHT, "Once").await?;
    let rows = "SELECT COUNT(*) FROM sync_changes WHERE state <> 'not_written'";
    ensure!(stage.ledger.number(rows).await? == 1, "one row for the create");
    stage.ensure_quiet().await
}

/// What GitHub makes of a text is no edit.
#[tokio::test(flavor = "multi_thread")]
async fn case_10_push_then_pull_is_nothing() -> Result<()> {
    let stage = Stage::new().await?;
    stage.program.write(
        "issues.csv",
        "id,title,text,labels\n1,\"  padded  \",\"one\r\ntwo\n\n\",\"BUG, bug, needs triage\"\n2,plain,,\n",
    )?;
    stage.apply_document(&format!(
        "name: issues\nsource_platform: csv\nsource: {{ path: issues.csv, key: id }}\ntarget_platform: github\n\
         target: {{ account: acme, repository: {RIGHT} }}\nentity_type: issue\ndirection: bidirectional\n\
         field_mappings:\n  - {{ source_field: title, target_field: title }}\n  \
         - {{ source_field: text, target_field: body }}\n  \
         - {{ source_field: labels, target_field: labels, source_type: array, target_type: array }}\n"
    ))?;
    stage.sync()?;
    let file = std::fs::read_to_string(stage.program.path("issues.csv"))?;
    stage.ensure_quiet().await?;
    let number = stage.github.titled(RIGHT, "plain").await?["number"].as_u64().unwrap_or_default();
    // In the browser line ends become CRLF.
    stage.github.edit(RIGHT, number, json!({ "body": "from\nthe browser" })).await?;
    stage.sync()?;
    stage.ensure_quiet().await?;
    let after = std::fs::read_to_string(stage.program.path("issues.csv"))?;
    ensure!(file.contains("padded") && after.contains("the browser"), "{after}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_11_first_sync_twice() -> Result<()> {
    let stage = Stage::new().await?;
    for number in 0..30 {
        stage.github.create(LEFT, json!({ "title": format!("Item {number}") })).await?;
    }
    stage.apply("")?;
    for _ in 0..3 {
        stage.program.expect(0, &["sync", "issues", "--full"])?;
        ensure!(
            stage.github.issues(RIGHT).await?.len() == 30 && stage.github.issues(LEFT).await?.len() == 30
        );
        stage.ledger.execute("DELETE FROM jobs").await?;
    }
    stage.ensure_quiet().await
}

/// Without a base it is unknown which of two values is the later one.
#[tokio::test(flavor = "multi_thread")]
async fn case_14_overwrites_are_announced() -> Result<()> {
    let stage = Stage::new().await?;
    for number in 0..5 {
        let body = |side: &str| if number < 2 { format!("{side} text {number}") } else { "same".to_owned() };
        for (repository, side) in [(LEFT, "left"), (RIGHT, "right")] {
            let issue = json!({ "title": format!("Item {number}"), "body": body(side) });
            stage.github.create(repository, issue).await?;
        }
    }
    stage.apply("conflict_strategy: manual")?;
    stage.github.forget().await?;
    let told = stage.program.run(&["plan", "issues"])?;
    for value in ["left text 0", "right text 0", "left text 1", "right text 1"] {
        ensure!(told.stdout.contains(value), "{value} is not in the plan:\n{}", told.stdout);
    }
    stage.sync_with(1, &[])?;
    ensure!(stage.github.mutations().await?.is_empty(), "a value of one side was pushed over the other's");
    let open = "SELECT COUNT(*) FROM sync_conflicts WHERE resolved = 0";
    ensure!(stage.ledger.number(open).await? == 2, "two fields wait for a person");
    Ok(())
}

/// Items that have the earlier default are listed in the plan, and changed only after the document is applied. What a person
/// wrote there stays.
#[tokio::test(flavor = "multi_thread")]
async fn case_16_config_default_changed() -> Result<()> {
    let stage = Stage::new().await?;
    stage.program.write("issues.csv", "id,title,notes\n1,one,\n2,two,kept\n4,four,\n")?;
    let document = |default: &str| {
        format!(
            "name: issues\nsource_platform: csv\nsource: {{ path: issues.csv, key: id }}\ntarget_platform: github\n\
             target: {{ account: acme, repository: {RIGHT} }}\nentity_type: issue\ndirection: source_to_target\n\
             field_mappings:\n  - {{ source_field: title, target_field: title }}\n  \
             - {{ source_field: notes, target_field: body, default_value: \"{default}\" }}\n"
        )
    };
    stage.apply_document(&document("first default"))?;
    stage.sync()?;
    let body = async |title: &str| -> Result<String> {
        Ok(stage.github.titled(RIGHT, title).await?["body"].as_str().unwrap_or_default().to_owned())
    };
    ensure!(body("one").await?.contains("first"));
    let four = stage.github.titled(RIGHT, "four").await?["number"].as_u64().unwrap_or_default();
    stage.github.edit(RIGHT, four, json!({ "body": "a person's" })).await?;
    stage.sync()?;
    stage.program.write("sync.yaml", &document("second default"))?;
    stage.github.forget().await?;
    let planned = stage.program.expect(0, &["plan", "-f", "sync.yaml"])?.stdout;
    ensure!(planned.contains("1 to update") && planned.contains("second default"), "{planned}");
    ensure!(stage.github.mutations().await?.is_empty(), "a plan writes nothing");
    stage.sync()?;
    ensure!(body("one").await?.contains("first"), "nothing changes before the document is applied");
    stage.program.expect(0, &["apply", "-f", "sync.yaml"])?;
    stage.sync()?;
    ensure!(stage.github.mutations().await?.len() == 1, "one item is changed");
    ensure!(body("one").await?.contains("second") && body("four").await?.contains("a person's"));
    stage.ensure_quiet().await?;
    stage.github.forget().await?;
    stage.program.write("issues.csv", "id,title,notes\n1,one,\n2,two,kept\n3,three,\n4,four,\n")?;
    stage.sync()?;
    ensure!(
        stage.github.titled(RIGHT, "three").await?["body"].as_str().unwrap_or_default().contains("second")
    );
    ensure!(stage.github.mutations().await?.len() == 1, "one item was made");
    stage.ensure_quiet().await
}

/// Title here, status there, text on both sides: only the text waits for a person.
#[tokio::test(flavor = "multi_thread")]
async fn case_17_conflict_is_per_field() -> Result<()> {
    let stage = Stage::new().await?;
    stage.apply("conflict_strategy: manual")?;
    let left = stage.github.create(LEFT, json!({ "title": "T", "body": "B" })).await?;
    stage.sync()?;
    let right = stage.github.titled(RIGHT, "T").await?["number"].as_u64().unwrap_or_default();
    stage.github.edit(LEFT, left, json!({ "title": "U", "body": "left" })).await?;
    stage.github.edit(RIGHT, right, json!({ "state": "closed", "body": "right" })).await?;
    stage.sync_with(1, &[])?;
    let (here, there) = (stage.github.titled(LEFT, "U").await?, stage.github.titled(RIGHT, "U").await?);
    ensure!(here["state"] == "closed" && there["state"] == "closed");
    ensure!(here["body"] == "left" && there["body"].as_str().is_some_and(|body| body.starts_with("right")));
    let conflicts = stage.ledger.conflicts().await?;
    ensure!(
        conflicts.keys().map(|(_, field)| field.as_str()).collect::<Vec<_>>() == ["body"],
        "{conflicts:?}"
    );
    // Waiting is no work.
    stage.github.forget().await?;
    stage.sync_with(1, &[])?;
    ensure!(stage.github.mutations().await?.is_empty());
    Ok(())
}

/// A field that is mapped later is matched as on a first sync, and no item is dropped or doubled.
#[tokio::test(flavor = "multi_thread")]
async fn case_110_schema_change_in_mid_life() -> Result<()> {
    let stage = Stage::new().await?;
    let without: String =
        FIELDS.lines().filter(|line| !line.contains("labels")).map(|line| format!("{line}\n")).collect();
    let document = |fields: &str| {
        format!(
            "name: issues\nsource_platform: github\nsource: {{ account: acme, repository: {LEFT} }}\n\
             target_platform: github\ntarget: {{ account: acme, repository: {RIGHT} }}\n{COMMON}{fields}"
        )
    };
    stage.apply_document(&document(&without))?;
    stage.github.create(LEFT, json!({ "title": "one", "labels": ["bug"] })).await?;
    stage.github.create(LEFT, json!({ "title": "two" })).await?;
    stage.sync()?;
    ensure!(stage.github.titled(RIGHT, "one").await?["labels"] == json!([]), "labels are not mapped yet");
    stage.apply_document(&document(FIELDS))?;
    stage.sync()?;
    ensure!(stage.github.titled(RIGHT, "one").await?["labels"][0]["name"] == "bug");
    ensure!(stage.github.issues(RIGHT).await?.len() == 2);
    stage.ensure_quiet().await
}
