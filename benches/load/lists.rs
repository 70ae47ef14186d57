//! Times of lists, at a steady rate of requests.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    cpu::Processes,
    report::{Report, ms, percentile},
    routes,
    wire::Wire,
};

/// Requests a second.
const RATE: u32 = 50;

const LONGEST_P99: Duration = Duration::from_millis(100);

/// Pages after the first one, for the time of a later page.
const LATER: usize = 10;

/// Measures each route by itself; of a list also a later page.
pub(crate) async fn measure(
    wire: &Wire,
    processes: Processes,
    url: &str,
    requests: usize,
    report: &mut Report,
) -> Result<()> {
    println!(
        "{:<72} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        format!("GET, {RATE} a second"),
        "requests",
        "p50 ms",
        "p99 ms",
        "limit",
        "api cpu",
        "db cpu",
        ""
    );
    let only = std::env::var("LOAD_ROUTES").unwrap_or_default();
    for path in routes::paths(url).await?.into_iter().filter(|path| path.contains(&only)) {
        one(wire, processes, &path, &path, requests, report).await?;
        if let Some(later) = later(wire, &path).await? {
            one(wire, processes, &format!("{path} (page {})", LATER + 1), &later, requests, report).await?;
        }
    }
    println!();
    Ok(())
}

async fn one(
    wire: &Wire,
    processes: Processes,
    name: &str,
    path: &str,
    requests: usize,
    report: &mut Report,
) -> Result<()> {
    // The first ones read what is not in memory yet, and let the database choose its plans.
    for _ in 0..8 {
        wire.get(path).await?;
    }
    let before = processes.used();
    let mut running = JoinSet::new();
    let mut beat = interval(Duration::from_secs(1) / RATE);
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for _ in 0..requests {
        // Behind its time the request counts as if it had been sent in time.
        let due = beat.tick().await;
        let (wire, path) = (wire.clone(), path.to_owned());
        running.spawn(async move {
            let answer = wire.get(&path).await?;
            anyhow::Ok((Instant::now().saturating_duration_since(due), answer.status))
        });
    }
    let mut took = Vec::with_capacity(requests);
    while let Some(answered) = running.join_next().await {
        let (time, status) = answered??;
        ensure!(status < 300 || status == 404, "{path}: {status}");
        took.push(time);
    }
    let used = processes.used().since(before);
    took.sort_unstable();
    let p99 = percentile(&took, 0.99);
    let each = |time: Duration| ms(time) / requests as f64;
    let ok = p99 <= LONGEST_P99;
    println!(
        "{name:<72} {requests:>8} {:>8.1} {:>8.1} {:>8.0} {:>8.1} {:>8.1} {:>8}",
        ms(percentile(&took, 0.5)),
        ms(p99),
        ms(LONGEST_P99),
        each(used.program),
        each(used.database),
        if ok { "ok" } else { "OVER" }
    );
    report.note(name, ok);
    Ok(())
}

/// The path of a later page, if there are so many.
async fn later(wire: &Wire, path: &str) -> Result<Option<String>> {
    if path.contains("page=") {
        return Ok(None);
    }
    let mut at = path.to_owned();
    for _ in 0..LATER {
        let answer = wire.get(&at).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let Ok(answer) = answer.json() else { return Ok(None) };
        let Some(cursor) = answer["next_cursor"].as_str() else { return Ok(None) };
        let (route, query) = path.split_once('?').unwrap_or((path, ""));
        let more = if query.is_empty() { "" } else { "&" };
        at = format!("{route}?{query}{more}cursor={cursor}");
    }
    Ok(Some(at))
}
