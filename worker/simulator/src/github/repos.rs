//! The routes of repositories.

use serde_json::Value;

use super::{
    access::Access,
    error::{Answer, Refusal},
    state::State,
    types::{AccountKind, Repo},
    visit::Visit,
};
use crate::http::Reply;

/// `GET /repos/{}/{}`, and by id.
pub(crate) fn get(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, access) = visit.repo(state)?;
    Ok(Reply::json(200, &visit.render(state).full_repo(&state.repos[&id], access)))
}

/// `GET /user/repos`: the repositories that the account owns or is a member of, and the token covers.
pub(crate) fn own(state: &mut State, visit: &Visit<'_>) -> Answer {
    let account = visit.viewer.signed_in()?;
    listed(state, visit, |repo| repo.may_be_assigned(account))
}

/// `GET /orgs/{}/repos`.
pub(crate) fn of_organization(state: &mut State, visit: &Visit<'_>) -> Answer {
    let owner = state.account(visit.arg(0)).filter(|owner| owner.kind == AccountKind::Organization);
    let owner = owner.ok_or_else(Refusal::not_found)?.id;
    listed(state, visit, |repo| repo.owner == owner)
}

fn listed(state: &State, visit: &Visit<'_>, wanted: impl Fn(&Repo) -> bool) -> Answer {
    let kind = visit.call.query("visibility").or_else(|| visit.call.query("type")).unwrap_or("all");
    let fits = |repo: &Repo| match kind {
        "public" => !repo.private,
        "private" => repo.private,
        _ => true,
    };
    let seen = |repo: &'_ Repo| visit.viewer.access(repo);
    let mut repos: Vec<(&Repo, Access)> = state
        .repos
        .values()
        .filter(|repo| wanted(repo) && fits(repo))
        .filter_map(|repo| Some((repo, seen(repo)?)))
        .collect();
    repos.sort_by_key(|(repo, _)| state.full_name(repo).to_lowercase());
    let render = visit.render(state);
    let repos: Vec<Value> = repos.into_iter().map(|(repo, access)| render.repo(repo, access)).collect();
    Ok(visit.page().reply(visit.call, repos))
}
