//! What a refusal means, by its status and what the platform tells.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use reqwest::StatusCode;
use syncline_engine::{
    limits::{CallResult, LONGEST_WAIT, Learned, Observed},
    ports::{Answer, ConnectorError, ErrorKind, ErrorScope},
};

use super::{Auth, Class, Dialect, Failed, Head, Sent, Told};

/// The longest text of a platform in a message, in characters.
const TEXT_KEPT: usize = 300;

/// A request as errors and traces name it.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) dialect: &'a dyn Dialect,
    pub(super) auth: &'a Auth,
    /// The method and the path: `GET /repos/acme/web/issues`.
    pub(super) what: &'a str,
    pub(super) changes: bool,
}

/// How a request ended: for its caller, for the breaker and for the limits.
pub(super) struct Judged<T> {
    pub(super) outcome: Result<T, Failed>,
    pub(super) result: CallResult,
    pub(super) learned: Learned,
}

impl About<'_> {
    /// An error of this request.
    pub(super) fn error(&self, kind: ErrorKind, text: &str) -> ConnectorError {
        ConnectorError::new(kind, format!("{}: {}: {text}", self.dialect.platform(), self.what))
    }

    /// What became of the request when its answer is missing or cannot be read.
    pub(super) fn unanswered(&self) -> Sent {
        // A request that changes nothing may be sent again in any case.
        if self.changes { Sent::Unknown } else { Sent::Refused }
    }

    /// Judges a refusal. `told` is what the platform says, `observed` its limits.
    pub(super) fn refused<T>(&self, head: &Head<'_>, told: Told, observed: Vec<Observed>) -> Judged<T> {
        let limited = head.retry_after().is_some() || observed.iter().any(is_used_up);
        let (class, scope) = suggested(head.status, limited);
        let (class, scope) = match told.class {
            Some(told) if told != class => (told, usual_scope(told)),
            _ => (class, scope),
        };
        let scope = told.scope.unwrap_or(scope);
        let mut learned = Learned { blocked_for: None, observed };
        let kind = match class {
            Class::RateLimited => {
                let (wait, block) = self.wait(head, &told, &learned.observed);
                if block && scope == ErrorScope::Account {
                    learned.blocked_for = Some(wait);
                }
                ErrorKind::RateLimited { until: Utc::now() + TimeDelta::from_std(wait).unwrap_or_default() }
            }
            Class::Transient => ErrorKind::Transient,
            Class::Permanent => ErrorKind::Permanent,
            Class::Auth => ErrorKind::Auth,
            Class::NotFound => ErrorKind::NotFound,
            Class::Conflict => ErrorKind::Conflict,
        };
        let text = self.text(head, &told);
        let result = match class {
            _ if head.status >= 500 || class == Class::Auth => {
                CallResult::Fails { error: status_text(head.status) }
            }
            Class::RateLimited => CallResult::Unknown,
            _ => CallResult::Works,
        };
        let mut error = self.error(kind, &text).about(scope);
        let request_id = head.header(self.dialect.request_id()).map(|id| clean(id, self.auth));
        let code = told.code.map(|code| clean(&code, self.auth));
        error.answer = Some(Box::new(Answer { status: head.status, code, request_id }));
        let applied_perhaps = head.status >= 500 && ![501, 505].contains(&head.status);
        let sent = if applied_perhaps { self.unanswered() } else { Sent::Refused };
        Judged { outcome: Err(Failed::new(sent, error)), result, learned }
    }

    /// How long to wait after a refusal for a limit, and whether the account is to be blocked for that long: the end of a
    /// window is kept with the dimension.
    fn wait(&self, head: &Head<'_>, told: &Told, observed: &[Observed]) -> (Duration, bool) {
        if let Some(wait) = told.retry_in.or_else(|| head.retry_after()) {
            return (wait.min(LONGEST_WAIT), true);
        }
        let resets = observed.iter().filter(|observed| is_used_up(observed)).filter_map(|one| one.reset_in);
        match resets.max() {
            Some(wait) => (wait.min(LONGEST_WAIT), false),
            None => (self.dialect.pause(), true),
        }
    }

    fn text(&self, head: &Head<'_>, told: &Told) -> String {
        let mut text = status_text(head.status);
        if let Some(code) = &told.code {
            text = format!("{text} ({})", clean(code, self.auth));
        }
        if let Some(message) = told.message.as_ref().filter(|message| !message.trim().is_empty()) {
            text = format!("{text}: {}", clean(message, self.auth));
        }
        match head.status {
            401 => text + "; the account's secret is missing, wrong or expired: set a valid one",
            407 => text + "; the proxy asks for a user and a password: add them to its address",
            300..=399 => {
                text + "; the address of the platform leads elsewhere: set base_url to where it leads"
            }
            _ => text,
        }
    }
}

/// What a status suggests, and what else fails for the same reason. `limited`: the head has signs of a limit.
fn suggested(status: u16, limited: bool) -> (Class, ErrorScope) {
    use ErrorScope::{Account, Endpoint, Item};
    match status {
        401 => (Class::Auth, Account),
        403 | 503 if limited => (Class::RateLimited, Account),
        429 => (Class::RateLimited, Account),
        404 | 410 => (Class::NotFound, Item),
        402 | 407 => (Class::Permanent, Account),
        408 | 423 | 425 => (Class::Transient, Item),
        409 | 412 => (Class::Conflict, Item),
        405 | 406 | 415 | 501 | 505 => (Class::Permanent, Endpoint),
        502..=504 => (Class::Transient, Endpoint),
        500.. => (Class::Transient, Item),
        _ => (Class::Permanent, Item),
    }
}

fn usual_scope(class: Class) -> ErrorScope {
    match class {
        Class::RateLimited | Class::Auth => ErrorScope::Account,
        Class::Transient | Class::Permanent | Class::NotFound | Class::Conflict => ErrorScope::Item,
    }
}

fn is_used_up(observed: &Observed) -> bool {
    observed.remaining.is_some_and(|remaining| remaining <= 0.0)
}

/// `HTTP 404 Not Found`.
pub(super) fn status_text(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| format!("HTTP {status}"), |reason| format!("HTTP {status} {reason}"))
}

/// A platform's text on one line, shortened, without the account's secret.
fn clean(text: &str, auth: &Auth) -> String {
    let text = auth.redact(text);
    let mut words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let words: Vec<&str> = words.by_ref().filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(TEXT_KEPT) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}
