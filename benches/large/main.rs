//! An installation of a million links, a million runs and ten million changes in PostgreSQL: measures each migration
//! while writers run, lists and statistics, and a purge beside a writer, and checks the query plans.
//!
//! `cargo bench --bench large` generates it on a server of its own (fsync on) and prints tables. `LARGE_SHARE=100`
//! makes a hundredth of everything, to test the benchmark itself.

#![allow(clippy::print_stdout, reason = "its tables are its purpose")]

mod commands;
mod writer;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use syncline_migration::{Migrator, Until};
use syncline_support::{
    large::{LARGE, Volume, fill},
    postgres::{self, Database},
    program::Program,
};

use crate::writer::Writer;

/// The last migration of the previous version; later ones are measured on a filled database.
const OLDER: &str = "m20261120_001300_create_jobs";

/// A timeout that no step reaches.
const HOURS: Duration = Duration::from_secs(4 * 60 * 60);

#[tokio::main]
async fn main() -> Result<()> {
    let share: u64 = std::env::var("LARGE_SHARE").map_or(Ok(1), |share| share.parse())?;
    let volume = Volume { links: LARGE.links / share, runs: LARGE.runs / share, ..LARGE };
    postgres::like_a_real_server();
    let database = Database::create().await?;
    let mut program = Program::new(env!("CARGO_BIN_EXE_syncline"))?;
    program.set("DATABASE_URL", &database.url());

    program.expect(0, &["migrate", "up", "--to", OLDER])?;
    let began = Instant::now();
    fill(&database.url(), volume).await?;
    println!(
        "{} links, {} runs and {} changes of {} syncs in {:.0} s\n",
        volume.links,
        volume.runs,
        volume.changes(),
        volume.syncs,
        began.elapsed().as_secs_f64()
    );
    migrations(&program, &database, volume).await?;
    rebuild(&program, &database, volume).await?;
    commands::lists(&program).await?;
    commands::plans(&program, &database).await?;
    purge(&program, &database, volume).await
}

/// Measures each migration by itself, with a writer beside it.
async fn migrations(program: &Program, database: &Database, volume: Volume) -> Result<()> {
    println!("{:<58} {:>9} {:>22}", "migration", "took s", "writer's longest wait ms");
    let steps = Migrator::new();
    for step in steps.steps().iter().filter(|step| step.name() > OLDER) {
        let writer = Writer::start(&database.url(), volume).await?;
        let began = Instant::now();
        let done = program.expect(0, &["--json", "migrate", "up", "--to", step.name()])?.json()?;
        let took = began.elapsed();
        ensure!(done["applied"].as_array().map(Vec::len) == Some(1), "{done}");
        let waits = writer.stop().await?;
        println!(
            "{:<58} {:>9.2} {:>22.0}",
            step.name(),
            took.as_secs_f64(),
            waits.longest.as_secs_f64() * 1e3
        );
    }
    let db = sea_orm::Database::connect(database.url()).await?;
    ensure!(Migrator::new().up(&db, &Until::End).await?.is_empty(), "something was left");
    println!();
    Ok(())
}

async fn rebuild(program: &Program, database: &Database, volume: Volume) -> Result<()> {
    let writer = Writer::start(&database.url(), volume).await?;
    let began = Instant::now();
    ensure!(program.run_within(HOURS, &["stats", "rebuild"])?.code == Some(0), "the rebuild failed");
    let took = began.elapsed().as_secs_f64();
    let waits = writer.stop().await?;
    println!(
        "stats rebuild of {} runs: {took:.1} s, writer's longest wait {:.0} ms\n",
        volume.runs,
        waits.longest.as_secs_f64() * 1e3
    );
    Ok(())
}

/// Measures a purge of almost every run, and one of almost every change, with a writer beside it.
async fn purge(program: &Program, database: &Database, volume: Volume) -> Result<()> {
    println!(
        "{:<28} {:>10} {:>8} {:>8} {:>20} {:>12}",
        "purge", "removed", "took s", "rows/s", "writer p99 / max ms", "writes"
    );
    for (what, kind, arguments) in [
        ("runs", "runs", ["--keep-runs", "1d", "--keep-changes", "forever"]),
        ("changes, a tenth", "changes", ["--keep-runs", "forever", "--keep-changes", "360d"]),
    ] {
        let writer = Writer::start(&database.url(), volume).await?;
        let began = Instant::now();
        let done =
            program.run_within(HOURS, &[&["--json", "purge", "--yes"], &arguments[..]].concat())?.json()?;
        let took = began.elapsed().as_secs_f64();
        let waits = writer.stop().await?;
        let removed = removed(&done, kind).with_context(|| format!("{kind} in {done}"))?;
        println!(
            "{what:<28} {removed:>10} {took:>8.1} {:>8.0} {:>11.1} / {:>6.1} {:>12}",
            removed as f64 / took,
            waits.p99.as_secs_f64() * 1e3,
            waits.longest.as_secs_f64() * 1e3,
            waits.writes
        );
    }
    Ok(())
}

fn removed(done: &serde_json::Value, kind: &str) -> Option<u64> {
    let kinds = done.as_object()?.values().find_map(|value| value.as_array())?;
    let row = kinds.iter().find(|row| row["kind"] == kind)?;
    row["removed"].as_u64()
}
