//! Documents drafted between two platforms run as they stand.

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use serde_json::{Value, json};

use super::{accounts::Stage, common::ensure_tells};

/// A stage with an account of each platform, whose people are known.
async fn stage() -> Result<Stage> {
    let stage = Stage::new().await?;
    let (status, linear) = stage.simulator.control("POST", "/linear/tokens", &json!({ "user": "ada" }));
    ensure!(status < 300, "{linear}");
    let (status, jira) = stage.simulator.control("POST", "/jira/tokens", &json!({ "user": "ada" }));
    ensure!(status < 300, "{jira}");
    let text = |value: &Value| value.as_str().map(str::to_owned).context("text");
    let accounts = [
        (
            "jira",
            stage.simulator.jira(),
            format!("{}:{}", text(&jira["email"])?, text(&jira["token"])?),
            "WEB",
        ),
        ("github", stage.simulator.github(), stage.token.clone(), "acme/web"),
        ("linear", stage.simulator.linear(), text(&linear["token"])?, "ENG"),
    ];
    for (platform, address, secret, place) in accounts {
        let name = format!("my-{platform}");
        let add = ["accounts", "add", &name, "--platform", platform, "--base-url", &address];
        stage.run(0, &add, &format!("{secret}\n"))?;
        stage.run(0, &["people", "sync", &name, place], "")?;
    }
    Ok(stage)
}

fn sync(stage: &Stage) -> Result<Value> {
    let (told, _) = stage.run(0, &["--json", "sync", "issues"], "")?;
    Ok(serde_json::from_str(&told)?)
}

const STATUS: &str =
    "source_field: \"status\", target_field: \"status\", source_type: status, target_type: status";
const LABELS: &str = "source_field: \"labels\", target_field: \"labels\", source_type: set, target_type: set";

#[rstest]
#[case::jira_to_github("my-jira/WEB", "my-github/acme/web", &[
    "\"summary\", target_field: \"title\"",
    "\"description\", target_field: \"body\", source_type: rich_text, target_type: rich_text",
    "\"assignee\", target_field: \"assignees\", source_type: person, target_type: people, direction: source_to_target",
    "# issuetype and type have other values",
])]
#[case::linear_to_jira("my-linear/ENG", "my-jira/WEB", &[
    "\"title\", target_field: \"summary\"",
    "\"description\", target_field: \"description\", source_type: rich_text, target_type: rich_text",
    "\"assignee\", target_field: \"assignee\", source_type: person, target_type: person",
    "\"due_date\", target_field: \"duedate\", source_type: date, target_type: date",
    "\"estimate\", target_field: \"fields.Story Points\", source_type: number, target_type: number",
    "\"Urgent\": \"Highest\", \"High\": \"High\", \"Medium\": \"Medium\", \"Low\": \"Low\", \"No priority\": \"Medium\"",
    "\"Lowest\": \"Low\"",
    "Ada Quist",
])]
#[case::github_to_linear("my-github/acme/web", "my-linear/ENG", &[
    "\"title\", target_field: \"title\"",
    "\"body\", target_field: \"description\", source_type: rich_text, target_type: rich_text",
    "\"assignees\", target_field: \"assignee\", source_type: people, target_type: person, direction: target_to_source",
])]
#[tokio::test(flavor = "multi_thread")]
async fn a_draft_between_two_platforms_runs_as_it_stands(
    #[case] source: &str,
    #[case] target: &str,
    #[case] lines: &[&str],
) -> Result<()> {
    let stage = stage().await?;
    // Several people on GitHub do not fit where there is one.
    let several = json!({ "assignees": ["ada", "bruno"] });
    let (status, issue) = stage.simulator.control("PATCH", "/github/repos/acme/web/issues/1", &several);
    ensure!(status < 300, "{issue}");
    stage.run(0, &["init", "--source", source, "--target", target, "--name", "issues"], "")?;
    let draft = std::fs::read_to_string(stage.program.path("issues.yaml"))?;
    ensure_tells(&draft, &[STATUS, LABELS])?;
    // Remarks go over several lines.
    ensure_tells(&draft.replace("\n#   ", " "), lines)?;
    let mapped = draft.split("field_mappings:").nth(1).context("mappings")?;
    for author in ["reporter", "author", "creator"] {
        ensure!(!mapped.contains(&format!("_field: \"{author}\"")), "{draft}");
    }
    stage.run(0, &["validate", "issues.yaml"], "")?;
    let (online, _) = stage.run(0, &["validate", "--online", "issues.yaml"], "")?;
    ensure_tells(&online, &["issues is valid, and its places fit it"])?;
    stage.run(0, &["plan", "-f", "issues.yaml"], "")?;
    stage.run(0, &["apply", "issues.yaml"], "")?;
    let first = sync(&stage)?;
    ensure!(first["created"].as_u64() >= Some(3) && first["items_failed"] == 0, "{first}");
    ensure!(first["success"] == true, "{first}");
    let again = sync(&stage)?;
    for count in ["created", "updated", "deleted", "items_failed"] {
        ensure!(again[count] == 0, "{count}: {again}");
    }
    Ok(())
}
