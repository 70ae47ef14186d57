//! The limits of GitHub, as Syncline keeps to them, against those that the simulator enforces. Time is virtual: whoever has
//! to wait moves both clocks on.

mod jira;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use serde_json::{Value as Json, json};
use syncline_connectors::{
    Account, Opening, Token,
    http::{Http, HttpConfig},
    platform,
};
use syncline_engine::{
    limits::{CallResult, Dimension, Lane, Learned},
    ports::{Call, Gate, Leave, Marker, Meter, Pass, Refusal, Stopped, Write, WriteOp, Written},
    value::{Fields, fields_from_json},
};
use syncline_limits::{Answer, BreakerPolicy, Limits as _, MemoryLimits, Request, TestClock, Ticket};
use syncline_simulator::{Limits, Running, Settings, Simulator};

const ACCOUNT: &str = "account:1";

/// Both clocks, and the limits that are kept to.
struct Time {
    simulator: Running,
    clock: TestClock,
    limits: MemoryLimits,
}

impl Time {
    /// Moves on by whole milliseconds, which is what the simulator's clock counts in.
    fn pass(&self, time: Duration) {
        let millis = time.as_micros().div_ceil(1_000).max(1) as u64;
        self.clock.advance(i64::try_from(millis * 1_000).unwrap_or(i64::MAX));
        self.simulator.control("POST", "/clock", &json!({ "advance": millis as f64 / 1_000.0 }));
    }
}

/// Lets every request pass in its turn.
struct InTurn(Arc<Time>, Lane);

struct Granted(Arc<Time>, Ticket);

#[async_trait]
impl Gate for InTurn {
    fn lane(&self) -> Lane {
        self.1
    }

    async fn ask(&self, costs: &[(&Dimension, f64)]) -> Result<Box<dyn Pass>, Refusal> {
        loop {
            let request = costs.iter().fold(Request::new(ACCOUNT, self.1), |request, (dimension, amount)| {
                request.cost(dimension, *amount)
            });
            let refused = |why: String| Refusal { until: chrono::Utc::now(), why };
            match self.0.limits.take(&request).await.map_err(|error| refused(error.to_string()))? {
                Answer::Granted(ticket) => return Ok(Box::new(Granted(self.0.clone(), ticket))),
                Answer::WaitFor { delay, .. } => self.0.pass(delay),
            }
        }
    }
}

#[async_trait]
impl Pass for Granted {
    async fn report(self: Box<Self>, result: CallResult, learned: Learned) {
        let _ = self.0.limits.finish(ACCOUNT, &self.1, &result, &learned).await;
    }
}

struct Always;

impl Leave for Always {
    fn check(&self) -> Result<(), Stopped> {
        Ok(())
    }

    fn remaining(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// What came of creating issues one batch after the other.
struct Outcome {
    created: usize,
    /// Responses of status 403 and 429.
    refused: usize,
    /// The virtual time that it took.
    took: Duration,
    /// The most requests that were being served at once.
    creates_at_once: bool,
}

async fn create(count: usize, keeps_limits: bool, lane: Lane) -> Result<Outcome> {
    let simulator = Simulator::start(Settings { limits: Limits::Real, ..Settings::default() }).await?;
    let control = |method: &str, path: &str, body: Json| simulator.control(method, path, &body).1;
    control("POST", "/clock", json!({ "stop": true }));
    control(
        "POST",
        "/github/repos",
        json!({ "owner": "acme", "name": "web", "members": { "ada": "admin" } }),
    );
    let token = control("POST", "/github/tokens", json!({ "account": "ada" }));
    let now = control("GET", "/clock", Json::Null)["now_ms"].as_i64().context("a time")?;
    let http = Http::new(&HttpConfig {
        allow_private: "127.0.0.1".parse().map_err(anyhow::Error::msg)?,
        ..HttpConfig::default()
    })?;
    let account = Account {
        name: "acme".to_owned(),
        base_url: Some(simulator.github()),
        token: Token::new(token["token"].as_str().context("a token")?),
        keeps_limits,
        http,
    };
    let clock = TestClock::at(now * 1_000);
    let limits = MemoryLimits::new(BreakerPolicy::default()).with_clock(clock.clone());
    let time = Arc::new(Time { simulator, clock, limits });

    let scope = json!({ "repository": "acme/web" });
    let opening = Opening { account: Some(&account), entity: "issue", ..Opening::new(&scope) };
    let (gate, meter) = (InTurn(time.clone(), lane), Meter::default());
    let call = || Call::new(&Always, &gate, &meter, chrono::Utc::now());
    let place = platform("github").context("the platform")?.open(&opening, &call()).await?;
    let mut created = 0;
    let numbers: Vec<usize> = (0..count).collect();
    for batch in numbers.chunks(place.capabilities().create_batch) {
        let writes: Vec<Write> = batch.iter().map(|number| new_issue(*number)).collect();
        let outcomes = place.write(&writes, &call()).await;
        created += outcomes.iter().filter(|outcome| Written::is_done(outcome)).count();
    }
    let log = time.simulator.control("GET", "/log", &Json::Null).1;
    let entries = log["entries"].as_array().context("a log")?;
    let refused =
        entries.iter().filter(|entry| [403, 429].map(Json::from).contains(&entry["status"])).count();
    let titles: Vec<&str> = entries
        .iter()
        .filter(|entry| entry["method"] == "POST")
        .filter_map(|entry| entry["body"]["title"].as_str())
        .collect();
    let mut sorted = titles.clone();
    sorted.sort_unstable();
    Ok(Outcome {
        created,
        refused,
        took: Duration::from_micros((time.clock.now() - now * 1_000).unsigned_abs()),
        creates_at_once: titles != sorted,
    })
}

fn new_issue(number: usize) -> Write {
    let fields = fields_from_json(&json!({ "title": format!("Issue {number:03}"), "body": "B" }));
    let marker = Marker { text: format!("sl-{number}"), id: None };
    Write { op: WriteOp::Create { marker, fields }, expected: Fields::new(), version: None }
}

/// 80 creates a minute and 500 an hour are limits that no header tells of.
#[tokio::test]
async fn two_hundred_creates_provoke_no_refusal_while_the_limit_is_known() -> Result<()> {
    for lane in [Lane::Edit, Lane::Backfill] {
        let outcome = create(200, true, lane).await?;
        ensure!((outcome.created, outcome.refused) == (200, 0), "{} {}", outcome.created, outcome.refused);
        ensure!(outcome.took > Duration::from_secs(120), "the limit did not count: {:?}", outcome.took);
        ensure!(!outcome.creates_at_once, "writes are sent one after the other");
    }
    Ok(())
}

/// The hour's limit stops what the minute's lets pass.
#[tokio::test]
async fn six_hundred_creates_take_more_than_an_hour() -> Result<()> {
    let outcome = create(600, true, Lane::Edit).await?;
    ensure!((outcome.created, outcome.refused) == (600, 0), "{} {}", outcome.created, outcome.refused);
    ensure!(outcome.took > Duration::from_secs(60 * 60), "{:?}", outcome.took);
    Ok(())
}

/// The other way round, so that the test above can fail: an account that keeps no limits meets them.
#[tokio::test]
async fn an_account_without_limits_is_refused_by_a_server_that_has_them() -> Result<()> {
    let outcome = create(100, false, Lane::Edit).await?;
    ensure!(outcome.refused > 0, "nothing was refused");
    ensure!(outcome.created < 100 || outcome.took > Duration::from_secs(30), "{}", outcome.created);
    Ok(())
}
