//! The identities that texts of commands name, and those that a sync's places know.

use std::sync::Arc;

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr,
    EntityTrait, QueryFilter, QueryOrder,
};
use syncline_accounts::built_in;
use syncline_connectors::platform;
use syncline_engine::{
    Side,
    mapping::{Identity, Mapping, MappingError, People, PeopleOfSync},
    nearest::alternatives,
    side::Pair,
    spec::{Category, SyncSpec},
};
use syncline_entity::{account, person_identity, project, types::MatchedBy};
use uuid::Uuid;

use crate::{
    Error, Unknown,
    accounts::{self, KnownAccount},
};

/// Compiles the mapping of a sync's document, with the statuses of its platforms and the people of its project.
pub async fn mapping(
    db: &impl ConnectionTrait,
    spec: &SyncSpec,
    revision: i64,
) -> Result<Result<Mapping, MappingError>, DbErr> {
    let mut mapping = match Mapping::compile(spec, revision) {
        Ok(mapping) => mapping,
        Err(error) => return Ok(Err(error)),
    };
    let of = |side: Side| match side {
        Side::Source => platform(&spec.source_platform),
        Side::Target => platform(&spec.target_platform),
    };
    mapping.set_text_forms(|side, field| {
        of(side).map_or_else(Default::default, |platform| platform.text_form(&spec.entity_type, field))
    });
    mapping.set_statuses(|side, field| {
        let known = of(side).map_or(&[][..], |platform| platform.statuses(&spec.entity_type, field));
        let status =
            |(name, category): &(&str, &str)| Some(((*name).to_owned(), Category::parse(category).ok()?));
        known.iter().filter_map(status).collect()
    });
    if mapping.has_people() {
        let (people, revision) = of_sync(db, spec).await?;
        mapping.set_people(&people, revision);
    }
    Ok(Ok(mapping))
}

/// The people of a sync's project with the accounts of its places, and the revision of the people.
async fn of_sync(db: &impl ConnectionTrait, spec: &SyncSpec) -> Result<(PeopleOfSync, i64), DbErr> {
    let Some(project) = project::by_key(db, &spec.project).await? else {
        return Ok(Default::default());
    };
    let mut accounts = Pair::default();
    for (side, scope) in [(Side::Source, &spec.source), (Side::Target, &spec.target)] {
        if let Some(name) = scope.get("account").and_then(|name| name.as_str()) {
            *accounts.get_mut(side) = account::by_name(db, project.id, name).await?;
        }
    }
    let same = match (&accounts.source, &accounts.target) {
        (Some(one), Some(other)) => one.platform == other.platform && one.base_url == other.base_url,
        _ => false,
    };
    let people = Arc::new(of_project(db, project.id).await?);
    let id = |side: Side| accounts.get(side).as_ref().map(|account| account.id);
    let accounts = Pair::new(id(Side::Source), id(Side::Target));
    Ok((PeopleOfSync { people, accounts, same }, project.people_revision))
}

/// The table of people of a project.
pub async fn of_project(db: &impl ConnectionTrait, project: i64) -> Result<People, DbErr> {
    let rows = person_identity::Entity::find()
        .filter(person_identity::Column::ProjectId.eq(project))
        .order_by_asc(person_identity::Column::Id)
        .all(db)
        .await?;
    let identity = |row: person_identity::Model| Identity {
        person: row.person.to_string(),
        account: row.account_id,
        id: row.remote_id,
        login: row.login,
        name: row.name,
        email: row.email,
    };
    Ok(People::new(rows.into_iter().map(identity).collect()))
}

/// Where an identity is, and what it is called there.
pub(super) struct Named<'a> {
    pub(super) account: Option<i64>,
    pub(super) word: &'a str,
}

/// Reads `ACCOUNT:LOGIN`, or a text in files and tables. `text:` before a text says that it is no account's.
async fn named<'a>(
    tx: &DatabaseTransaction,
    project: &project::Model,
    text: &'a str,
) -> Result<Named<'a>, Error> {
    let (account, word) = match text.split_once(':') {
        Some(("text", word)) => (None, word),
        Some((name, word)) => (Some(account_of(tx, project, name, text).await?), word),
        None => (None, text),
    };
    let word = word.trim();
    if word.is_empty() {
        let text = format!("{text:?} names nobody; use ACCOUNT:LOGIN, or a text of files and tables");
        return Err(Error::Invalid(text));
    }
    Ok(Named { account, word })
}

/// The account that an identity names.
async fn account_of(
    tx: &DatabaseTransaction,
    project: &project::Model,
    name: &str,
    text: &str,
) -> Result<i64, Error> {
    if let Some(account) = account::by_name(tx, project.id, name).await? {
        return Ok(account.id);
    }
    if let Some(built_in) = built_in::find(name) {
        let account = KnownAccount { project: project.key.clone(), row: built_in.unsaved() };
        return Ok(accounts::saved(tx, account).await?.row.id);
    }
    let known = account::Entity::find().filter(account::Column::ProjectId.eq(project.id)).all(tx).await?;
    let hint = match known.is_empty() {
        true => "it has none yet".to_owned(),
        false => alternatives(name, known.iter().map(|account| account.name.as_str()), "its accounts are:"),
    };
    let text = format!(
        "the project {:?} has no account {name:?}; {hint}. If {text:?} stands in a file or table, write it as {:?}",
        project.key,
        format!("text:{text}")
    );
    Err(Error::unknown(Unknown::Account, text))
}

/// The identity that is called so.
pub(super) async fn lookup(
    tx: &DatabaseTransaction,
    project: i64,
    named: &Named<'_>,
) -> Result<Option<person_identity::Model>, DbErr> {
    let account = match named.account {
        Some(id) => person_identity::Column::AccountId.eq(id),
        None => person_identity::Column::AccountId.is_null(),
    };
    let rows = person_identity::Entity::find()
        .filter(person_identity::Column::ProjectId.eq(project))
        .filter(account)
        .order_by_asc(person_identity::Column::Id)
        .all(tx)
        .await?;
    let same = |text: &str| text.to_lowercase() == named.word.to_lowercase();
    let login = rows.iter().find(|row| row.login.as_deref().is_some_and(same));
    Ok(login.or_else(|| rows.iter().find(|row| same(&row.remote_id))).cloned())
}

pub(super) async fn find(
    tx: &DatabaseTransaction,
    project: &project::Model,
    text: &str,
) -> Result<person_identity::Model, Error> {
    let named = named(tx, project, text).await?;
    lookup(tx, project.id, &named).await?.ok_or_else(|| {
        let text = format!("there is no identity {text:?}; `syncline people` lists those that are known");
        Error::unknown(Unknown::Person, text)
    })
}

/// The identity that is called so; a new person if nobody is.
pub(super) async fn find_or_add(
    tx: &DatabaseTransaction,
    project: &project::Model,
    text: &str,
) -> Result<person_identity::Model, Error> {
    let named = named(tx, project, text).await?;
    match lookup(tx, project.id, &named).await? {
        Some(row) => Ok(row),
        None => add(tx, project.id, &named).await,
    }
}

pub(super) async fn add(
    tx: &DatabaseTransaction,
    project: i64,
    named: &Named<'_>,
) -> Result<person_identity::Model, Error> {
    let new = person_identity::ActiveModel {
        project_id: Set(project),
        person: Set(Uuid::now_v7()),
        account_id: Set(named.account),
        remote_id: Set(named.word.to_owned()),
        matched_by: Set(MatchedBy::None),
        ..Default::default()
    };
    Ok(new.insert(tx).await?)
}
