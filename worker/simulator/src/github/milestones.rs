//! The routes of milestones.

use chrono::{NaiveTime, TimeZone, Utc};
use chrono_tz::US::Pacific;

use super::{
    body::Body,
    error::{Answer, Refusal, field, invalid},
    state::State,
    types::Milestone,
    visit::Visit,
};
use crate::{clock, http::Reply};

const KEYS: [&str; 4] = ["title", "state", "description", "due_on"];

/// Moves a due time to midnight, in US Pacific time, of its day there. A time before 07:00 or 08:00 UTC belongs to the
/// previous day.
pub(crate) fn normalised(seconds: i64) -> i64 {
    let Some(time) = Utc.timestamp_opt(seconds, 0).single() else { return seconds };
    let midnight = time.with_timezone(&Pacific).date_naive().and_time(NaiveTime::MIN);
    Pacific.from_local_datetime(&midnight).earliest().map_or(seconds, |time| time.timestamp())
}

/// `GET /repos/{}/{}/milestones`.
pub(crate) fn list(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, _) = visit.repo(state)?;
    let repo = &state.repos[&id];
    let wanted = visit.call.query("state").unwrap_or("open");
    let fits = |milestone: &&Milestone| wanted == "all" || milestone.open == (wanted == "open");
    let render = visit.render(state);
    let found = repo.milestones.values().filter(fits).map(|milestone| render.milestone(repo, milestone));
    Ok(visit.page().reply(visit.call, found.collect()))
}

/// `GET /repos/{}/{}/milestones/{}`.
pub(crate) fn get(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, _) = visit.repo(state)?;
    shown(state, visit, 200, id, visit.number(2)?)
}

fn shown(state: &State, visit: &Visit<'_>, status: u16, repo: u64, number: u64) -> Answer {
    let repo = &state.repos[&repo];
    let milestone = repo.milestones.get(&number).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(status, &visit.render(state).milestone(repo, milestone)))
}

/// The values of a milestone in a body.
struct Parts {
    title: Option<String>,
    description: Option<Option<String>>,
    open: Option<bool>,
    due: Option<Option<i64>>,
}

fn read(state: &State, visit: &Visit<'_>, create: bool) -> Result<(u64, Parts), Refusal> {
    let (id, access) = visit.repo(state)?;
    visit.viewer.writes(&state.repos[&id], access)?;
    if !access.may_push() {
        return Err(Refusal::new(403, "Must have push access to repository."));
    }
    let mut body = Body::read(visit.call, &KEYS, state.behaviour.unknown_keys)?;
    if create {
        body.require("title");
    }
    let (title, description) = (body.text("title"), body.nullable("description"));
    let (wanted, due) = (body.text("state"), body.nullable("due_on"));
    body.check()?;
    let mut errors = Vec::new();
    let open = wanted.and_then(|wanted| match wanted.as_str() {
        "open" => Some(true),
        "closed" => Some(false),
        _ => {
            errors.push(invalid("Milestone", "state", wanted.as_str()));
            None
        }
    });
    let mut times = Vec::new();
    let due = due.map(|due| {
        due.and_then(|text| {
            let time = clock::seconds(&text);
            if time.is_none() {
                times.push(invalid("Milestone", "due_on", text));
            }
            time.map(normalised)
        })
    });
    errors.append(&mut times);
    if title.as_deref().is_some_and(|title| title.trim().is_empty()) {
        errors.push(field("Milestone", "title", "missing_field"));
    }
    let own = if create { 0 } else { visit.number(2)? };
    let taken = state.repos[&id]
        .milestones
        .values()
        .any(|other| Some(&other.title) == title.as_ref() && other.number != own);
    if taken {
        errors.push(field("Milestone", "title", "already_exists"));
    }
    if errors.is_empty() {
        Ok((id, Parts { title, description, open, due }))
    } else {
        Err(Refusal::validation(errors))
    }
}

/// `POST /repos/{}/{}/milestones`.
pub(crate) fn create(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, parts) = read(state, visit, true)?;
    let now = visit.now / 1000;
    let creator = visit.viewer.account;
    let number = state.add_milestone(id, parts.title.unwrap_or_default(), creator, now);
    if let Some(milestone) = state.milestone(id, number) {
        milestone.description = parts.description.flatten();
        milestone.due = parts.due.flatten();
        milestone.open = parts.open.unwrap_or(true);
    }
    shown(state, visit, 201, id, number)
}

/// `PATCH /repos/{}/{}/milestones/{}`.
pub(crate) fn update(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, parts) = read(state, visit, false)?;
    let (number, now) = (visit.number(2)?, visit.now / 1000);
    let milestone = state.milestone(id, number).ok_or_else(Refusal::not_found)?;
    milestone.title = parts.title.unwrap_or_else(|| milestone.title.clone());
    milestone.description = parts.description.unwrap_or_else(|| milestone.description.clone());
    milestone.due = parts.due.unwrap_or(milestone.due);
    if let Some(open) = parts.open.filter(|open| *open != milestone.open) {
        milestone.open = open;
        milestone.closed = (!open).then_some(now);
    }
    milestone.updated = now;
    state.epoch += 1;
    shown(state, visit, 200, id, number)
}

/// `DELETE /repos/{}/{}/milestones/{}`. Removes it from its issues.
pub(crate) fn delete(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, access) = visit.repo(state)?;
    visit.viewer.writes(&state.repos[&id], access)?;
    let number = visit.number(2)?;
    let repo = state.repos.get_mut(&id).filter(|_| access.may_push()).ok_or_else(Refusal::not_found)?;
    repo.milestones.remove(&number).ok_or_else(Refusal::not_found)?;
    for issue in repo.issues.values_mut().filter(|issue| issue.content.milestone == Some(number)) {
        issue.content.milestone = None;
    }
    state.epoch += 1;
    Ok(Reply::empty(204))
}

impl State {
    fn milestone(&mut self, repo: u64, number: u64) -> Option<&mut Milestone> {
        self.repos.get_mut(&repo)?.milestones.get_mut(&number)
    }

    /// Adds an open milestone and returns its number.
    pub(crate) fn add_milestone(&mut self, repo: u64, title: String, creator: Option<u64>, now: i64) -> u64 {
        let id = self.fresh_id();
        let Some(repo) = self.repos.get_mut(&repo) else { return 0 };
        let number = repo.milestones.last_key_value().map_or(1, |(last, _)| last + 1);
        let milestone = Milestone {
            id,
            number,
            title,
            description: None,
            open: true,
            creator,
            due: None,
            created: now,
            updated: now,
            closed: None,
            open_issues: 0,
            closed_issues: 0,
        };
        repo.milestones.insert(number, milestone);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_times_become_midnight_in_california() {
        let moved = |text: &str| clock::stamp(normalised(clock::seconds(text).unwrap()));
        assert_eq!(moved("2026-07-15T12:00:00Z"), "2026-07-15T07:00:00Z");
        assert_eq!(moved("2026-07-15T06:59:59Z"), "2026-07-14T07:00:00Z");
        assert_eq!(moved("2026-01-15T12:00:00Z"), "2026-01-15T08:00:00Z");
        assert_eq!(moved("2026-01-15T07:30:00Z"), "2026-01-14T08:00:00Z");
    }
}
