//! The walks in `examples`: each asks a real server for a run, follows it on the live feed, and reads the numbers.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::common::Places;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What walks print and complain of, and how they end.
async fn walks(tool: impl AsRef<Path>, file: &str) -> Result<()> {
    let places = Places::new(12, "").await?;
    let token = places.program.expect(0, &["tokens", "create", "walk", "--scope", "read,enqueue"])?.stdout;
    let token = token.lines().find(|line| line.starts_with("sl_")).context("a token")?.trim().to_owned();
    let server = places.program.serve(&["up"])?;
    let walk = |name: &str, token: &str| -> Result<(Option<i32>, String, String)> {
        let mut command = Command::new(tool.as_ref());
        command.arg(root().join("examples").join(file)).arg(name);
        command.env("SYNCLINE_URL", server.url("/")).env("SYNCLINE_TOKEN", token);
        let output = command.output().context("the walk")?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((output.status.code(), text(output.stdout), text(output.stderr)))
    };
    let (code, told, complaint) = walk("tasks", &token)?;
    ensure!(code == Some(0), "{complaint}{told}");
    for line in [
        ": completed\n",
        "12 created, 0 updated, 0 deleted, 0 conflicts\n",
        "tasks: 12 items in step, 1 runs",
    ] {
        ensure!(told.contains(line), "no {line:?} in {told}");
    }
    let heard: Vec<&str> = told.lines().filter(|line| line.starts_with("run.")).collect();
    let stages: Vec<&&str> = heard.iter().filter(|line| !line.starts_with("run.progressed ")).collect();
    ensure!(stages == [&"run.accepted", &"run.started", &"run.completed"], "{told}");
    ensure!(places.ensure_in_step().await?.len() == 12);
    let (code, _, complaint) = walk("other", &token)?;
    ensure!(code == Some(1) && complaint.contains("404: There is no sync \"other\""), "{complaint}");
    let (code, _, complaint) = walk("tasks", "sl_live_wrong")?;
    ensure!(code == Some(1) && complaint.contains("401: "), "{complaint}");
    server.terminate()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_in_python() -> Result<()> {
    walks("python3", "walk.py").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_with_curl() -> Result<()> {
    walks("sh", "walk.sh").await
}

/// Needs a Node that runs TypeScript. Without one the test says so and does nothing.
#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stderr, reason = "a test that was left out has to say so")]
async fn the_walk_in_typescript() -> Result<()> {
    let asked = Command::new("node").args(["-p", "process.features.typescript || ''"]).output();
    let runs = asked.is_ok_and(|told| !String::from_utf8_lossy(&told.stdout).trim().is_empty());
    if !runs {
        eprintln!("left out: examples/walk.ts needs Node 22.18 or later on the PATH");
        return Ok(());
    }
    walks("node", "walk.ts").await
}
