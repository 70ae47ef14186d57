//! The limits of Jira: so many requests a second, which no header tells of before they are exceeded.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value as Json, json};
use syncline_connectors::{
    Account, Opening, Token,
    http::{Http, HttpConfig},
    platform,
};
use syncline_engine::{
    limits::Lane,
    ports::{Call, Meter, ReadMode, Write, WriteOp, Written},
    value::{Fields, fields_from_json},
};
use syncline_limits::{BreakerPolicy, MemoryLimits, TestClock};
use syncline_simulator::{Limits, Settings, Simulator};

use super::{Always, InTurn, Time};

/// The number of issues that are listed and written.
const ISSUES: usize = 300;

/// Lists issues and writes to each. Returns how many were written, how many requests were refused, and the virtual time.
async fn edit_all(keeps_limits: bool, lane: Lane) -> Result<(usize, usize, Duration)> {
    let simulator = Simulator::start(Settings { limits: Limits::Real, ..Settings::default() }).await?;
    let control = |method: &str, path: &str, body: Json| simulator.control(method, path, &body).1;
    control("POST", "/clock", json!({ "stop": true }));
    control("POST", "/jira/users", json!({ "handle": "ada" }));
    control("POST", "/jira/projects", json!({ "key": "WEB", "lead": "ada", "members": { "ada": "admin" } }));
    control("POST", "/jira/projects/WEB/seed", json!({ "items": ISSUES }));
    let made = control("POST", "/jira/tokens", json!({ "user": "ada" }));
    let part = |key: &str| made[key].as_str().with_context(|| made.to_string());
    let now = control("GET", "/clock", Json::Null)["now_ms"].as_i64().context("a time")?;
    let http = Http::new(&HttpConfig {
        allow_private: "127.0.0.1".parse().map_err(anyhow::Error::msg)?,
        ..HttpConfig::default()
    })?;
    let account = Account {
        name: "acme".to_owned(),
        base_url: Some(simulator.jira()),
        token: Token::new(format!("{}:{}", part("email")?, part("token")?)),
        keeps_limits,
        http,
    };
    let clock = TestClock::at(now * 1_000);
    let limits = MemoryLimits::new(BreakerPolicy::default()).with_clock(clock.clone());
    let time = Arc::new(Time { simulator, clock, limits });
    let scope = json!({ "project_key": "WEB" });
    let opening = Opening { account: Some(&account), entity: "issue", ..Opening::new(&scope) };
    let (gate, meter) = (InTurn(time.clone(), lane), Meter::default());
    let call = || Call::new(&Always, &gate, &meter, chrono::Utc::now());
    let place = platform("jira").context("the platform")?.open(&opening, &call()).await?;
    let mut listing = place.list(ReadMode::Full, None, &call()).await?;
    let mut ids = Vec::new();
    while let Some(page) = listing.next_page(&call()).await? {
        ids.extend(page.into_iter().map(|item| item.id));
    }
    let mut written = 0;
    for id in ids {
        let fields = fields_from_json(&json!({ "summary": format!("Edited {id}") }));
        let write = Write { op: WriteOp::Update { id, fields }, expected: Fields::new(), version: None };
        let outcomes = place.write(&[write], &call()).await;
        written += outcomes.iter().filter(|outcome| Written::is_done(outcome)).count();
    }
    let log = time.simulator.control("GET", "/log", &Json::Null).1;
    let entries = log["entries"].as_array().context("a log")?;
    let refused = entries.iter().filter(|entry| entry["status"] == 429).count();
    let took = Duration::from_micros((time.clock.now() - now * 1_000).unsigned_abs());
    Ok((written, refused, took))
}

#[tokio::test]
async fn three_hundred_edits_provoke_no_refusal_while_the_limit_is_known() -> Result<()> {
    for lane in [Lane::Edit, Lane::Poll] {
        let (written, refused, took) = edit_all(true, lane).await?;
        ensure!((written, refused) == (ISSUES, 0), "{written} {refused}");
        ensure!(took > Duration::from_secs(4), "the limit did not count: {took:?}");
    }
    Ok(())
}

/// The other way round, so that the test above can fail.
#[tokio::test]
async fn an_account_without_limits_is_refused() -> Result<()> {
    let (written, refused, _) = edit_all(false, Lane::Edit).await?;
    ensure!(refused > 0 && written < ISSUES, "{written} {refused}");
    Ok(())
}
