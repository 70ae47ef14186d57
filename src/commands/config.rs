//! `syncline config`: the settings in force and where each comes from.

use clap::{Arg, ArgMatches, parser::ValueSource};
use serde_json::json;
use syncline_queue::RedisBackend;

use crate::{
    cli::{self, environment},
    fault::{Exit, Fault},
    output::Output,
    settings::{self, DatabaseUrl},
};

/// Shows every setting that a flag or an environment variable can give.
pub(crate) fn run(output: &Output) -> Result<Exit, Fault> {
    let mut command = environment::without_empty(cli::command());
    command.build();
    let matches = command.clone().get_matches();
    let Some((name, matches)) = matches.subcommand() else { return Ok(Exit::Done) };
    let own = command.find_subcommand(name).map(|own| own.get_arguments().collect::<Vec<_>>());
    let mut told = Vec::new();
    for argument in own.unwrap_or_default() {
        let (Some(flag), Some(variable)) = (argument.get_long(), argument.get_env()) else { continue };
        let variable = variable.to_string_lossy();
        let (value, from) = setting(argument, matches, &variable)?;
        output.line(format!("{:<17} {value}  ({from})", format!("--{flag}")));
        told.push(json!({ "setting": flag, "variable": variable, "value": value, "from": from }));
    }
    output.data(&json!({ "settings": told }));
    Ok(Exit::Done)
}

fn setting(argument: &Arg, matches: &ArgMatches, variable: &str) -> Result<(String, String), Fault> {
    let id = argument.get_id().as_str();
    let raw = matches.try_get_raw(id).ok().flatten().and_then(|mut values| values.next());
    let raw = raw.map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.trim().is_empty());
    let from = match matches.value_source(id) {
        Some(ValueSource::CommandLine) => "flag".to_owned(),
        Some(ValueSource::EnvVariable) => format!("environment: {variable}"),
        _ => "default".to_owned(),
    };
    Ok(match (id, raw) {
        ("database_url", raw) => {
            let given = raw.is_some();
            let older = std::env::var_os("DB_HOST").is_some_and(|host| !host.is_empty());
            let from = match (given, older) {
                (true, _) => from,
                (false, true) => "environment: DB_HOST".to_owned(),
                (false, false) => "default".to_owned(),
            };
            (DatabaseUrl::parse(&settings::database_url(raw)?)?.shown(), from)
        }
        ("redis_url", Some(url)) => (RedisBackend::shown_url(&url).unwrap_or_default(), from),
        (_, Some(value)) => (value, from),
        ("listen", None) => {
            let port = settings::older("SYNC_PORT").map(|_| "environment: SYNC_PORT");
            (settings::api_address(None)?.address.to_string(), port.unwrap_or("default").to_owned())
        }
        ("queue", None) => match settings::older("REDIS_URL") {
            Some(_) => ("redis".to_owned(), "environment: REDIS_URL".to_owned()),
            None => ("sql".to_owned(), "default".to_owned()),
        },
        (_, None) => ("not set".to_owned(), "default".to_owned()),
    })
}
