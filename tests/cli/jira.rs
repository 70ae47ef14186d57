//! Jira from an account to a sync with GitHub, against the simulator of both.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use syncline_support::ledger::Ledger;

use super::{accounts::Stage, common::ensure_tells};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/jira_to_github.yaml");

/// A stage whose accounts have the names that the example names.
async fn stage() -> Result<Stage> {
    let stage = Stage::new().await?;
    stage.add("acme-github", &stage.token)?;
    let made = control(&stage, "POST", "/jira/tokens", json!({ "user": "ada" }))?;
    let part = |key: &str| made[key].as_str().map(str::to_owned).with_context(|| made.to_string());
    let secret = format!("{}:{}\n", part("email")?, part("token")?);
    let address = stage.simulator.jira();
    let add = ["accounts", "add", "acme-jira", "--platform", "jira"];
    let (_, refused) = stage.run(2, &add, &secret)?;
    ensure_tells(
        &refused,
        &["base_url: jira has no address that all accounts share", "https://SITE.atlassian.net"],
    )?;
    stage.run(0, &[&add[..], &["--base-url", &address]].concat(), &secret)?;
    Ok(stage)
}

fn control(stage: &Stage, method: &str, path: &str, body: Value) -> Result<Value> {
    let (status, shown) = stage.simulator.control(method, path, &body);
    ensure!(status < 300, "{method} {path}: {status} {shown}");
    Ok(shown)
}

