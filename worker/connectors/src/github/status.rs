//! The state of an issue: `state` and `state_reason` as GitHub has them, and `status`, which is both in one word.

use syncline_engine::Value;

use super::issue::Issue;

/// The reasons of a closed issue. `reopened` is one of open issues; GitHub sets it by itself.
const REASONS: [&str; 3] = ["completed", "not_planned", "duplicate"];

/// The values of `status`, each with Syncline's own word.
pub(super) const STATUSES: [(&str, &str); 4] =
    [("open", "todo"), ("completed", "done"), ("not_planned", "cancelled"), ("duplicate", "cancelled")];

/// The values of `state`, likewise.
const STATES: [(&str, &str); 2] = [("open", "todo"), ("closed", "done")];

/// The statuses of a field; empty if it holds none.
pub(super) fn of_field(field: &str) -> &'static [(&'static str, &'static str)] {
    match field {
        "status" => &STATUSES,
        "state" => &STATES,
        _ => &[],
    }
}

/// The status of an issue. A closed issue without a reason counts as completed: it is older than reasons.
pub(super) fn of(issue: &Issue) -> &str {
    match issue.state.as_str() {
        "closed" => issue.state_reason.as_deref().unwrap_or("completed"),
        _ => "open",
    }
}

/// A state to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Open,
    Closed {
        /// None: as it is, or completed.
        reason: Option<&'static str>,
    },
}

impl Wanted {
    /// What values of `state`, `state_reason` and `status` ask for together; none if there are none. An error names the
    /// field and what is wrong with it.
    pub(super) fn read(
        state: Option<&Value>,
        reason: Option<&Value>,
        status: Option<&Value>,
    ) -> Result<Option<Wanted>, (&'static str, String)> {
        let state = state.map(read_state).transpose().map_err(|why| ("state", why))?;
        let reason = reason.map(read_reason).transpose().map_err(|why| ("state_reason", why))?;
        let status = status.map(read_status).transpose().map_err(|why| ("status", why))?;
        let of_state = match (state, reason) {
            (None, None) => None,
            (Some("open"), Some(Some(reason))) => {
                return Err(("state_reason", format!("an open issue cannot have the reason {reason:?}")));
            }
            (Some("open"), _) => Some(Wanted::Open),
            // Only closed issues have a reason. An empty reason without a state leaves the state as it is.
            (None, Some(None)) => None,
            (_, reason) => Some(Wanted::Closed { reason: reason.flatten() }),
        };
        match (of_state, status) {
            (Some(state), Some(status)) if !state.fits(status) => Err((
                "status",
                "contradicts the state written with it; map either status or state".to_owned(),
            )),
            (state, status) => Ok(status.or(state)),
        }
    }

    fn fits(self, other: Wanted) -> bool {
        match (self, other) {
            (Wanted::Open, Wanted::Open) => true,
            (Wanted::Closed { reason: a }, Wanted::Closed { reason: b }) => {
                a.is_none() || b.is_none() || a == b
            }
            _ => false,
        }
    }

    /// True if the issue is so already.
    pub(super) fn holds(self, issue: &Issue) -> bool {
        match self {
            Wanted::Open => issue.state == "open",
            Wanted::Closed { reason } => {
                issue.state == "closed" && reason.is_none_or(|reason| of(issue) == reason)
            }
        }
    }

    /// The `state` of a request.
    pub(super) fn state(self) -> &'static str {
        match self {
            Wanted::Open => "open",
            Wanted::Closed { .. } => "closed",
        }
    }

    /// The `state_reason` of a request. GitHub takes it only together with a change of the state.
    pub(super) fn reason(self) -> Option<&'static str> {
        match self {
            Wanted::Open => None,
            Wanted::Closed { reason } => reason,
        }
    }
}

/// Ok if the value can be written to `state`.
pub(super) fn read_state(value: &Value) -> Result<&'static str, String> {
    match value.name().as_str() {
        "open" => Ok("open"),
        "closed" => Ok("closed"),
        _ => Err(format!("GitHub has no state {value}; map the value to open or closed under `values`")),
    }
}

