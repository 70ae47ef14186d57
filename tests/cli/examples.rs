//! The examples in other languages ask a real worker for a run. `scripts/example-tools` installs what they need.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use syncline_support::{redis::Server, serving::until};

use super::common::Places;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tool(path: &str) -> Result<PathBuf> {
    let tool = root().join("target/examples").join(path);
    ensure!(tool.exists(), "{} is not there; run scripts/example-tools, which installs it", tool.display());
    Ok(tool)
}

/// The run that an example asks for is on record under the id that it printed, and is carried out.
async fn is_carried_out(mut example: Command) -> Result<()> {
    let server = Server::start(&[])?;
    let mut places = Places::new(12, "").await?;
    places.program.set("REDIS_URL", &server.url());
    let output = example.arg("tasks").env("REDIS_URL", server.url()).output().context("the example")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let run = String::from_utf8(output.stdout)?.trim().to_owned();
    let worker = places.program.serve(&["worker"])?;
    until("the run is completed", async || {
        let told = places.program.run(&["--json", "runs", &run])?;
        // Until a worker has read the inbox there is no such run.
        let completed = told.code == Some(0) && told.json()?.to_string().contains("\"status\":\"completed\"");
        Ok(completed.then_some(()))
    })
    .await?;
    ensure!(places.ensure_in_step().await?.len() == 12);
    ensure!(worker.terminate()? == Some(0), "SIGTERM did not end it well");
    Ok(())
}

#[tokio::test]
async fn python_asks_for_a_run() -> Result<()> {
    let mut example = Command::new(tool("venv/bin/python")?);
    example.arg(root().join("examples/enqueue.py"));
    is_carried_out(example).await
}

#[tokio::test]
async fn node_asks_for_a_run() -> Result<()> {
    tool("node_modules/redis/package.json")?;
    // Node looks for packages from where the program lies.
    let folder = tempfile::tempdir_in(root().join("target/examples"))?;
    let program = folder.path().join("enqueue.mjs");
    fs::copy(root().join("examples/enqueue.mjs"), &program)?;
    let mut example = Command::new("node");
    example.arg(program);
    is_carried_out(example).await
}

#[test]
fn without_a_sync_an_example_says_how_it_is_used() -> Result<()> {
    for (tool, file) in [("python3", "enqueue.py"), ("node", "enqueue.mjs")] {
        let output = Command::new(tool).arg(root().join("examples").join(file)).output().context(tool)?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(2) && output.stdout.is_empty(), "{file}: {output:?}");
        ensure!(told.trim_end() == format!("usage: {tool} {file} NAME"), "{file}: {told}");
    }
    Ok(())
}
