//! Variables in place of flags: an empty one counts as unset, and a wrong value is told of the variable.

use std::{
    ffi::OsStr,
    net::{Ipv4Addr, SocketAddr},
};

use clap::{
    Command,
    builder::Resettable,
    error::{ContextKind, ContextValue},
};

/// The command without the variables that are set to nothing, as compose files set them.
pub(crate) fn without_empty(command: Command) -> Command {
    let command = command.mut_args(|argument| match argument.get_env().and_then(std::env::var_os) {
        Some(value) if is_blank(&value) => argument.env(Resettable::Reset),
        _ => argument,
    });
    command.mut_subcommands(without_empty)
}

fn is_blank(value: &OsStr) -> bool {
    value.to_string_lossy().trim().is_empty()
}

/// A wrong use in plain words. A value that came from a variable is told of the variable.
pub(crate) fn told(error: &clap::Error, command: &Command) -> String {
    let mut text = error.render().to_string().replace("invalid digit found in string", "not a whole number");
    let (Some(ContextValue::String(argument)), Some(ContextValue::String(value))) =
        (error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue))
    else {
        return text;
    };
    let flag = argument.split_whitespace().next().unwrap_or_default();
    let is_given = std::env::args().any(|given| given == flag || given.starts_with(&format!("{flag}=")));
    if let (false, Some(name)) = (is_given, variable(command, flag))
        && std::env::var(&name).is_ok_and(|set| set == *value)
    {
        text = text.replace(&format!("'{argument}'"), &format!("the variable {name}"));
    }
    text
}

/// The variable that stands in for a flag.
fn variable(command: &Command, flag: &str) -> Option<String> {
    let own = command.get_arguments().find(|argument| {
        argument.get_env().is_some() && argument.get_long().is_some_and(|long| format!("--{long}") == flag)
    });
    let own = own.and_then(|argument| Some(argument.get_env()?.to_string_lossy().into_owned()));
    own.or_else(|| command.get_subcommands().find_map(|command| variable(command, flag)))
}

/// An address to listen at: in full, or only its port.
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
