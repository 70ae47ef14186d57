//! Authentication, and what a user may see and change.

use chrono_tz::Tz;
use serde_json::json;

use super::{
    base64,
    behaviour::DeadToken,
    error::Refusal,
    state::State,
    types::{Issue, Project},
};
use crate::http::Call;

/// The header of a response to credentials that did not work.
pub(crate) const FAILED: (&str, &str) = ("x-seraph-loginreason", "AUTHENTICATED_FAILED");

/// Permissions in a project: key, id, name.
pub(crate) const PERMISSIONS: [(&str, &str, &str); 9] = [
    ("BROWSE_PROJECTS", "10", "Browse Projects"),
    ("CREATE_ISSUES", "11", "Create Issues"),
    ("EDIT_ISSUES", "12", "Edit Issues"),
    ("ASSIGN_ISSUES", "13", "Assign Issues"),
    ("ASSIGNABLE_USER", "17", "Assignable User"),
    ("DELETE_ISSUES", "16", "Delete Issues"),
    ("TRANSITION_ISSUES", "46", "Transition Issues"),
    ("MODIFY_REPORTER", "30", "Modify Reporter"),
    ("ADMINISTER_PROJECTS", "23", "Administer Projects"),
];

/// Returns the permissions of a role: `viewer`, `member` or `admin`.
pub(crate) fn role(name: &str) -> Option<Vec<&'static str>> {
    let all = PERMISSIONS.map(|(key, ..)| key);
    match name {
        "viewer" => Some(vec!["BROWSE_PROJECTS"]),
        "member" => Some(
            all[..8]
                .iter()
                .copied()
                .filter(|key| *key != "DELETE_ISSUES" && *key != "MODIFY_REPORTER")
                .collect(),
        ),
        "admin" => Some(all.to_vec()),
        _ => None,
    }
}

/// The account and the scopes of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Viewer {
    /// None for requests without credentials that work.
    pub(crate) user: Option<String>,
    /// The scopes of the token; `None` if only the account's rights count.
    pub(crate) scopes: Option<Vec<String>>,
    /// Credentials were sent and did not work.
    pub(crate) failed: bool,
    /// The request came through the gateway with an OAuth token.
    pub(crate) oauth: bool,
    pub(crate) zone: Tz,
}

impl Viewer {
    /// Refuses requests without credentials.
    pub(crate) fn signed_in(&self) -> Result<&str, Refusal> {
        self.user.as_deref().ok_or_else(Refusal::not_signed_in)
    }

    pub(crate) fn may(&self, project: &Project, permission: &str) -> bool {
        let Some(user) = &self.user else { return project.anonymous && permission == "BROWSE_PROJECTS" };
        let own = project.members.get(user).is_some_and(|has| has.contains(permission));
        own || (project.anonymous && permission == "BROWSE_PROJECTS")
    }

    pub(crate) fn sees(&self, state: &State, issue: &Issue) -> bool {
        let in_project =
            state.projects.get(&issue.project).is_some_and(|project| self.may(project, "BROWSE_PROJECTS"));
        in_project && self.in_level(issue)
    }

    /// True if no security level hides the issue.
    pub(crate) fn in_level(&self, issue: &Issue) -> bool {
        let listed = |users: &std::collections::BTreeSet<String>| {
            self.user.as_ref().is_some_and(|user| users.contains(user))
        };
        issue.visible_to.as_ref().is_none_or(listed)
    }
}

/// Returns the viewer of a request, and the request without the gateway's prefix.
pub(crate) fn viewer(state: &State, call: &Call, now: i64) -> Result<(Viewer, Call), Refusal> {
    let gateway = matches!(call.parts().as_slice(), ["ex", "jira", _, ..]);
    if !gateway {
        return Ok((of_site(state, call, now)?, call.clone()));
    }
    let cloud = call.segments.get(2).cloned().unwrap_or_default();
    let prefix = format!("ex/jira/{cloud}");
    let inner = call.below(&prefix).ok_or_else(|| Refusal::gateway(404, "Not Found"))?;
    if cloud != state.cloud_id {
        return Err(Refusal::gateway(404, "Not Found"));
    }
    let header = call.header("authorization").unwrap_or_default();
    let Some(token) = header.strip_prefix("Bearer ") else {
        return Ok((of_site(state, call, now)?, inner));
    };
    let grant =
        state.grants.by_access(token.trim(), now).ok_or_else(|| Refusal::gateway(401, "Unauthorized"))?;
    let viewer = Viewer {
        zone: state.zone(Some(&grant.user)),
        user: Some(grant.user.clone()),
        scopes: Some(grant.scopes.clone()),
        failed: false,
        oauth: true,
    };
    Ok((viewer, inner))
}

/// Reads basic credentials: an e-mail address and an API token.
fn of_site(state: &State, call: &Call, now: i64) -> Result<Viewer, Refusal> {
    let Some(header) = call.header("authorization") else { return Ok(Viewer::default()) };
    let (scheme, value) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::with_body(
            403,
            json!({ "error": "Failed to parse Connect Session Auth Token" }),
        ));
    }
    let pair = base64::decode(value.trim()).and_then(|bytes| String::from_utf8(bytes).ok());
    let found = pair.as_deref().and_then(|pair| pair.split_once(':')).and_then(|(mail, value)| {
        let token = state.tokens.get(value)?;
        let user = state.users.get(&token.user)?;
        let live = !token.revoked && token.expires.is_none_or(|expires| expires > now) && user.active;
        let named = user.email.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(mail));
        (live && named).then(|| Viewer {
            user: Some(user.id.clone()),
            scopes: token.scopes.clone(),
            failed: false,
            oauth: false,
            zone: user.zone,
        })
    });
    if let Some(viewer) = found {
        return Ok(viewer);
    }
    match state.behaviour.dead_token {
        DeadToken::Anonymous => Ok(Viewer { failed: true, ..Viewer::default() }),
        DeadToken::Unauthorized => Err(Refusal::not_signed_in().with(FAILED.0, FAILED.1)),
        DeadToken::Forbidden => {
            Err(Refusal::new(403, "Basic authentication failed.").with(FAILED.0, FAILED.1))
        }
    }
}
