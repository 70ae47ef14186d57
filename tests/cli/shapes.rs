//! One thing has one shape: commands print with `--json` the keys of the API's routes.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};
use syncline_support::{http::client, serving::Serving};

use super::common::{Places, ensure_tells};

/// What is below these keys differs from one thing to the next: documents, values, what a run says of its work, and what is
/// said of a document, which depends on the lists of the server.
const ANYTHING: [&str; 11] = [
    "args", "details", "document", "filter", "base", "source", "target", "before", "after", "progress",
    "warnings",
];

/// The keys of a document as paths; entries of a list count as one. Links are paths of a server, which commands leave out.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if key == "links" && value["self"].is_string() {
                    continue;
                }
                let path = format!("{path}/{key}");
                if !ANYTHING.contains(&key.as_str()) {
                    keys(value, &path, found);
                }
                found.insert(path);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, &format!("{path}[]"), found)),
        _ => {}
    }
}

async fn get(server: &Serving, token: &str, path: &str) -> Result<Value> {
    let request = client().get(server.url(&format!("/api/v1{path}")));
    let request = if token.is_empty() { request } else { request.bearer_auth(token) };
    let answer = request.send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success(), "{path}: {status} {text}");
    Ok(serde_json::from_str(&text)?)
}

/// A command and the route for the same thing.
struct Pair<'a> {
    command: &'a [&'a str],
    path: &'a str,
    /// The key of the compared entries; the whole document without it.
    list: &'a str,
    /// Keys that the command adds.
    more: &'a [&'a str],
}

fn pair<'a>(command: &'a [&'a str], path: &'a str) -> Pair<'a> {
    Pair { command, path, list: "", more: &[] }
}

impl<'a> Pair<'a> {
    fn list(self, list: &'a str) -> Pair<'a> {
        Pair { list, ..self }
    }

    fn more(self, more: &'a [&'a str]) -> Pair<'a> {
        Pair { more, ..self }
    }

    async fn ensure_same(&self, places: &Places, server: &Serving, token: &str) -> Result<()> {
        let Pair { command, path, list, more } = self;
        let printed = places.program.expect(0, &[&["--json"], *command].concat())?.json()?;
        let answered = get(server, token, path).await?;
        let of = |document: &Value| -> Result<BTreeSet<String>> {
            let part = if list.is_empty() { document } else { &document[*list] };
            let mut found = BTreeSet::new();
            keys(part, "", &mut found);
            // Commands that take no cursor print none.
            found.remove("/next_cursor");
            // An empty list has but its own key.
            ensure!(found.len() > 1, "{command:?} {path} has nothing to compare: {document}");
            Ok(found)
        };
        let (mut printed, answered) = (of(&printed)?, of(&answered)?);
        for key in *more {
            let added = printed.remove(*key);
            ensure!(added && !answered.contains(*key), "{command:?} does not add {key} to {path}");
        }
        let only = |one: &BTreeSet<String>, other| one.difference(other).cloned().collect::<Vec<String>>();
        let (more, less) = (only(&printed, &answered), only(&answered, &printed));
        ensure!(
            printed == answered,
            "{command:?} prints {more:?}, which {path} lacks, and lacks {less:?} of it"
        );
        Ok(())
    }
}

