//! What went wrong between the program and a server, in words.

use std::error::Error;

use reqwest::{StatusCode, Url};
use serde_json::Value;
use syncline_connectors::http::distrust;

use crate::fault::Fault;

/// An answer that is no success.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The problem document; none if the answer is something else.
    pub(super) problem: Option<Value>,
    /// The header `Retry-After`.
    pub(super) wait: Option<String>,
    /// Where a redirection leads.
    pub(super) location: Option<String>,
    pub(super) with_token: bool,
}

impl Answer {
    /// The kind of problem, such as `unknown-job`.
    pub(super) fn kind(&self) -> &str {
        let kind = self.problem.as_ref().and_then(|problem| problem["type"].as_str());
        kind.unwrap_or_default().rsplit(':').next().unwrap_or_default()
    }

    /// The pause that keeps a run from beginning, if that is the problem.
    pub(super) fn pause(&self) -> Option<String> {
        let problem = self.problem.as_ref()?;
        matches!(self.kind(), "queue-paused" | "sync-paused").then(|| detail(problem))
    }
}

/// The fault if no answer came, or not a whole one.
pub(super) fn unreachable(url: &Url, error: reqwest::Error) -> Fault {
    let error = error.without_url();
    if let Some(why) = distrust(&error) {
        return Fault::usage(format!(
            "{url}: the server's certificate is not trusted: {why}; if its authority is your own, name its file in \
             SYNCLINE_CA_FILE"
        ));
    }
    if error.is_timeout() {
        return Fault::failed(format!(
            "{url}: the server does not answer in time; what was asked for may be done all the same: look before trying again, \
             or raise SYNCLINE_HTTP_READ_MS and SYNCLINE_HTTP_TOTAL_MS"
        ));
    }
    let why = innermost(&error);
    if error.is_connect() {
        return Fault::failed(format!(
            "{url}: the server cannot be reached: {why}; is `syncline up` or `syncline api` running there, and is the address \
             right?"
        ));
    }
    Fault::failed(format!(
        "{url}: the answer was lost: {why}; look whether the change was made before trying again"
    ))
}

/// The fault for an answer that is no success. Exit codes are those of the same mistake on a database.
pub(super) fn refused(url: &Url, answer: &Answer) -> Fault {
    let Answer { status, problem, wait, location, with_token } = answer;
    let Some(problem) = problem else {
        return match location {
            Some(location) => Fault::usage(format!("{url} leads to {location}; give that address")),
            None if status.is_server_error() => Fault::failed(format!(
                "{url} answers {status}, as proxies do whose server is away; try again when `syncline up` or `syncline api` \
                 runs behind it"
            )),
            None => Fault::failed(format!(
                "{url} answers {status} without saying why; is it the address of a Syncline server?"
            )),
        };
    };
    let detail = detail(problem);
    match (*status, answer.kind()) {
        (StatusCode::UNAUTHORIZED, _) if *with_token => Fault::usage(format!(
            "{url} does not accept the token in SYNCLINE_TOKEN: {detail}; `syncline tokens create` there makes another one"
        )),
        (StatusCode::UNAUTHORIZED, _) => Fault::usage(format!(
            "{url} wants a token: set SYNCLINE_TOKEN, or SYNCLINE_TOKEN_FILE; `syncline tokens create` there makes one"
        )),
        (StatusCode::FORBIDDEN, "missing-scope") => {
            Fault::usage(format!("{detail}; use a token that may do this (`syncline tokens create --scope`)"))
        }
        (StatusCode::TOO_MANY_REQUESTS, _) => Fault::failed(match wait {
            Some(wait) => format!("{detail}; try again in {wait} s"),
            None => format!("{detail}; try again later"),
        }),
        (StatusCode::FORBIDDEN, "one-project") => {
            Fault::usage(format!("{detail} (`syncline tokens create` without --project makes one)"))
        }
        (_, "unknown-route") => Fault::usage(format!(
            "{url}: the server cannot do this, for its version is older: {detail}; update it, or run the command where the \
             database is, without --server"
        )),
        // Trying again without changes may succeed.
        (_, "queue-paused" | "sync-paused" | "contended" | "not-confirmed" | "platform-refused") => {
            Fault::failed(detail)
        }
        (status, _) if status.is_client_error() => Fault::usage(detail),
        (_, _) => {
            let request = problem["request_id"].as_str();
            let request =
                request.map(|id| format!(" (request {id} in the server's log)")).unwrap_or_default();
            Fault::failed(format!("{url}: {detail}{request}"))
        }
    }
}

/// Routes that problems name, and the commands that do the same.
const ROUTES: [(&str, &str); 4] = [
    ("GET /api/v1/sync/configs", "`syncline syncs`"),
    ("GET /api/v1/accounts", "`syncline accounts`"),
    ("GET /api/v1/dead/groups", "`syncline dead groups`"),
    ("GET /api/v1/operations", "`syncline operations`"),
];

/// The detail of a problem, and of those fields that it does not mention.
fn detail(problem: &Value) -> String {
    let text = |value: &Value| value.as_str().map(|text| text.trim_end_matches('.').to_owned());
    let mut told = text(&problem["detail"]).or_else(|| text(&problem["title"])).unwrap_or_default();
    for error in problem["errors"].as_array().into_iter().flatten() {
        let Some(message) = text(&error["detail"]) else { continue };
        let field = text(&error["field"]).filter(|field| !field.is_empty());
        let field = field.map(|field| format!("{field}: ")).unwrap_or_default();
        let hint = text(&error["hint"]).map(|hint| format!(" ({hint})")).unwrap_or_default();
        if !told.contains(&message) {
            told.push_str(&format!("\n{field}{message}{hint}"));
        }
    }
    for (route, command) in ROUTES {
        told = told.replace(route, command);
    }
    // Problems begin with a capital letter, the errors of commands do not.
    let mut letters = told.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "the server gives no reason".to_owned(),
    }
}

/// The text of the error that caused the others.
fn innermost(error: &reqwest::Error) -> String {
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let text = inner.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}
