//! What people and programs read: tables, one JSON document, and exit codes to build scripts on.

use std::{
    io::Read,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use serde_json::Value;

use super::common::{Places, ensure_tells, program, with_database};

#[tokio::test]
async fn zero_is_done_and_one_is_in_conflict() -> Result<()> {
    let places = Places::in_step(5, "conflict_strategy: manual").await?;
    places.edit("T-000001", "title", "Ours")?;
    places.table.execute("UPDATE tasks SET title = 'Theirs' WHERE id = 'T-000001'").await?;
    places.program.expect(1, &["plan", "tasks"])?;
    places.sync(1, &[])?;
    places.program.expect(0, &["conflicts"])?;
    places.program.expect(0, &["conflicts", "resolve", "1", "--side", "source"])?;
    places.sync(0, &[])?;
    Ok(())
}

#[rstest]
#[case::an_unknown_command(&["nonsense"], "nonsense")]
#[case::an_unknown_flag(&["stats", "--colour"], "--colour")]
#[case::nothing_at_all(&[], "Usage")]
#[case::a_missing_name(&["sync"], "<NAME>")]
#[case::a_missing_file(&["validate"], "<FILE>")]
#[case::an_unknown_sync(&["sync", "nobody"], "\"nobody\"")]
#[case::an_unknown_project(&["plan", "elsewhere/tasks"], "\"elsewhere/tasks\"")]
#[case::an_unknown_run(&["runs", "00000000-0000-0000-0000-000000000000"], "no run")]
#[case::a_window_that_is_none(&["stats", "--window", "yesterday"], "yesterday")]
#[case::a_priority_that_is_none(&["enqueue", "tasks", "--priority", "asap"], "asap")]
#[case::no_steps(&["migrate", "down", "--steps", "0"], "0")]
fn two_is_wrong_use(#[case] arguments: &[&str], #[case] named: &str) -> Result<()> {
    let refused = with_database()?.expect(2, arguments)?;
    ensure!(refused.stdout.is_empty(), "{}", refused.stdout);
    ensure_tells(&refused.stderr, &[named])
}

#[tokio::test]
async fn every_command_answers_programs_with_one_json_document() -> Result<()> {
    let places = Places::new(5, "").await?;
    places.sync(0, &[])?;
    let runs = places.program.expect(0, &["runs", "--json"])?.json()?;
    let run = runs["runs"][0]["id"].as_str().context("a run")?.to_owned();
    for arguments in [
        &["apply", "sync.yaml"][..],
        &["validate", "sync.yaml"],
        &["plan", "tasks"],
        &["plan", "-f", "sync.yaml"],
        &["sync", "tasks"],
        &["runs"],
        &["runs", "tasks"],
        &["runs", &run],
        &["conflicts"],
        &["conflicts", "list", "--all", "--sync", "tasks"],
        &["stats"],
        &["stats", "--sync", "tasks", "--window", "all"],
        &["migrate", "status"],
        &["migrate", "up"],
        &["enqueue", "tasks"],
        &["enqueue", "tasks", "--kind", "plan"],
    ] {
        let finished = places.program.expect(0, &[arguments, &["--json"]].concat())?;
        ensure!(finished.json()?.is_object(), "{arguments:?}: {}", finished.stdout);
        ensure!(finished.stderr.is_empty(), "{arguments:?}: {}", finished.stderr);
    }
    Ok(())
}

#[rstest]
#[case::of_usage(2, &["--json", "nonsense"])]
#[case::of_an_unknown_sync(2, &["--json", "sync", "nobody"])]
#[case::of_a_missing_file(2, &["--json", "apply", "nothing.yaml"])]
#[case::of_the_database(2, &["--json", "--database-url", "nothing", "stats"])]
fn errors_for_programs_are_json_on_standard_error(
    #[case] code: i32,
    #[case] arguments: &[&str],
) -> Result<()> {
    let refused = program()?.expect(code, arguments)?;
    ensure!(refused.stdout.is_empty(), "{}", refused.stdout);
    let error: Value = serde_json::from_str(&refused.stderr).context(refused.stderr)?;
    ensure!(error["error"]["exit_code"] == code, "{error}");
    ensure!(error["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_failed_sync_still_answers_programs_with_its_document() -> Result<()> {
    let places = Places::new(5, "").await?;
    std::fs::remove_file(&places.file)?;
    let run = places.sync(1, &[])?;
    ensure!(run["status"] == "failed" && run["success"] == false, "{run}");
    ensure_tells(run["error"].as_str().unwrap_or_default(), &["backlog.csv"])
}

#[tokio::test]
async fn what_is_piped_has_no_colour_unless_asked_for() -> Result<()> {
    let places = Places::new(5, "").await?;
    let run = |arguments: &[&str]| -> Result<String> {
        let mut command = places.program.command(arguments);
        let output = command.env_remove("NO_COLOR").env("TERM", "xterm-256color").output()?;
        Ok(String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?)
    };
    for arguments in
        [&["plan", "tasks"][..], &["sync", "tasks"], &["stats"], &["sync", "nobody"], &["--help"]]
    {
        let text = run(arguments)?;
        ensure!(!text.contains('\u{1b}'), "{arguments:?}: {text:?}");
    }
    ensure!(run(&["--color", "always", "stats"]).is_ok());
    places.edit("T-000001", "title", "Edited")?;
    ensure!(run(&["--color", "always", "plan", "tasks"])?.contains('\u{1b}'), "asked for and not coloured");
    Ok(())
}

#[rstest]
#[case(&[])]
#[case(&["demo"])]
#[case(&["demo", "files"])]
#[case(&["up"])]
#[case(&["worker"])]
#[case(&["api"])]
#[case(&["migrate"])]
#[case(&["migrate", "down"])]
#[case(&["apply"])]
#[case(&["validate"])]
#[case(&["plan"])]
#[case(&["sync"])]
#[case(&["enqueue"])]
#[case(&["runs"])]
#[case(&["conflicts"])]
#[case(&["conflicts", "resolve"])]
#[case(&["stats"])]
fn every_command_has_help(#[case] command: &[&str]) -> Result<()> {
    let help = program()?.expect(0, &[command, &["--help"]].concat())?;
    ensure!(help.stderr.is_empty(), "{}", help.stderr);
    ensure_tells(&help.stdout, &["Usage: syncline", "--json"])?;
    let options = help.stdout.lines().map(str::trim).filter(|line| line.starts_with("--"));
    for option in options {
        let told = option.contains("  ") || help.stdout.contains(&format!("{option}\n     "));
        ensure!(told, "{option} is not explained:\n{}", help.stdout);
    }
    Ok(())
}

#[test]
fn the_version_is_told() -> Result<()> {
    let version = program()?.expect(0, &["--version"])?;
    ensure!(version.stdout == concat!("syncline ", env!("CARGO_PKG_VERSION"), "\n"), "{}", version.stdout);
    Ok(())
}

#[rstest]
#[case::of_a_table(&["plan", "tasks", "--limit", "5000"])]
#[case::of_a_document(&["--json", "plan", "tasks"])]
#[case::of_help(&["--help"])]
#[tokio::test]
async fn a_reader_that_goes_away_is_no_reason_to_panic(#[case] arguments: &[&str]) -> Result<()> {
    let places = Places::new(2000, "").await?;
    let mut command: Command = places.program.command(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut first = [0; 10];
    let mut stdout = child.stdout.take().context("standard output is piped")?;
    stdout.read_exact(&mut first)?;
    drop(stdout);
    let output = child.wait_with_output()?;
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(!stderr.contains("panicked"), "{stderr}");
    ensure!(output.status.code() == Some(0), "{:?}: {stderr}", output.status);
    Ok(())
}
