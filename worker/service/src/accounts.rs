//! Accounts: what may be asked of them, and which ones a document names under `source.account` and `target.account`.

mod manage;
mod reencrypt;
mod seen;

use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter};
use syncline_accounts::built_in;
pub use syncline_accounts::{Broker, Reference};
use syncline_connectors::platform;
use syncline_engine::{
    Side,
    nearest::alternatives,
    side::Pair,
    spec::{Finding, SyncSpec},
};
use syncline_entity::account;

use crate::syncs::display_name;

pub(crate) use self::manage::check_name;
pub use self::manage::{
    BY_ITSELF, KnownAccount, NewAccount, NewSecret, add, all, check, find, no_key, pause_refused, remove,
    rotate, saved, set_limits, syncs_of,
};
pub use self::reencrypt::{Reencrypted, reencrypt};
pub use self::seen::{find_seen, name_in_project, remember, seen};

/// One side of a document, as far as its account is concerned.
struct Place<'a> {
    side: Side,
    /// The platform's own name.
    platform: &'a str,
    /// The platform cannot be reached without an account.
    needed: bool,
    /// The name that the document gives.
    name: Option<&'a str>,
}

/// The ids of the accounts that a resolved document names. An error says what is wrong with the name and what to do. A
/// platform that needs no account may name one that does not exist: then the side has none, as before a connector for it
/// exists.
pub async fn resolve(
    db: &impl ConnectionTrait,
    project_id: i64,
    spec: &SyncSpec,
) -> Result<Result<Pair<Option<i64>>, Vec<Finding>>, DbErr> {
    let mut ids = Pair::default();
    let mut findings = Vec::new();
    for place in places(spec) {
        match resolve_one(db, project_id, &spec.project, &place).await? {
            Ok(id) => *ids.get_mut(place.side) = id,
            Err(finding) => findings.push(finding),
        }
    }
    Ok(if findings.is_empty() { Ok(ids) } else { Err(findings) })
}

/// Stores the accounts that a document names and that exist by themselves.
pub(crate) async fn save_built_in(
    tx: &DatabaseTransaction,
    project_id: i64,
    spec: &SyncSpec,
) -> Result<(), DbErr> {
    let places = places(spec);
    let named = places.iter().filter_map(|place| Some((place.name?, place.platform)));
    manage::save_built_in(tx, project_id, named).await
}

/// The sides of a document that name no account although their platform needs one.
pub(crate) fn missing(spec: &SyncSpec) -> Vec<Finding> {
    places(spec).iter().filter(|place| place.needed && place.name.is_none()).map(not_named).collect()
}

fn places(spec: &SyncSpec) -> [Place<'_>; 2] {
    Side::BOTH.map(|side| {
        let (name, scope) = match side {
            Side::Source => (&spec.source_platform, &spec.source),
            Side::Target => (&spec.target_platform, &spec.target),
        };
        let platform = platform(name);
        Place {
            side,
            platform: platform.map_or(name, |platform| platform.name()),
            needed: platform.is_some_and(|platform| platform.needs_account()),
            name: scope.get("account").and_then(|name| name.as_str()).filter(|name| !name.trim().is_empty()),
        }
    })
}

async fn resolve_one(
    db: &impl ConnectionTrait,
    project_id: i64,
    project: &str,
    place: &Place<'_>,
) -> Result<Result<Option<i64>, Finding>, DbErr> {
    let Some(name) = place.name else {
        return Ok(if place.needed { Err(not_named(place)) } else { Ok(None) });
    };
    let path = format!("{}.account", place.side);
    let platform = place.platform;
    match account::by_name(db, project_id, name).await? {
        Some(account) if account.platform == platform => Ok(Ok(Some(account.id))),
        Some(account) => {
            let text = format!(
                "the account {name:?} is one of {}, and {}_platform is {platform}; name an account of {platform}",
                account.platform, place.side
            );
            Ok(Err(Finding::error(path, text)))
        }
        None if !place.needed => Ok(Ok(None)),
        // It exists by itself; storing the sync stores it.
        None if built_in::find(name).is_some_and(|account| account.name == platform) => Ok(Ok(None)),
        None => {
            let known = account::Entity::find()
                .filter(account::Column::ProjectId.eq(project_id))
                .filter(account::Column::Platform.eq(platform))
                .all(db)
                .await?;
            let hint = match known.is_empty() {
                true => format!(
                    "it has none of {platform} yet; add it: syncline accounts add {} --platform {platform}",
                    display_name(project, name)
                ),
                false => {
                    let names = known.iter().map(|account| account.name.as_str());
                    alternatives(name, names, &format!("its accounts of {platform} are:"))
                }
            };
            let text = format!("the project {project:?} has no account {name:?}; {hint}");
            Ok(Err(Finding::error(path, text)))
        }
    }
}

fn not_named(place: &Place<'_>) -> Finding {
    let text = format!("is missing: {} needs the name of an account of the sync's project", place.platform);
    Finding::error(format!("{}.account", place.side), text)
}

#[cfg(test)]
mod tests;
