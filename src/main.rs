//! The binary: reads the settings, builds the parts and connects them; it contains no sync logic.

mod app;
mod cli;
mod commands;
mod config;
mod database;
mod document;
mod fault;
mod ids;
mod output;
mod positions;
mod remote;
mod schema;
mod shutdown;
mod telemetry;
mod wait;
mod words;

use std::{io::Write, process::ExitCode};

use clap::FromArgMatches;

use crate::{
    cli::{Cli, ColorChoice, Command, environment},
    config::{Environment, Process, Reader, ScreenConfig, TelemetryConfig},
    fault::Fault,
    output::Output,
};

fn main() -> ExitCode {
    let variables = Process;
    let screen = ScreenConfig::read(&variables);
    let mut command = environment::without_empty(cli::command(), &variables);
    let parsed =
        command.clone().try_get_matches().and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return misused(&error.format(&mut command), &command, &variables, screen),
    };
    let output = Output::new(cli.json, cli.color, screen);
    let mut reader = Reader::new(&matches, &variables);
    let serves = matches!(cli.command, Command::Up(_) | Command::Worker(_) | Command::Api(_));
    match TelemetryConfig::read(cli.verbose, serves, &mut reader) {
        Ok(config) => telemetry::init(&config),
        Err(fault) => return output.fault(&fault),
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.fault(&Fault::failed(format!("the runtime could not start: {error}"))),
    };
    let reader = Reader::new(&matches, &variables);
    match (runtime.block_on(commands::run(&cli, reader, &output)), output::lost()) {
        (Err(fault), _) | (Ok(_), Some(fault)) => output.fault(&fault),
        (Ok(code), None) => code.into(),
    }
}

/// Prints help and versions to standard output, usage errors to standard error, as text or JSON as requested.
fn misused(
    error: &clap::Error,
    command: &clap::Command,
    variables: &dyn Environment,
    screen: ScreenConfig,
) -> ExitCode {
    let told = || environment::told(error, command, variables);
    let json = std::env::args_os().any(|argument| argument == "--json");
    if json && error.use_stderr() {
        let text = told();
        let message = text.trim().trim_start_matches("error: ");
        return Output::new(true, ColorChoice::Never, screen).fault(&Fault::usage(message));
    }
    // An error because the reader has closed the pipe is ignored.
    let _ = if error.use_stderr() {
        write!(std::io::stderr(), "{}", output::folded(&told(), screen))
    } else {
        error.print()
    };
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}
