//! Commands against a running server: the same output as on its database, and what they say when it refuses or is away.

mod accounts;
mod queue;

use std::{
    io::BufReader,
    net::TcpListener,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use syncline_support::{
    program::Program,
    serving::{Serving, until},
};

use super::common::{Places, ensure_tells, with_database};

const GIVEN: &str = "0123456789abcdef0123456789abcdef";

/// A program whose commands go to the server: it has no database of its own.
fn remote(server: &Serving, token: Option<&str>) -> Result<Program> {
    let mut program = super::common::program()?;
    program.set("SYNCLINE_SERVER", &server.url(""));
    if let Some(token) = token {
        program.set("SYNCLINE_TOKEN", token);
    }
    Ok(program)
}

/// Ensures that a command says the same on the database and against the server.
fn ensure_same(here: &Program, there: &Program, code: i32, arguments: &[&str]) -> Result<Value> {
    let whole = [&["--json"], arguments].concat();
    let (on_database, on_server) = (here.expect(code, &whole)?, there.expect(code, &whole)?);
    let (mut one, mut other) = (on_database.json()?, on_server.json()?);
    strip(&mut one);
    strip(&mut other);
    ensure!(one == other, "{arguments:?}: {one:#} on the database, {other:#} on the server");
    let told = there.expect(code, arguments)?;
    ensure!(!told.stdout.trim().is_empty(), "{arguments:?} says nothing");
    Ok(one)
}

/// Takes out what changes from one moment to the next, and what only the machine itself knows.
fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for key in [
                "until",
                "since",
                "silent_ms",
                "last_heartbeat",
                "schema_version",
                "oldest_seconds",
                "last_used_at",
                "findings",
                "warnings",
                "not_before",
                // Of a secret, which only the server has, and of a change in a transaction.
                "fingerprint",
                "seq",
            ] {
                map.remove(key);
            }
            map.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        _ => {}
    }
}

#[tokio::test]
async fn commands_say_the_same_on_the_database_and_against_the_server() -> Result<()> {
    let places = Places::in_step(4, "conflict_strategy: manual\nsync_interval: 3600\n").await?;
    places.edit("T-000001", "title", "Ours")?;
    places.table.execute("UPDATE tasks SET title = 'Theirs' WHERE id = 'T-000001'").await?;
    places.sync(1, &[])?;
    places.program.expect(0, &["pause", "sync", "tasks", "--reason", "moving"])?;
    let server = places.program.serve(&["api"])?;
    let (here, there) = (&places.program, &remote(&server, None)?);
    for arguments in [
        &["syncs"][..],
        &["syncs", "show", "tasks"],
        &["syncs", "diff", "tasks"],
        &["syncs", "export"],
        &["syncs", "export", "tasks"],
        &["queues"],
        &["queues", "scale"],
        &["workers"],
        &["history", "T-000001"],
        &["history", "T-000002", "--sync", "tasks", "--days", "7"],
        &["audit", "--limit", "2"],
        &["audit", "--after", "3"],
        &["pauses"],
        &["schedules"],
        &["runs"],
        &["runs", "tasks", "--status", "completed", "--limit", "1"],
        &["jobs"],
        &["dead"],
        &["dead", "groups"],
        &["operations"],
        &["conflicts"],
        &["conflicts", "list", "--all", "--sync", "tasks"],
        &["conflicts", "show", "1"],
        &["stats"],
        &["stats", "--by", "platform", "--window", "all"],
        &["projects"],
        &["tokens"],
        &["audit"],
    ] {
        ensure_same(here, there, 0, arguments)?;
    }
    let runs = ensure_same(here, there, 0, &["runs"])?;
    let run = runs["runs"][0]["id"].as_str().context("a run")?;
    let shown = there.expect(0, &["runs", run])?;
    ensure_tells(&shown.stdout, &["attempts", "1 conflict for a person"])?;
    ensure_tells(&there.expect(0, &["runs", &run[..13]])?.stdout, &[run])?;
    ensure_tells(&there.expect(0, &["jobs", "show", run])?.stdout, &["status: completed"])?;
    for (arguments, told) in [
        (&["syncs", "show", "task"][..], "tasks"),
        (&["runs", "nothing"], "there is no sync \"nothing\""),
        (&["conflicts", "show", "99"], "99"),
        (&["queues", "scale", "nothing"], "nothing"),
        (&["history", "T-999999"], "the id or key \"T-999999\""),
        (&["history", "T-000001", "--sync", "nothing"], "there is no sync \"nothing\""),
        (&["enqueue", "task"], "did you mean \"tasks\"?"),
        (&["pause", "platform", "cvs"], "did you mean \"csv\"?"),
    ] {
        ensure_tells(&here.expect(2, arguments)?.stderr, &[told])?;
        ensure_tells(&there.expect(2, arguments)?.stderr, &[told])?;
    }
    Ok(())
}

