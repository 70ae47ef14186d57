//! Whom a token belongs to, and what it may do.

use chrono::DateTime;
use serde::Deserialize;
use syncline_engine::ports::{Call, ConnectorError};

use super::{api::priced, limits::Cost};
use crate::{
    Budget, Identity,
    http::{Client, Reply},
};

#[derive(Deserialize)]
struct User {
    id: u64,
    login: String,
}

#[derive(Deserialize)]
struct Installed {
    total_count: u64,
}

#[derive(Deserialize)]
struct Limits {
    resources: Resources,
}

#[derive(Deserialize)]
struct Resources {
    core: Core,
}

#[derive(Deserialize)]
struct Core {
    limit: u64,
    remaining: u64,
    reset: i64,
}

/// Asks for the token's user; the token of an app has none, and is known by its repositories.
pub(super) async fn identify(client: &Client, call: &Call<'_>) -> Result<Identity, ConnectorError> {
    let (limited, budget) = budget(client, call).await?;
    Ok(Identity { limited, budget, ..owner(client, call).await? })
}

/// The token's user, without what its limits are.
pub(super) async fn owner(client: &Client, call: &Call<'_>) -> Result<Identity, ConnectorError> {
    let user = match priced(client.get(&["user"]), Cost::Read).send(call).await {
        Ok(user) => user,
        Err(failed) if failed.error.answer.as_ref().is_some_and(|answer| answer.status == 403) => {
            let request = client.get(&["installation", "repositories"]).query("per_page", 1);
            let installed: Installed = match priced(request, Cost::Read).send(call).await {
                Ok(reply) => reply.json()?,
                Err(_) => return Err(failed.into()),
            };
            let name = format!("an app, with {} repositories", installed.total_count);
            return Ok(Identity {
                id: "app".to_owned(),
                name,
                scopes: Vec::new(),
                missing: Vec::new(),
                limited: None,
                budget: None,
            });
        }
        Err(failed) => return Err(failed.into()),
    };
    let scopes = scopes(&user);
    let missing = scopes.as_deref().map(missing).unwrap_or_default();
    let User { id, login } = user.json()?;
    Ok(Identity {
        id: id.to_string(),
        name: login,
        scopes: scopes.unwrap_or_default(),
        missing,
        limited: None,
        budget: None,
    })
}

/// The scopes of a classic token. Other tokens have permissions, which GitHub does not list.
fn scopes(reply: &Reply) -> Option<Vec<String>> {
    let scopes = reply.header("x-oauth-scopes")?.split(',').map(str::trim);
    Some(scopes.filter(|scope| !scope.is_empty()).map(str::to_owned).collect())
}

/// What a sync needs and the scopes do not give.
fn missing(scopes: &[String]) -> Vec<String> {
    let has = |wanted: &[&str]| scopes.iter().any(|scope| wanted.contains(&scope.as_str()));
    let mut missing = Vec::new();
    if !has(&["repo"]) {
        missing.push(match has(&["public_repo"]) {
            true => "repo: without it only public repositories are reached".to_owned(),
            false => "repo: without it issues are not written, and private repositories not seen".to_owned(),
        });
    }
    if !has(&["read:org", "write:org", "admin:org"]) {
        missing.push("read:org: without it the issue fields of organisations are not written".to_owned());
    }
    missing
}

/// Whether there are limits, and what is left of the primary one. Asking for it costs nothing.
async fn budget(client: &Client, call: &Call<'_>) -> Result<(Option<bool>, Option<Budget>), ConnectorError> {
    let reply = match client.get(&["rate_limit"]).send(call).await {
        Ok(reply) => reply,
        // Enterprise Server answers so while its limits are disabled, which they are unless somebody enables them.
        Err(failed) if failed.error.answer.as_ref().is_some_and(|answer| answer.status == 404) => {
            return Ok((Some(false), None));
        }
        Err(failed) => return Err(failed.into()),
    };
    let Core { limit, remaining, reset } = reply.json::<Limits>()?.resources.core;
    let budget = DateTime::from_timestamp(reset, 0).map(|resets_at| Budget { limit, remaining, resets_at });
    Ok((Some(true), budget))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_scopes_are_named_with_what_they_are_for() {
        let missing = |scopes: &[&str]| -> Vec<String> {
            let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            missing(&scopes).into_iter().map(|text| text.split(": ").next().unwrap().to_owned()).collect()
        };
        assert_eq!(missing(&["repo", "read:org"]), Vec::<String>::new());
        assert_eq!(missing(&["public_repo", "admin:org"]), ["repo"]);
        assert_eq!(missing(&["gist"]), ["repo", "read:org"]);
    }
}
