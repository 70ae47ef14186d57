//! Where a new secret comes from: a reference, the terminal, or standard input.

use std::io::{IsTerminal, Read};

use syncline_accounts::Broker;
use syncline_connectors::{Token, secret::LARGEST};
use syncline_service::accounts::NewSecret;

use crate::{
    cli::SecretArgs,
    fault::{Fault, said},
};

/// The new secret of an account. Without a key nothing is asked for, since it could not be stored.
pub(super) fn secret(args: &SecretArgs, account: &str, broker: &Broker) -> Result<NewSecret, Fault> {
    if args.secret.is_none() && broker.keys().current.is_none() {
        return Err(syncline_service::accounts::no_key().into());
    }
    given(args, account)
}

/// The secret of the arguments, whatever encrypts it.
pub(crate) fn given(args: &SecretArgs, account: &str) -> Result<NewSecret, Fault> {
    if let Some(reference) = &args.secret {
        let reference = reference.parse().map_err(|error| Fault::usage(format!("--secret {error}")))?;
        return Ok(NewSecret::Reference(reference));
    }
    let text = match std::io::stdin().is_terminal() {
        true => rpassword::prompt_password(format!("secret of {account}: ")),
        false => from_input(),
    };
    let text = text.map_err(|error| Fault::usage(format!("the secret cannot be read: {}", said(&error))))?;
    let token = Token::new(text.trim());
    if token.reveal().is_empty() {
        return Err(Fault::usage(
            "the secret is empty; type it, pipe it in (`... < FILE`), or name its place with --secret env:NAME",
        ));
    }
    if token.reveal().len() > LARGEST {
        return Err(Fault::usage("the secret is larger than 64 KiB; pipe in the secret and nothing else"));
    }
    Ok(NewSecret::Value(token))
}

fn from_input() -> std::io::Result<String> {
    let mut text = String::new();
    let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX).saturating_add(2);
    std::io::stdin().take(limit).read_to_string(&mut text)?;
    Ok(text)
}
