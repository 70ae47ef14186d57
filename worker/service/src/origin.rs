//! Where a document comes from, and what it may name for that reason.

use std::path::Path;

use serde_json::Value;
use syncline_connectors::{
    Named, Outside, address::may_hold_password, check_scope, names_of, no_platform, platform,
};
use syncline_engine::spec::{Finding, SyncSpec};

use syncline_accounts::Reference;

use crate::{
    Error,
    accounts::NewSecret,
    allow::{AllowLists, is_variable},
};

/// Where a document comes from.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// The command line. Its user could read the same files and reach the same hosts without Syncline.
    CommandLine,
    /// HTTP. Requests are carried out with the rights of the server, so only what these lists have is allowed.
    Http(&'a AllowLists),
}

impl Origin<'_> {
    /// The errors about what a document names and may not, coming from here. What this version cannot check is an error
    /// as well.
    pub fn refusals(&self, spec: &SyncSpec) -> Vec<Finding> {
        let Origin::Http(lists) = self else { return Vec::new() };
        let sides = [
            ("source", &spec.source_platform, &spec.source),
            ("target", &spec.target_platform, &spec.target),
        ];
        let refusals = |(side, name, scope): (&str, &String, &serde_json::Map<String, Value>)| {
            let Some(platform) = platform(name) else {
                return vec![Finding::error(format!("{side}_platform"), no_platform(name))];
            };
            let scope = Value::Object(scope.clone());
            // A key that this version does not know may name something for a later one.
            let findings = check_scope(platform, &scope, side);
            if !findings.is_empty() {
                return findings;
            }
            match names_of(platform, &scope, side) {
                Ok(names) => names.into_iter().filter_map(|named| refusal(side, named, lists)).collect(),
                Err(finding) => vec![finding],
            }
        };
        sides.into_iter().flat_map(refusals).collect()
    }
}

impl Origin<'_> {
    /// Refuses an account whose secret may not be named from here, or would be sent where it may not go.
    pub fn check_account(&self, base_url: Option<&str>, secret: &NewSecret) -> Result<(), Error> {
        let (Origin::Http(lists), NewSecret::Reference(reference)) = (self, secret) else { return Ok(()) };
        let refused = |why: String| Err(Error::Invalid(why));
        match reference {
            Reference::Env(name) if !lists.variables.allow(name) => {
                return refused(format!(
                    "secret.env: the variable {name:?} is not in SYNCLINE_ALLOW_VARIABLES, as over HTTP it must be"
                ));
            }
            Reference::File(path) if !lists.paths.allow(path) => {
                return refused(format!(
                    "secret.file: {} is not inside a folder of SYNCLINE_ALLOW_PATHS, as over HTTP it must be",
                    shown(path)
                ));
            }
            Reference::Vault { mount, path, .. } if !lists.vault.allow(mount, path) => {
                return refused(format!(
                    "secret.vault: the secret \"{mount}/{path}\" is not in SYNCLINE_ALLOW_VAULT, as over HTTP it must be"
                ));
            }
            Reference::Env(_) | Reference::File(_) | Reference::Vault { .. } => {}
        }
        let Some(address) = base_url else { return Ok(()) };
        let allowed = host_of(address).is_some_and(|(host, port)| lists.hosts.allow(&host, port));
        if allowed {
            return Ok(());
        }
        refused(
            "base_url: its host is not in SYNCLINE_ALLOW_HOSTS; over HTTP a secret that the server keeps is sent to no other \
             host. Give the secret itself as secret.value, or add the account at the command line"
                .to_owned(),
        )
    }
}

/// The host and port of an address over HTTP, if it is written so plainly that every reader of addresses agrees on them.
fn host_of(address: &str) -> Option<(String, u16)> {
    let (rest, usual) = match (address.strip_prefix("https://"), address.strip_prefix("http://")) {
        (Some(rest), _) => (rest, 443),
        (_, Some(rest)) => (rest, 80),
        _ => return None,
    };
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    let bracketed = authority.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, port)) => (host, port),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let plain = |letter: char| match bracketed {
        Some(_) => letter.is_ascii_hexdigit() || letter == ':',
        None => letter.is_ascii_alphanumeric() || letter == '-' || letter == '.',
    };
    if host.is_empty() || !host.chars().all(plain) {
        return None;
    }
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok()?,
        None if port.is_empty() => usual,
        None => return None,
    };
    Some((host.to_owned(), port))
}

/// The error for something that is not on its list.
fn refusal(side: &str, Named { key, what }: Named, lists: &AllowLists) -> Option<Finding> {
    let why = match what {
        Outside::File(path) if lists.paths.allow(&path) => return None,
        Outside::File(path) if path.is_relative() => {
            format!(
                "{} is relative; over HTTP a path is absolute and inside a folder of SYNCLINE_ALLOW_PATHS",
                shown(&path)
            )
        }
        Outside::File(path) => {
            format!(
                "{} is not inside a folder of SYNCLINE_ALLOW_PATHS, as over HTTP it must be",
                shown(&path)
            )
        }
        // The value of a listed variable is not looked at: the operator who listed it has set it, too.
        Outside::Variable(name) if lists.variables.allow(&name) => return None,
        Outside::Variable(name) if is_variable(&name) => {
            format!("the variable {name:?} is not in SYNCLINE_ALLOW_VARIABLES, as over HTTP it must be")
        }
        // Perhaps the address itself, written where its variable should be named.
        Outside::Variable(_) => {
            "env is not the name of a variable; over HTTP it must be one of SYNCLINE_ALLOW_VARIABLES"
                .to_owned()
        }
        Outside::Host { host, port } if lists.hosts.allow(&host, port) => return None,
        Outside::Host { host, port } => {
            format!(
                "the host {:?} is not in SYNCLINE_ALLOW_HOSTS, as over HTTP it must be",
                format!("{host}:{port}")
            )
        }
        Outside::Local => {
            "names a Unix socket or no host; over HTTP it must name a host of SYNCLINE_ALLOW_HOSTS".to_owned()
        }
    };
    Some(Finding::error(format!("{side}.{key}"), why))
}

/// A path for display; text that may be an address with a password, or a key, is left out.
fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    match may_hold_password(&text) || text.contains("-----BEGIN") {
        true => "the path".to_owned(),
        false => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests;
