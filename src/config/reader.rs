//! Reads settings one by one, and records each with its value and origin for `syncline config`.

use std::{fmt, ops::RangeInclusive, path::PathBuf, str::FromStr};

use clap::{ArgMatches, parser::ValueSource};

use super::environment::Environment;
use crate::fault::Fault;

/// The origin of a setting's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The setting's own flag.
    Flag,
    /// The flag of another setting that determines this one.
    FlagOf(&'static str),
    /// An environment variable.
    Variable(String),
    /// The file in an environment variable.
    File {
        variable: String,
        path: PathBuf,
    },
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag => f.write_str("flag"),
            Origin::FlagOf(flag) => write!(f, "flag: {flag}"),
            Origin::Variable(name) => write!(f, "environment: {name}"),
            Origin::File { variable, path } => write!(f, "file: {variable}, {}", path.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// A setting in force, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// True if the setting has a flag.
    pub(crate) is_flag: bool,
    /// The flag without its dashes, or a name in the same form.
    pub(crate) name: String,
    /// The variable of the setting.
    pub(crate) variable: &'static str,
    /// The value without secrets.
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

pub(crate) struct Reader<'a> {
    pub(super) environment: &'a dyn Environment,
    matches: &'a ArgMatches,
    settings: Vec<Setting>,
}

impl<'a> Reader<'a> {
    /// Creates a reader of the parsed command line and of the environment.
    pub(crate) fn new(matches: &'a ArgMatches, environment: &'a dyn Environment) -> Reader<'a> {
        Reader { environment, matches, settings: Vec::new() }
    }

    /// A reader of the same command line and environment that has recorded nothing.
    pub(crate) fn anew(&self) -> Reader<'a> {
        Reader::new(self.matches, self.environment)
    }

    /// The recorded settings, in the order in which they were read.
    pub(crate) fn into_settings(self) -> Vec<Setting> {
        self.settings
    }

    /// The origin of an argument's value.
    pub(super) fn origin(&self, id: &str, variable: &str) -> Origin {
        let (mut level, mut source) = (Some(self.matches), None);
        while let Some(matches) = level {
            // Not every command has the argument, and clap panics in debug builds when asked for an unknown one.
            if matches.try_contains_id(id).is_ok() {
                source = matches.value_source(id).or(source);
            }
            level = matches.subcommand().map(|(_, below)| below);
        }
        match source {
            Some(ValueSource::CommandLine) => Origin::Flag,
            Some(ValueSource::EnvVariable) => Origin::Variable(variable.to_owned()),
            _ => Origin::Default,
        }
    }

    /// Records a setting that clap has read and checked.
    pub(super) fn note_argument(&mut self, id: &str, variable: &'static str, value: impl fmt::Display) {
        let origin = self.origin(id, variable);
        self.note_flag(id, variable, value, origin);
    }

    /// Records a setting with a flag.
    pub(super) fn note_flag(
        &mut self,
        id: &str,
        variable: &'static str,
        value: impl fmt::Display,
        origin: Origin,
    ) {
        let (name, value) = (id.replace('_', "-"), value.to_string());
        self.settings.push(Setting { is_flag: true, name, variable, value, origin });
    }

    /// Records a setting without a flag.
    pub(super) fn note(&mut self, variable: &'static str, value: impl fmt::Display, origin: Origin) {
        let name = variable.strip_prefix("SYNCLINE_").unwrap_or(variable);
        let (name, value) = (name.to_lowercase().replace('_', "-"), value.to_string());
        self.settings.push(Setting { is_flag: false, name, variable, value, origin });
    }

    /// Records variables that are set but overridden by another setting.
    pub(super) fn note_unused(&mut self, variables: &[&'static str], winner: &str) {
        for variable in variables {
            if self.environment.set(variable).is_some() {
                let value = format!("not used: {winner} goes before it");
                self.note(variable, value, Origin::Variable((*variable).to_owned()));
            }
        }
    }

    /// Reads a whole number from a variable without a flag.
    pub(super) fn number<T>(
        &mut self,
        variable: &'static str,
        default: T,
        range: RangeInclusive<T>,
    ) -> Result<T, Fault>
    where
        T: FromStr + PartialOrd + fmt::Display + Copy,
    {
        let (number, origin) = match self.environment.text(variable)? {
            None => (default, Origin::Default),
            Some(text) => {
                let number = text.trim().parse().ok().filter(|number| range.contains(number));
                let number = number.ok_or_else(|| {
                    let (least, most) = (range.start(), range.end());
                    Fault::usage(format!("{variable} {text:?} is not a whole number from {least} to {most}"))
                })?;
                (number, Origin::Variable(variable.to_owned()))
            }
        };
        self.note(variable, number, origin);
        Ok(number)
    }
}

/// Parses a command line for tests, without the influence of environment variables.
#[cfg(test)]
pub(crate) fn matches(arguments: &[&str]) -> ArgMatches {
    use clap::{Command, CommandFactory, builder::Resettable};
    fn without_variables(command: Command) -> Command {
        command.mut_args(|argument| argument.env(Resettable::Reset)).mut_subcommands(without_variables)
    }
    let command = without_variables(crate::cli::Cli::command());
    command.try_get_matches_from([&["syncline"], arguments].concat()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::{super::environment::Variables, *};

    #[test]
    fn a_flag_is_found_wherever_it_stands() {
        let nothing = Variables(&[]);
        let origin = |arguments: &[&str], id| {
            Reader::new(&matches(arguments), &nothing).origin(id, "SYNCLINE_LEASE_MS")
        };
        assert_eq!(origin(&["sync", "x", "--lease-ms", "500"], "lease_ms"), Origin::Flag);
        let deep = ["conflicts", "resolve", "1", "--side", "source", "--lease-ms", "500"];
        assert_eq!(origin(&deep, "lease_ms"), Origin::Flag);
        assert_eq!(origin(&["--redis-url", "x", "stats"], "redis_url"), Origin::Flag);
        assert_eq!(origin(&["stats", "--redis-url", "x"], "redis_url"), Origin::Flag);
        assert_eq!(origin(&["stats"], "lease_ms"), Origin::Default);
        assert_eq!(origin(&["up"], "lease_ms"), Origin::Default);
    }

    #[test]
    fn what_is_read_is_noted_with_its_origin() {
        let variables = Variables(&[("SYNCLINE_DB_POOL_MAX", " 7 "), ("DB_HOST", "db")]);
        let matches = matches(&["up", "--grace", "5"]);
        let mut reader = Reader::new(&matches, &variables);
        assert_eq!(reader.number("SYNCLINE_DB_POOL_MAX", 10, 1..=1000).unwrap(), 7);
        assert_eq!(reader.number("SYNCLINE_DB_POOL_MIN", 2, 0..=1000).unwrap(), 2);
        reader.note_argument("grace", "SYNCLINE_GRACE", 5);
        reader.note_unused(&["DB_HOST", "DB_PORT"], "DATABASE_URL");
        let told: Vec<_> = reader
            .into_settings()
            .into_iter()
            .map(|setting| format!("{} {} ({})", setting.name, setting.value, setting.origin))
            .collect();
        let expected = [
            "db-pool-max 7 (environment: SYNCLINE_DB_POOL_MAX)",
            "db-pool-min 2 (default)",
            "grace 5 (flag)",
            "db-host not used: DATABASE_URL goes before it (environment: DB_HOST)",
        ];
        assert_eq!(told, expected);
    }
}