#[tokio::test]
async fn a_server_runs_plans_and_resolves_for_commands() -> Result<()> {
    let places = Places::in_step(4, "conflict_strategy: manual\n").await?;
    let server = places.program.serve(&["up"])?;
    let there = remote(&server, None)?;
    places.edit("T-000002", "title", "Ours")?;
    let plan = there.expect(0, &["plan", "tasks"])?;
    ensure_tells(&plan.stdout, &["plan of tasks", "Ours", "1 to update"])?;
    let run = there.expect(0, &["--json", "sync", "tasks"])?.json()?;
    ensure!(run["status"] == "completed" && run["updated"] == 1 && run["open_conflicts"] == 0, "{run}");
    ensure_tells(&there.expect(0, &["sync", "tasks"])?.stdout, &["tasks: completed", "4 unchanged"])?;
    places.ensure_in_step().await?;

    places.edit("T-000001", "title", "Mine")?;
    places.table.execute("UPDATE tasks SET title = 'Yours' WHERE id = 'T-000001'").await?;
    ensure_tells(&there.expect(1, &["sync", "tasks"])?.stdout, &["1 conflict waits for a person"])?;
    let resolved = there.expect(0, &["--json", "conflicts", "resolve", "1", "--target"])?.json()?;
    ensure!(resolved["applied"] == true && resolved["resolution"] == "target", "{resolved}");
    ensure!(resolved["open_conflicts"] == 0, "{resolved}");
    places.ensure_in_step().await?;

    for (value, filter, choice) in [
        ("Third", "field:title", &["--strategy", "target_wins"][..]),
        ("Fourth", "item:T-000001", &["--target"]),
    ] {
        places.edit("T-000001", "title", value)?;
        places
            .table
            .execute(&format!("UPDATE tasks SET title = 'Not {value}' WHERE id = 'T-000001'"))
            .await?;
        there.expect(1, &["sync", "tasks"])?;
        let selected = ["--json", "conflicts", "resolve", "--filter", filter, "--background", "--yes"];
        // Once by the server and once by the database.
        let by = if value == "Third" { &there } else { &places.program };
        let begun = by.expect(0, &[&selected[..], choice].concat())?.json()?;
        ensure!(begun["action"] == "resolve" && begun["total"] == 1, "{begun}");
        let id = begun["id"].as_str().context("an operation")?;
        until("the operation is done", async || {
            let row = there.expect(0, &["--json", "operations", "show", id])?.json()?;
            let open = there.expect(0, &["--json", "conflicts"])?.json()?;
            Ok((row["state"] == "done" && open["conflicts"] == serde_json::json!([])).then_some(()))
        })
        .await?;
        ensure_tells(
            &there.expect(0, &["operations", "show", id])?.stdout,
            &["of conflicts", "1 of 1 done"],
        )?;
        places.ensure_in_step().await?;
        ensure_tells(&std::fs::read_to_string(&places.file)?, &[&format!("Not {value}")])?;
    }

    let accepted = there.expect(0, &["--json", "enqueue", "tasks", "--delay", "1h"])?.json()?;
    let id = accepted["id"].as_str().context("a run")?;
    ensure!(accepted["joined"] == false && accepted["not_before"].is_string(), "{accepted}");
    ensure_tells(&there.expect(0, &["jobs"])?.stdout, &[id, "not before"])?;
    ensure_tells(&there.expect(0, &["jobs", "cancel", id])?.stdout, &["cancelled"])?;
    ensure_tells(&there.expect(1, &["jobs", "cancel", id])?.stderr, &["over already"])?;
    let latest = ["--json", "events", "--limit", "4"];
    until("the latest events are the same", async || {
        let (here, there) = (places.program.expect(0, &latest)?.stdout, there.expect(0, &latest)?.stdout);
        Ok((here == there && !here.is_empty()).then_some(()))
    })
    .await?;
    ensure_tells(
        &there.expect(0, &["events", "--limit", "1000"])?.stdout,
        &["run.accepted", "run.completed"],
    )?;
    let events = there.expect(0, &["--json", "events", "--after", "0"])?;
    ensure_tells(&events.stdout, &["run.accepted", "run.completed"])?;

    ensure_tells(&there.expect(0, &["pause", "sync", "tasks"])?.stdout, &["sync tasks is paused"])?;
    let paused = there.expect(1, &["sync", "tasks"])?;
    ensure_tells(&paused.stderr, &["paused"])?;
    ensure_tells(&there.expect(0, &["resume", "sync", "tasks"])?.stdout, &["goes on"])?;
    let drained = there.expect(0, &["--json", "workers"])?.json()?;
    ensure!(drained["workers"][0]["standing"] == "live", "{drained}");
    Ok(())
}

