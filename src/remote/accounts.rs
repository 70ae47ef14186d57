//! Accounts of a server. Secrets go to it and never come back.

use serde_json::{Value, json};
use syncline_engine::nearest::alternatives;
use syncline_service::accounts::NewSecret;

use super::{Client, parts};
use crate::{
    cli::{
        AccountsAction, AccountsAddArgs, AccountsArgs, AccountsLimitsArgs, AccountsPauseArgs,
        AccountsRotateArgs, SecretArgs, Switch,
    },
    commands::accounts as told,
    fault::{Exit, Fault},
    output::{Output, bare, list as entries, text},
};

pub(super) async fn run(client: &Client, args: &AccountsArgs, output: &Output) -> Result<Exit, Fault> {
    match &args.action {
        None | Some(AccountsAction::List) => list(client, output).await?,
        Some(AccountsAction::Add(args)) => add(client, args, output).await?,
        Some(AccountsAction::Show(args)) => {
            let name = text_of(&find(client, &args.name).await?);
            let account: Value = client.get(&["accounts", &name], &[]).await?;
            let mut shown = bare(account);
            // Only where the database is the secret is read to show one.
            for key in ["fingerprint", "error"] {
                shown["secret"][key] = Value::Null;
            }
            told::tell_one(&shown, output);
        }
        Some(AccountsAction::Check(args)) => {
            let account = find(client, &args.name).await?;
            let path = ["accounts", &text_of(&account), "check"];
            let identity: Value = client.post(&path, &json!({})).await?;
            let mut shown = bare(account);
            shown["identity"] = identity;
            told::tell_check(&shown, output);
        }
        Some(AccountsAction::Remove(args)) => {
            let account = find(client, &args.name).await?;
            let _: Value = client.delete(&["accounts", &text_of(&account)]).await?;
            told::tell_removed((&text(&account, "project"), &text(&account, "name")), output);
        }
        Some(AccountsAction::Rotate(args)) => rotate(client, args, output).await?,
        Some(AccountsAction::Limits(AccountsLimitsArgs { name, limits })) => {
            let name = text_of(&find(client, name).await?);
            let body = json!({ "limits": *limits == Switch::On });
            let account: Value = client.patch(&["accounts", &name], &body).await?;
            told::tell_limits(&bare(account), output);
        }
        Some(AccountsAction::Pause(AccountsPauseArgs { name, reason })) => {
            let account = find(client, name).await?;
            let path = ["accounts", &text_of(&account), "pause"];
            let done: Value = client.post(&path, &json!({ "reason": reason })).await?;
            let names = (&*text(&account, "project"), &*text(&account, "name"));
            told::tell_paused(names, done["changed"] == true, output);
        }
        Some(AccountsAction::Resume(args)) => {
            let account = find(client, &args.name).await?;
            let path = ["accounts", &text_of(&account), "resume"];
            let done: Value = client.post(&path, &json!({})).await?;
            let names = (&*text(&account, "project"), &*text(&account, "name"));
            told::tell_resumed(names, done["changed"] == true, output);
        }
        // It needs no server, and `remote::here` has refused it.
        Some(AccountsAction::Key(args)) => return told::key(args, output),
    }
    Ok(Exit::Done)
}

/// Finds an account by the name that commands take.
pub(super) async fn find(client: &Client, wanted: &str) -> Result<Value, Fault> {
    let (project, name) = parts(wanted);
    let all: Value = client.get(&["accounts"], &[]).await?;
    let all = entries(&all, "accounts");
    let found = all.iter().find(|account| account["name"] == name && account["project"] == project);
    found.cloned().ok_or_else(|| {
        let known: Vec<String> = all.iter().map(told::name).collect();
        let hint = match known.is_empty() {
            true => {
                "this token sees none; `syncline accounts add NAME --platform PLATFORM` adds one".to_owned()
            }
            false => alternatives(wanted, known.iter().map(String::as_str), "the accounts are:"),
        };
        Fault::usage(format!("there is no account {wanted:?}; {hint}"))
    })
}

/// How the API names an account: by its id, or by its name if it has none yet.
pub(super) fn text_of(account: &Value) -> String {
    account["id"].as_i64().map_or_else(|| told::name(account), |id| id.to_string())
}

async fn list(client: &Client, output: &Output) -> Result<(), Fault> {
    let answer: Value = client.get(&["accounts"], &[]).await?;
    told::tell_list(&answer, output);
    Ok(())
}

/// The secret as the API takes it. A reference is one of the server: a variable or a file there.
fn secret(args: &SecretArgs, account: &str) -> Result<Value, Fault> {
    Ok(match told::given_secret(args, account)? {
        NewSecret::Value(token) => json!({ "value": token.reveal() }),
        NewSecret::Reference(reference) => {
            let reference = reference.to_string();
            let (kind, place) = reference.split_once(':').unwrap_or_default();
            json!({ kind: place })
        }
    })
}

async fn add(client: &Client, args: &AccountsAddArgs, output: &Output) -> Result<(), Fault> {
    let (project, name) = parts(&args.name);
    let body = json!({
        "name": name, "project": project, "platform": args.platform, "base_url": args.base_url,
        "secret": secret(&args.secret, &args.name)?, "limits": args.limits == Switch::On,
    });
    let added: Value = client.post(&["accounts"], &body).await?;
    told::tell_added(&bare(&added), output);
    output.line(format!("next: syncline accounts check {}", told::name(&added)));
    Ok(())
}

async fn rotate(client: &Client, args: &AccountsRotateArgs, output: &Output) -> Result<(), Fault> {
    // Without a name it is --all, which `remote::here` has refused.
    let name = args.name.as_deref().unwrap_or_default();
    let before = find(client, name).await?;
    let body = json!({ "secret": secret(&args.secret, name)? });
    let rotated: Value = client.post(&["accounts", &text_of(&before), "rotate"], &body).await?;
    let resumed = !before["paused"].is_null() && rotated["paused"].is_null();
    told::tell_rotated(&bare(&rotated), resumed, output);
    Ok(())
}
