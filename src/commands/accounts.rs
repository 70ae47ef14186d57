//! `syncline accounts`: the accounts on platforms and their secrets.

mod check;
mod key;
mod reach;
mod secret;
mod show;

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_accounts::{Broker, Reference};
use syncline_runs::pause::Subject;
use syncline_service::{
    accounts::{self, KnownAccount, NewAccount, NewSecret},
    pauses,
    syncs::display_name,
};

use self::secret::secret;
pub(crate) use self::{
    check::{identity, tell as tell_check},
    key::run as key,
    reach::Reach,
    secret::given as given_secret,
    show::{name, tell_list, tell_one},
};
use crate::{
    app,
    cli::{
        AccountsAction, AccountsAddArgs, AccountsArgs, AccountsLimitsArgs, AccountsPauseArgs,
        AccountsRotateArgs, Switch,
    },
    config::Config,
    fault::{Exit, Fault},
    output::{Output, text},
    words::count,
};

/// Carries out what is asked of accounts.
pub(crate) async fn run(config: &Config, args: &AccountsArgs, output: &Output) -> Result<Exit, Fault> {
    let broker = app::broker(config);
    let db = app::connect(config).await?;
    match &args.action {
        None | Some(AccountsAction::List) => show::list(&db, output).await,
        Some(AccountsAction::Add(args)) => add(config, &db, &broker, args, output).await,
        Some(AccountsAction::Show(args)) => show::show(&db, &broker, &args.name, output).await,
        Some(AccountsAction::Check(args)) => check::run(config, &db, &args.name, output).await,
        Some(AccountsAction::Remove(args)) => remove(config, &db, &args.name, output).await,
        Some(AccountsAction::Rotate(args)) => rotate(config, &db, &broker, args, output).await,
        Some(AccountsAction::Limits(args)) => limits(config, &db, args, output).await,
        Some(AccountsAction::Pause(args)) => pause(config, &db, args, output).await,
        Some(AccountsAction::Resume(args)) => resume(config, &db, &args.name, output).await,
        // It needs no database, and `commands::run` has handled it.
        Some(AccountsAction::Key(args)) => key(args, output),
    }
}

async fn add(
    config: &Config,
    db: &DatabaseConnection,
    broker: &Broker,
    args: &AccountsAddArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let secret = secret(&args.secret, &args.name, broker)?;
    let new = NewAccount {
        name: &args.name,
        platform: &args.platform,
        base_url: args.base_url.as_deref(),
        keeps_limits: args.limits == Switch::On,
        secret,
    };
    let added = accounts::add(db, broker, &config.caller(), &new).await?;
    tell_added(&show::as_json(db, &added).await?, output);
    missing_here(broker, &added, &new.secret, output).await;
    output.line(format!("next: syncline accounts check {added}"));
    Ok(Exit::Done)
}

/// Prints a new account.
pub(crate) fn tell_added(account: &Value, output: &Output) {
    output.data(account);
    let (name, platform) = (name(account), text(account, "platform"));
    output.line(format!("added the account {name} of {platform}; {}", kept(account)));
    if !show::keeps_limits(account) {
        output.line(show::NO_LIMITS);
    }
}

/// A variable or file that this process does not have may be there for the workers.
async fn missing_here(broker: &Broker, account: &KnownAccount, secret: &NewSecret, output: &Output) {
    if !matches!(secret, NewSecret::Reference(Reference::Env(_) | Reference::File(_))) {
        return;
    }
    if let Err(error) = broker.secret(&account.row).await {
        output.note(&format!("warning: {error}"));
    }
}

/// Where the secret of an account is kept, as a sentence.
fn kept(account: &Value) -> String {
    let secret = &account["secret"];
    match (secret["reference"].as_str(), secret["key"].as_str()) {
        (Some(reference), _) => format!("its secret is at {reference}"),
        (None, Some(key)) => format!("its secret is encrypted with the key {key}"),
        (None, None) => "it has no secret".to_owned(),
    }
}

async fn remove(
    config: &Config,
    db: &DatabaseConnection,
    name: &str,
    output: &Output,
) -> Result<Exit, Fault> {
    let account = accounts::find(db, name).await?;
    accounts::remove(db, &config.caller(), &account).await?;
    tell_removed((&account.project, &account.row.name), output);
    Ok(Exit::Done)
}

/// Prints that an account is gone.
pub(crate) fn tell_removed((project, name): (&str, &str), output: &Output) {
    output.data(&json!({ "account": name, "project": project, "removed": true }));
    output.line(format!("removed the account {} and its secret", display_name(project, name)));
}