#[tokio::test]
async fn commands_print_the_keys_of_the_api() -> Result<()> {
    let more = "conflict_strategy: manual\nsync_interval: 3600\nmax_retries: 0\n";
    let places = Places::in_step(4, more).await?;
    let program = &places.program;
    places.edit("T-000001", "title", "Ours")?;
    places.edit("T-000002", "title", "Edited")?;
    places.table.execute("UPDATE tasks SET title = 'Theirs' WHERE id = 'T-000001'").await?;
    let met = places.sync(1, &[])?["id"].as_str().context("a run")?.to_owned();
    let hidden = places.file.with_extension("away");
    std::fs::rename(&places.file, &hidden)?;
    places.sync(1, &[])?;
    std::fs::rename(&hidden, &places.file)?;
    // A run that somebody waits for never becomes a dead letter by itself.
    let url = format!("sqlite://{}", program.path("syncline.db").display());
    let mut own = SqliteConnection::connect(&url).await?;
    sqlx::query(
        "UPDATE sync_history SET dead_at = completed_at, dead_reason = 'given up' WHERE status = 'failed'",
    )
    .execute(&mut own)
    .await?;
    own.close().await?;
    let add = ["accounts", "add", "acme", "--platform", "github", "--base-url", "https://github.example.com"];
    program.expect(0, &[&add[..], &["--secret", "env:NOBODY_HAS_IT"]].concat())?;
    program.expect(0, &["pause", "sync", "tasks", "--reason", "moving"])?;
    let waits = ["--json", "enqueue", "tasks", "--kind", "plan", "--delay", "2h", "--wait"];
    let waits = program.expect(0, &waits)?.json()?["id"].as_str().context("a run")?.to_owned();
    let server = program.serve(&["up"])?;
    let mapping = get(&server, "", &format!("/sync/history/{met}/changes")).await?;
    let mapping = format!("/sync/mappings/{}/history", mapping["changes"][0]["mapping_id"]);

    let (job, run) = (format!("/jobs/{waits}"), format!("/sync/history/{met}"));
    let changes = format!("{run}/changes");
    let (show_job, show_run) = (["jobs", "show", &waits], ["runs", &met]);
    let of_run = ["/open_conflicts", "/changes", "/changes_total", "/not_written", "/not_written_total"];
    let all = [
        pair(&["jobs"], "/jobs"),
        pair(&show_job, &job),
        pair(&["runs"], "/sync/history").list("runs"),
        pair(&show_run, &changes).list("changes"),
        pair(&["history", "T-000002"], &mapping).list("changes").more(&["[]/sync", "[]/project", "[]/by"]),
        pair(&["dead"], "/dead"),
        pair(&["dead", "groups"], "/dead/groups").list("groups"),
        pair(&["conflicts"], "/sync/conflicts").list("conflicts"),
        pair(&["conflicts", "show", "1"], "/sync/conflicts/1"),
        pair(&["syncs"], "/sync/configs").list("syncs"),
        pair(&["syncs", "show", "tasks"], "/sync/configs/1"),
        pair(&["syncs", "diff", "tasks"], "/sync/configs/1/diff").more(&["/sync", "/project"]),
        pair(&["queues"], "/queues"),
        pair(&["queues", "scale"], "/queues/default/scale"),
        pair(&["pauses"], "/pauses"),
        pair(&["workers"], "/workers"),
        pair(&["schedules"], "/schedules"),
        pair(&["stats"], "/sync/stats"),
        pair(&["accounts"], "/accounts"),
        pair(&["accounts", "show", "acme"], "/accounts/acme").more(&["/secret/fingerprint", "/secret/error"]),
        pair(&["projects"], "/projects"),
        pair(&["audit"], "/audit").list("changes"),
    ];
    for pair in all {
        pair.ensure_same(&places, &server, "").await?;
    }
    // What a run did is beside what it is.
    let shown = program.expect(0, &["--json", "runs", &met])?.json()?;
    let mut printed = BTreeSet::from_iter(shown.as_object().context("a run")?.keys().cloned());
    for key in of_run {
        ensure!(printed.remove(&key[1..]), "{key} is missing: {shown}");
    }
    let answered = get(&server, "", &run).await?;
    let mut answered = BTreeSet::from_iter(answered.as_object().context("a run")?.keys().cloned());
    answered.remove("links");
    ensure!(printed == answered, "{printed:?} is printed, {answered:?} answered");

    program.expect(0, &["dead", "replay", "--all", "--background", "--yes"])?;
    pair(&["operations"], "/operations").list("operations").ensure_same(&places, &server, "").await?;
    let token = program.expect(0, &["--json", "tokens", "create", "ci", "--scope", "admin"])?.json()?;
    let token = token["token"].as_str().context("a token")?;
    pair(&["tokens"], "/tokens").ensure_same(&places, &server, token).await
}

/// True if a time is no earlier than another one, and less than a minute later.
fn is_soon_after(time: &Value, other: &Value) -> bool {
    let read = |time: &Value| time.as_str()?.parse::<chrono::DateTime<chrono::Utc>>().ok();
    let between = read(time).zip(read(other)).map(|(time, other)| (time - other).num_seconds());
    between.is_some_and(|seconds| (0..60).contains(&seconds))
}

#[tokio::test]
async fn a_delayed_job_is_queued_and_says_until_when() -> Result<()> {
    let places = Places::new(1, "").await?;
    let asked = ["--json", "enqueue", "tasks", "--delay", "2h"];
    let id = places.program.expect(0, &asked)?.json()?["id"].as_str().context("a run")?.to_owned();
    let server = places.program.serve(&["api"])?;
    let item = get(&server, "", &format!("/jobs/{id}")).await?;
    ensure!(item["status"] == "queued" && item["not_before"].is_string(), "{item}");
    // The words of earlier versions mean the same.
    for query in ["status=queued", "state=waiting", "status=undispatched"] {
        let listed = get(&server, "", &format!("/jobs?{query}")).await?;
        let known = query != "status=undispatched";
        let jobs = listed["jobs"].as_array().context("jobs")?;
        ensure!(jobs.len() == usize::from(known), "{query}: {listed}");
        // The queue counts the delay from when it takes the job.
        let as_shown =
            |job: &Value| job["status"] == "queued" && is_soon_after(&job["run_at"], &item["not_before"]);
        ensure!(jobs.iter().all(as_shown), "{query}: {listed}");
    }
    let queues = get(&server, "", "/queues").await?;
    let classes = queues["queues"][0]["priorities"].as_array().context("priorities")?;
    let sum = |key: &str| classes.iter().filter_map(|class| class[key].as_u64()).sum::<u64>();
    ensure!((sum("queued"), sum("delayed"), sum("undispatched")) == (1, 1, 0), "{queues}");
    ensure_tells(&places.program.expect(0, &["jobs", "--state", "waiting"])?.stdout, &[&id, "queued"])
}
