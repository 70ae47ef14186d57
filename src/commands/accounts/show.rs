//! `syncline accounts list` and `show`.

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_accounts::Broker;
use syncline_api::routes::accounts::{pauses, view};
use syncline_service::{
    accounts::{self, KnownAccount},
    syncs::display_name,
};

use crate::{
    fault::{Exit, Fault},
    output::{Output, list as entries, moment, text},
    words::date,
};

/// What an account without limits does.
pub(super) const NO_LIMITS: &str =
    "limits are off: it is called as fast as the server answers, with several requests at once";

/// An account as JSON, without its secret.
pub(super) async fn as_json(db: &DatabaseConnection, account: &KnownAccount) -> Result<Value, Fault> {
    Ok(json!(view(account, &pauses(db).await?)))
}

/// The name of an account's JSON, as commands take it.
pub(crate) fn name(account: &Value) -> String {
    display_name(&text(account, "project"), &text(account, "name"))
}

/// True if the account of this JSON keeps limits.
pub(super) fn keeps_limits(account: &Value) -> bool {
    account["limits"] != false
}

/// Lists all accounts.
pub(super) async fn list(db: &DatabaseConnection, output: &Output) -> Result<Exit, Fault> {
    let all = accounts::all(db).await?;
    let paused = pauses(db).await?;
    let json = all.iter().map(|account| view(account, &paused));
    tell_list(&json!({ "accounts": json.collect::<Vec<_>>() }), output);
    Ok(Exit::Done)
}

/// Prints accounts.
pub(crate) fn tell_list(document: &Value, output: &Output) {
    output.data(document);
    let all = entries(document, "accounts");
    if all.is_empty() {
        output.line("no accounts; add one: syncline accounts add NAME --platform PLATFORM");
        return;
    }
    let line = |account: &Value| {
        let secret = account["secret"]["reference"].as_str().or(account["secret"]["kind"].as_str());
        vec![
            name(account),
            text(account, "platform"),
            secret.unwrap_or_default().to_owned(),
            text(account, "base_url"),
            if keeps_limits(account) { "on" } else { "off" }.to_owned(),
            if account["paused"].is_null() { "ready" } else { "paused" }.to_owned(),
        ]
    };
    output.table(
        &["account", "platform", "secret", "address", "limits", "state"],
        all.iter().map(line).collect(),
    );
}

/// Shows one account.
pub(super) async fn show(
    db: &DatabaseConnection,
    broker: &Broker,
    name: &str,
    output: &Output,
) -> Result<Exit, Fault> {
    let account = accounts::find(db, name).await?;
    let fingerprint = broker.fingerprint(&account.row).await;
    let mut json = as_json(db, &account).await?;
    json["syncs"] = json!(accounts::syncs_of(db, &account).await?);
    json["secret"]["fingerprint"] = json!(fingerprint.as_ref().ok().cloned().flatten());
    json["secret"]["error"] = json!(fingerprint.as_ref().err().map(ToString::to_string));
    tell_one(&json, output);
    Ok(Exit::Done)
}

/// Prints one account.
pub(crate) fn tell_one(account: &Value, output: &Output) {
    output.data(account);
    let address = account["base_url"].as_str().map(|address| format!(" at {address}")).unwrap_or_default();
    output.line(format!("account {}: {}{address}", name(account), text(account, "platform")));
    let secret = &account["secret"];
    let known = secret["fingerprint"].as_str().map(|print| format!(", fingerprint {print}"));
    output.line(format!("{}{}", super::kept(account), known.unwrap_or_default()));
    if !keeps_limits(account) {
        output.line(NO_LIMITS);
    }
    let syncs: Vec<&str> = entries(account, "syncs").iter().filter_map(Value::as_str).collect();
    if syncs.is_empty() {
        output.line("no sync uses it");
    } else {
        output.line(format!("used by {}", syncs.join(", ")));
    }
    if !account["paused"].is_null() {
        output.line(paused_line(&name(account), &account["paused"]));
    }
    if let Some(error) = secret["error"].as_str() {
        output.error(error);
    }
}

/// Why and since when an account is paused, and how to end it.
pub(super) fn paused_line(account: &str, paused: &Value) -> String {
    let reason = paused["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    let by = text(paused, "by");
    let by = if by.is_empty() { by } else { format!(" by {by}") };
    let at = moment(paused, "at").map(date).unwrap_or_default();
    format!("paused{by} since {at} UTC{reason}; `syncline accounts resume {account}` ends it")
}
