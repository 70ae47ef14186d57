//! Dead letters: a few of one kind among hundreds of thousands, and a replay of all of them in the background.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use syncline_support::{program::Program, serving::Serving};
use tokio::time::sleep;

use crate::{
    fill::{RARE, RARE_GROUP},
    report::Report,
    wire::Wire,
};

const REPLAYS: f64 = 2_000.0;

/// The shares of the letters at which the worker is killed.
const KILLS: [f64; 3] = [0.2, 0.45, 0.7];

/// Timeout of the whole replay.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Finds and replays the few with two requests, and the same again with two commands.
pub(crate) async fn few(wire: &Wire, program: &Program, url: &str, report: &mut Report) -> Result<()> {
    let began = Instant::now();
    let groups = wire.get("/api/v1/dead/groups?sort=rarest&limit=1").await?.json()?;
    ensure!(groups["groups"][0]["letters"] == RARE, "{groups}");
    let group = groups["groups"][0]["group"].as_str().context("a fingerprint")?;
    let replay = json!({ "filter": { "group": group }, "count": RARE });
    let answer = wire.post("/api/v1/dead/replay", &replay.to_string()).await?.json()?;
    let took = began.elapsed();
    report.tell(
        "the few of one kind found and replayed with two requests",
        &format!("{} in {:.2} s", answer["done"], took.as_secs_f64()),
        &format!("{RARE}"),
        answer["done"] == RARE,
    );
    restore(url).await?;
    let began = Instant::now();
    let groups =
        program.expect(0, &["--json", "dead", "groups", "--sort", "rarest", "--limit", "1"])?.json()?;
    let found = find(&groups, "group").context("a group")?;
    ensure!(found == RARE_GROUP, "{groups}");
    let done = program.expect(0, &["--json", "dead", "replay", "--group", &found, "--yes"])?.json()?;
    let took = began.elapsed();
    let all = find(&done, "done").or_else(|| find(&done, "count")).unwrap_or_default();
    report.tell(
        "the few of one kind found and replayed with two commands",
        &format!("{all} in {:.2} s", took.as_secs_f64()),
        &format!("{RARE}"),
        all == RARE.to_string(),
    );
    println!();
    Ok(())
}

/// The first value under a key, as text.
fn find(value: &Value, key: &str) -> Option<String> {
    match value {
        Value::Object(map) => match map.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => map.values().find_map(|value| find(value, key)),
        },
        Value::Array(all) => all.iter().find_map(|value| find(value, key)),
        _ => None,
    }
}

/// Makes the letters of the few dead again, and takes their new runs out of the line, to which equal ones would join.
async fn restore(url: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    for sql in [
        "DELETE FROM jobs WHERE id IN (SELECT run_uid FROM sync_history WHERE parent_run_id IN \
         (SELECT md5('rare' || n)::uuid FROM generate_series(1, 12) n))",
        "DELETE FROM sync_history WHERE run_uid IN (SELECT run_uid FROM sync_history WHERE completed_at IS NULL \
         AND parent_run_id IN (SELECT md5('rare' || n)::uuid FROM generate_series(1, 12) n))",
        "UPDATE sync_history SET dead_at = completed_at WHERE error_fingerprint = '00aa11bb22cc33dd'",
    ] {
        sqlx::query(sql).execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}

/// Replays all letters by an operation, and kills the worker that carries it out three times.
pub(crate) async fn all(wire: &Wire, program: &Program, url: &str, report: &mut Report) -> Result<()> {
    let preview =
        wire.post("/api/v1/operations/preview", r#"{"action":"replay","filter":{}}"#).await?.json()?;
    let count = preview["count"].as_i64().context("a count")?;
    let token = json!({ "token": preview["token"] });
    let started = wire.post("/api/v1/operations", &token.to_string()).await?.json()?;
    let id = started["id"].as_str().context("an id")?.to_owned();
    let mut connection = PgConnection::connect(url).await?;
    // The worker has one slot, and this job goes first: no run takes time from the replay.
    sqlx::query("UPDATE jobs SET priority = 0 WHERE id = $1::uuid")
        .bind(&id)
        .execute(&mut connection)
        .await?;
    let began = Instant::now();
    let mut worker = serve(program)?;
    let mut kills = KILLS.into_iter().peekable();
    let (mut killed, mut last) = (0, 0);
    let operation = loop {
        sleep(Duration::from_millis(200)).await;
        let operation = wire.get(&format!("/api/v1/operations/{id}")).await?.json()?;
        let done = operation["done"].as_i64().context("done")?;
        ensure!(done >= last, "the replay went back from {last} to {done}");
        last = done;
        if operation["state"] != "running" {
            break operation;
        }
        if kills.next_if(|share| done as f64 >= count as f64 * share).is_some() {
            // This kills it with SIGKILL.
            drop(worker);
            worker = serve(program)?;
            killed += 1;
        }
        ensure!(began.elapsed() < PATIENCE, "{operation}");
    };
    let took = began.elapsed();
    ensure!(operation["state"] == "done", "{operation}");
    drop(worker);
    let sql = "SELECT count(*), count(DISTINCT n.parent_run_id), \
               (SELECT count(*) FROM sync_history WHERE dead_at IS NOT NULL) FROM sync_history n \
               JOIN sync_history d ON d.run_uid = n.parent_run_id WHERE d.error_fingerprint <> $1";
    let (runs, parents, left): (i64, i64, i64) =
        sqlx::query_as(sql).bind(RARE_GROUP).fetch_one(&mut connection).await?;
    connection.close().await?;
    println!("replay: {count} letters in {:.0} s, the worker was killed {killed} times", took.as_secs_f64());
    report.at_least("replay in the background", count as f64 / took.as_secs_f64(), REPLAYS, "letters/s");
    let exactly = runs == count && parents == count && left == 0 && last == count;
    report.tell(
        "replayed: new runs, letters with one, letters left",
        &format!("{runs}, {parents}, {left}"),
        &format!("{count}, {count}, 0"),
        exactly,
    );
    println!();
    Ok(())
}

fn serve(program: &Program) -> Result<Serving> {
    program.serve(&["worker", "--concurrency", "1"])
}
