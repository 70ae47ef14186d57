//! Adds, lists, rotates and removes accounts.

use std::fmt;

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseConnection,
    DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder,
};
use serde_json::{Value, json};
use syncline_accounts::{Broker, Grant, Keyring, Owner, Reference, built_in, seal};
use syncline_connectors::{Availability, Platform, Token, no_platform, own_host, platform};
use syncline_engine::nearest::alternatives;
use syncline_entity::{
    account, pause, project, secret::Sealed, sync_config, types::PauseScope, webhook_delivery,
};
use syncline_runs::{
    RunQueue,
    pause::{self as pauses, NewPause, Subject},
};
use syncline_sql::begin;

use crate::{
    Caller, Error, Refusal, Unknown,
    audit::{self, Entry},
    syncs::display_name,
};

/// Who pauses an account whose secret was refused.
pub const BY_ITSELF: &str = "syncline";

/// An account and the key of its project. Displayed as commands take it: `PROJECT/NAME` outside the default project.
#[derive(Debug, Clone)]
pub struct KnownAccount {
    pub project: String,
    /// Its id is 0 if it exists by itself and no sync has used it yet.
    pub row: account::Model,
}

impl fmt::Display for KnownAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&display_name(&self.project, &self.row.name))
    }
}

impl KnownAccount {
    /// The kind of place of its secret.
    pub fn secret_kind(&self) -> &'static str {
        match (self.row.secret_ref.as_deref(), &self.row.secret_enc) {
            (Some(reference), _) if reference.starts_with("env:") => "variable",
            (Some(reference), _) if reference.starts_with("file:") => "file",
            (Some(reference), _) if reference.starts_with("vault:") => "vault",
            (Some(_), _) => "reference",
            (None, Some(_)) => "encrypted",
            (None, None) => "none",
        }
    }
}

/// Where a secret comes from.
#[derive(Debug, Clone)]
pub enum NewSecret {
    /// It is kept elsewhere.
    Reference(Reference),
    /// It is encrypted in the database.
    Value(Token),
}

/// An account to add.
#[derive(Debug, Clone)]
pub struct NewAccount<'a> {
    /// `NAME`, or `PROJECT/NAME` outside the default project.
    pub name: &'a str,
    pub platform: &'a str,
    pub base_url: Option<&'a str>,
    /// False if its server limits nothing.
    pub keeps_limits: bool,
    pub secret: NewSecret,
}

/// Adds an account, and its project if that does not exist.
pub async fn add(
    db: &DatabaseConnection,
    broker: &Broker,
    caller: &Caller,
    new: &NewAccount<'_>,
) -> Result<KnownAccount, Error> {
    let (key, name) = split(new.name);
    let found = check(broker, new.name, new.platform, new.base_url, new.keeps_limits)?;
    let tx = begin(db).await?;
    let project = ensure_project(&tx, key).await?;
    if account::by_name(&tx, project.id, name).await?.is_some() {
        let shown = display_name(key, name);
        let text = format!(
            "name: there is an account {shown:?} already; give it another secret with `syncline accounts rotate {shown}`"
        );
        return Err(Error::refused(Refusal::AccountExists, text));
    }
    let row = account::ActiveModel {
        project_id: Set(project.id),
        platform: Set(found.name().to_owned()),
        name: Set(name.to_owned()),
        base_url: Set(new.base_url.map(|address| address.trim().to_owned())),
        keeps_limits: Set(new.keeps_limits),
        ..Default::default()
    };
    // The secret is bound to the row's id, which only the database gives.
    let row = row.insert(&tx).await?;
    let row = set_secret(&tx, broker.keys(), row, &new.secret).await?;
    audit::record(&tx, caller, entry("account.add", &row, Value::Null, told(&row))).await?;
    tx.commit().await?;
    Ok(KnownAccount { project: project.key, row })
}

/// Returns the platform of a new account, or all that is wrong with it but its secret.
pub fn check(
    broker: &Broker,
    name: &str,
    platform_name: &str,
    base_url: Option<&str>,
    keeps_limits: bool,
) -> Result<&'static dyn Platform, Error> {
    let (key, own) = split(name);
    let mut wrong = vec![check_name("name", own), check_name("name, its project", key)];
    if let Some(address) = base_url {
        let http = broker.http().map_err(Error::Invalid)?;
        wrong.push(http.check_base(address).map_err(|error| Error::Invalid(error.message)));
    }
    let found = platform(platform_name);
    let unknown = || Error::unknown(Unknown::Platform, format!("platform: {}", no_platform(platform_name)));
    match found {
        None => wrong.push(Err(unknown())),
        Some(found) => wrong
            .extend([check_platform(found, base_url), check_limits(keeps_limits, base_url, found.name())]),
    }
    Error::all(wrong)?;
    found.ok_or_else(unknown)
}

