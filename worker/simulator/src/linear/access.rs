//! Authentication, and what a user may see and do in the workspace.

use std::collections::BTreeSet;

use super::{
    error::{Failure, Kind},
    id::Id,
    state::State,
    types::{Issue, Label, Team, TokenKind},
};
use crate::http::Call;

/// The user and the token of a request.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    pub(crate) user: Id,
    pub(crate) kind: TokenKind,
    pub(crate) client: Option<String>,
    scopes: Vec<String>,
    teams: Option<BTreeSet<Id>>,
    guest: bool,
    pub(crate) admin: bool,
    /// True for a person in the browser, who sees everything.
    everything: bool,
}

/// A refusal of credentials, with the status of the response.
type Refused = (u16, Failure);

/// Reads the credentials of a request.
pub(crate) fn viewer(state: &State, call: &Call, now: i64) -> Result<Viewer, Refused> {
    let unknown = || (401, Failure::unauthenticated());
    let given =
        call.header("authorization").map(str::trim).filter(|given| !given.is_empty()).ok_or_else(unknown)?;
    let (bearer, value) = match given.split_once(' ') {
        Some((scheme, value)) if scheme.eq_ignore_ascii_case("bearer") => (true, value.trim()),
        _ => (false, given),
    };
    if bearer && value.starts_with("lin_api_") {
        let message = "It looks like you're trying to use an API key as a Bearer token. Remove the Bearer prefix from \
                       the Authorization header.";
        return Err((state.behaviour.wrong_form_status, Failure::new(Kind::Authentication, message)));
    }
    let token = state.tokens.get(value).ok_or_else(unknown)?;
    let expired = token.expires.is_some_and(|expires| expires <= now);
    let user = state.users.get(&token.user).filter(|user| user.active);
    let (Some(user), false) = (user, token.revoked || expired || bearer != (token.kind == TokenKind::Oauth))
    else {
        return Err(unknown());
    };
    Ok(Viewer {
        user: user.id,
        kind: token.kind,
        client: token.client.clone(),
        scopes: token.scopes.clone(),
        teams: token.teams.clone(),
        guest: user.guest,
        admin: user.admin,
        everything: false,
    })
}

impl Viewer {
    /// Creates the viewer of a person in the browser, or of the control API.
    pub(crate) fn person(user: Id) -> Viewer {
        Viewer {
            user,
            kind: TokenKind::Key,
            client: None,
            scopes: vec!["admin".to_owned()],
            teams: None,
            guest: false,
            admin: true,
            everything: true,
        }
    }

    pub(crate) fn sees_team(&self, team: &Team) -> bool {
        let member = team.members.contains(&self.user);
        self.everything
            || ((member || !(team.private || self.guest))
                && self.teams.as_ref().is_none_or(|teams| teams.contains(&team.id)))
    }

    pub(crate) fn sees(&self, state: &State, issue: &Issue) -> bool {
        let team = state.teams.get(&issue.team);
        (self.everything || !issue.hidden) && team.is_some_and(|team| self.sees_team(team))
    }

    pub(crate) fn sees_label(&self, state: &State, label: &Label) -> bool {
        label.team.is_none_or(|team| state.teams.get(&team).is_some_and(|team| self.sees_team(team)))
    }

    /// Returns a team that the viewer sees.
    pub(crate) fn team<'s>(&self, state: &'s State, name: &str) -> Result<&'s Team, Failure> {
        state.team(name).filter(|team| self.sees_team(team)).ok_or_else(|| Failure::not_found("Team"))
    }

    /// Returns an issue that the viewer sees.
    pub(crate) fn issue<'s>(&self, state: &'s State, name: &str) -> Result<&'s Issue, Failure> {
        state.issue(name).filter(|issue| self.sees(state, issue)).ok_or_else(|| Failure::not_found("Issue"))
    }

    /// Refuses an operation whose scope the token lacks. `admin` and `write` include the narrower ones, and every token
    /// may read.
    pub(crate) fn may(&self, scope: &str) -> Result<(), Failure> {
        let has = |scope: &str| self.scopes.iter().any(|given| given == scope);
        if scope == "read" || has("admin") || has(scope) || (scope != "admin" && has("write")) {
            return Ok(());
        }
        Err(Failure::new(Kind::Forbidden, format!("Invalid scope: `{scope}` required")))
    }
}
