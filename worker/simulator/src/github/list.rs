//! The list of a repository's issues: filters, orders, pages by number and by cursor.

use std::ops::Bound;

use super::{
    error::{Answer, Refusal, invalid},
    paging::{Position, address, cursor, position},
    state::State,
    types::{Issue, Repo},
    visit::Visit,
};
use crate::{clock, http::Reply};

/// The refusal of pages beyond the cap.
const TOO_DEEP: &str = "Pagination with the page parameter is not supported for large datasets, please use cursor based \
                        pagination (after/before)";

/// The value of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted<T> {
    /// Not filtered.
    All,
    Any,
    None,
    Only(T),
}

impl<T: PartialEq> Wanted<T> {
    fn takes(&self, mut values: impl Iterator<Item = T>) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Any => values.next().is_some(),
            Wanted::None => values.next().is_none(),
            Wanted::Only(wanted) => values.any(|value| value == *wanted),
        }
    }
}

/// The filters of a request.
struct Filter<'a> {
    /// None for both.
    closed: Option<bool>,
    since: Option<i64>,
    labels: Vec<u64>,
    /// The request filters by a label that no issue has.
    impossible: bool,
    assignee: Wanted<u64>,
    milestone: Wanted<u64>,
    issue_type: Wanted<u64>,
    creator: Wanted<u64>,
    mentioned: Option<&'a str>,
}

impl<'a> Filter<'a> {
    fn read(state: &State, repo: &Repo, visit: &'a Visit<'_>) -> Result<Filter<'a>, Refusal> {
        let call = visit.call;
        let wrong = |key: &str, value: &str| Refusal::validation(vec![invalid("Issue", key, value)]);
        let closed = match call.query("state") {
            None | Some("open") => Some(false),
            Some("closed") => Some(true),
            Some("all") => None,
            Some(other) => return Err(wrong("state", other)),
        };
        let since = match call.query("since") {
            None | Some("") => None,
            Some(text) => Some(clock::seconds(text).ok_or_else(|| wrong("since", text))?),
        };
        let user = |key: &str| match call.query(key) {
            None => Ok(Wanted::All),
            Some("*") => Ok(Wanted::Any),
            Some("none") => Ok(Wanted::None),
            Some(login) => {
                state.account(login).map(|found| Wanted::Only(found.id)).ok_or_else(|| wrong(key, login))
            }
        };
        let names = call.query("labels").unwrap_or_default();
        let names: Vec<_> =
            names.split(',').map(|name| name.trim().to_lowercase()).filter(|n| !n.is_empty()).collect();
        let labels: Vec<u64> = names.iter().filter_map(|name| repo.label_names.get(name).copied()).collect();
        let types = state.accounts.get(&repo.owner).map(|owner| &owner.types);
        let type_id =
            |name: &str| types?.values().find(|known| known.name.eq_ignore_ascii_case(name)).map(|t| t.id);
        Ok(Filter {
            closed,
            since,
            impossible: labels.len() < names.len(),
            labels,
            assignee: user("assignee")?,
            creator: user("creator")?,
            milestone: match call.query("milestone") {
                None => Wanted::All,
                Some("*") => Wanted::Any,
                Some("none") => Wanted::None,
                Some(text) => Wanted::Only(text.parse().map_err(|_| wrong("milestone", text))?),
            },
            issue_type: match call.query("type") {
                None => Wanted::All,
                Some("*") => Wanted::Any,
                Some("none") => Wanted::None,
                Some(name) => Wanted::Only(type_id(name).unwrap_or(0)),
            },
            mentioned: call.query("mentioned"),
        })
    }

    fn takes(&self, issue: &Issue) -> bool {
        let content = &issue.content;
        self.closed.is_none_or(|closed| closed == content.closed)
            && self.since.is_none_or(|since| issue.updated >= since)
            && self.labels.iter().all(|label| content.labels.contains(label))
            && self.assignee.takes(content.assignees.iter().copied())
            && self.milestone.takes(content.milestone.into_iter())
            && self.issue_type.takes(content.issue_type.into_iter())
            && self.creator.takes(issue.author.into_iter())
            && self.mentioned.is_none_or(|login| {
                content.body.as_ref().is_some_and(|body| body.contains(&format!("@{login}")))
            })
    }
}

