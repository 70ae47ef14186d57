//! `syncline tokens`: makes, lists and revokes the tokens of the API.

use chrono::{TimeDelta, Utc};
use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_api::routes::tokens::view;
use syncline_service::tokens::{self, NewToken};

use crate::{
    app,
    cli::{TokensAction, TokensArgs, TokensCreateArgs},
    config::Config,
    fault::{Exit, Fault},
    output::{Output, list as entries, moment, text},
};

/// Carries out what is asked of tokens.
pub(crate) async fn run(config: &Config, args: &TokensArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    match &args.action {
        None | Some(TokensAction::List) => list(config, &db, output).await,
        Some(TokensAction::Create(args)) => create(config, &db, args, output).await,
        Some(TokensAction::Revoke(args)) => revoke(config, &db, args.id, output).await,
    }
}

async fn create(
    config: &Config,
    db: &DatabaseConnection,
    args: &TokensCreateArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let lasts = args.expires.map(|age| TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX));
    let new = NewToken {
        name: &args.name,
        scopes: args.scope.iter().copied().collect(),
        project: args.project.as_deref(),
        expires_at: lasts.and_then(|lasts| Utc::now().checked_add_signed(lasts)),
        environment: &args.environment,
    };
    let first = !tokens::any(db).await?;
    let (token, secret) = tokens::create(db, &config.caller(), &new).await?;
    let mut data = json!(view(&token));
    data["token"] = secret.as_str().into();
    tell_created(&data, first, output);
    Ok(Exit::Done)
}

/// Prints a new token with its text. `first`: until now requests needed none.
pub(crate) fn tell_created(token: &Value, first: bool, output: &Output) {
    output.data(token);
    output.verbatim(text(token, "token"));
    output.note("this token is shown once; send it as `authorization: Bearer TOKEN`");
    if first {
        output.note("from now on every request to the API needs a token, also from this machine");
    }
}

async fn list(config: &Config, db: &DatabaseConnection, output: &Output) -> Result<Exit, Fault> {
    let all = tokens::list(db, &config.caller()).await?;
    tell(&json!({ "tokens": all.iter().map(view).collect::<Vec<_>>() }), output);
    Ok(Exit::Done)
}

/// Prints tokens.
pub(crate) fn tell(document: &Value, output: &Output) {
    output.data(document);
    let all = entries(document, "tokens");
    if all.is_empty() {
        output.line("there are no tokens, so only this machine can use the API; `syncline tokens create NAME --scope admin` makes one");
        return;
    }
    let time = |token: &Value, key| {
        let time = moment(token, key).map(|time| time.format("%Y-%m-%d %H:%M").to_string());
        time.unwrap_or_else(|| "never".to_owned())
    };
    let line = |token: &Value| {
        let scopes: Vec<&str> = entries(token, "scopes").iter().filter_map(Value::as_str).collect();
        vec![
            token["id"].to_string(),
            text(token, "name"),
            scopes.join(", "),
            token["project"].as_str().unwrap_or("all").to_owned(),
            text(token, "standing"),
            time(token, "expires_at"),
            time(token, "last_used_at"),
        ]
    };
    let head = ["id", "name", "scopes", "project", "standing", "expires (UTC)", "last used (UTC)"];
    output.table(&head, all.iter().map(line).collect());
}

async fn revoke(config: &Config, db: &DatabaseConnection, id: i64, output: &Output) -> Result<Exit, Fault> {
    let (token, changed) = tokens::revoke(db, &config.caller(), id).await?;
    let mut data = json!(view(&token));
    data["changed"] = changed.into();
    tell_revoked(&data, output);
    Ok(Exit::Done)
}

/// Prints that a token was revoked.
pub(crate) fn tell_revoked(token: &Value, output: &Output) {
    output.data(token);
    let shown = format!("{} ({})", token["id"], text(token, "name"));
    output.line(match token["changed"] == true {
        true => format!("the token {shown} is revoked"),
        false => format!("the token {shown} was revoked already"),
    });
}