/// Ok if the value can be written to `state_reason`; a blank one, and `reopened`, are no reason.
pub(super) fn read_reason(value: &Value) -> Result<Option<&'static str>, String> {
    if value.is_blank() || value.name() == "reopened" {
        return Ok(None);
    }
    let name = value.name();
    let known = REASONS.into_iter().find(|reason| *reason == name);
    let refused =
        || format!("GitHub has no reason {value}; map the value to {} under `values`", REASONS.join(", "));
    known.map(Some).ok_or_else(refused)
}

/// Ok if the value can be written to `status`.
pub(super) fn read_status(value: &Value) -> Result<Wanted, String> {
    match value.name().as_str() {
        "open" => Ok(Wanted::Open),
        name => match REASONS.into_iter().find(|reason| *reason == name) {
            Some(reason) => Ok(Wanted::Closed { reason: Some(reason) }),
            None => Err(format!(
                "{value} is no status of an issue; map the value to open, {} under `values`",
                REASONS.join(", ")
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        if text == "-" { Value::Null } else { Value::Text(text.to_owned()) }
    }

    const CLOSED: Wanted = Wanted::Closed { reason: None };

    fn because(reason: &'static str) -> Wanted {
        Wanted::Closed { reason: Some(reason) }
    }

    #[rstest]
    #[case(None, None, None, None)]
    #[case(Some("open"), None, None, Some(Wanted::Open))]
    #[case(Some("open"), Some("reopened"), None, Some(Wanted::Open))]
    #[case(Some("closed"), None, None, Some(CLOSED))]
    #[case(Some("closed"), Some("not_planned"), None, Some(because("not_planned")))]
    #[case(None, Some("duplicate"), None, Some(because("duplicate")))]
    #[case(None, Some("-"), None, None)]
    #[case(None, None, Some("open"), Some(Wanted::Open))]
    #[case(Some("closed"), None, Some("not_planned"), Some(because("not_planned")))]
    fn fields_ask_for_a_state(
        #[case] state: Option<&str>,
        #[case] reason: Option<&str>,
        #[case] status: Option<&str>,
        #[case] wanted: Option<Wanted>,
    ) {
        let [state, reason, status] = [state, reason, status].map(|text| text.map(value));
        assert_eq!(Wanted::read(state.as_ref(), reason.as_ref(), status.as_ref()), Ok(wanted));
    }

    #[rstest]
    #[case(Some("Done"), None, None, "state")]
    #[case(Some("-"), None, None, "state")]
    #[case(Some("open"), Some("completed"), None, "state_reason")]
    #[case(None, Some("later"), None, "state_reason")]
    #[case(None, None, Some("closed"), "status")]
    #[case(Some("open"), None, Some("completed"), "status")]
    fn what_cannot_be_is_refused(
        #[case] state: Option<&str>,
        #[case] reason: Option<&str>,
        #[case] status: Option<&str>,
        #[case] field: &str,
    ) {
        let [state, reason, status] = [state, reason, status].map(|text| text.map(value));
        assert_eq!(Wanted::read(state.as_ref(), reason.as_ref(), status.as_ref()).unwrap_err().0, field);
    }

    #[test]
    fn issues_have_a_status() {
        let issue = |state: &str, reason: Option<&str>| -> Issue {
            let json = json!({"number": 1, "title": "t", "state": state, "state_reason": reason});
            serde_json::from_value(json).unwrap()
        };
        assert_eq!(of(&issue("open", Some("reopened"))), "open");
        assert_eq!(of(&issue("closed", None)), "completed");
        assert_eq!(of(&issue("closed", Some("not_planned"))), "not_planned");
        assert!(because("completed").holds(&issue("closed", None)));
        assert!(CLOSED.holds(&issue("closed", Some("duplicate"))));
        assert!(!because("completed").holds(&issue("closed", Some("duplicate"))));
        assert!(!CLOSED.holds(&issue("open", None)));
    }
}
