//! Whom credentials belong to, and what they may do.

use syncline_engine::ports::{Call, ConnectorError};

use super::api::{Api, account_id};
use crate::Identity;

/// Permissions that a sync needs, with what is missing without them.
const NEEDED: [(&str, &str); 4] = [
    ("BROWSE_PROJECTS", "Browse projects: without it no issues are seen"),
    ("CREATE_ISSUES", "Create issues: without it none are created"),
    ("EDIT_ISSUES", "Edit issues: without it none are changed"),
    ("TRANSITION_ISSUES", "Transition issues: without it their statuses stay"),
];

/// Asks for the user, and for what the user may do in any project.
pub(super) async fn identify(api: &Api, call: &Call<'_>) -> Result<Identity, ConnectorError> {
    let user = api.myself(call).await?;
    let id = account_id(&user)?;
    let names: Vec<&str> = NEEDED.iter().map(|(name, _)| *name).collect();
    let (scopes, missing) = match api.permissions(&names, call).await {
        Ok(told) => {
            let has = |name: &str| told["permissions"][name]["havePermission"] == true;
            let (has, lacks): (Vec<_>, Vec<_>) = NEEDED.iter().partition(|(name, _)| has(name));
            (
                has.into_iter().map(|(name, _)| (*name).to_owned()).collect(),
                lacks.into_iter().map(|(_, text)| (*text).to_owned()).collect(),
            )
        }
        Err(failed) if failed.error.stops_the_batch() => return Err(failed.into()),
        // They are told when it comes to it.
        Err(_) => (Vec::new(), Vec::new()),
    };
    let name = user["displayName"].as_str().unwrap_or(&id).to_owned();
    Ok(Identity { name, id, scopes, missing, limited: None, budget: None })
}
