//! Projects, tokens and the audit log of a server.

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::Client;
use crate::{
    cli::{AuditArgs, ProjectsAction, ProjectsArgs, TokensAction, TokensArgs},
    commands::{audit as told_audit, projects as told_projects, tokens as told_tokens},
    fault::{Exit, Fault},
    output::Output,
};

pub(super) async fn projects(client: &Client, args: &ProjectsArgs, output: &Output) -> Result<Exit, Fault> {
    match &args.action {
        Some(ProjectsAction::Create(args)) => {
            let mut body = json!({ "key": args.key });
            if let Some(name) = &args.name {
                body["name"] = json!(name);
            }
            told_projects::tell_created(&client.post(&["projects"], &body).await?, output);
        }
        None | Some(ProjectsAction::List) => {
            told_projects::tell(&client.get(&["projects"], &[]).await?, output);
        }
    }
    Ok(Exit::Done)
}

pub(super) async fn tokens(client: &Client, args: &TokensArgs, output: &Output) -> Result<Exit, Fault> {
    match &args.action {
        None | Some(TokensAction::List) => told_tokens::tell(&client.get(&["tokens"], &[]).await?, output),
        Some(TokensAction::Create(args)) => {
            let lasts = args.expires.map(|age| TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX));
            let expires = lasts.and_then(|lasts| Utc::now().checked_add_signed(lasts));
            let scopes: Vec<&str> = args.scope.iter().map(|scope| scope.as_str()).collect();
            let body = json!({
                "name": args.name, "scopes": scopes, "project": args.project, "environment": args.environment,
                "expires_at": expires.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true)),
            });
            let known: Value = client.get(&["tokens"], &[]).await?;
            let made: Value = client.post(&["tokens"], &body).await?;
            let first = crate::output::list(&known, "tokens").is_empty();
            told_tokens::tell_created(&made, first, output);
        }
        Some(TokensAction::Revoke(args)) => {
            let mut done: Value = client.delete(&["tokens", &args.id.to_string()]).await?;
            let mut token = done["token"].take();
            if let Value::Object(token) = &mut token {
                token.insert("changed".to_owned(), done["changed"].take());
            }
            told_tokens::tell_revoked(&token, output);
        }
    }
    Ok(Exit::Done)
}

pub(super) async fn audit(client: &Client, args: &AuditArgs, output: &Output) -> Result<Exit, Fault> {
    let query = [
        ("actor", args.actor.clone()),
        ("action", args.action.clone()),
        ("subject_kind", args.kind.clone()),
        ("subject_id", args.id.clone()),
        ("before", args.after.map(|after| after.to_string())),
    ];
    let (changes, _) = client.pages(&["audit"], &query, "changes", (args.limit, 1_000)).await?;
    told_audit::tell(&json!({ "changes": changes }), args.limit, output);
    Ok(Exit::Done)
}
