//! The routes of accounts, assignees and limits.

use serde_json::{Value, json};

use super::{
    error::{Answer, Refusal},
    state::State,
    types::{Account, TokenKind},
    visit::Visit,
};
use crate::http::Reply;

/// `GET /`.
pub(crate) fn root(state: &mut State, visit: &Visit<'_>) -> Answer {
    let api = visit.render(state).api();
    Ok(Reply::json(
        200,
        &json!({
            "current_user_url": format!("{api}/user"),
            "issue_search_url": format!("{api}/search/issues?q={{query}}{{&page,per_page,sort,order}}"),
            "rate_limit_url": format!("{api}/rate_limit"),
            "repository_url": format!("{api}/repos/{{owner}}/{{repo}}"),
        }),
    ))
}

/// `GET /zen`.
pub(crate) fn zen(_: &mut State, _: &Visit<'_>) -> Answer {
    Ok(Reply::text(200, "text/plain;charset=utf-8", "Practicality beats purity."))
}

/// `GET /user`. Installation tokens have no user.
pub(crate) fn own(state: &mut State, visit: &Visit<'_>) -> Answer {
    let account = visit.viewer.signed_in()?;
    if visit.viewer.token.as_ref().is_some_and(|token| token.kind == TokenKind::App) {
        return Err(Refusal::new(403, "Resource not accessible by integration"));
    }
    let account = state.accounts.get(&account).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, &visit.render(state).full_account(account, true)))
}

/// `GET /users/{}`.
pub(crate) fn by_login(state: &mut State, visit: &Visit<'_>) -> Answer {
    shown(visit, state, state.account(visit.arg(0)))
}

/// `GET /user/{}`.
pub(crate) fn by_id(state: &mut State, visit: &Visit<'_>) -> Answer {
    let id = visit.number(0)?;
    shown(visit, state, state.accounts.get(&id))
}

fn shown(visit: &Visit<'_>, state: &State, account: Option<&Account>) -> Answer {
    let account = account.ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, &visit.render(state).full_account(account, false)))
}

/// `GET /rate_limit`, which has no cost.
pub(crate) fn rate_limit(state: &mut State, visit: &Visit<'_>) -> Answer {
    let account = visit.viewer.account.unwrap_or(0);
    let behaviour = state.behaviour.clone();
    let rules = super::limits::Rules { limits: visit.limits, behaviour: &behaviour, now: visit.now };
    Ok(Reply::json(200, &state.budgets.overview(account, visit.version, &rules)?))
}

/// `GET /repos/{}/{}/assignees`.
pub(crate) fn assignees(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, _) = visit.repo(state)?;
    let repo = &state.repos[&id];
    let render = visit.render(state);
    let members = state.accounts.values().filter(|account| {
        repo.may_be_assigned(account.id) && account.kind != super::types::AccountKind::Organization
    });
    let members: Vec<Value> = members.map(|account| render.account(account)).collect();
    Ok(visit.page().reply(visit.call, members))
}

/// `GET /repos/{}/{}/assignees/{}`.
pub(crate) fn assignee(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, _) = visit.repo(state)?;
    let account = state.account(visit.arg(2)).filter(|account| state.repos[&id].may_be_assigned(account.id));
    account.map(|_| Reply::empty(204)).ok_or_else(Refusal::not_found)
}