/// Fails if a platform has no accounts, or none without an address.
fn check_platform(found: &dyn Platform, base_url: Option<&str>) -> Result<(), Error> {
    let name = found.name();
    if found.availability() == Availability::Available && !found.needs_account() {
        return Err(Error::Invalid(format!("platform: {name} needs no account; name its place in the sync")));
    }
    if let (None, Some(address)) = (base_url, found.needs_address()) {
        let text =
            format!("base_url: {name} has no address that all accounts share; give that of yours: {address}");
        return Err(Error::Invalid(text));
    }
    Ok(())
}

/// A change of an account.
pub(super) fn entry<'a>(action: &'a str, row: &account::Model, before: Value, after: Value) -> Entry<'a> {
    let id = Some(row.id.to_string());
    Entry { action, kind: "account", id, project: Some(row.project_id), before, after }
}

/// An account for the audit log: where its secret is, and not the secret.
pub(super) fn told(row: &account::Model) -> Value {
    json!({
        "name": row.name, "platform": row.platform, "base_url": row.base_url, "keeps_limits": row.keeps_limits,
        "secret": row.secret_ref, "encrypted_with": row.key_id,
    })
}

/// All accounts by project and name, with those of the default project that exist by themselves.
pub async fn all(db: &DatabaseConnection) -> Result<Vec<KnownAccount>, DbErr> {
    let rows = account::Entity::find()
        .find_also_related(project::Entity)
        .order_by_asc(project::Column::Key)
        .order_by_asc(account::Column::Name)
        .all(db)
        .await?;
    let known = |(row, project): (account::Model, Option<project::Model>)| KnownAccount {
        project: project.map_or_else(default_project, |project| project.key),
        row,
    };
    let mut all: Vec<KnownAccount> = rows.into_iter().map(known).collect();
    let stored = |all: &[KnownAccount], name: &str| {
        all.iter().any(|known| known.project == "default" && known.row.name == name)
    };
    for built_in in built_in::present() {
        if !stored(&all, built_in.name) {
            all.push(KnownAccount { project: default_project(), row: built_in.unsaved() });
        }
    }
    Ok(all)
}

fn default_project() -> String {
    "default".to_owned()
}

/// Finds an account by name; `PROJECT/NAME` outside the default project.
pub async fn find(db: &DatabaseConnection, name: &str) -> Result<KnownAccount, Error> {
    let (key, own) = split(name);
    if let Some(project) = project::by_key(db, key).await?
        && let Some(row) = account::by_name(db, project.id, own).await?
    {
        return Ok(KnownAccount { project: project.key, row });
    }
    if let Some(built_in) = built_in::find(own) {
        return Ok(KnownAccount { project: key.to_owned(), row: built_in.unsaved() });
    }
    let known: Vec<String> = all(db).await?.iter().map(ToString::to_string).collect();
    let hint = if known.is_empty() {
        "none is known yet: `syncline accounts add NAME --platform PLATFORM`".to_owned()
    } else {
        alternatives(name, known.iter().map(String::as_str), "the accounts are:")
    };
    Err(Error::unknown(Unknown::Account, format!("there is no account {name:?}; {hint}")))
}

/// The names of the syncs that use an account, by id or by name.
pub async fn syncs_of(db: &impl ConnectionTrait, account: &KnownAccount) -> Result<Vec<String>, DbErr> {
    let rows = sync_config::Entity::find()
        .filter(sync_config::Column::ProjectId.eq(account.row.project_id))
        .filter(sync_config::Column::DeletedAt.is_null())
        .order_by_asc(sync_config::Column::Name)
        .all(db)
        .await?;
    let id = Some(account.row.id);
    let uses = |row: &sync_config::Model| {
        let named = |side: &str, platform: &str| {
            platform == account.row.platform && row.config_json[side]["account"] == account.row.name.as_str()
        };
        row.source_account_id == id
            || row.target_account_id == id
            || named("source", &row.source_platform)
            || named("target", &row.target_platform)
    };
    Ok(rows.iter().filter(|row| uses(row)).map(|row| display_name(&account.project, &row.name)).collect())
}

