//! Faults on demand: which requests fail, how often, and how.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::http::Call;

/// Selects the requests that a fault applies to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Match {
    /// The method, such as `POST`; any if left out. Deliveries of webhooks have the method `EVENT`.
    method: Option<String>,
    /// The path below the platform's prefix; `*` stands for one segment and `**` for the rest.
    path: Option<String>,
    /// The platform's prefix, such as `github`.
    platform: Option<String>,
    /// A text that the request's body contains.
    body_contains: Option<String>,
    /// The first matching request that fails, counted from 1.
    nth: u64,
    /// How many matching requests fail from then on; 0 for all.
    times: u64,
}

impl Default for Match {
    fn default() -> Match {
        Match { method: None, path: None, platform: None, body_contains: None, nth: 1, times: 1 }
    }
}

/// A fault as the control API takes it: one JSON object with the keys of [`Match`], `kind`, and the keys of the kind.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    matches: Match,
    kind: Kind,
    source: Value,
}

impl Plan {
    /// Reads a fault; an unknown key is an error.
    pub(crate) fn read(source: Value) -> Result<Plan, String> {
        let Value::Object(mut of_kind) = source.clone() else {
            return Err("a fault is an object with `kind`".to_owned());
        };
        let mut matches = Map::new();
        for key in ["method", "path", "platform", "body_contains", "nth", "times"] {
            if let Some(value) = of_kind.remove(key) {
                matches.insert(key.to_owned(), value);
            }
        }
        let Some(Value::String(kind)) = of_kind.remove("kind") else {
            return Err("a fault needs a `kind`".to_owned());
        };
        let kind = Value::Object(Map::from_iter([(kind, Value::Object(of_kind))]));
        Ok(Plan {
            matches: serde_json::from_value(Value::Object(matches)).map_err(|error| error.to_string())?,
            kind: serde_json::from_value(kind).map_err(|error| error.to_string())?,
            source,
        })
    }
}

fn usual_hang() -> f64 {
    600.0
}

fn half() -> f64 {
    0.5
}

/// The effect of a fault.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Kind {
    /// Responds with a status instead of executing the request; without a body, with the platform's usual one.
    Status {
        status: u16,
        #[serde(default)]
        body: Option<Value>,
        /// Seconds or an HTTP date, as text or number.
        #[serde(default)]
        retry_after: Option<Value>,
    },
    /// Responds as if a limit was exceeded.
    RateLimit {
        #[serde(default)]
        limit: Limit,
        /// The status [default: the platform's usual one].
        #[serde(default)]
        status: Option<u16>,
        #[serde(default)]
        retry_after: Option<Value>,
    },
    /// Never responds; the connection closes after this many seconds.
    Hang {
        #[serde(default)]
        when: When,
        #[serde(default = "usual_hang")]
        seconds: f64,
    },
    /// Resets the connection.
    Reset {
        #[serde(default)]
        when: When,
    },
    /// Executes the request and cuts the response's body after this share of its bytes.
    Truncate {
        #[serde(default = "half")]
        keep: f64,
    },
    /// Responds late.
    Delay { millis: u64 },
    /// Delivers a webhook twice, under two delivery ids.
    Twice {},
    /// Does not deliver a webhook.
    Lost {},
}

impl Kind {
    /// Returns the name of the kind, as in the control API.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Kind::Status { .. } => "status",
            Kind::RateLimit { .. } => "rate_limit",
            Kind::Hang { .. } => "hang",
            Kind::Reset { .. } => "reset",
            Kind::Truncate { .. } => "truncate",
            Kind::Delay { .. } => "delay",
            Kind::Twice {} => "twice",
            Kind::Lost {} => "lost",
        }
    }
}

/// The exceeded limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    /// The budget of the window: remaining is 0.
    Primary,
    /// Too many requests at once, with budget left.
    #[default]
    Secondary,
}

/// Whether the request takes effect before the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    #[default]
    Before,
    /// As with a timeout after the commit.
    After,
}

/// A fault that is set.
#[derive(Debug, Clone)]
struct Fault {
    id: u64,
    plan: Plan,
    /// Requests that matched.
    seen: u64,
    /// Requests that failed.
    hits: u64,
}

