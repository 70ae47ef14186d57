//! Area B: moves, deletes, lost access.

use anyhow::{Context, Result, ensure};
use serde_json::{Value as Json, json};

use crate::stage::{LEFT, RIGHT, Stage};

/// So many pairs in step.
async fn pairs(stage: &Stage, count: usize) -> Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for number in 0..count {
        numbers.push(
            stage.github.create(LEFT, json!({ "title": format!("Item {number}"), "body": "B" })).await?,
        );
    }
    stage.sync()?;
    ensure!(stage.github.issues(RIGHT).await?.len() == count);
    Ok(numbers)
}

fn states(issues: &[Json]) -> Vec<&str> {
    issues.iter().filter_map(|issue| issue["state"].as_str()).collect()
}

/// The issue is in a repository that no sync is about: its counterpart stays as it is, whatever the policy of deletes.
#[tokio::test(flavor = "multi_thread")]
async fn case_20_moved_outside_the_scope() -> Result<()> {
    let stage = Stage::new().await?;
    stage.apply("delete_policy: close")?;
    let numbers = pairs(&stage, 3).await?;
    let elsewhere = json!({ "owner": "acme", "name": "elsewhere", "members": { "ada": "admin" } });
    stage.github.control("POST", "/github/repos", elsewhere).await?;
    let path = format!("/github/repos/{LEFT}/issues/{}/transfer", numbers[1]);
    stage.github.control("POST", &path, json!({ "to": "acme/elsewhere" })).await?;
    stage.github.forget().await?;
    for _ in 0..3 {
        stage.program.expect(0, &["sync", "issues", "--full", "--confirm-deletes"])?;
    }
    ensure!(stage.github.mutations().await?.is_empty(), "nothing is written to what is out of scope");
    let right = stage.github.issues(RIGHT).await?;
    ensure!(states(&right) == ["open"; 3], "{right:#?}");
    let kept = stage.github.issues("acme/elsewhere").await?;
    ensure!(kept.len() == 1 && kept[0]["title"] == "Item 1");
    let out = "SELECT COUNT(*) FROM sync_metadata WHERE link_state = 'out_of_scope'";
    ensure!(stage.ledger.number(out).await? == 1, "the link is out of scope");
    stage.ensure_quiet().await
}

/// Back in the repository it has another number. The link follows, its counterpart gets what changed meanwhile, and there
/// is never a third issue.
#[tokio::test(flavor = "multi_thread")]
async fn case_22_issue_transferred_and_back() -> Result<()> {
    let stage = Stage::new().await?;
    stage.apply("delete_policy: close")?;
    let numbers = pairs(&stage, 3).await?;
    let elsewhere = json!({ "owner": "acme", "name": "elsewhere", "members": { "ada": "admin" } });
    stage.github.control("POST", "/github/repos", elsewhere).await?;
    let path = format!("/github/repos/{LEFT}/issues/{}/transfer", numbers[1]);
    let counterpart = stage.github.titled(RIGHT, "Item 1").await?["number"].clone();
    let away = stage.github.control("POST", &path, json!({ "to": "acme/elsewhere" })).await?;
    stage.program.expect(0, &["sync", "issues", "--full"])?;
    let number = away["number"].as_u64().context("a number")?;
    stage.github.edit("acme/elsewhere", number, json!({ "title": "Edited away" })).await?;
    let path = format!("/github/repos/acme/elsewhere/issues/{number}/transfer");
    let back = stage.github.control("POST", &path, json!({ "to": LEFT })).await?;
    ensure!(back["number"] != numbers[1], "{back}");
    for _ in 0..2 {
        stage.program.expect(0, &["sync", "issues", "--full", "--confirm-deletes"])?;
    }
    let (left, right) = (stage.github.issues(LEFT).await?, stage.github.issues(RIGHT).await?);
    ensure!(left.len() == 3 && right.len() == 3, "{} issues, and {} counterparts", left.len(), right.len());
    ensure!(states(&right) == ["open"; 3]);
    ensure!(stage.github.titled(RIGHT, "Edited away").await?["number"] == counterpart);
    stage.ensure_quiet().await
}

/// The token expires: the run says so and deletes nothing; with a valid token it goes on where it was.
#[tokio::test(flavor = "multi_thread")]
async fn case_26_an_expired_token_deletes_nothing() -> Result<()> {
    let stage = Stage::new().await?;
    stage.apply("delete_policy: close")?;
    pairs(&stage, 3).await?;
    let links = "SELECT COUNT(*) FROM sync_metadata WHERE link_state = 'linked' AND missing_since IS NULL";
    let cursors = "SELECT COALESCE(GROUP_CONCAT(cursor), '') FROM sync_cursors";
    let before: String = stage.ledger.text(cursors).await?;
    let token = format!("/github/tokens/{}", stage.token);
    stage.github.control("PATCH", &token, json!({ "revoked": true })).await?;
    stage.github.forget().await?;
    for _ in 0..2 {
        let finished = stage.program.run(&["sync", "issues"])?;
        ensure!(finished.code != Some(0), "{finished:?}");
        ensure!(
            finished.stderr.contains("token")
                || finished.stderr.contains("secret")
                || finished.stderr.contains("paused"),
            "{}",
            finished.stderr
        );
    }
    ensure!(stage.github.mutations().await?.is_empty() && stage.ledger.number(links).await? == 3);
    ensure!(stage.ledger.text(cursors).await? == before, "the cursors stay");
    stage.github.control("PATCH", &token, json!({ "revoked": false })).await?;
    let _ = stage.program.run(&["accounts", "resume", "acme"])?;
    stage.settle().await?;
    ensure!(states(&stage.github.issues(RIGHT).await?) == ["open"; 3]);
    stage.ensure_quiet().await
}