/// Removes an account that no sync uses, with its secret, its pause and its deliveries.
pub async fn remove(db: &DatabaseConnection, caller: &Caller, account: &KnownAccount) -> Result<(), Error> {
    stored(account, "remove")?;
    let id = account.row.id;
    let tx = begin(db).await?;
    let used = syncs_of(&tx, account).await?;
    if !used.is_empty() {
        let text = format!(
            "the account {:?} is used by {}; give them another account first, or delete them",
            account.to_string(),
            used.join(", ")
        );
        return Err(Error::refused(Refusal::AccountUsed, text));
    }
    // Deleted syncs are kept for a while; they need no account any more.
    for column in [sync_config::Column::SourceAccountId, sync_config::Column::TargetAccountId] {
        let none = sea_orm::sea_query::Expr::value(Option::<i64>::None);
        sync_config::Entity::update_many().col_expr(column, none).filter(column.eq(id)).exec(&tx).await?;
    }
    webhook_delivery::Entity::delete_many()
        .filter(webhook_delivery::Column::AccountId.eq(id))
        .exec(&tx)
        .await?;
    pause::Entity::delete_many()
        .filter(pause::Column::Scope.eq(PauseScope::Account))
        .filter(pause::Column::Subject.eq(id.to_string()))
        .exec(&tx)
        .await?;
    account::Entity::delete_by_id(id).exec(&tx).await?;
    let row = &account.row;
    audit::record(&tx, caller, entry("account.remove", row, told(row), Value::Null)).await?;
    tx.commit().await?;
    Ok(())
}

/// Gives an account another secret. Ends the pause that a refused secret began; returns true if there was one.
pub async fn rotate(
    db: &DatabaseConnection,
    queue: &RunQueue,
    broker: &Broker,
    caller: &Caller,
    account: &KnownAccount,
    secret: &NewSecret,
) -> Result<(KnownAccount, bool), Error> {
    stored(account, "rotate")?;
    let tx = begin(db).await?;
    let row = set_secret(&tx, broker.keys(), account.row.clone(), secret).await?;
    audit::record(&tx, caller, entry("account.rotate", &row, told(&account.row), told(&row))).await?;
    tx.commit().await?;
    let id = row.id;
    let paused = pause::of_subject(db, PauseScope::Account, &id.to_string()).await?;
    let resumed = match paused {
        Some(paused) if paused.by == BY_ITSELF => pauses::resume(db, queue, &Subject::Account(id)).await?,
        _ => false,
    };
    Ok((KnownAccount { project: account.project.clone(), row }, resumed))
}

/// Sets whether an account keeps the limits of its platform.
pub async fn set_limits(
    db: &DatabaseConnection,
    caller: &Caller,
    account: &KnownAccount,
    keeps_limits: bool,
) -> Result<KnownAccount, Error> {
    check_limits(keeps_limits, account.row.base_url.as_deref(), &account.row.platform)?;
    let KnownAccount { project, mut row } = account.clone();
    // One that exists by itself has no address of its own, so it always keeps them.
    if row.keeps_limits != keeps_limits {
        let change =
            account::ActiveModel { id: Set(row.id), keeps_limits: Set(keeps_limits), ..Default::default() };
        let tx = begin(db).await?;
        row = change.update(&tx).await?;
        audit::record(&tx, caller, entry("account.limits", &row, told(&account.row), told(&row))).await?;
        tx.commit().await?;
    }
    Ok(KnownAccount { project, row })
}

/// A platform's own service has limits, whatever the account says.
fn check_limits(keeps_limits: bool, base_url: Option<&str>, name: &str) -> Result<(), Error> {
    if keeps_limits {
        return Ok(());
    }
    let why = match (base_url, platform(name)) {
        (None, _) => format!("the account has no base URL, and {name} itself has limits"),
        (Some(address), Some(platform)) => match own_host(platform, address) {
            Some(host) => format!("{host} is a host of {name} itself, whose limits hold for everyone"),
            None => return Ok(()),
        },
        (Some(_), None) => return Ok(()),
    };
    Err(Error::Invalid(format!("limits: off is for a server of your own that limits nothing; {why}")))
}

/// Pauses an account whose secret the platform refuses, so that its runs wait instead of failing one after another.
/// Returns false if it was paused already. `why` names the cause and no secret.
pub async fn pause_refused(
    db: &DatabaseConnection,
    queue: &RunQueue,
    id: i64,
    why: &str,
) -> Result<bool, Error> {
    let Some(row) = account::Entity::find_by_id(id).one(db).await? else { return Ok(false) };
    let new = NewPause {
        subject: Subject::Account(id),
        project_id: Some(row.project_id),
        reason: Some(why.to_owned()),
        by: BY_ITSELF.to_owned(),
        note: None,
    };
    Ok(pauses::pause(db, queue, &new).await?)
}

