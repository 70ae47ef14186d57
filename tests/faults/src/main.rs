//! The fault campaign: real worker processes are killed, frozen and cut off by a seeded generator, and an account of what
//! became of their jobs is taken from a ledger outside the system (docs/testing.md).
//!
//! `cargo run --release -p syncline-faults` is the long form; `--short` is the one that the tests run.

#![allow(clippy::print_stdout, reason = "its lines are its purpose")]

mod account;
mod campaign;
mod crew;
mod installation;
mod ledger;
mod proxy;
mod report;
mod scenarios;
mod stage;
mod system;
mod work;
mod worker;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::{stage::Form, system::Kind};

#[derive(Debug, Parser)]
#[command(about = "Kills, freezes and cuts off workers, and counts what became of their jobs")]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    campaign: Campaign,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// One of the processes that a campaign starts.
    #[command(hide = true)]
    Worker {
        /// What it is to do, as JSON.
        settings: String,
    },
}

#[derive(Debug, Args)]
struct Campaign {
    /// Where the draws begin; several are run one after another.
    #[arg(long, default_values_t = [1])]
    seed: Vec<u64>,
    /// Only these scenarios.
    #[arg(long)]
    scenario: Vec<String>,
    /// Only on these stores.
    #[arg(long, value_enum)]
    backend: Vec<Kind>,
    /// Small numbers and short leases, for a test.
    #[arg(long)]
    short: bool,
    /// Each seed on one store only, and the next one on the next.
    #[arg(long)]
    spread: bool,
    /// How many scenarios run beside each other.
    #[arg(long, default_value_t = 1)]
    beside: usize,
    /// Only names the scenarios.
    #[arg(long)]
    list: bool,
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    if let Some(Role::Worker { settings }) = cli.role {
        return worker::main(&settings);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let form = if cli.campaign.short { Form::Short } else { Form::Long };
    let passed = runtime.block_on(campaign::run(&cli.campaign, form))?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
