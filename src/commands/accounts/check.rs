//! `syncline accounts check`: who an account is and what it may do.

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_accounts::fingerprint;
use syncline_connectors::Identity;
use syncline_service::accounts::{self, KnownAccount};
use syncline_worker::Environment;

use super::{Reach, show};
use crate::{
    config::Config,
    fault::{Exit, Fault},
    output::{Output, list, moment, text},
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
    let mut json = show::as_json(db, &account).await?;
    json["secret"]["fingerprint"] = json!(print);
    json["identity"] = json!(identity);
    tell(&json, output);
    Ok(Exit::Done)
}

/// Asks the platform who an account is.
pub(crate) async fn identity(environment: &Environment, account: &KnownAccount) -> Result<Identity, Fault> {
    let reach = Reach::within(environment, account).await?;
    let identity = reach.identify().await;
    reach.release().await;
    identity.map_err(|error| Fault::failed(error.to_string()))
}

/// Prints what a platform says of an account, and its pause, if there is one.
pub(crate) fn tell(account: &Value, output: &Output) {
    output.data(account);
    let (name, platform) = (show::name(account), text(account, "platform"));
    let identity = &account["identity"];
    output.line(format!(
        "account {name}: {} on {platform} (id {})",
        text(identity, "name"),
        text(identity, "id")
    ));
    let scopes: Vec<&str> = list(identity, "scopes").iter().filter_map(Value::as_str).collect();
    if !scopes.is_empty() {
        output.line(format!("it may: {}", scopes.join(", ")));
    }
    let missing = list(identity, "missing");
    if missing.is_empty() {
        output.line("nothing that a sync needs is known to be missing");
    }
    for missing in missing.iter().filter_map(Value::as_str) {
        output.line(format!("missing: {missing}"));
    }
    let budget = &identity["budget"];
    if let Some(resets_at) = moment(budget, "resets_at") {
        output.line(format!(
            "{} of {} requests are left; all of them again at {} UTC",
            budget["remaining"],
            budget["limit"],
            resets_at.format("%H:%M:%S")
        ));
    }
    match (identity["limited"].as_bool(), show::keeps_limits(account)) {
        (Some(false), true) => output.line(format!(
            "the server limits nothing, and the account keeps the limits of {platform} all the same; `syncline accounts limits \
             {name} off` makes its syncs faster",
        )),
        (Some(false), false) => output.line("the server limits nothing, and the account keeps no limits"),
        (Some(true), false) => output.line(format!(
            "the server limits requests, and the account does not keep its limits: it may be blocked for a while; `syncline \
             accounts limits {name} on` ends that"
        )),
        _ => {}
    }
    let print = account["secret"]["fingerprint"].as_str().map(|print| format!(", fingerprint {print}"));
    output.line(format!("{}{}", super::kept(account), print.unwrap_or_default()));
    if !account["paused"].is_null() {
        output.line(show::paused_line(&name, &account["paused"]));
    }
}
