//! Accounts as callers of the API see them.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait};
use serde_json::json;
use syncline_entity::{account, project};

use super::{KnownAccount, all};
use crate::{Caller, Error, Unknown};

/// The accounts that a caller sees, by project and name. Those that variables of the server make belong to the default
/// project.
pub async fn seen(db: &DatabaseConnection, caller: &Caller) -> Result<Vec<KnownAccount>, DbErr> {
    let mut known = all(db).await?;
    if let Some(own) = caller.project {
        let key = project::Entity::find_by_id(own).one(db).await?.map(|project| project.key);
        known.retain(|account| Some(&account.project) == key.as_ref());
    }
    Ok(known)
}

/// Finds an account that a caller sees by its id, or by its name: `PROJECT/NAME` outside the default project, for a token of
/// one project also without the project. What they do not see is as unknown as what does not exist.
pub async fn find_seen(db: &DatabaseConnection, caller: &Caller, which: &str) -> Result<KnownAccount, Error> {
    let seen = seen(db, caller).await?;
    let id: Option<i64> = which.parse().ok();
    let found = seen
        .iter()
        .find(|account| account.row.id != 0 && Some(account.row.id) == id)
        .or_else(|| seen.iter().find(|account| account.to_string() == which))
        .or_else(|| seen.iter().find(|account| caller.project.is_some() && account.row.name == which));
    found.cloned().ok_or_else(|| {
        Error::unknown(
            Unknown::Account,
            format!("there is no account {which:?}; GET /api/v1/accounts lists them"),
        )
    })
}

/// The name of an account to add in a project: the named one, by default the caller's own.
pub async fn name_in_project(
    db: &DatabaseConnection,
    caller: &Caller,
    project: Option<&str>,
    name: &str,
) -> Result<String, Error> {
    if name.contains('/') {
        let text = format!("name: {name:?} must have no '/'; the project is a key of its own");
        return Err(Error::Invalid(text));
    }
    let own = match caller.project {
        Some(own) => project::Entity::find_by_id(own).one(db).await?.map(|project| project.key),
        None => None,
    };
    let key = match (project, &own) {
        (Some(asked), Some(own)) if asked != own => {
            return Err(Error::unknown(Unknown::Project, format!("there is no project {asked:?}")));
        }
        (Some(asked), _) => asked,
        (None, Some(own)) => own,
        (None, None) => "default",
    };
    Ok(format!("{key}/{name}"))
}

/// Keeps what the platform said that an account may do, for those who look at it later.
pub async fn remember(
    db: &impl ConnectionTrait,
    known: &KnownAccount,
    scopes: &[String],
) -> Result<(), DbErr> {
    if known.row.id == 0 || scopes.is_empty() {
        return Ok(());
    }
    let row = account::ActiveModel {
        id: Set(known.row.id),
        scopes: Set(Some(json!(scopes))),
        ..Default::default()
    };
    row.update(db).await.map(drop)
}
