//! Logs to standard error.

use tracing_subscriber::EnvFilter;

use crate::cli::Command;

/// Starts logging. Roles that serve log what they do; commands for people only what goes wrong.
pub(crate) fn init(verbose: u8, command: &Command) {
    let serves = matches!(command, Command::Up(_) | Command::Worker(_) | Command::Api(_));
    let level = match (verbose, serves) {
        (0, true) => "info",
        (0, false) => "error",
        (1, _) => "debug",
        (_, _) => "trace",
    };
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,sqlx=error,syncline={level},syncline_worker={level},syncline_queue={level},syncline_api={level},apalis=off")));
    let filter = if serves || verbose > 0 { filter } else { quiet(filter) };
    let json = std::env::var("SYNCLINE_LOG_FORMAT").is_ok_and(|format| format == "json");
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start (in tests of this crate) keeps the first subscriber.
    let _ = if json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
}

fn quiet(filter: EnvFilter) -> EnvFilter {
    match std::env::var("RUST_LOG") {
        Ok(_) => filter,
        Err(_) => EnvFilter::new("error,apalis=off"),
    }
}
