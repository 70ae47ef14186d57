//! The demo: a first look that needs nothing, and leaves something to try.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use syncline_support::{http::client, program::Program};

use super::common::{ensure_tells, program};

/// The program, with its temporary folders inside its own.
fn quiet() -> Result<Program> {
    let mut program = program()?;
    let folder = program.folder().display().to_string();
    program.set("TMPDIR", &folder);
    Ok(program)
}

/// The names in the folder of temporary files.
fn left(program: &Program) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(program.folder())?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

#[test]
fn the_demo_goes_through_a_conflict_an_outage_and_a_loss_of_access() -> Result<()> {
    let program = quiet()?;
    let before = left(&program)?;
    let began = Instant::now();
    let demo = program.expect(0, &["--json", "demo", "--exit"])?.json()?;
    ensure!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
    ensure!(left(&program)? == before, "it left {:?}", left(&program)?);
    let steps = demo["steps"].as_array().context("steps")?;
    let step = |name: &str| steps.iter().find(|step| step["name"] == name).context(name.to_owned());

    ensure!(step("plan")?["counts"]["created"] == 200, "{}", step("plan")?);
    let first = step("first_sync")?;
    ensure!(first["created"] == 200 && first["updated"] == 0 && first["success"] == true, "{first}");
    let edits = step("edits")?;
    ensure!(edits["created"] == 1 && edits["updated"] == 3 && edits["open_conflicts"] == 1, "{edits}");
    let conflict = &demo["conflicts"][0];
    ensure!(
        conflict["field"] == "summary" && conflict["source"] == "Simplify the login form, and test it",
        "{conflict}"
    );
    ensure!(conflict["source"] != conflict["target"], "{conflict}");

    let outage = step("outage")?;
    ensure!(outage["status"] == "completed" && outage["updated"] == 1, "{outage}");
    ensure!(outage["attempts"].as_u64() >= Some(2), "{outage}");
    ensure!(outage["first_error"].as_str().is_some_and(|error| error.contains("503")), "{outage}");

    let lost = step("lost_access")?;
    ensure!(lost["success"] == false && lost["deleted"] == 0, "{lost}");
    ensure!(
        lost["error"]
            .as_str()
            .is_some_and(|error| error.contains("give the account's user the permission Browse projects")),
        "{lost}"
    );
    ensure!(lost["before"] == lost["after"] && lost["after"][1]["issues"] == 401, "{lost}");
    let again = step("access_again")?;
    ensure!(again["status"] == "completed" && again["updated"] == 1, "{again}");

    let nothing = step("no_change")?;
    for count in ["created", "updated", "deleted"] {
        ensure!(nothing[count] == 0, "{nothing}");
    }
    ensure!(nothing["api_calls"].as_u64() <= Some(4), "{nothing}");
    for place in ["WEB", "acme/web"] {
        ensure!(demo["places"][place]["issues"] == 401, "{}", demo["places"]);
    }
    ensure!(demo["places"]["WEB"] == demo["places"]["acme/web"], "{}", demo["places"]);
    Ok(())
}

#[test]
fn the_demo_fits_eighty_columns() -> Result<()> {
    let output = quiet()?.command(&["demo", "--exit"]).env("COLUMNS", "80").output()?;
    let (told, noted) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    ensure!(output.status.success(), "{told}{noted}");
    ensure_tells(
        &told.split_whitespace().collect::<Vec<_>>().join(" "),
        &[
            "What a first sync would do",
            "200 created",
            "#17 has the new label, and its text begins and ends as edited on both sides",
            "WEB-31 is In Progress, and #31 is open; #33 is closed; WEB-42 is Done",
            "The conflict",
            "An outage",
            "503",
            "A loss of access",
            "nothing was deleted",
            "WEB-60, closed on GitHub during the outage, is Done.",
            "WEB-80, Done meanwhile, is closed on GitHub.",
            "Nothing is new",
        ],
    )?;
    for line in told.lines().chain(noted.lines()) {
        ensure!(line.chars().count() <= 80, "too long: {line}");
    }
    Ok(())
}

/// The demo in the background; it ends with the test.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything goes on, and ends without a trace.
#[tokio::test]
async fn the_demo_stays_with_addresses_to_look_at() -> Result<()> {
    let program = quiet()?;
    let before = left(&program)?;
    let mut demo = Background(program.command(&["--json", "demo"]).stdout(Stdio::piped()).spawn()?);
    let child = &mut demo.0;
    let mut out = child.stdout.take().context("standard output is piped")?;
    let (mut text, mut part) = (Vec::new(), [0; 4096]);
    let demo: Value = loop {
        let read = out.read(&mut part)?;
        ensure!(read > 0, "it ended: {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&part[..read]);
        if let Ok(document) = serde_json::from_slice(&text) {
            break document;
        }
    };
    let address = |value: &Value| value.as_str().context("an address").map(str::to_owned);
    let (page, syncline) = (address(&demo["simulator"]["page"])?, address(&demo["syncline"])?);
    let control = address(&demo["simulator"]["control"])?;
    ensure!(client().get(&page).send().await?.text().await?.contains("acme/web"));
    let jira = address(&demo["simulator"]["pages"]["jira"])?;
    ensure!(client().get(&jira).send().await?.text().await?.contains("WEB"));
    let began = Instant::now();
    while !client().get(format!("{syncline}/readyz")).send().await?.status().is_success() {
        ensure!(began.elapsed() < Duration::from_secs(30), "it does not become ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The schedule carries what a person edits.
    let there = format!("{control}/github/repos/acme/web/issues/90");
    let edit = client()
        .patch(format!("{control}/jira/issues/WEB-90"))
        .body("{\"labels\": [\"urgent\"]}")
        .send()
        .await?;
    ensure!(edit.status().is_success(), "{edit:?}");
    let began = Instant::now();
    while !client().get(&there).send().await?.text().await?.contains("\"urgent\"") {
        ensure!(began.elapsed() < Duration::from_secs(30), "the edit did not arrive");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let next: Vec<&str> = demo["next"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let exports: Vec<&str> = next.iter().filter(|line| line.starts_with("export ")).copied().collect();
    for command in next.iter().filter(|line| !line.starts_with("export ")) {
        let script = format!("{}; {command}", exports.join("; "));
        let done = program.shell(&["-c", &script]).output()?;
        ensure!(done.status.success(), "{command}: {done:?}");
    }
    let stop = std::process::Command::new("kill").arg(child.id().to_string()).status()?;
    ensure!(stop.success() && child.wait()?.success(), "it does not end well");
    ensure!(left(&program)? == before, "it left {:?}", left(&program)?);
    Ok(())
}

#[test]
fn the_demo_of_files_shows_plans_results_a_conflict_and_numbers() -> Result<()> {
    let program = quiet()?;
    let told = program.expect(0, &["demo", "files"])?;
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
fn the_demo_of_files_for_programs_is_one_document() -> Result<()> {
    let demo = quiet()?.expect(0, &["--json", "demo", "files"])?.json()?;
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
    let demo = program.expect(0, &["--json", "demo", "files", "--keep", "here"])?.json()?;
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
    let demo = program.expect(0, &["--json", "demo", "files", "--keep", "a/new/folder"])?.json()?;
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
    let refused = program.expect(2, &["demo", "files", "--keep", "mine"])?;
    ensure_tells(&refused.stderr, &["--keep", "mine", "not empty"])?;
    let left = |folder: &Path| Ok::<_, anyhow::Error>(std::fs::read_dir(folder)?.count());
    ensure!(left(&program.path("mine"))? == 1);
    Ok(())
}