/// The faults of a simulator, in the order in which they were set.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<Fault>,
    last: u64,
}

impl Faults {
    pub(crate) fn set(&mut self, plan: Plan) -> u64 {
        self.last += 1;
        self.list.push(Fault { id: self.last, plan, seen: 0, hits: 0 });
        self.last
    }

    /// Returns the faults with the numbers of requests that matched and that failed.
    pub(crate) fn all(&self) -> Value {
        let one = |fault: &Fault| json!({ "id": fault.id, "fault": fault.plan.source, "seen": fault.seen, "hits": fault.hits });
        self.list.iter().map(one).collect()
    }

    /// Removes one fault, or all. Returns how many were removed.
    pub(crate) fn clear(&mut self, id: Option<u64>) -> usize {
        let before = self.list.len();
        self.list.retain(|fault| id.is_some_and(|id| fault.id != id));
        before - self.list.len()
    }

    /// Returns the fault that applies to this request. Every matching fault counts it; the first one that is due
    /// applies.
    pub(crate) fn meet(&mut self, platform: &str, call: &Call) -> Option<Kind> {
        let mut met = None;
        for fault in self.list.iter_mut().filter(|fault| fault.plan.matches.takes(platform, call)) {
            fault.seen += 1;
            let Match { nth, times, .. } = fault.plan.matches;
            let over = times > 0 && fault.hits >= times;
            if met.is_none() && fault.seen >= nth && !over {
                fault.hits += 1;
                met = Some(fault.plan.kind.clone());
            }
        }
        met
    }
}

impl Match {
    fn takes(&self, platform: &str, call: &Call) -> bool {
        self.platform.as_deref().is_none_or(|wanted| wanted == platform)
            && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&call.method))
            && self.path.as_deref().is_none_or(|pattern| path_matches(pattern, &call.path))
            && self.body_contains.as_deref().is_none_or(|text| contains(&call.body, text.as_bytes()))
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

/// True if the path matches this pattern, ignoring case.
pub(crate) fn path_matches(pattern: &str, path: &str) -> bool {
    let mut parts = path.trim_matches('/').split('/');
    for wanted in pattern.trim_matches('/').split('/') {
        if wanted == "**" {
            return true;
        }
        match parts.next() {
            Some(part) if wanted == "*" || wanted.eq_ignore_ascii_case(part) => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, path: &str) -> Call {
        Call::new(method, path, "", String::new())
    }

    fn plan(value: Value) -> Plan {
        Plan::read(value).unwrap()
    }

    #[test]
    fn patterns_match_parts() {
        assert!(path_matches("/repos/*/*/issues", "/repos/acme/web/issues"));
        assert!(!path_matches("/repos/*/*/issues", "/repos/acme/web/issues/1"));
        assert!(path_matches("/repos/**", "/repos/acme/web/issues/1"));
        assert!(!path_matches("/repos/*/*/issues/*", "/repos/acme/web/issues"));
    }

    #[test]
    fn a_fault_begins_and_ends() {
        let mut faults = Faults::default();
        faults.set(plan(json!({ "method": "post", "nth": 2, "times": 2, "kind": "status", "status": 502 })));
        let met: Vec<bool> = (0..5).map(|_| faults.meet("github", &call("POST", "/x")).is_some()).collect();
        assert_eq!(met, [false, true, true, false, false]);
        assert!(faults.meet("github", &call("GET", "/x")).is_none());
        assert_eq!((&faults.all()[0]["seen"], &faults.all()[0]["hits"]), (&json!(5), &json!(2)));
        assert!(Plan::read(json!({ "kind": "status", "status": 500, "tims": 2 })).is_err());
        assert_eq!(faults.clear(None), 1);
    }

    #[test]
    fn a_fault_may_last_and_may_look_at_the_body() {
        let mut faults = Faults::default();
        faults.set(plan(json!({ "body_contains": "needle", "times": 0, "kind": "reset", "when": "after" })));
        let mut wanted = call("POST", "/x");
        wanted.body = b"a needle here".to_vec();
        for _ in 0..3 {
            assert_eq!(faults.meet("github", &wanted), Some(Kind::Reset { when: When::After }));
        }
        assert!(faults.meet("github", &call("POST", "/x")).is_none());
    }
}
