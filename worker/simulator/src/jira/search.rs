//! The search routes: pages by token only, from an index that lags behind the issues.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value, json};

use super::{
    base64,
    error::{Answer, Refusal},
    find::{Narrow, Position, matching},
    index::{Rank, place},
    jql::{self, Asker, Check, Order},
    render::Wanted,
    state::State,
    visit::{Shape, Visit},
};
use crate::http::Reply;

/// The most issues that a search may reconcile, and the most properties that it may return.
const RECONCILED: usize = 50;
const PROPERTIES: usize = 5;

const UNBOUNDED: &str =
    "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.";

/// A search request.
struct Request {
    jql: String,
    token: Option<String>,
    size: i64,
    wanted: Wanted,
    reconciled: Vec<u64>,
}

/// `GET` and `POST /search/jql`.
pub(crate) fn search(state: &mut State, visit: &Visit<'_>) -> Answer {
    let request = if visit.call.method == "POST" { of_body(visit)? } else { of_query(visit)? };
    if request.reconciled.len() > RECONCILED || request.wanted.properties.len() > PROPERTIES {
        return Err(Refusal::new(400, "Too many values: reconcileIssues takes 50, properties takes 5."));
    }
    state.catch_up(visit.now);
    for id in &request.reconciled {
        state.index_now(*id);
    }
    let (check, order) = read(state, visit, &request.jql)?;
    let behaviour = state.behaviour.clone();
    let max = if request.wanted.ids_only() { behaviour.page_max_ids } else { behaviour.page_max };
    let Ok(asked) = usize::try_from(request.size) else {
        return Err(Refusal::new(400, "The value of maxResults must not be negative."));
    };
    if asked == 0 || asked > behaviour.page_max_ids {
        let most = behaviour.page_max_ids;
        return Err(Refusal::new(400, format!("The value of maxResults must be between 1 and {most}.")));
    }
    let short = if behaviour.short_pages == 0 { usize::MAX } else { behaviour.short_pages };
    let size = asked.min(max).min(short);
    let from = match &request.token {
        Some(token) => position(token, &request.jql, visit, behaviour.page_token_seconds)?,
        None => Position::default(),
    };
    let empty = behaviour.empty_pages > 0 && (from.page + 1).is_multiple_of(behaviour.empty_pages as u64);
    let mut found = if empty { Vec::new() } else { matching(state, visit, (&check, &order), from, size + 1) };
    let more = empty || found.len() > size;
    found.truncate(size);
    let mut next = Position { page: from.page + 1, skipped: from.skipped + found.len(), ..from };
    if let (Order::Ranked(rank, _), Some(last)) = (&order, found.last()) {
        next.after = Some(place(last, *rank));
    }
    if behaviour.page_repeats && found.len() > 1 {
        let before = &found[found.len() - 2];
        next.skipped -= 1;
        next.after = if let Order::Ranked(rank, _) = &order { Some(place(before, *rank)) } else { None };
    }
    if behaviour.page_gaps && from.page > 0 && !found.is_empty() {
        found.remove(0);
    }
    let render = visit.render(state);
    let issues: Vec<Value> = found.iter().map(|issue| render.issue(issue, &request.wanted)).collect();
    let mut page = json!({ "issues": issues, "isLast": !more });
    if more {
        let token = request.token.filter(|_| behaviour.stuck_token);
        page["nextPageToken"] = json!(token.unwrap_or_else(|| token_of(next, &request.jql, visit.now)));
    }
    if request.wanted.expands("names") || request.wanted.expands("schema") {
        names(state, &request.wanted, &mut page);
    }
    Ok(Reply::json(200, &page))
}

/// Moves names and schemas from the issues to the page, where searches return them.
fn names(state: &State, wanted: &Wanted, page: &mut Value) {
    for part in ["names", "schema"].into_iter().filter(|part| wanted.expands(part)) {
        let mut all = Map::new();
        for issue in page["issues"].as_array_mut().into_iter().flatten() {
            if let Some(Value::Object(of_issue)) = issue.as_object_mut().and_then(|issue| issue.remove(part))
            {
                all.extend(of_issue);
            }
        }
        all.retain(|id, _| state.fields.contains_key(id));
        page[part] = Value::Object(all);
    }
}

/// `POST /search/approximate-count`.
pub(crate) fn count(state: &mut State, visit: &Visit<'_>) -> Answer {
    let body = visit.body()?;
    state.catch_up(visit.now);
    let (check, order) = read(state, visit, body.get("jql").and_then(Value::as_str).unwrap_or_default())?;
    let found = matching(state, visit, (&check, &order), Position::default(), usize::MAX);
    Ok(Reply::json(200, &json!({ "count": found.len() })))
}

