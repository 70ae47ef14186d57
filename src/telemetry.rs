//! Logs to standard error.

use tracing_subscriber::EnvFilter;

use crate::{cli::Command, fault::Fault, settings};

/// Starts logging. Roles that serve log what they do; commands for people only what goes wrong.
pub(crate) fn init(verbose: u8, command: &Command) -> Result<(), Fault> {
    let serves = matches!(command, Command::Up(_) | Command::Worker(_) | Command::Api(_));
    let level = match (verbose, serves) {
        (0, true) => "info",
        (0, false) => "error",
        (1, _) => "debug",
        (_, _) => "trace",
    };
    let filter = asked_for()?.unwrap_or_else(|| match (verbose, serves) {
        // A migration that waits for others would else look as if it hung.
        (0, false) => EnvFilter::new("error,apalis=off,syncline_migration=warn"),
        _ => ours(level),
    });
    let json = match settings::older("SYNCLINE_LOG_FORMAT").as_deref() {
        None | Some("text") => false,
        Some("json") => true,
        Some(other) => {
            return Err(Fault::usage(format!(
                "SYNCLINE_LOG_FORMAT {other:?} is unknown; write text or json"
            )));
        }
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start (in tests of this crate) keeps the first subscriber.
    let _ = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(false).try_init()
    };
    Ok(())
}

/// What the environment asks for: `SYNCLINE_LOG` (`LOG_LEVEL` in older set-ups), else `RUST_LOG`. A bare level is meant
/// for our own words, not for every crate below.
fn asked_for() -> Result<Option<EnvFilter>, Fault> {
    let set = |name: &'static str| settings::older(name).map(|text| (name, text));
    let Some((name, text)) = ["SYNCLINE_LOG", "LOG_LEVEL", "RUST_LOG"].into_iter().find_map(set) else {
        return Ok(None);
    };
    match text.to_ascii_lowercase().as_str() {
        level @ ("error" | "warn" | "info" | "debug" | "trace") => Ok(Some(ours(level))),
        "warning" => Ok(Some(ours("warn"))),
        _ => EnvFilter::try_new(&text).map(Some).map_err(|_| {
            Fault::usage(format!(
                "{name} {text:?} is not understood; write error, warn, info, debug or trace, or directives such as \
                 syncline_worker=debug"
            ))
        }),
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
