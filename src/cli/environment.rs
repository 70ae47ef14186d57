//! Variables in place of flags: an empty one counts as unset, and an error in a value names the variable.

use std::net::{Ipv4Addr, SocketAddr};

use clap::{
    Command,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::config::{Environment, not_text};

/// The command without its empty variables; compose files set such variables.
pub(crate) fn without_empty(command: Command, variables: &dyn Environment) -> Command {
    let is_empty = |name: &str| variables.get(name).is_some() && variables.set(name).is_none();
    let command = command.mut_args(|argument| match argument.get_env() {
        Some(name) if is_empty(&name.to_string_lossy()) => argument.env(Resettable::Reset),
        _ => argument,
    });
    command.mut_subcommands(|command| without_empty(command, variables))
}

/// The text of a usage error. An error in the value of a variable names the variable.
pub(crate) fn told(error: &clap::Error, command: &Command, variables: &dyn Environment) -> String {
    if let (ErrorKind::InvalidUtf8, Some(name)) = (error.kind(), not_utf8(command, variables)) {
        return format!("error: {}\n", not_text(&name));
    }
    let mut text = error.render().to_string().replace("invalid digit found in string", "not a whole number");
    text = in_words(&text);
    let (Some(ContextValue::String(argument)), Some(ContextValue::String(value))) =
        (error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue))
    else {
        return text;
    };
    let flag = argument.split_whitespace().next().unwrap_or_default();
    let is_given = std::env::args().any(|given| given == flag || given.starts_with(&format!("{flag}=")));
    if let (false, Some(name)) = (is_given, variable(command, flag))
        && variables.get(&name).is_some_and(|set| set == value.as_str())
    {
        text = text.replace(&format!("'{argument}'"), &format!("the variable {name}"));
    }
    text
}

/// A range in words: `0 is not in 1..=8` becomes `must be from 1 to 8`. The text before it contains the value already.
fn in_words(text: &str) -> String {
    let words = |line: &str| -> Option<String> {
        let (before, range) = line.split_once(" is not in ")?;
        let (before, _) = before.rsplit_once(' ')?;
        let (from, to) = range.trim().split_once("..=")?;
        let unlimited = [u64::from(u32::MAX), u64::MAX, i64::MAX.unsigned_abs()];
        Some(if to.parse().is_ok_and(|to: u64| unlimited.contains(&to)) {
            format!("{before} must be at least {from}")
        } else {
            format!("{before} must be from {from} to {to}")
        })
    };
    let lines = text.split('\n').map(|line| words(line).unwrap_or_else(|| line.to_owned()));
    lines.collect::<Vec<_>>().join("\n")
}

/// The first variable of a flag whose value is not UTF-8.
fn not_utf8(command: &Command, variables: &dyn Environment) -> Option<String> {
    let names = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str());
    let mut broken = names.filter(|name| variables.get(name).is_some_and(|value| value.to_str().is_none()));
    let own = broken.next().map(str::to_owned);
    own.or_else(|| command.get_subcommands().find_map(|command| not_utf8(command, variables)))
}

/// The variable of a flag.
fn variable(command: &Command, flag: &str) -> Option<String> {
    let own = command.get_arguments().find(|argument| {
        argument.get_env().is_some() && argument.get_long().is_some_and(|long| format!("--{long}") == flag)
    });
    let own = own.and_then(|argument| Some(argument.get_env()?.to_string_lossy().into_owned()));
    own.or_else(|| command.get_subcommands().find_map(|command| variable(command, flag)))
}

/// Parses an address to listen on: complete, or only its port.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
    let port: u16 = port.parse().map_err(|_| {
        "write an address of this machine and a port, like 127.0.0.1:8080, or the port alone, like 8080"
            .to_owned()
    })?;
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_told_in_words() {
        let told =
            in_words("error: invalid value '0' for '--steps <COUNT>': 0 is not in 1..=4294967295\n\nmore");
        assert_eq!(told, "error: invalid value '0' for '--steps <COUNT>': must be at least 1\n\nmore");
        let told = in_words("invalid value '1' for '--lease-ms <LEASE_MS>': 1 is not in 200..=3600000");
        assert_eq!(told, "invalid value '1' for '--lease-ms <LEASE_MS>': must be from 200 to 3600000");
        assert_eq!(in_words("the item is not in the list"), "the item is not in the list");
    }

    #[test]
    fn an_address_may_be_short() {
        let local = |port: u16| Ok((Ipv4Addr::LOCALHOST, port).into());
        for text in ["127.0.0.1:8080", "localhost:8080", ":8080", "8080"] {
            assert_eq!(listen(text), local(8080), "{text}");
        }
        assert_eq!(listen("[::1]:80").map(|address| address.is_ipv6()), Ok(true));
        for text in ["example.org:80", "127.0.0.1", "127.0.0.1:99999", "x"] {
            assert!(listen(text).is_err_and(|told| told.contains("127.0.0.1:8080")), "{text}");
        }
    }
}
