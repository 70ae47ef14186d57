//! The one binary: settings in, parts built, parts joined; no sync logic.

mod app;
mod cli;
mod commands;
mod database;
mod document;
mod fault;
mod ids;
mod output;
mod positions;
mod retention;
mod schema;
mod settings;
mod shutdown;
mod telemetry;
mod wait;
mod words;

use std::{io::Write, process::ExitCode};

use clap::FromArgMatches;

use crate::{
    cli::{Cli, ColorChoice, environment},
    fault::Fault,
    output::Output,
};

fn main() -> ExitCode {
    let mut command = environment::without_empty(cli::command());
    let parsed = command.clone().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return misused(&error.format(&mut command), &command),
    };
    let output = Output::new(cli.json, cli.color);
    if let Err(fault) = telemetry::init(cli.verbose, &cli.command) {
        return output.fault(&fault);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.fault(&Fault::failed(format!("the runtime could not start: {error}"))),
    };
    match (runtime.block_on(commands::run(cli, &output)), output::lost()) {
        (Err(fault), _) | (Ok(_), Some(fault)) => output.fault(&fault),
        (Ok(code), None) => code.into(),
    }
}

/// Help and versions go to standard output; a wrong use to standard error, in the form that was asked for.
fn misused(error: &clap::Error, command: &clap::Command) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if json && error.use_stderr() {
        let text = environment::told(error, command);
        let message = text.trim().trim_start_matches("error: ");
        return Output::new(true, ColorChoice::Never).fault(&Fault::usage(message));
    }
    // A reader that has gone away is no fault of ours.
    let _ = if error.use_stderr() {
        write!(std::io::stderr(), "{}", output::folded(&environment::told(error, command)))
    } else {
        error.print()
    };
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}
