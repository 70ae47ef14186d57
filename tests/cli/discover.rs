//! What an account sees, a document drafted from it, and the document held against its places.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{accounts::Stage, common::ensure_tells};

/// An account of the example, and a file beside it.
async fn stage() -> Result<Stage> {
    let mut stage = Stage::new().await?;
    stage.add("acme-github", &stage.token.clone())?;
    stage.program.set("COLUMNS", "80");
    stage.program.write("issues.csv", "id,title,description,state,owner\n")?;
    Ok(stage)
}

fn narrow(text: &str) -> Result<()> {
    let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    // A line that is to be copied is not broken.
    ensure!(wide.iter().all(|line| line.contains("source: {")), "{wide:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn places_and_what_they_have_are_listed() -> Result<()> {
    let stage = stage().await?;
    let places = stage.program.expect(0, &["discover", "acme-github"])?.stdout;
    ensure_tells(
        &places,
        &["acme/web", "acme/mobile", "read, write", "syncline discover acme-github acme/"],
    )?;
    narrow(&places)?;
    let contents = stage.program.expect(0, &["discover", "acme-github", "acme/web"])?.stdout;
    ensure_tells(&contents, &["title", "required", "status", "todo", "people", "not_planned"])?;
    narrow(&contents)?;
    let json = stage.program.expect(0, &["--json", "discover", "acme-github", "acme/web"])?.json()?;
    ensure!(json["scope"]["repository"] == "acme/web" && json["scope"]["account"] == "acme-github", "{json}");
    let people = json["people"].as_array().context("people")?;
    ensure!(
        !people.is_empty() && json["fields"].as_array().is_some_and(|fields| fields.len() > 10),
        "{json}"
    );
    let refused = stage.program.expect(1, &["discover", "acme-github", "acme/nothing"])?.stderr;
    ensure_tells(&refused, &["acme/nothing"])?;
    let refused = stage.program.expect(2, &["discover", "acme-githup"])?.stderr;
    ensure_tells(&refused, &["did you mean \"acme-github\"?"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_valid_and_syncs() -> Result<()> {
    let stage = stage().await?;
    let init = ["init", "--source", "acme-github/acme/web", "--target", "issues.csv", "-o", "sync.yaml"];
    ensure_tells(&stage.program.expect(0, &init)?.stdout, &["wrote sync.yaml"])?;
    let draft = std::fs::read_to_string(stage.program.path("sync.yaml"))?;
    ensure_tells(
        &draft,
        &[
            "name: \"web\"",
            "entity_type: issue",
            "source_field: \"body\", target_field: \"description\"",
            "source_field: \"status\", target_field: \"state\"",
            "source_field: \"number\", target_field: \"id\"",
            "direction: source_to_target",
            "source_field: \"assignees\", target_field: \"owner\", source_type: people, target_type: people",
            "source_type: status, target_type: status",
            "# people in assignees cross if they are known on both sides",
            "# not mapped, of the source: labels",
        ],
    )?;
    stage.program.expect(0, &["validate", "sync.yaml"])?;
    let online = stage.program.expect(0, &["validate", "--online", "sync.yaml"])?.stdout;
    ensure_tells(&online, &["web is valid, and its places fit it"])?;
    stage.program.expect(0, &["plan", "-f", "sync.yaml"])?;
    stage.program.expect(0, &["apply", "sync.yaml"])?;
    stage.program.expect(0, &["sync", "web"])?;
    let rows = std::fs::read_to_string(stage.program.path("issues.csv"))?;
    ensure!(rows.lines().count() > 3, "{rows}");
    let again = stage.program.expect(0, &["--json", "sync", "web"])?.json()?;
    ensure!(again["created"] == 0 && again["updated"] == 0, "{again}");

    // What cannot be reached or does not fit is told before anything runs.
    for (from, to, told) in [
        ("\"body\"", "\"bodyy\"", "has no field \"bodyy\""),
        ("acme/web", "acme/nothing", "acme/nothing"),
        ("acme-github", "other", "syncline accounts add other --platform github"),
        (
            "target_field: \"state\"",
            "target_field: \"state\", values: { wontfix: x }",
            "has no value \"wontfix\"",
        ),
    ] {
        stage.program.write("wrong.yaml", &draft.replace(from, to))?;
        let refused = stage.program.expect(2, &["validate", "--online", "wrong.yaml"])?.stderr;
        ensure!(refused.split_whitespace().collect::<Vec<_>>().join(" ").contains(told), "{told}: {refused}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_repositories_are_drafted_with_all_their_fields() -> Result<()> {
    let stage = stage().await?;
    let init = ["init", "acme-github/acme/web", "acme-github/acme/mobile", "--name", "both"];
    stage.program.expect(0, &init)?;
    let shown: Value = stage.program.expect(0, &["--json", "validate", "--online", "both.yaml"])?.json()?;
    ensure!(shown["online"] == true, "{shown}");
    let draft = std::fs::read_to_string(stage.program.path("both.yaml"))?;
    ensure_tells(&draft, &["source_field: \"labels\", target_field: \"labels\"", "source_type: set"])?;
    let refused = stage.program.expect(2, &["init", "acme-github/acme/web", "nobody/acme/web"])?.stderr;
    ensure_tells(&refused, &["syncline accounts"])
}