/// The requests to a platform since the log was emptied.
fn requests(stage: &Stage, platform: &str) -> Result<Vec<String>> {
    let log = control(stage, "GET", "/log", Value::Null)?;
    let entries = log["entries"].as_array().context("entries")?;
    let line = |entry: &Value| {
        let url = entry["url"].as_str().unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
        format!("{} {url}", entry["method"].as_str().unwrap_or_default())
    };
    Ok(entries.iter().filter(|entry| entry["platform"] == platform).map(line).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_checked_and_its_projects_are_discovered() -> Result<()> {
    let stage = stage().await?;
    let (checked, _) = stage.run(0, &["accounts", "check", "acme-jira"], "")?;
    ensure_tells(
        &checked,
        &["Ada Quist on jira", "EDIT_ISSUES", "nothing that a sync needs is known to be missing"],
    )?;
    let (places, _) = stage.run(0, &["discover", "acme-jira"], "")?;
    ensure_tells(&places, &["WEB", "read, write", "what one of them has: syncline discover acme-jira"])?;
    let (found, _) = stage.run(0, &["discover", "acme-jira", "WEB"], "")?;
    ensure_tells(&found, &["fields.Story Points", "In Progress", "in_progress", "ada@acme.example"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_drafted_and_held_against_its_places() -> Result<()> {
    let stage = stage().await?;
    let init =
        ["init", "--source", "acme-jira/WEB", "--target", "acme-github/acme/web", "-o", "drafted.yaml"];
    stage.run(0, &init, "")?;
    let drafted = std::fs::read_to_string(stage.program.path("drafted.yaml"))?;
    ensure_tells(
        &drafted,
        &[
            "source: {\"account\":\"acme-jira\",\"project_key\":\"WEB\"}",
            "{ source_field: \"summary\", target_field: \"title\" }",
            "source_type: rich_text, target_type: rich_text",
            "source_field: \"status\", target_field: \"status\", source_type: status, target_type: status",
            "source_field: \"labels\", target_field: \"labels\", source_type: set, target_type: set",
        ],
    )?;
    stage.run(0, &["validate", "--online", "drafted.yaml"], "")?;
    let wrong = drafted.replace(
        "source_type: status,",
        "source_type: status, source_statuses: { done: Finished }, status_matching: lenient,",
    );
    stage.program.write("wrong.yaml", &wrong)?;
    let (_, refused) = stage.run(2, &["validate", "--online", "wrong.yaml"], "")?;
    ensure_tells(
        &refused,
        &["the source has no status \"Finished\", which source_statuses names; it has: To Do"],
    )
}

/// It is no item of the place any more: its counterpart stays as it is, and no whole reading is needed to know.
#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_leaves_the_filter_is_noticed_by_the_next_poll() -> Result<()> {
    let stage = stage().await?;
    let example = std::fs::read_to_string(EXAMPLE)?;
    let filtered = example.replace("project_key: WEB }", "project_key: WEB, jql: labels = kept }");
    ensure!(filtered != example);
    stage.program.write("filtered.yaml", &filtered)?;
    stage.run(0, &["apply", "filtered.yaml"], "")?;
    let issue = json!({ "summary": "Once inside", "labels": ["kept"] });
    let made = control(&stage, "POST", "/jira/projects/WEB/issues", issue)?;
    let path = format!("/jira/issues/{}", made["id"].as_str().context("an id")?);
    let poll = || -> Result<Value> {
        control(&stage, "POST", "/clock", json!({ "advance": 900 }))?;
        control(&stage, "DELETE", "/log", Value::Null)?;
        let (told, _) = stage.run(0, &["--json", "sync", "jira-to-github"], "")?;
        Ok(serde_json::from_str(&told)?)
    };
    ensure!(poll()?["created"] == 1);
    poll()?;
    control(&stage, "PATCH", &path, json!({ "summary": "Outside", "labels": [] }))?;
    let run = poll()?;
    ensure!(run["updated"] == 0 && run["items_failed"] == 0, "{run}");
    // The changes, and which of them the filter finds.
    let mut searches = requests(&stage, "jira")?;
    searches.retain(|request| request.ends_with("/search/jql"));
    ensure!(searches.len() == 2, "{searches:?}");
    let ledger = Ledger::open(&stage.program.path("syncline.db")).await?;
    let out = "SELECT COUNT(*) FROM sync_metadata WHERE link_state = 'out_of_scope'";
    ensure!(ledger.number(out).await? == 1);
    control(&stage, "PATCH", &path, json!({ "labels": ["kept"] }))?;
    ensure!(poll()?["updated"] == 1, "it is back");
    let there = control(&stage, "GET", "/github/repos/acme/web/issues", Value::Null)?;
    let titles: Vec<&Value> = there.as_array().into_iter().flatten().map(|issue| &issue["title"]).collect();
    ensure!(titles.contains(&&json!("Outside")) && !titles.contains(&&json!("Once inside")));
    Ok(())
}

/// The example as it stands: it comes to rest, edits cross, and a poll that finds nothing is one request to a side.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_runs_as_it_stands() -> Result<()> {
    let stage = stage().await?;
    for (account, place) in [("acme-jira", "WEB"), ("acme-github", "acme/web")] {
        stage.run(0, &["people", "sync", account, place], "")?;
    }
    stage.run(0, &["apply", EXAMPLE], "")?;
    let sync = |stage: &Stage| -> Result<Value> {
        let (told, _) = stage.run(0, &["--json", "sync", "jira-to-github"], "")?;
        Ok(serde_json::from_str(&told)?)
    };
    let first = sync(&stage)?;
    ensure!(first["items_failed"] == 0 && first["created"].as_u64() > Some(0), "{first}");
    let idle = sync(&stage)?;
    ensure!(idle["created"] == 0 && idle["updated"] == 0 && idle["items_failed"] == 0, "{idle}");
    // What a run has written is read again for some minutes.
    control(&stage, "POST", "/clock", json!({ "advance": 900 }))?;
    sync(&stage)?;
    control(&stage, "DELETE", "/log", Value::Null)?;
    sync(&stage)?;
    ensure!(requests(&stage, "jira")? == ["POST /rest/api/3/search/jql"], "{:?}", requests(&stage, "jira")?);
    ensure!(requests(&stage, "github")?.len() == 1, "{:?}", requests(&stage, "github")?);

    let issue = control(&stage, "GET", "/jira/issues/WEB-1", Value::Null)?;
    let title = issue["fields"]["summary"].as_str().context("a summary")?.to_owned();
    control(&stage, "PATCH", "/jira/issues/WEB-1", json!({ "status": "Done", "summary": "Edited in Jira" }))?;
    // Jira's index shows it a little later.
    control(&stage, "POST", "/clock", json!({ "advance": 5 }))?;
    let edited = sync(&stage)?;
    ensure!(edited["updated"] == 1 && edited["items_failed"] == 0, "{edited}");
    let there = control(&stage, "GET", "/github/repos/acme/web/issues", Value::Null)?;
    let there = there.as_array().into_iter().flatten().find(|issue| issue["title"] == "Edited in Jira");
    let there = there.with_context(|| format!("no counterpart of {title:?}"))?;
    ensure!(there["state"] == "closed", "{there}");
    let path = format!("/github/repos/acme/web/issues/{}", there["number"]);
    control(
        &stage,
        "PATCH",
        &path,
        json!({ "title": "Edited on GitHub", "body": "One block.\n\nAnother." }),
    )?;
    sync(&stage)?;
    let issue = control(&stage, "GET", "/jira/issues/WEB-1", Value::Null)?;
    ensure!(issue["fields"]["summary"] == "Edited on GitHub", "{issue}");
    ensure!(issue["fields"]["description"]["content"].as_array().map(Vec::len) == Some(2), "{issue}");
    for _ in 0..2 {
        let idle = sync(&stage)?;
        ensure!(idle["updated"] == 0 && idle["items_failed"] == 0, "{idle}");
    }
    Ok(())
}
