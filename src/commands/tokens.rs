//! `syncline tokens`: makes, lists and revokes the tokens of the API.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_service::tokens::{self, KnownToken, NewToken};

use crate::{
    app,
    cli::{TokensAction, TokensArgs, TokensCreateArgs},
    config::Config,
    fault::{Exit, Fault},
    output::Output,
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
    let (token, text) = tokens::create(db, &config.caller(), &new).await?;
    let mut data = as_json(&token);
    data["token"] = text.as_str().into();
    output.data(&data);
    output.verbatim(text.as_str());
    output.note("this token is shown once; send it as `authorization: Bearer TOKEN`");
    if first {
        output.note("from now on every request to the API needs a token, also from this machine");
    }
    Ok(Exit::Done)
}

async fn list(config: &Config, db: &DatabaseConnection, output: &Output) -> Result<Exit, Fault> {
    let all = tokens::list(db, &config.caller()).await?;
    output.data(&json!({ "tokens": all.iter().map(as_json).collect::<Vec<_>>() }));
    if all.is_empty() {
        output.line("there are no tokens, so only this machine can use the API; `syncline tokens create NAME --scope admin` makes one");
        return Ok(Exit::Done);
    }
    let time = |time: Option<DateTime<Utc>>| time.map(|time| time.format("%Y-%m-%d %H:%M").to_string());
    let line = |token: &KnownToken| {
        vec![
            token.row.id.to_string(),
            token.row.name.clone(),
            token.scopes().names().join(", "),
            token.project.clone().unwrap_or_else(|| "all".to_owned()),
            token.standing().to_owned(),
            time(token.row.expires_at).unwrap_or_else(|| "never".to_owned()),
            time(token.row.last_used_at).unwrap_or_else(|| "never".to_owned()),
        ]
    };
    let head = ["id", "name", "scopes", "project", "standing", "expires (UTC)", "last used (UTC)"];
    output.table(&head, all.iter().map(line).collect());
    Ok(Exit::Done)
}

async fn revoke(config: &Config, db: &DatabaseConnection, id: i64, output: &Output) -> Result<Exit, Fault> {
    let (token, changed) = tokens::revoke(db, &config.caller(), id).await?;
    let mut data = as_json(&token);
    data["changed"] = changed.into();
    output.data(&data);
    output.line(if changed {
        format!("the token {id} ({}) is revoked", token.row.name)
    } else {
        format!("the token {id} ({}) was revoked already", token.row.name)
    });
    Ok(Exit::Done)
}

fn as_json(token: &KnownToken) -> Value {
    json!({
        "id": token.row.id, "name": token.row.name, "scopes": token.scopes().names(), "project": token.project,
        "standing": token.standing(), "created_at": token.row.created_at, "expires_at": token.row.expires_at,
        "last_used_at": token.row.last_used_at, "revoked_at": token.row.revoked_at,
    })
}
