//! The load requirements of the admin API, on a large installation in PostgreSQL: 1,000,000 links, 1,000,000 runs that
//! ended, 100,000 that wait and 700,000 dead letters in 200 syncs, of which the first has a quarter.
//!
//! `cargo bench --bench load` fills a server of its own (fsync on), prints what it measures beside each limit, and fails if
//! anything is over. It takes about an hour. Processor times tell how much of a request's time is its own when the machine
//! is busy with other things. Variables narrow it:
//!
//! - `LOAD_SCALE=0.1`: a tenth of everything;
//! - `LOAD_ONLY=lists,enqueue`: only these of memory, lists, enqueue, few, replay, live;
//! - `LOAD_ROUTES=dead`: only routes with this text;
//! - `LOAD_REQUESTS=200`: requests of each route, 100 by default;
//! - `LOAD_SECONDS=10`: the time for each way to enqueue;
//! - `LOAD_URL`: a database that is filled already (or empty, to be filled), instead of a server of its own;
//! - `LIVE_CLIENTS`, `LIVE_EVENTS`: clients of the live feed, and events a second.

#![allow(clippy::print_stdout, reason = "its tables are its purpose")]

mod cpu;
mod enqueue;
mod fill;
mod letters;
mod lists;
mod live;
mod report;
mod routes;
mod wire;

use std::{
    str::FromStr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sqlx::{Connection, PgConnection};
use syncline_support::{
    postgres::{self, Database},
    program::Program,
};
use tokio::time::sleep;

use crate::{cpu::Processes, fill::Volume, report::Report, wire::Wire};

const PARTS: [&str; 6] = ["memory", "lists", "enqueue", "few", "replay", "live"];

/// The most memory of an API process that has nothing to do, in MiB.
const IDLE_MIB: f64 = 64.0;

/// With this token, as clients have one.
const TOKEN: &str = "load-0123456789abcdef0123456789abcdef";

#[tokio::main]
async fn main() -> Result<()> {
    let scale: f64 = number("LOAD_SCALE", 1.0)?;
    let requests: usize = number("LOAD_REQUESTS", 100)?;
    let time = Duration::from_secs(number("LOAD_SECONDS", 10)?);
    let only = std::env::var("LOAD_ONLY").unwrap_or_else(|_| PARTS.join(","));
    let only: Vec<&str> = only.split(',').collect();
    for part in &only {
        ensure!(PARTS.contains(part), "LOAD_ONLY: {part:?} is none of {}", PARTS.join(", "));
    }
    let has = |part: &str| only.contains(&part);
    let mut report = Report::default();
    postgres::like_a_real_server();
    if only.iter().any(|part| *part != "live") {
        let own = match std::env::var("LOAD_URL") {
            Ok(_) => None,
            Err(_) => Some(Database::create().await?),
        };
        let url = match &own {
            Some(database) => database.url(),
            None => std::env::var("LOAD_URL").context("LOAD_URL")?,
        };
        let mut program = Program::new(env!("CARGO_BIN_EXE_syncline"))?;
        program.set("DATABASE_URL", &url);
        program.set("SYNCLINE_TOKEN", TOKEN);
        // What is measured is the server, and not how it holds its callers back.
        program.set("SYNCLINE_API_READS", "1000000");
        program.set("SYNCLINE_API_WRITES", "1000000");
        program.set("SYNCLINE_QUEUE_LIMIT", "100000000");
        prepare(&program, &url, scale).await?;
        let server = program.serve(&["api"])?;
        let wire = Wire::new(server.address, TOKEN);
        let processes = Processes::of(server.id(), &url).await?;
        if has("memory") {
            sleep(Duration::from_secs(10)).await;
            report.at_most("memory of the API, idle", processes.resident_mib()?, IDLE_MIB, "MiB");
            println!();
        }
        if has("lists") {
            lists::measure(&wire, processes, &url, requests, &mut report).await?;
        }
        if has("enqueue") {
            enqueue::measure(&wire, processes, &url, time, &mut report).await?;
        }
        if has("few") {
            letters::few(&wire, &program, &url, &mut report).await?;
        }
        if has("replay") {
            letters::all(&wire, &program, &url, &mut report).await?;
        }
        if has("memory") {
            sleep(Duration::from_secs(10)).await;
            report.at_most(
                "memory of the API, idle again after all that",
                processes.resident_mib()?,
                IDLE_MIB,
                "MiB",
            );
            println!();
        }
        drop(server);
    }
    if has("live") {
        live::measure(&mut report).await?;
    }
    report.end()
}

fn number<T: FromStr>(name: &str, usual: T) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    std::env::var(name).map_or(Ok(usual), |text| text.parse().with_context(|| name.to_owned()))
}

/// Migrates the database, and fills it if it is empty.
async fn prepare(program: &Program, url: &str, scale: f64) -> Result<()> {
    program.expect(0, &["migrate", "up"])?;
    let mut connection = PgConnection::connect(url).await?;
    let (filled,): (bool,) =
        sqlx::query_as("SELECT EXISTS (SELECT 1 FROM sync_history)").fetch_one(&mut connection).await?;
    connection.close().await?;
    if filled {
        return Ok(());
    }
    let volume = Volume::scaled(scale);
    let began = Instant::now();
    fill::fill(program, url, volume).await?;
    println!(
        "{} links, {} runs that ended, {} that wait and {} dead letters in {} syncs, filled in {:.0} s\n",
        volume.links,
        volume.ended,
        volume.waiting,
        volume.dead,
        fill::SYNCS,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}
