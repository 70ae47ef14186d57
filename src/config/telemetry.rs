//! The log level and format.

use tracing_subscriber::EnvFilter;

use super::reader::{Origin, Reader};
use crate::fault::Fault;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TelemetryConfig {
    /// The filter. `SYNCLINE_LOG`, or older `LOG_LEVEL`, else `RUST_LOG`, else `-v`; default `info` for roles that
    /// serve, `error` for other commands.
    pub(crate) directives: String,
    /// True for JSON. `SYNCLINE_LOG_FORMAT`: `text` or `json`; default `text`.
    pub(crate) json: bool,
}

impl TelemetryConfig {
    /// Reads and checks the settings. Roles that serve log what they do; other commands only errors.
    pub(crate) fn read(verbose: u8, serves: bool, reader: &mut Reader<'_>) -> Result<TelemetryConfig, Fault> {
        Ok(TelemetryConfig { directives: directives(verbose, serves, reader)?, json: json(reader)? })
    }
}

/// A variable overrides `-v`. A bare level applies to Syncline's own crates only.
fn directives(verbose: u8, serves: bool, reader: &mut Reader<'_>) -> Result<String, Fault> {
    const NAMES: [&str; 3] = ["SYNCLINE_LOG", "LOG_LEVEL", "RUST_LOG"];
    for (position, name) in NAMES.into_iter().enumerate() {
        let Some(text) = reader.environment.text(name)? else { continue };
        let asked_for = asked_for(name, &text)?;
        reader.note("SYNCLINE_LOG", text, Origin::Variable(name.to_owned()));
        reader.note_unused(&NAMES[position + 1..], name);
        return Ok(asked_for);
    }
    let level = match (verbose, serves) {
        (0, true) => "info",
        (0, false) => "error",
        (1, _) => "debug",
        (_, _) => "trace",
    };
    reader.note("SYNCLINE_LOG", level, if verbose > 0 { Origin::FlagOf("-v") } else { Origin::Default });
    Ok(match (verbose, serves) {
        // Without this warning a migration that waits for others would look as if it hung.
        (0, false) => "error,apalis=off,syncline_migration=warn".to_owned(),
        _ => ours(level),
    })
}

fn asked_for(name: &str, text: &str) -> Result<String, Fault> {
    match text.to_ascii_lowercase().as_str() {
        level @ ("error" | "warn" | "info" | "debug" | "trace") => Ok(ours(level)),
        "warning" => Ok(ours("warn")),
        _ => EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|_| {
            Fault::usage(format!(
                "{name} {text:?} is not understood; write error, warn, info, debug or trace, or directives such as \
                 syncline_worker=debug"
            ))
        }),
    }
}

fn ours(level: &str) -> String {
    let crates = [
        "syncline",
        "syncline_worker",
        "syncline_queue",
        "syncline_api",
        "syncline_connectors",
        "syncline_migration",
    ];
    let ours: Vec<String> = crates.iter().map(|name| format!("{name}={level}")).collect();
    format!("warn,sqlx=error,apalis=off,{}", ours.join(","))
}

fn json(reader: &mut Reader<'_>) -> Result<bool, Fault> {
    const NAME: &str = "SYNCLINE_LOG_FORMAT";
    let format = reader.environment.text(NAME)?;
    let origin = format.as_ref().map_or(Origin::Default, |_| Origin::Variable(NAME.to_owned()));
    let json = match format.as_deref() {
        None | Some("text") => false,
        Some("json") => true,
        Some(other) => {
            return Err(Fault::usage(format!("{NAME} {other:?} is unknown; write text or json")));
        }
    };
    reader.note(NAME, if json { "json" } else { "text" }, origin);
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{environment::Variables, reader::matches},
        *,
    };

    fn read(verbose: u8, serves: bool, variables: &[(&str, &str)]) -> Result<TelemetryConfig, String> {
        let matches = matches(&["stats"]);
        TelemetryConfig::read(verbose, serves, &mut Reader::new(&matches, &Variables(variables)))
            .map_err(|fault| fault.message)
    }

    #[test]
    fn a_variable_goes_before_the_flag_and_the_newest_name_before_the_others() {
        let directives = |verbose, serves, variables: &[(&str, &str)]| {
            read(verbose, serves, variables).unwrap().directives
        };
        assert!(directives(0, true, &[]).contains("syncline_worker=info"));
        assert!(directives(0, false, &[]).starts_with("error,"));
        assert!(directives(1, false, &[]).contains("syncline_worker=debug"));
        let all = [("RUST_LOG", "sqlx=info"), ("LOG_LEVEL", "WARNING"), ("SYNCLINE_LOG", "trace")];
        assert!(directives(1, true, &all).contains("syncline=trace"));
        assert!(directives(1, true, &all[..2]).contains("syncline=warn"));
        assert_eq!(directives(1, true, &all[..1]), "sqlx=info");
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        assert!(read(0, true, &[("LOG_LEVEL", "a=b=c")]).unwrap_err().contains("LOG_LEVEL \"a=b=c\""));
        assert!(read(0, true, &[("SYNCLINE_LOG_FORMAT", "xml")]).unwrap_err().contains("text or json"));
        assert!(read(0, true, &[("SYNCLINE_LOG_FORMAT", "json")]).unwrap().json);
    }
}
