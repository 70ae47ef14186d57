//! The one binary: settings in, parts built, parts joined; no sync logic.

mod app;
mod cli;
mod commands;
mod document;
mod fault;
mod output;
mod positions;
mod settings;
mod shutdown;
mod syncs;
mod telemetry;
mod wait;

use std::process::ExitCode;

use clap::Parser;

use crate::{cli::Cli, fault::Fault, output::Output};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json, cli.color);
    telemetry::init(cli.verbose, &cli.command);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.fault(&Fault::failed(format!("the runtime could not start: {error}"))),
    };
    match runtime.block_on(commands::run(cli, &output)) {
        Ok(code) => code.into(),
        Err(fault) => output.fault(&fault),
    }
}
