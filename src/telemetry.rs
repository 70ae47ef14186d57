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
    let filter = asked_for().unwrap_or_else(|| match (verbose, serves) {
        // A migration that waits for others would else look as if it hung.
        (0, false) => EnvFilter::new("error,apalis=off,syncline_migration=warn"),
        _ => ours(level),
    });
    let json = std::env::var("SYNCLINE_LOG_FORMAT").is_ok_and(|format| format == "json");
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start (in tests of this crate) keeps the first subscriber.
    let _ = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(false).try_init()
    };
}

/// What the environment asks for: `SYNCLINE_LOG` (`LOG_LEVEL` in older set-ups), else `RUST_LOG`. A bare level is meant
/// for our own words, not for every crate below.
fn asked_for() -> Option<EnvFilter> {
    let set = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let text = ["SYNCLINE_LOG", "LOG_LEVEL", "RUST_LOG"].into_iter().find_map(set)?;
    match text.to_ascii_lowercase().as_str() {
        level @ ("error" | "warn" | "info" | "debug" | "trace") => Some(ours(level)),
        "warning" => Some(ours("warn")),
        _ => EnvFilter::try_new(text).ok(),
    }
}

fn ours(level: &str) -> EnvFilter {
    let crates = [
        "syncline",
        "syncline_worker",
        "syncline_queue",
        "syncline_api",
        "syncline_connectors",
        "syncline_migration",
    ];
    let ours: Vec<String> = crates.iter().map(|name| format!("{name}={level}")).collect();
    EnvFilter::new(format!("warn,sqlx=error,apalis=off,{}", ours.join(",")))
}