/// Stores an account that exists by itself, so that syncs and pauses can refer to it; others are stored already.
pub async fn saved(db: &impl ConnectionTrait, account: KnownAccount) -> Result<KnownAccount, Error> {
    if account.row.id != 0 {
        return Ok(account);
    }
    let project = ensure_project(db, &account.project).await?;
    let row = match account::by_name(db, project.id, &account.row.name).await? {
        Some(row) => row,
        None => save(db, project.id, &account.row).await?,
    };
    Ok(KnownAccount { project: project.key, row })
}

pub(super) async fn save(
    db: &impl ConnectionTrait,
    project: i64,
    row: &account::Model,
) -> Result<account::Model, DbErr> {
    let new = account::ActiveModel {
        project_id: Set(project),
        platform: Set(row.platform.clone()),
        name: Set(row.name.clone()),
        secret_ref: Set(row.secret_ref.clone()),
        ..Default::default()
    };
    new.insert(db).await
}

async fn ensure_project(db: &impl ConnectionTrait, key: &str) -> Result<project::Model, DbErr> {
    if let Some(project) = project::by_key(db, key).await? {
        return Ok(project);
    }
    let new =
        project::ActiveModel { key: Set(key.to_owned()), name: Set(key.to_owned()), ..Default::default() };
    new.insert(db).await
}

fn stored(account: &KnownAccount, verb: &str) -> Result<(), Error> {
    if account.row.id != 0 {
        return Ok(());
    }
    let from = account.row.secret_ref.as_deref().unwrap_or_default().trim_start_matches("env:");
    let text = format!(
        "the account {:?} exists while the variable {from} is set, so there is nothing to {verb}; change the variable",
        account.to_string()
    );
    Err(Error::Invalid(text))
}

async fn set_secret(
    db: &impl ConnectionTrait,
    keys: &Keyring,
    row: account::Model,
    secret: &NewSecret,
) -> Result<account::Model, Error> {
    let (reference, sealed, key_id) = match secret {
        NewSecret::Reference(reference) => (Some(reference.to_string()), None, None),
        NewSecret::Value(token) => {
            check_grant(&row.platform, token)?;
            let (sealed, key_id) = sealed(keys, &row, token)?;
            (None, Some(sealed), Some(key_id))
        }
    };
    let mut row: account::ActiveModel = row.into();
    row.secret_ref = Set(reference);
    row.secret_enc = Set(sealed);
    row.key_id = Set(key_id);
    // They were those of the older secret.
    row.scopes = Set(None);
    row.refresh_until = Set(None);
    Ok(row.update(db).await?)
}

/// A secret under the current key, and the key's id.
pub(super) fn sealed(keys: &Keyring, row: &account::Model, token: &Token) -> Result<(Sealed, String), Error> {
    let key = keys.current.as_ref().ok_or_else(no_key)?;
    let owner = Owner { account: row.id, platform: &row.platform, base_url: row.base_url.as_deref() };
    Ok((seal(key, owner, token).map_err(Error::Invalid)?, key.id()))
}

/// A secret that is meant to be a grant of OAuth is one, and the platform takes it.
fn check_grant(name: &str, secret: &Token) -> Result<(), Error> {
    if !Grant::is_one(secret) {
        return Ok(());
    }
    Grant::read(secret).map_err(Error::Invalid)?;
    // Of a platform without a connector nothing is known yet.
    match platform(name).filter(|platform| platform.availability() == Availability::Available) {
        Some(platform) if platform.token_endpoint().is_none() => Err(Error::Invalid(format!(
            "the secret is a grant of OAuth, which {name} does not have here; set a token"
        ))),
        _ => Ok(()),
    }
}

/// The error of a secret that cannot be stored, with the command that makes a key.
pub fn no_key() -> Error {
    Error::Invalid(
        "a secret is stored encrypted only, and no key is set; make one with `syncline accounts key` and set it as \
         SYNCLINE_SECRET_KEY or in the file that SYNCLINE_SECRET_KEY_FILE names, for every process, or store a reference with \
         --secret env:NAME"
            .to_owned(),
    )
}

pub(crate) fn check_name(what: &str, text: &str) -> Result<(), Error> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if (1..=100).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(());
    }
    Err(Error::Invalid(format!("{what}: {text:?} must have 1 to 100 letters, digits, '-', '_' or '.'")))
}

fn split(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or(("default", name))
}

/// For transactions that store a document: the accounts it names that exist by themselves.
pub(crate) async fn save_built_in(
    tx: &DatabaseTransaction,
    project: i64,
    named: impl Iterator<Item = (&str, &str)>,
) -> Result<(), DbErr> {
    for (name, platform) in named {
        if let Some(built_in) = built_in::find(name).filter(|built_in| built_in.name == platform)
            && account::by_name(tx, project, name).await?.is_none()
        {
            save(tx, project, &built_in.unsaved()).await?;
        }
    }
    Ok(())
}
