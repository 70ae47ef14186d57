//! Moves encrypted secrets from one key to another, while other processes may be exchanging them.
//!
//! A secret is replaced only if it is still the one that was read, and only while nobody exchanges it: an exchange uses a
//! refresh token up, and stores the next one only in place of what it has sent.

use std::time::{Duration, Instant};

use chrono::Utc;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, sea_query::Expr,
};
use syncline_accounts::Broker;
use syncline_entity::{account, project};
use syncline_sql::begin;

use super::manage::{entry, no_key, sealed, told};
use crate::{Caller, Error, audit, syncs::display_name};

/// How often it looks whether an exchange has ended.
const LOOK: Duration = Duration::from_millis(250);

/// An exchange is claimed for two minutes at most.
const PATIENCE: Duration = Duration::from_secs(150);

/// What became of the encrypted secrets.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reencrypted {
    /// Now under the current key.
    pub moved: Vec<String>,
    /// They were under it already.
    pub kept: usize,
}

/// Encrypts every encrypted secret under the current key: all of them, or none. Waits for exchanges under way.
pub async fn reencrypt(
    db: &DatabaseConnection,
    broker: &Broker,
    caller: &Caller,
) -> Result<Reencrypted, Error> {
    let current = broker.keys().current.as_ref().ok_or_else(no_key)?.id();
    let began = Instant::now();
    loop {
        match attempt(db, broker, caller, &current).await? {
            Ok(done) => return Ok(done),
            Err(busy) if began.elapsed() > PATIENCE => {
                return Err(Error::Invalid(format!(
                    "the secret of the account {busy:?} is being exchanged by another process all the time; nothing was \
                     changed; try again"
                )));
            }
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// One attempt. The name of an account whose secret is being exchanged, or was replaced meanwhile, if there is one: then
/// nothing has changed.
async fn attempt(
    db: &DatabaseConnection,
    broker: &Broker,
    caller: &Caller,
    current: &str,
) -> Result<Result<Reencrypted, String>, Error> {
    let tx = begin(db).await?;
    let rows = account::Entity::find().find_also_related(project::Entity).all(&tx).await?;
    let mut done = Reencrypted::default();
    for (row, project) in rows {
        if row.secret_enc.is_none() {
            continue;
        }
        if row.key_id.as_deref() == Some(current) {
            done.kept += 1;
            continue;
        }
        let shown = display_name(project.as_ref().map_or("default", |project| &project.key), &row.name);
        let before = told(&row);
        match replace(&tx, broker, row).await? {
            Some(row) => {
                audit::record(&tx, caller, entry("account.rotate", &row, before, told(&row))).await?
            }
            // Dropping the transaction undoes it.
            None => return Ok(Err(shown)),
        }
        done.moved.push(shown);
    }
    tx.commit().await?;
    Ok(Ok(done))
}

/// Puts a secret under the current key. None if it is another one by now, or being exchanged.
async fn replace(
    db: &impl ConnectionTrait,
    broker: &Broker,
    row: account::Model,
) -> Result<Option<account::Model>, Error> {
    let token = broker.secret(&row).await.map_err(|error| Error::Invalid(error.to_string()))?;
    let (sealed, key_id) = sealed(broker.keys(), &row, &token)?;
    let is_free = Condition::any()
        .add(account::Column::RefreshUntil.is_null())
        .add(account::Column::RefreshUntil.lt(Utc::now()));
    let replaced = account::Entity::update_many()
        .col_expr(account::Column::SecretEnc, Expr::value(sealed.clone()))
        .col_expr(account::Column::KeyId, Expr::value(key_id.as_str()))
        .filter(account::Column::Id.eq(row.id))
        .filter(account::Column::SecretEnc.eq(row.secret_enc.clone()))
        .filter(is_free)
        .exec(db)
        .await?;
    let row = account::Model { secret_enc: Some(sealed), key_id: Some(key_id), ..row };
    Ok((replaced.rows_affected == 1).then_some(row))
}
