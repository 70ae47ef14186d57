//! `syncline accounts list` and `show`.

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_accounts::Broker;
use syncline_api::routes::accounts::{pauses, view};
use syncline_runs::pause::Paused;
use syncline_service::accounts::{self, KnownAccount};

use crate::{
    fault::{Exit, Fault},
    output::Output,
    words::date,
};

/// What an account without limits does.
pub(super) const NO_LIMITS: &str =
    "limits are off: it is called as fast as the server answers, with several requests at once";

/// An account as JSON, without its secret.
pub(super) async fn as_json(db: &DatabaseConnection, account: &KnownAccount) -> Result<Value, Fault> {
    Ok(json!(view(account, &pauses(db).await?)))
}

/// Lists all accounts.
pub(super) async fn list(db: &DatabaseConnection, output: &Output) -> Result<Exit, Fault> {
    let all = accounts::all(db).await?;
    let paused = pauses(db).await?;
    let json = all.iter().map(|account| view(account, &paused));
    output.data(&json!({ "accounts": json.collect::<Vec<_>>() }));
    if all.is_empty() {
        output.line("no accounts; add one: syncline accounts add NAME --platform PLATFORM");
        return Ok(Exit::Done);
    }
    let line = |account: &KnownAccount| {
        let state = if paused.contains_key(&account.row.id) { "paused" } else { "ready" };
        let limits = if account.row.keeps_limits { "on" } else { "off" };
        let secret = account.row.secret_ref.clone().unwrap_or_else(|| account.secret_kind().to_owned());
        let address = account.row.base_url.clone().unwrap_or_default();
        let [limits, state] = [limits, state].map(str::to_owned);
        vec![account.to_string(), account.row.platform.clone(), secret, address, limits, state]
    };
    output.table(
        &["account", "platform", "secret", "address", "limits", "state"],
        all.iter().map(line).collect(),
    );
    Ok(Exit::Done)
}

/// Shows one account.
pub(super) async fn show(
    db: &DatabaseConnection,
    broker: &Broker,
    name: &str,
    output: &Output,
) -> Result<Exit, Fault> {
    let account = accounts::find(db, name).await?;
    let syncs = accounts::syncs_of(db, &account).await?;
    let paused = pauses(db).await?.remove(&account.row.id);
    let fingerprint = broker.fingerprint(&account.row).await;
    let mut json = as_json(db, &account).await?;
    json["syncs"] = json!(syncs);
    json["secret"]["fingerprint"] = json!(fingerprint.as_ref().ok().cloned().flatten());
    json["secret"]["error"] = json!(fingerprint.as_ref().err().map(ToString::to_string));
    output.data(&json);
    let address = account.row.base_url.as_ref().map(|address| format!(" at {address}")).unwrap_or_default();
    output.line(format!("account {account}: {}{address}", account.row.platform));
    let known = match &fingerprint {
        Ok(Some(fingerprint)) => format!(", fingerprint {fingerprint}"),
        _ => String::new(),
    };
    output.line(format!("{}{known}", super::kept(&account)));
    if !account.row.keeps_limits {
        output.line(NO_LIMITS);
    }
    if syncs.is_empty() {
        output.line("no sync uses it");
    } else {
        output.line(format!("used by {}", syncs.join(", ")));
    }
    if let Some(paused) = &paused {
        output.line(paused_line(&account, paused));
    }
    if let Err(error) = &fingerprint {
        output.error(&error.to_string());
    }
    Ok(Exit::Done)
}

/// Why and since when an account is paused, and how to end it.
pub(super) fn paused_line(account: &KnownAccount, paused: &Paused) -> String {
    let reason = paused.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let by = if paused.by.is_empty() { String::new() } else { format!(" by {}", paused.by) };
    format!("paused{by} since {} UTC{reason}; `syncline accounts resume {account}` ends it", date(paused.at))
}