/// A complete listing with nothing in it is believed, and a person is asked before the other side is emptied.
#[tokio::test(flavor = "multi_thread")]
async fn case_28_truly_empty_container() -> Result<()> {
    let stage = Stage::new().await?;
    stage.apply("delete_policy: close")?;
    for number in pairs(&stage, 5).await? {
        stage.github.delete(LEFT, number).await?;
    }
    stage.github.forget().await?;
    let mut told = String::new();
    for _ in 0..2 {
        let finished = stage.program.run(&["sync", "issues", "--full"])?;
        told = format!("{}{}", finished.stdout, finished.stderr);
    }
    ensure!(told.contains("--allow-deletes"), "the guard names how to go on: {told}");
    ensure!(stage.github.mutations().await?.is_empty(), "nothing is closed unasked");
    stage.program.run(&["sync", "issues", "--full", "--confirm-deletes", "--allow-deletes", "5"])?;
    ensure!(states(&stage.github.issues(RIGHT).await?) == ["closed"; 5]);
    stage.ensure_quiet().await
}

/// One of three syncs has lost its repository. The others go on, and the sick one is named.
#[tokio::test(flavor = "multi_thread")]
async fn case_29_one_dead_container() -> Result<()> {
    let stage = Stage::new().await?;
    let mut documents = Vec::new();
    for name in ["one", "two", "three"] {
        let repository =
            json!({ "owner": "acme", "name": name, "private": true, "members": { "ada": "admin" } });
        stage.github.control("POST", "/github/repos", repository).await?;
        stage.github.create(&format!("acme/{name}"), json!({ "title": format!("Of {name}") })).await?;
        stage.program.write(&format!("{name}.csv"), "id,title\n")?;
        documents.push(format!(
            "name: {name}\nsource_platform: github\nsource: {{ account: acme, repository: acme/{name} }}\n\
             target_platform: csv\ntarget: {{ path: {name}.csv, key: id }}\nentity_type: issue\n\
             direction: source_to_target\ndelete_policy: delete\nfield_mappings:\n  \
             - {{ source_field: number, target_field: id, source_type: number }}\n  \
             - {{ source_field: title, target_field: title }}\n"
        ));
    }
    stage.apply_document(&documents.join("---\n"))?;
    for name in ["one", "two", "three"] {
        stage.program.expect(0, &["sync", name])?;
        stage.github.create(&format!("acme/{name}"), json!({ "title": "new" })).await?;
    }
    stage.github.control("DELETE", "/github/repos/acme/two/members/ada", Json::Null).await?;
    for name in ["one", "two", "three"] {
        let finished = stage.program.run(&["sync", name, "--confirm-deletes"])?;
        let rows = std::fs::read_to_string(stage.program.path(&format!("{name}.csv")))?;
        if name == "two" {
            ensure!(
                finished.code != Some(0) && finished.stderr.contains("repository acme/two"),
                "{finished:?}"
            );
            ensure!(rows.contains("Of two") && !rows.contains("new"), "{rows}");
        } else {
            ensure!(finished.code == Some(0) && rows.contains("new"), "{finished:?} {rows}");
        }
    }
    Ok(())
}

/// An issue comes into a repository of a sync, and shows no text at first. The counterpart gets the text when it is
/// there, and is neither closed nor made twice.
#[tokio::test(flavor = "multi_thread")]
async fn case_23_transferred_issue_looks_empty_at_first() -> Result<()> {
    let stage = Stage::new().await?;
    stage.apply("delete_policy: close")?;
    pairs(&stage, 1).await?;
    let elsewhere = json!({ "owner": "acme", "name": "elsewhere", "members": { "ada": "admin" } });
    stage.github.control("POST", "/github/repos", elsewhere).await?;
    let number =
        stage.github.create("acme/elsewhere", json!({ "title": "Guest", "body": "whole text" })).await?;
    let path = format!("/github/repos/acme/elsewhere/issues/{number}/transfer");
    stage.github.control("POST", &path, json!({ "to": LEFT, "empty_reads": 2 })).await?;
    for _ in 0..4 {
        stage.sync()?;
    }
    let there = stage.github.titled(RIGHT, "Guest").await?;
    ensure!(there["state"] == "open", "{there}");
    ensure!(there["body"].as_str().context("a text")?.starts_with("whole text"), "{there}");
    ensure!(stage.github.titled(LEFT, "Guest").await?["body"] == "whole text");
    stage.ensure_quiet().await
}