/// The former search routes, which Jira has removed.
pub(crate) fn removed(_: &mut State, _: &Visit<'_>) -> Answer {
    let message = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046";
    Err(Refusal::new(410, message))
}

fn of_body(visit: &Visit<'_>) -> Result<Request, Refusal> {
    let body = visit.body()?;
    let known = [
        ("jql", Shape::Text),
        ("nextPageToken", Shape::Text),
        ("maxResults", Shape::Number),
        ("fields", Shape::Texts),
        ("expand", Shape::Text),
        ("properties", Shape::Texts),
        ("fieldsByKeys", Shape::Bool),
        ("reconcileIssues", Shape::Numbers),
    ];
    visit.fits(&body, &known)?;
    let list = |key: &str| body.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let texts = |key: &str| list(key).iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let mut wanted = Wanted::new(&texts("fields"), "id");
    wanted.properties = texts("properties");
    let parts = text("expand").unwrap_or_default().split(',').map(str::trim);
    wanted.expand = parts.filter(|part| !part.is_empty()).map(str::to_owned).collect();
    Ok(Request {
        jql: text("jql").unwrap_or_default().to_owned(),
        token: text("nextPageToken").map(str::to_owned),
        size: body.get("maxResults").and_then(Value::as_i64).unwrap_or(50),
        wanted,
        reconciled: list("reconcileIssues").iter().filter_map(Value::as_u64).collect(),
    })
}

fn of_query(visit: &Visit<'_>) -> Result<Request, Refusal> {
    let size = visit.call.query("maxResults").unwrap_or("50");
    Ok(Request {
        jql: visit.call.query("jql").unwrap_or_default().to_owned(),
        token: visit.call.query("nextPageToken").filter(|token| !token.is_empty()).map(str::to_owned),
        size: size.parse().map_err(|_| Refusal::new(400, format!("'{size}' is no number.")))?,
        wanted: visit.wanted("id"),
        reconciled: visit.list("reconcileIssues").iter().filter_map(|id| id.parse().ok()).collect(),
    })
}

/// Reads a query, which must have a restriction.
fn read(state: &State, visit: &Visit<'_>, text: &str) -> Result<(Check, Order), Refusal> {
    let wrong = |message: String| Refusal::new(400, message);
    let query = jql::parse(text).map_err(wrong)?;
    let Some(clause) = query.clause else { return Err(Refusal::new(400, UNBOUNDED)) };
    let asker = Asker { state, viewer: &visit.viewer, now: visit.now };
    let check = jql::resolve(asker, &clause).map_err(wrong)?;
    let order = Order::read(state, &query.order).map_err(wrong)?;
    let mut narrow = Narrow::default();
    narrow.add(state, &check);
    let one = narrow.projects.is_some_and(|projects| projects.len() == 1);
    Ok(match order {
        // Issue numbers order keys within one project only.
        Order::Ranked(Rank::Number, down) if !one => (check, Order::Sorted(vec![("key".to_owned(), down)])),
        order => (check, order),
    })
}

fn hash(jql: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    jql.hash(&mut hasher);
    hasher.finish()
}

/// Encodes a page token. It is valid for its query only.
fn token_of(position: Position, jql: &str, now: i64) -> String {
    let (rank, id) = position.after.map_or((String::new(), 0), |(rank, id)| (rank.to_string(), id));
    let text = format!("{:x}:{now}:{}:{rank}:{id}:{}", hash(jql), position.page, position.skipped);
    base64::encode(text.as_bytes())
}

/// Decodes a page token.
fn position(token: &str, jql: &str, visit: &Visit<'_>, seconds: i64) -> Result<Position, Refusal> {
    let wrong = || Refusal::new(400, "The provided next page token is invalid or expired.");
    let text = base64::decode(token).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
    let parts: Vec<&str> = text.split(':').collect();
    let [of, at, page, rank, id, skipped] = parts.as_slice() else { return Err(wrong()) };
    let at: i64 = at.parse().map_err(|_| wrong())?;
    if *of != format!("{:x}", hash(jql)) || visit.now >= at.saturating_add(seconds.saturating_mul(1000)) {
        return Err(wrong());
    }
    let after = rank.parse().ok().zip(id.parse().ok());
    Ok(Position {
        page: page.parse().map_err(|_| wrong())?,
        after,
        skipped: skipped.parse().map_err(|_| wrong())?,
    })
}
