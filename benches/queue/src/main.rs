//! Measures the queue beside other queues on the same stores in the same run.
//!
//! ```text
//! cargo run --release -p syncline-bench                     everything: about a quarter of an hour
//! cargo run --release -p syncline-bench -- --quick          smaller numbers, under two minutes once the peers are built
//! cargo run --release -p syncline-bench -- --only redis     one part: redis, postgres, sqlite, fetch, users
//! ```
//!
//! It starts its own Redis and PostgreSQL. The peers are installed into `target/bench-peers` at their first use with
//! `cargo build`, `npm install` and `pip install`; one that cannot be installed is named and left out. Every contender
//! runs its phases in processes of their own, in turn, so that other load on the machine affects all of them alike. A
//! figure is the median of the rounds.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its tables are its purpose")]

mod compare;
mod contenders;
mod figures;
mod machine;
mod ours;
mod phases;
mod scale;
mod servers;
mod users;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use crate::{contenders::Store, scale::Scale};

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The queue on Redis and its peers.
    Redis,
    /// The queue on PostgreSQL and its peers.
    Postgres,
    /// The queue on SQLite and its peers.
    Sqlite,
    /// The cost of a claim with few and with very many jobs waiting.
    Fetch,
    /// Runs that find nothing to do, from their acceptance to their row's end.
    Users,
}

/// How fast the queue is, beside other queues on the same stores in the same run.
#[derive(Debug, Parser)]
struct Arguments {
    /// Smaller numbers, for a look.
    #[arg(long)]
    quick: bool,
    /// Only these parts.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Leave the other queues out.
    #[arg(long)]
    alone: bool,
    /// How many rounds.
    #[arg(long)]
    rounds: Option<usize>,
    /// One phase of ours in this process: STORE URL PHASE NUMBERS. The benchmark calls itself so.
    #[arg(long, num_args = 3.., hide = true)]
    phase: Vec<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let [store, url, phase, numbers @ ..] = &arguments.phase[..] {
        let numbers = numbers.iter().map(|number| number.parse()).collect::<Result<Vec<usize>, _>>()?;
        return runtime.block_on(phases::run(store.parse()?, url, phase, &numbers));
    }
    runtime.block_on(all(&arguments))
}

async fn all(arguments: &Arguments) -> Result<()> {
    // As in production: commits are flushed to disk.
    syncline_support::postgres::like_a_real_server();
    let scale = Scale::new(arguments.quick, arguments.rounds);
    machine::tell(&scale);
    let wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let servers = servers::Servers::start().await?;
    for (part, store) in
        [(Part::Redis, Store::Redis), (Part::Postgres, Store::Postgres), (Part::Sqlite, Store::Sqlite)]
    {
        if wanted(part) {
            compare::run(&servers, store, &scale, arguments).await?;
        }
    }
    if wanted(Part::Fetch) {
        compare::fetch(&servers, &scale).await?;
    }
    if wanted(Part::Users) {
        users::run(&servers, &scale).await?;
    }
    Ok(())
}
