//! `GET /search/issues`: an index that lags, and at most 1,000 results.

use serde_json::{Value, json};

use super::{
    error::{Answer, Refusal, field},
    state::State,
    types::{Content, Issue, Repo},
    visit::Visit,
};
use crate::{clock, http::Reply};

/// The most results of a search that can be reached.
const REACHABLE: usize = 1_000;

/// A parsed query.
#[derive(Debug, Default)]
struct Query {
    repos: Vec<u64>,
    closed: Option<bool>,
    pull_request: Option<bool>,
    labels: Vec<String>,
    author: Option<String>,
    assignee: Option<String>,
    /// Bounds of `updated` and of `created`, in seconds.
    updated: Option<i64>,
    created: Option<i64>,
    in_title: bool,
    in_body: bool,
    /// Phrases as lists of words.
    phrases: Vec<Vec<String>>,
}

/// Splits a query at blanks outside of quotes; quotes are dropped.
fn terms(text: &str) -> Vec<String> {
    let (mut terms, mut term, mut quoted) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' | '+' if !quoted => terms.push(std::mem::take(&mut term)),
            letter => term.push(letter),
        }
    }
    terms.push(term);
    terms.retain(|term| !term.is_empty());
    terms
}

/// Returns the words of a text, without punctuation.
fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn since(value: &str) -> Option<i64> {
    let value = value.strip_prefix(">=").or_else(|| value.strip_prefix('>'))?;
    clock::seconds(value).or_else(|| clock::seconds(&format!("{value}T00:00:00Z")))
}

impl Query {
    fn read(state: &State, visit: &Visit<'_>) -> Result<Query, Refusal> {
        let text = visit.call.query("q").unwrap_or_default();
        if text.trim().is_empty() {
            return Err(Refusal::validation(vec![field("Search", "q", "missing")]));
        }
        let mut query = Query::default();
        let mut hidden = false;
        for term in terms(text) {
            match term.split_once(':') {
                Some(("repo", name)) => {
                    let id = name.split_once('/').and_then(|(owner, name)| state.repo_id(owner, name));
                    let seen =
                        id.filter(|id| state.repos.get(id).and_then(|r| visit.viewer.access(r)).is_some());
                    hidden |= seen.is_none();
                    query.repos.extend(seen);
                }
                Some(("org" | "user", owner)) => {
                    let owner = state.account(owner).map(|owner| owner.id);
                    query.repos.extend(state.repos.values().filter(|r| Some(r.owner) == owner).map(|r| r.id));
                }
                Some(("is" | "type", "issue")) => query.pull_request = Some(false),
                Some(("is" | "type", "pr" | "pull-request")) => query.pull_request = Some(true),
                Some(("is" | "state", "open")) => query.closed = Some(false),
                Some(("is" | "state", "closed")) => query.closed = Some(true),
                Some(("label", name)) => query.labels.push(name.to_lowercase()),
                Some(("author", login)) => query.author = Some(login.to_lowercase()),
                Some(("assignee", login)) => query.assignee = Some(login.to_lowercase()),
                Some(("updated", value)) => query.updated = since(value),
                Some(("created", value)) => query.created = since(value),
                Some(("in", places)) => {
                    query.in_title = places.contains("title");
                    query.in_body = places.contains("body");
                }
                _ => query.phrases.push(words(&term)),
            }
        }
        if hidden && query.repos.is_empty() {
            let mut error = field("Search", "q", "invalid");
            error["message"] = json!(
                "The listed users and repositories cannot be searched either because the resources do not exist or you \
                 do not have permission to view them."
            );
            return Err(Refusal::validation(vec![error]));
        }
        if !query.in_title && !query.in_body {
            (query.in_title, query.in_body) = (true, true);
        }
        Ok(query)
    }

    fn takes(&self, state: &State, repo: &Repo, issue: &Issue, content: &Content) -> bool {
        let is = |id: &u64, login: &String| state.login(*id).to_lowercase() == *login;
        self.closed.is_none_or(|closed| closed == content.closed)
            && self.pull_request.is_none_or(|pull| pull == issue.pull_request)
            && self.updated.is_none_or(|since| issue.updated >= since)
            && self.created.is_none_or(|since| issue.created >= since)
            && self
                .labels
                .iter()
                .all(|name| repo.label_names.get(name).is_some_and(|label| content.labels.contains(label)))
            && self.author.as_ref().is_none_or(|login| issue.author.is_some_and(|id| is(&id, login)))
            && self.assignee.as_ref().is_none_or(|login| content.assignees.iter().any(|id| is(id, login)))
            && self.holds(content)
    }

    /// True if the title or the body contains each phrase.
    fn holds(&self, content: &Content) -> bool {
        if self.phrases.is_empty() {
            return true;
        }
        let title = if self.in_title { words(&content.title) } else { Vec::new() };
        let body = content.body.as_deref().filter(|_| self.in_body).map(words).unwrap_or_default();
        self.phrases.iter().all(|phrase| {
            phrase.is_empty()
                || [&title, &body].iter().any(|text| text.windows(phrase.len()).any(|at| at == phrase))
        })
    }
}

/// `GET /search/issues`.
pub(crate) fn issues(state: &mut State, visit: &Visit<'_>) -> Answer {
    let query = Query::read(state, visit)?;
    let page = visit.page();
    if page.skipped() >= REACHABLE {
        return Err(Refusal::new(422, "Only the first 1000 search results are available"));
    }
    let mut found: Vec<(&Repo, &Issue)> = Vec::new();
    let repos = state.repos.values().filter(|repo| query.repos.is_empty() || query.repos.contains(&repo.id));
    for repo in repos.filter(|repo| visit.viewer.access(repo).is_some()) {
        let known = repo.issues.values().filter(|issue| {
            let content =
                if issue.indexed_at <= visit.now { Some(&issue.content) } else { issue.indexed.as_deref() };
            content.is_some_and(|content| query.takes(state, repo, issue, content))
        });
        found.extend(known.map(|issue| (repo, issue)));
    }
    let ascending = visit.call.query("order") == Some("asc");
    match visit.call.query("sort") {
        Some("updated") => found.sort_by_key(|(_, issue)| (issue.updated, issue.id)),
        _ => found.sort_by_key(|(_, issue)| (issue.created, issue.id)),
    }
    if !ascending || visit.call.query("sort").is_none() {
        found.reverse();
    }
    let incomplete = state.behaviour.search_incomplete;
    if incomplete {
        found.truncate(found.len() / 2);
    }
    let total = found.len();
    found.truncate(REACHABLE);
    let reachable = found.len();
    let render = visit.render(state);
    let items: Vec<Value> = page
        .cut(found)
        .into_iter()
        .map(|(repo, issue)| {
            let mut item = render.issue(repo, issue);
            item["score"] = json!(1.0);
            item
        })
        .collect();
    let body = json!({
        "total_count": total,
        "incomplete_results": incomplete,
        "items": items,
        "search_type": "lexical",
    });
    Ok(page.linked(visit.call, reachable, Reply::json(200, &body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_split_outside_of_quotes() {
        assert_eq!(
            terms(r#"repo:a/b label:"needs triage" "two words" one"#),
            ["repo:a/b", "label:needs triage", "two words", "one"]
        );
        assert_eq!(words("<!-- sync:AB-12 -->"), ["sync", "ab", "12"]);
    }
}