/// The order of a list.
#[derive(Debug, Clone, Copy)]
struct Order {
    by_updated: bool,
    ascending: bool,
}

impl Order {
    fn read(visit: &Visit<'_>) -> Result<Order, Refusal> {
        let wrong = |key: &str, value: &str| Refusal::validation(vec![invalid("Issue", key, value)]);
        let by_updated = match visit.call.query("sort") {
            // Issues have no comments here, so the order is that of creation.
            None | Some("created" | "comments") => false,
            Some("updated") => true,
            Some(other) => return Err(wrong("sort", other)),
        };
        let ascending = match visit.call.query("direction") {
            None | Some("desc") => false,
            Some("asc") => true,
            Some(other) => return Err(wrong("direction", other)),
        };
        Ok(Order { by_updated, ascending })
    }

    fn position(self, issue: &Issue) -> Position {
        (if self.by_updated { issue.updated } else { issue.created }, issue.number)
    }

    /// Returns the numbers of a repository's issues in this order, starting after a position; backwards if `back`.
    fn walk<'r>(
        self,
        repo: &'r Repo,
        from: Option<Position>,
        since: Option<i64>,
        back: bool,
    ) -> Box<dyn Iterator<Item = &'r Issue> + 'r> {
        let index = if self.by_updated { &repo.by_updated } else { &repo.by_created };
        let upwards = self.ascending != back;
        let first =
            since.filter(|_| self.by_updated).map_or(Bound::Unbounded, |since| Bound::Included((since, 0)));
        let range = match from {
            None => (first, Bound::Unbounded),
            Some(at) if upwards => (Bound::Excluded(at), Bound::Unbounded),
            Some(at) => {
                // An empty range; a range with crossed ends would panic.
                let first = if matches!(first, Bound::Included(first) if first > at) {
                    Bound::Included(at)
                } else {
                    first
                };
                (first, Bound::Excluded(at))
            }
        };
        let issue = |(_, number): &(i64, u64)| repo.issues.get(number);
        if upwards {
            Box::new(index.range(range).filter_map(issue))
        } else {
            Box::new(index.range(range).rev().filter_map(issue))
        }
    }
}

/// `GET /repos/{}/{}/issues`. The list includes pull requests.
///
/// Page numbers count from the start at each request, so concurrent inserts and removals shift the pages. They reach a
/// limited number of items. The Link header has a cursor, which does not shift, and names the repository by its id.
pub(crate) fn issues(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, _) = visit.issues(state)?;
    let repo = &state.repos[&id];
    let filter = Filter::read(state, repo, visit)?;
    let order = Order::read(visit)?;
    let page = visit.page();
    let (after, before) = (position(visit.call, "after")?, position(visit.call, "before")?);
    let by_number = after.is_none() && before.is_none();
    if by_number && page.number * page.size > state.behaviour.page_cap.max(page.size) {
        return Err(Refusal::new(422, TOO_DEEP));
    }
    let back = after.is_none() && before.is_some();
    let found = order.walk(repo, after.or(before), filter.since, back).filter(|issue| filter.takes(issue));
    let skipped = if by_number { page.skipped() } else { 0 };
    let mut found: Vec<&Issue> = found.skip(skipped).take(page.size + 1).collect();
    if filter.impossible {
        found.clear();
    }
    let more = found.len() > page.size;
    found.truncate(page.size);
    if back {
        found.reverse();
    }
    let path = format!("/repositories/{id}/issues");
    let link = |key: &str, at: &Issue, number: usize| {
        let keys = [(key, cursor(order.position(at))), ("page", number.to_string())];
        address(visit.call, &path, &keys)
    };
    let mut links = Vec::new();
    if let Some(last) = found.last().filter(|_| more || back) {
        links.push(format!("<{}>; rel=\"next\"", link("after", last, page.number + 1)));
    }
    let has_before = if back { more } else { page.number > 1 };
    if let Some(first) = found.first().filter(|_| has_before) {
        links
            .push(format!("<{}>; rel=\"prev\"", link("before", first, page.number.saturating_sub(1).max(1))));
    }
    let render = visit.render(state);
    let mut text = String::from("[");
    for (at, issue) in found.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(&render.issue_text(repo, issue));
    }
    text.push(']');
    let reply = Reply::raw_json(200, text.into_bytes());
    Ok(if links.is_empty() { reply } else { reply.with("link", links.join(", ")) })
}
