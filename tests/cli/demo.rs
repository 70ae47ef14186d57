//! The demo: a first look that needs nothing, and leaves something to try.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use syncline_support::program::Program;

use super::common::{ensure_tells, program};

/// The program, with its temporary folders inside its own.
fn quiet() -> Result<Program> {
    let mut program = program()?;
    let folder = program.folder().display().to_string();
    program.set("TMPDIR", &folder);
    Ok(program)
}

#[test]
fn the_demo_shows_plans_results_a_conflict_and_numbers() -> Result<()> {
    let program = quiet()?;
    let told = program.expect(0, &["demo"])?;
    ensure!(told.stderr.is_empty(), "{}", told.stderr);
    ensure_tells(
        &told.stdout,
        &[
            "What a first sync would do",
            "300 to create",
            "First sync",
            "backlog: completed",
            "Meanwhile people work on both sides",
            "What the second sync would do",
            "target.points: 13 → 8",
            "create on source",
            "delete on target",
            "a person decides",
            "Third sync: nothing has changed",
            "The conflict",
            "T-007",
            "Statistics",
            "Try next",
            "conflicts resolve 1 --side source",
        ],
    )?;
    ensure!(!program.path("syncline.db").exists(), "the demo touched the database that is set");
    Ok(())
}

#[test]
fn the_demo_for_programs_is_one_document() -> Result<()> {
    let demo = quiet()?.expect(0, &["--json", "demo"])?.json()?;
    let steps = demo["steps"].as_array().context("steps")?;
    ensure!(steps.len() == 5, "{demo}");
    ensure!(steps[0]["plan"]["counts"]["created"] == 300, "{}", steps[0]);
    ensure!(steps[1]["created"] == 300 && steps[1]["success"] == true, "{}", steps[1]);
    ensure!(steps[3]["created"] == 2 && steps[3]["deleted"] == 1, "{}", steps[3]);
    for count in ["created", "updated", "deleted"] {
        ensure!(steps[4][count] == 0, "{}", steps[4]);
    }
    ensure!(demo["conflicts"].as_array().is_some_and(|all| all.len() == 1), "{demo}");
    ensure!(demo["conflicts"][0]["field"] == "title", "{demo}");
    for key in ["folder", "database_url", "edits", "stats", "next"] {
        ensure!(!demo[key].is_null(), "{key} is missing: {demo}");
    }
    Ok(())
}

#[test]
fn the_commands_at_the_end_resolve_the_conflict() -> Result<()> {
    let program = quiet()?;
    let demo = program.expect(0, &["--json", "demo", "--keep", "here"])?.json()?;
    let next: Vec<&str> = demo["next"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let line = |part: &str| next.iter().find(|line| line.contains(part)).context(part.to_owned());
    let export = line("export DATABASE_URL")?;
    for command in [line("conflicts resolve")?, line(" runs")?, line(" stats")?] {
        let output = program.command(&[]).env_remove("DATABASE_URL").output()?;
        ensure!(output.status.code() == Some(2), "without a command there is only help");
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("{export}; {command}")])
            .current_dir(program.folder())
            .output()?;
        ensure!(output.status.success(), "{command}: {output:?}");
    }
    let url = demo["database_url"].as_str().context("an address")?;
    program.expect(0, &["--database-url", url, "sync", "backlog"])?;
    let text = std::fs::read_to_string(program.path("here/backlog.csv"))?;
    ensure!(text.contains("T-007,") && !text.contains("Simplify and document"), "the source's title stands");
    Ok(())
}

#[test]
fn kept_files_go_where_they_are_wanted() -> Result<()> {
    let program = quiet()?;
    let demo = program.expect(0, &["--json", "demo", "--keep", "a/new/folder"])?.json()?;
    let folder = PathBuf::from(demo["folder"].as_str().context("a folder")?);
    ensure!(folder == program.path("a/new/folder"), "{}", folder.display());
    for name in ["backlog.csv", "tasks.db", "sync.yaml", "syncline.db"] {
        ensure!(folder.join(name).exists(), "{name} is missing");
    }
    Ok(())
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() -> Result<()> {
    let program = quiet()?;
    std::fs::create_dir(program.path("mine"))?;
    program.write("mine/notes.txt", "mine")?;
    let refused = program.expect(2, &["demo", "--keep", "mine"])?;
    ensure_tells(&refused.stderr, &["--keep", "mine", "not empty"])?;
    let left = |folder: &Path| Ok::<_, anyhow::Error>(std::fs::read_dir(folder)?.count());
    ensure!(left(&program.path("mine"))? == 1);
    Ok(())
}
