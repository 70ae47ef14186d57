//! `syncline accounts check`: who an account is and what it may do.

use sea_orm::DatabaseConnection;
use serde_json::json;
use syncline_accounts::fingerprint;
use syncline_api::routes::accounts::pauses;
use syncline_connectors::Identity;
use syncline_service::accounts::{self, KnownAccount};
use syncline_worker::Environment;

use super::{Reach, show};
use crate::{
    config::Config,
    fault::{Exit, Fault},
    output::Output,
};

/// Logs in and tells what the platform says of the account.
pub(super) async fn run(
    config: &Config,
    db: &DatabaseConnection,
    name: &str,
    output: &Output,
) -> Result<Exit, Fault> {
    let account = accounts::find(db, name).await?;
    let reach = Reach::of(config, db, &account).await?;
    let identity = reach.identify().await;
    let print = fingerprint(&reach.account.token);
    reach.release().await;
    let identity = identity.map_err(|error| Fault::failed(error.to_string()))?;
    accounts::remember(db, &account, &identity.scopes).await?;
    let paused = pauses(db).await?.remove(&account.row.id);
    let mut json = show::as_json(db, &account).await?;
    json["secret"]["fingerprint"] = json!(print);
    json["identity"] = json!(identity);
    output.data(&json);
    tell(&account, &identity, output);
    output.line(format!("{}, fingerprint {print}", super::kept(&account)));
    if let Some(paused) = &paused {
        output.line(show::paused_line(&account, paused));
    }
    Ok(Exit::Done)
}

/// Asks the platform who an account is.
pub(crate) async fn identity(environment: &Environment, account: &KnownAccount) -> Result<Identity, Fault> {
    let reach = Reach::within(environment, account).await?;
    let identity = reach.identify().await;
    reach.release().await;
    identity.map_err(|error| Fault::failed(error.to_string()))
}

fn tell(account: &KnownAccount, identity: &Identity, output: &Output) {
    let Identity { id, name, scopes, missing, limited, budget } = identity;
    output.line(format!("account {account}: {name} on {} (id {id})", account.row.platform));
    if !scopes.is_empty() {
        output.line(format!("it may: {}", scopes.join(", ")));
    }
    if missing.is_empty() {
        output.line("nothing that a sync needs is known to be missing");
    }
    for missing in missing {
        output.line(format!("missing: {missing}"));
    }
    if let Some(budget) = budget {
        output.line(format!(
            "{} of {} requests are left; all of them again at {} UTC",
            budget.remaining,
            budget.limit,
            budget.resets_at.format("%H:%M:%S")
        ));
    }
    match (limited, account.row.keeps_limits) {
        (Some(false), true) => output.line(format!(
            "the server limits nothing, and the account keeps the limits of {} all the same; `syncline accounts limits \
             {account} off` makes its syncs faster",
            account.row.platform
        )),
        (Some(false), false) => output.line("the server limits nothing, and the account keeps no limits"),
        (Some(true), false) => output.line(format!(
            "the server limits requests, and the account does not keep its limits: it may be blocked for a while; `syncline \
             accounts limits {account} on` ends that"
        )),
        _ => {}
    }
}