async fn rotate(
    config: &Config,
    db: &DatabaseConnection,
    broker: &Broker,
    args: &AccountsRotateArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let Some(name) = &args.name else { return reencrypt(config, db, broker, output).await };
    let account = accounts::find(db, name).await?;
    let secret = secret(&args.secret, name, broker)?;
    let (rotated, resumed) =
        accounts::rotate(db, &app::queue(config, db)?, broker, &config.caller(), &account, &secret).await?;
    tell_rotated(&show::as_json(db, &rotated).await?, resumed, output);
    missing_here(broker, &rotated, &secret, output).await;
    Ok(Exit::Done)
}

/// Prints that an account has another secret, and whether that ended a pause.
pub(crate) fn tell_rotated(account: &Value, resumed: bool, output: &Output) {
    output.data(&json!({ "account": account, "resumed": resumed }));
    output.line(format!("the account {} has another secret; {}", name(account), kept(account)));
    if resumed {
        output.line("it was paused because the former secret was refused; it goes on");
    }
}

async fn reencrypt(
    config: &Config,
    db: &DatabaseConnection,
    broker: &Broker,
    output: &Output,
) -> Result<Exit, Fault> {
    let done = accounts::reencrypt(db, broker, &config.caller()).await?;
    let id = broker.keys().current.as_ref().map(syncline_accounts::Key::id).unwrap_or_default();
    output.data(&json!({ "key": id, "moved": done.moved, "kept": done.kept }));
    let moved = done.moved.len() as u64;
    output.line(format!(
        "{} now under the key {id}; {} before",
        count(moved, "secret is", "secrets are"),
        done.kept
    ));
    if moved > 0 {
        output.line("once every process has the new key, SYNCLINE_SECRET_KEY_PREVIOUS can go");
    }
    Ok(Exit::Done)
}

async fn limits(
    config: &Config,
    db: &DatabaseConnection,
    args: &AccountsLimitsArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let account = accounts::find(db, &args.name).await?;
    let set = accounts::set_limits(db, &config.caller(), &account, args.limits == Switch::On).await?;
    tell_limits(&show::as_json(db, &set).await?, output);
    Ok(Exit::Done)
}

/// Prints whether an account keeps limits.
pub(crate) fn tell_limits(account: &Value, output: &Output) {
    output.data(account);
    let name = name(account);
    output.line(match show::keeps_limits(account) {
        true => format!("the account {name} keeps the limits of {}", text(account, "platform")),
        false => format!("the account {name}: {}", show::NO_LIMITS),
    });
    output.line("runs that begin from now on follow it");
}

async fn pause(
    config: &Config,
    db: &DatabaseConnection,
    args: &AccountsPauseArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let account = accounts::saved(db, accounts::find(db, &args.name).await?).await?;
    let subject = (Subject::Account(account.row.id), Some(account.row.project_id));
    let (queue, caller) = (app::queue(config, db)?, config.caller());
    let begun = pauses::pause(db, &queue, &caller, subject, args.reason.clone()).await?;
    tell_paused((&account.project, &account.row.name), begun, output);
    Ok(Exit::Done)
}

/// Prints that an account is paused.
pub(crate) fn tell_paused((project, name): (&str, &str), begun: bool, output: &Output) {
    output.data(&json!({ "account": name, "project": project, "paused": true, "changed": begun }));
    let account = display_name(project, name);
    output.line(if begun {
        format!("the account {account} is paused; what runs goes on, and nothing more begins. `syncline accounts resume {account}` ends it")
    } else {
        format!("the account {account} was paused already")
    });
}

async fn resume(
    config: &Config,
    db: &DatabaseConnection,
    name: &str,
    output: &Output,
) -> Result<Exit, Fault> {
    let account = accounts::find(db, name).await?;
    let subject = (Subject::Account(account.row.id), Some(account.row.project_id));
    let ended = pauses::resume(db, &app::queue(config, db)?, &config.caller(), subject).await?;
    tell_resumed((&account.project, &account.row.name), ended, output);
    Ok(Exit::Done)
}

/// Prints that an account is not paused.
pub(crate) fn tell_resumed((project, name): (&str, &str), ended: bool, output: &Output) {
    output.data(&json!({ "account": name, "project": project, "paused": false, "changed": ended }));
    let account = display_name(project, name);
    output.line(if ended {
        format!("the account {account} goes on")
    } else {
        format!("the account {account} was not paused")
    });
}
