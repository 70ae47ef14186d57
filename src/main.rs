//! The one binary: settings in, parts built, parts joined; no sync logic.

mod app;
mod cli;
mod commands;
mod database;
mod document;
mod fault;
mod output;
mod positions;
mod retention;
mod settings;
mod shutdown;
mod syncs;
mod telemetry;
mod wait;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::{Cli, ColorChoice},
    fault::Fault,
    output::Output,
};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
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

/// Help and versions go to standard output; a wrong use to standard error, in the form that was asked for.
fn misused(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if json && error.use_stderr() {
        let text = error.render().to_string();
        let message = text.trim().trim_start_matches("error: ");
        return Output::new(true, ColorChoice::Never).fault(&Fault::usage(message));
    }
    // A reader that has gone away is no fault of ours.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}