#[tokio::test]
async fn documents_are_applied_to_a_server() -> Result<()> {
    let program = with_database()?;
    let folder = program.folder().display().to_string();
    let source = format!("source: {{ path: {folder}/backlog.csv, key: id }}");
    let target = format!("target: {{ url: \"sqlite://{folder}/tasks.db\", table: tasks, key: id }}");
    let places = Places::with(program, 2, &format!("{source}\n{target}")).await?;
    let server = places.program.serve(&["api", "--allow-paths", &folder])?;
    let there = remote(&server, None)?;
    let exported = there.expect(0, &["syncs", "export"])?.stdout;
    ensure_tells(&exported, &["name: tasks", "backlog.csv"])?;
    there.write("same.yaml", &exported)?;
    ensure_tells(&there.expect(0, &["apply", "same.yaml"])?.stdout, &["unchanged tasks"])?;
    there.write(
        "changed.yaml",
        &exported.replace("entity_type: task", "entity_type: task\nsync_interval: 60"),
    )?;
    let dry = there.expect(0, &["apply", "--dry-run", "changed.yaml"])?;
    ensure_tells(&dry.stdout, &["would change tasks", "sync_interval", "nothing was stored"])?;
    ensure_tells(&there.expect(0, &["apply", "changed.yaml"])?.stdout, &["changed tasks"])?;
    ensure_tells(&there.expect(0, &["syncs", "diff", "tasks"])?.stdout, &["sync_interval"])?;
    ensure_tells(&there.expect(2, &["syncs", "delete", "tasks"])?.stderr, &["--yes"])?;
    ensure_tells(&there.expect(0, &["syncs", "delete", "tasks", "--yes"])?.stdout, &["deleted tasks"])?;
    ensure_tells(&there.expect(2, &["sync", "tasks"])?.stderr, &["there is no sync \"tasks\""])?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_refuses_says_what_to_do() -> Result<()> {
    let mut places = Places::in_step(2, "").await?;
    places.program.expect(0, &["projects", "create", "web"])?;
    let token = |arguments: &[&str]| -> Result<String> {
        let made = places.program.expect(0, &[&["tokens", "create"], arguments].concat())?;
        Ok(made.stdout.trim().to_owned())
    };
    let (reads, foreign) = (token(&["reads"])?, token(&["web", "--project", "web", "--scope", "admin"])?);
    places.program.set("SYNCLINE_TOKEN", GIVEN);
    let server = places.program.serve(&["api"])?;

    let none = remote(&server, None)?.expect(2, &["runs"])?;
    ensure_tells(&none.stderr, &["wants a token", "SYNCLINE_TOKEN", "syncline tokens create"])?;
    let wrong = remote(&server, Some("sl_live_9_wrongwrongwrongwrongwrong"))?.expect(2, &["runs"])?;
    ensure_tells(&wrong.stderr, &["does not accept the token", "SYNCLINE_TOKEN"])?;
    ensure!(!wrong.stderr.contains("wrongwrong"), "{}", wrong.stderr);
    let scope = remote(&server, Some(&reads))?.expect(2, &["enqueue", "tasks"])?;
    ensure_tells(&scope.stderr, &["enqueue", "syncline tokens create --scope"])?;
    let foreign = remote(&server, Some(&foreign))?;
    ensure_tells(&foreign.expect(2, &["sync", "tasks"])?.stderr, &["there is no sync \"tasks\""])?;
    ensure_tells(&foreign.expect(0, &["runs"])?.stdout, &["no runs"])?;
    let told = remote(&server, Some(GIVEN))?.expect(2, &["--json", "sync", "task"])?;
    let error: Value = serde_json::from_str(&told.stderr)?;
    ensure!(error["error"]["exit_code"] == 2, "{error}");
    ensure!(error["error"]["message"].as_str().is_some_and(|text| text.contains("tasks")), "{error}");
    Ok(())
}

#[test]
fn a_server_that_is_away_or_none_at_all_is_told() -> Result<()> {
    let mut program = super::common::program()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    program.set("SYNCLINE_SERVER", &format!("http://127.0.0.1:{port}"));
    let away = program.expect(1, &["queues"])?;
    ensure_tells(&away.stderr, &[&port.to_string(), "cannot be reached", "syncline up"])?;
    // Connections are accepted, and nothing is answered.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    program.set("SYNCLINE_SERVER", &format!("http://{}", silent.local_addr()?));
    for (name, value) in [("CONNECT", "100"), ("READ", "200"), ("TOTAL", "400")] {
        program.set(&format!("SYNCLINE_HTTP_{name}_MS"), value);
    }
    ensure_tells(&program.expect(1, &["queues"])?.stderr, &["does not answer in time"])?;
    for (server, told) in [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("ftp://example.org", "no address of a server"),
        ("http://me:s3cret@example.org", "SYNCLINE_TOKEN"),
    ] {
        let refused = program.expect(2, &["queues", "--server", server])?;
        ensure_tells(&refused.stderr, &["--server", told])?;
        ensure!(!refused.stderr.contains("s3cret"), "{}", refused.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn a_list_is_shown_again_and_again_until_it_is_interrupted() -> Result<()> {
    let places = Places::new(2, "").await?;
    let server = places.program.serve(&["api"])?;
    for program in [&places.program, &remote(&server, None)?] {
        let mut command = program.command(&["--json", "queues", "--watch", "1"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("an output")?;
        let mut documents =
            serde_json::Deserializer::from_reader(BufReader::new(stdout)).into_iter::<Value>();
        for _ in 0..2 {
            let document = documents.next().context("another document")??;
            ensure!(document["queues"][0]["queue"] == "default", "{document}");
        }
        let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
        ensure!(told.success());
        ensure!(child.wait()?.code() == Some(0), "the watch did not end well");
    }
    let once = places.program.expect(2, &["queues", "--watch", "0"])?;
    ensure_tells(&once.stderr, &["--watch", "from 1 to 3600"])?;
    // The first round fails as the command without it.
    let mut away = super::common::program()?;
    away.set("SYNCLINE_SERVER", "http://127.0.0.1:9");
    ensure_tells(&away.expect(1, &["runs", "--watch"])?.stderr, &["cannot be reached"])
}

#[test]
fn what_is_about_the_machine_refuses_a_server() -> Result<()> {
    let mut program = with_database()?;
    let server = "http://127.0.0.1:9";
    for arguments in [
        &["migrate", "up"][..],
        &["up"],
        &["api"],
        &["worker"],
        &["backup", "copy.db"],
        &["purge"],
        &["verify"],
        &["config"],
        &["stats", "rebuild"],
        &["demo"],
        &["version"],
        &["openapi"],
        &["validate", "sync.yaml"],
        &["init", "a.csv", "b.csv"],
        &["accounts", "key"],
        &["accounts", "rotate", "--all"],
    ] {
        let refused = program.expect(2, &[arguments, &["--server", server]].concat())?;
        ensure_tells(&refused.stderr, &["works on this machine", "because", "Leave out --server"])?;
    }
    // What may be done instead is different for each.
    for (arguments, instead) in [
        (&["purge"][..], "SYNCLINE_KEEP_RUNS"),
        (&["validate", "sync.yaml"], "syncline apply --dry-run FILE"),
        (&["openapi"], "/openapi.json"),
        (&["accounts", "rotate", "--all"], "SYNCLINE_SECRET_KEY_PREVIOUS"),
        (&["plan", "-f", "sync.yaml"], "enabled: false"),
    ] {
        let refused = program.expect(2, &[arguments, &["--server", server]].concat())?;
        ensure_tells(&refused.stderr, &[instead, "--server"])?;
    }
    for arguments in [&["people"][..], &["accounts"], &["discover", "acme"], &["history", "T-1"]] {
        let away = program.expect(1, &[arguments, &["--server", server]].concat())?;
        ensure_tells(&away.stderr, &["cannot be reached"])?;
    }
    let both = program.expect(2, &["runs", "--server", server, "--database-url", "sqlite://x.db"])?;
    ensure_tells(&both.stderr, &["--server and --database-url"])?;
    // What needs no database ignores the variable, and a flag goes before it.
    program.set("SYNCLINE_SERVER", server);
    program.expect(0, &["version"])?;
    program.expect(0, &["completions", "bash"])?;
    let url = format!("sqlite://{}", program.path("syncline.db").display());
    ensure_tells(&program.expect(0, &["runs", "--database-url", &url])?.stdout, &["no runs"])?;
    let listed = program.expect(0, &["--json", "config"])?.json()?;
    let settings = listed["settings"].as_array().context("settings")?;
    let found = settings.iter().find(|setting| setting["variable"] == "SYNCLINE_SERVER");
    ensure!(found.is_some_and(|setting| setting["value"] == "http://127.0.0.1:9/"), "{found:?}");
    Ok(())
}
