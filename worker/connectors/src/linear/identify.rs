//! Whom a secret belongs to.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde::Deserialize;
use serde_json::json;
use syncline_engine::ports::{Call, ConnectorError};

use super::{api, documents, limits};
use crate::{
    Budget, Identity,
    http::{Client, Reply},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Viewer {
    id: String,
    display_name: String,
}

#[derive(Deserialize)]
struct Workspace {
    name: String,
}

pub(super) async fn identify(client: &Client, call: &Call<'_>) -> Result<Identity, ConnectorError> {
    let mut reply = api::one(client, (documents::VIEWER, 0.0), &json!({}), call).await?;
    let viewer: Viewer = reply.part("viewer")?;
    let workspace: Workspace = reply.part("organization")?;
    let budget = budget(reply.reply());
    Ok(Identity {
        id: viewer.id,
        name: format!("{} in {}", viewer.display_name, workspace.name),
        // Linear does not tell what a secret may do.
        scopes: Vec::new(),
        missing: Vec::new(),
        limited: budget.is_some().then_some(true),
        budget,
    })
}

/// The requests left. The budget refills continuously, so that the time at which it is full is told only sometimes.
fn budget(reply: &Reply) -> Option<Budget> {
    let told = limits::observed(|name| reply.header(name), Utc::now());
    let requests = told.iter().find(|told| told.dimension.name == "requests")?;
    let count = |amount: f64| format!("{:.0}", amount.max(0.0)).parse().ok();
    let reset = requests.reset_in.unwrap_or(Duration::ZERO);
    Some(Budget {
        limit: count(requests.limit?)?,
        remaining: count(requests.remaining?)?,
        resets_at: Utc::now() + TimeDelta::from_std(reset).unwrap_or_default(),
    })
}
