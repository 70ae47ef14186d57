//! `syncline tokens` and `audit`, and a server that needs tokens.

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use syncline_support::http::client;

use super::common::{Places, ensure_tells, with_database};

const GIVEN: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn a_token_is_shown_once_and_can_be_revoked() -> Result<()> {
    let program = with_database()?;
    let first = program.expect(0, &["tokens"])?;
    ensure_tells(&first.stdout, &["only this machine", "syncline tokens create"])?;
    let made =
        program.expect(0, &["tokens", "create", "ci", "--scope", "read,enqueue", "--expires", "90d"])?;
    let token = made.stdout.trim().to_owned();
    ensure!(token.starts_with("sl_live_1_") && token.lines().count() == 1, "{token}");
    ensure_tells(&made.stderr, &["shown once", "from now on every request to the API needs a token"])?;
    let listed = program.expect(0, &["--json", "tokens", "list"])?;
    ensure!(!listed.stdout.contains(&token[12..]), "{}", listed.stdout);
    let row = &listed.json()?["tokens"][0];
    ensure!(row["scopes"] == json!(["read", "enqueue"]) && row["standing"] == "valid", "{row}");
    ensure!(row["expires_at"].is_string() && row["project"].is_null(), "{row}");

    ensure_tells(&program.expect(0, &["tokens", "revoke", "1"])?.stdout, &["token 1 (ci) is revoked"])?;
    ensure_tells(&program.expect(0, &["tokens", "revoke", "1"])?.stdout, &["was revoked already"])?;
    ensure_tells(&program.expect(2, &["tokens", "revoke", "7"])?.stderr, &["no token 7", "syncline tokens"])?;
    for (wrong, told) in [
        (&["tokens", "create", "x", "--scope", "enqeue"][..], &["enqeue", "enqueue"][..]),
        (&["tokens", "create", " "], &["name"]),
        (&["tokens", "create", "x", "--project", "nowhere"], &["project", "nowhere", "default"]),
        (&["tokens", "create", "x", "--environment", "A b"], &["environment"]),
    ] {
        ensure_tells(&program.expect(2, wrong)?.stderr, told)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_public_server_takes_the_operators_token_and_no_other_caller() -> Result<()> {
    let mut places = Places::new(3, "").await?;
    places.program.set("SYNCLINE_TOKEN", "too short");
    let refused = places.program.expect(2, &["api", "--listen", "0.0.0.0:0"])?;
    ensure_tells(&refused.stderr, &["SYNCLINE_TOKEN", "at least 32 characters"])?;
    ensure!(!refused.stderr.contains("too short"), "{}", refused.stderr);
    places.program.set("SYNCLINE_TOKEN", GIVEN);
    let api = places.program.serve(&["api", "--listen", "0.0.0.0:0"])?;
    let at = |path: &str| format!("http://127.0.0.1:{}{path}", api.address.port());
    let bare = client().get(at("/api/v1/jobs")).send().await?;
    ensure!(bare.status() == StatusCode::UNAUTHORIZED, "{bare:?}");
    ensure!(bare.headers()["www-authenticate"] == "Bearer", "{bare:?}");
    let post = || client().post(at("/api/v1/jobs")).json(&json!({ "sync": "tasks" }));
    ensure!(post().bearer_auth("x").send().await?.status() == StatusCode::UNAUTHORIZED);
    let accepted = post().bearer_auth(GIVEN).header("x-request-id", "from-ci-1").send().await?;
    ensure!(accepted.status() == StatusCode::ACCEPTED, "{accepted:?}");

    let audit = places.program.expect(0, &["--json", "audit", "--action", "run.enqueue"])?.json()?;
    let row = &audit["changes"][0];
    ensure!(row["actor"] == "token SYNCLINE_TOKEN" && row["request_id"] == "from-ci-1", "{row}");
    ensure!(row["details"]["from"] == "127.0.0.1" && row["details"]["after"]["kind"] == "sync", "{row}");
    let config = places.program.expect(0, &["config"])?;
    ensure!(config.stdout.contains("SYNCLINE_TOKEN") && !config.stdout.contains(GIVEN), "{}", config.stdout);
    ensure!(!api.log().contains(GIVEN), "the token is in the log");
    Ok(())
}

#[tokio::test]
async fn what_people_change_at_the_command_line_is_on_record() -> Result<()> {
    let mut places = Places::new(3, "").await?;
    places.program.set("USER", "mia");
    let run = |arguments: &[&str]| places.program.expect(0, arguments).map(drop);
    run(&["pause", "sync", "tasks", "--reason", "moving"])?;
    run(&["resume", "sync", "tasks"])?;
    run(&["sync", "tasks"])?;
    run(&["accounts", "add", "acme", "--platform", "github", "--secret", "env:ACME_TOKEN"])?;
    run(&["accounts", "rotate", "acme", "--secret", "env:OTHER_TOKEN"])?;
    run(&["accounts", "remove", "acme"])?;
    run(&["people", "map", "Ada", "ada@acme.example"])?;
    run(&["tokens", "create", "ci"])?;
    let audit = places.program.expect(0, &["--json", "audit"])?.json()?;
    let rows = audit["changes"].as_array().context("rows")?;
    let told: Vec<_> = rows.iter().rev().filter_map(|row| row["action"].as_str()).collect();
    let expected = [
        "sync.store",
        "pause",
        "resume",
        "run.enqueue",
        "account.add",
        "account.rotate",
        "account.remove",
        "people.map",
        "token.create",
    ];
    ensure!(told == expected, "{told:?}");
    for row in &rows[..8] {
        let actor = row["actor"].as_str().unwrap_or_default();
        ensure!(actor.starts_with("mia@") && row["details"]["from"] == "command line", "{row}");
        ensure!(row["request_id"].is_string(), "{row}");
    }
    let rotated = rows.iter().find(|row| row["action"] == "account.rotate").context("a row")?;
    let secret = |when: &str| rotated["details"][when]["secret"].clone();
    ensure!(secret("before") == json!("env:ACME_TOKEN") && secret("after") == json!("env:OTHER_TOKEN"));
    ensure!(!Value::from(rows.clone()).to_string().contains("ada@acme.example"), "people are not in the log");
    let shown = places.program.expect(0, &["audit", "--kind", "account", "--limit", "2"])?;
    ensure_tells(&shown.stdout, &["account.remove", "account.rotate", "syncline audit --after"])?;
    ensure!(!shown.stdout.contains("account.add"), "{}", shown.stdout);
    Ok(())
}
