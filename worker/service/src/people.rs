//! People: which identities are one person. Identities come from accounts (`discovered`) and from people (`map`, `import`);
//! runs translate fields with people by them.

mod file;
mod matching;
mod place;
mod table;

use std::collections::BTreeMap;

use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
    QueryOrder,
    sea_query::{Expr, ExprTrait},
};
use serde_json::{Value, json};
use syncline_connectors::Person;
use syncline_entity::{account, person_identity, project, types::MatchedBy};
use syncline_sql::begin;
use uuid::Uuid;

pub use self::{
    file::{Entry, Imported, Words, export, import},
    place::{mapping, of_project},
    table::{from_csv, to_csv},
};
use crate::{Caller, Error, Unknown, accounts::KnownAccount, audit};

/// A person with everything that is known of them.
#[derive(Debug, Clone)]
pub struct KnownPerson {
    /// Oldest first.
    pub identities: Vec<KnownIdentity>,
}

/// An identity and the name of its account; none for a text in files and tables.
#[derive(Debug, Clone)]
pub struct KnownIdentity {
    pub account: Option<String>,
    pub row: person_identity::Model,
}

impl KnownIdentity {
    /// What fields call the person.
    pub fn word(&self) -> &str {
        self.row.login.as_deref().unwrap_or(&self.row.remote_id)
    }
}

impl std::fmt::Display for KnownIdentity {
    /// As commands take it: `ACCOUNT:LOGIN`, or the text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.account {
            Some(account) => write!(f, "{account}:{}", self.word()),
            None => f.write_str(self.word()),
        }
    }
}

impl KnownPerson {
    /// A name for people: the name, else the e-mail address, else what a platform calls the person.
    pub fn name(&self) -> &str {
        let first = |of: fn(&person_identity::Model) -> Option<&str>| {
            self.identities.iter().find_map(|identity| of(&identity.row))
        };
        first(|row| row.name.as_deref())
            .or_else(|| first(|row| row.email.as_deref()))
            .unwrap_or_else(|| self.identities.first().map_or("?", KnownIdentity::word))
    }

    /// The e-mail address, if one is known.
    pub fn email(&self) -> Option<&str> {
        self.identities.iter().find_map(|identity| identity.row.email.as_deref())
    }
}

/// The project with this key.
pub async fn project(db: &impl ConnectionTrait, key: &str) -> Result<project::Model, Error> {
    project::by_key(db, key).await?.ok_or_else(|| {
        Error::unknown(Unknown::Project, format!("there is no project {key:?}; `syncline apply` makes one"))
    })
}

/// The people of a project, by name.
pub async fn list(db: &impl ConnectionTrait, project: i64) -> Result<Vec<KnownPerson>, DbErr> {
    let rows = person_identity::Entity::find()
        .find_also_related(account::Entity)
        .filter(person_identity::Column::ProjectId.eq(project))
        .order_by_asc(person_identity::Column::Id)
        .all(db)
        .await?;
    let mut by_person: BTreeMap<Uuid, KnownPerson> = BTreeMap::new();
    for (row, account) in rows {
        let person = by_person.entry(row.person).or_insert(KnownPerson { identities: Vec::new() });
        person.identities.push(KnownIdentity { account: account.map(|account| account.name), row });
    }
    let mut people: Vec<KnownPerson> = by_person.into_values().collect();
    people.sort_by_cached_key(|person| (person.name().to_lowercase(), person.identities[0].row.id));
    Ok(people)
}

/// What `discovered` did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Discovered {
    /// People of the account, known before or not.
    pub found: usize,
    /// Not known before.
    pub new: usize,
    /// Login, name or e-mail address changed.
    pub changed: usize,
    pub matched_by_email: usize,
    pub matched_by_name: usize,
}

/// Stores the people that an account sees, and matches those who are alone with others: by e-mail address, then by a name
/// that only one person has.
pub async fn discovered(
    db: &DatabaseConnection,
    caller: &Caller,
    account: &KnownAccount,
    people: &[Person],
) -> Result<Discovered, Error> {
    let tx = begin(db).await?;
    let (project, id) = (account.row.project_id, account.row.id);
    let known =
        person_identity::Entity::find().filter(person_identity::Column::AccountId.eq(id)).all(&tx).await?;
    let mut done = Discovered { found: people.len(), ..Discovered::default() };
    for person in people {
        let login = Some(person.login.clone()).filter(|login| *login != person.id);
        // Somebody mapped by hand before the platform was asked is known by the login alone.
        let row = known
            .iter()
            .find(|row| row.remote_id == person.id)
            .or_else(|| known.iter().find(|row| row.login.is_none() && row.remote_id == person.login));
        match row {
            None => {
                let new = person_identity::ActiveModel {
                    project_id: Set(project),
                    person: Set(Uuid::now_v7()),
                    account_id: Set(Some(id)),
                    remote_id: Set(person.id.clone()),
                    login: Set(login),
                    name: Set(person.name.clone()),
                    email: Set(person.email.clone()),
                    matched_by: Set(MatchedBy::None),
                    ..Default::default()
                };
                new.insert(&tx).await?;
                done.new += 1;
            }
            Some(row) => {
                let mut now = row.clone();
                (now.remote_id, now.login) = (person.id.clone(), login);
                // What the platform hides now may have been known before.
                now.name = person.name.clone().or(now.name);
                now.email = person.email.clone().or(now.email);
                if now != *row {
                    person_identity::ActiveModel::from(now).reset_all().update(&tx).await?;
                    done.changed += 1;
                }
            }
        }
    }
    (done.matched_by_email, done.matched_by_name) = matching::match_all(&tx, project, id).await?;
    if done.new + done.changed + done.matched_by_email + done.matched_by_name > 0 {
        touch(&tx, project).await?;
        let after = json!({
            "account": account.row.name, "new": done.new, "changed": done.changed,
            "matched_by_email": done.matched_by_email, "matched_by_name": done.matched_by_name,
        });
        note(&tx, caller, project, "people.sync", None, after).await?;
    }
    tx.commit().await?;
    Ok(done)
}

/// Writes a change of people to the audit log, without names and addresses.
async fn note(
    tx: &DatabaseTransaction,
    caller: &Caller,
    project: i64,
    action: &str,
    person: Option<Uuid>,
    after: Value,
) -> Result<(), DbErr> {
    let id = person.map(|person| person.to_string());
    let entry =
        audit::Entry { action, kind: "person", id, project: Some(project), before: Value::Null, after };
    audit::record(tx, caller, entry).await
}

/// What `map` and `unmap` did.
#[derive(Debug, Clone)]
pub struct Mapped {
    /// The person now.
    pub person: KnownPerson,
    /// Identities that are persons of their own now.
    pub apart: Vec<KnownIdentity>,
}

/// Makes two identities one person: the second one moves to the person of the first one. An identity of the second one's
/// account that the person has by then is taken out. Identities that are not known yet are added.
pub async fn map(
    db: &DatabaseConnection,
    caller: &Caller,
    project: &str,
    one: &str,
    other: &str,
) -> Result<Mapped, Error> {
    let tx = begin(db).await?;
    let project = self::project(&tx, project).await?;
    let one = place::find_or_add(&tx, &project, one).await?;
    let other = place::find_or_add(&tx, &project, other).await?;
    let project = project.id;
    if one.id == other.id {
        return Err(Error::Invalid("both are the same identity; name two".to_owned()));
    }
    let apart = join(&tx, &one, &other).await?;
    touch(&tx, project).await?;
    let mapped = shown(&tx, project, one.person, &apart).await?;
    let after = json!({ "identities": [one.id, other.id], "apart": apart });
    note(&tx, caller, project, "people.map", Some(one.person), after).await?;
    tx.commit().await?;
    Ok(mapped)
}

/// Takes an identity out of its person. It is not matched again by itself.
pub async fn unmap(
    db: &DatabaseConnection,
    caller: &Caller,
    project: &str,
    identity: &str,
) -> Result<Mapped, Error> {
    let tx = begin(db).await?;
    let project = self::project(&tx, project).await?;
    let row = place::find(&tx, &project, identity).await?;
    let project = project.id;
    let person = take_out(&tx, &row).await?;
    touch(&tx, project).await?;
    let mapped = shown(&tx, project, person, &[]).await?;
    note(&tx, caller, project, "people.unmap", Some(row.person), json!({ "apart": [row.id] })).await?;
    tx.commit().await?;
    Ok(mapped)
}

/// Moves an identity to the person of another one. Returns the ids of those taken out for it.
async fn join(
    tx: &DatabaseTransaction,
    one: &person_identity::Model,
    other: &person_identity::Model,
) -> Result<Vec<i64>, Error> {
    let mut apart = Vec::new();
    if let Some(account) = other.account_id {
        if one.account_id == Some(account) {
            let text = "both are identities of one account; a person has one in each account";
            return Err(Error::Invalid(text.to_owned()));
        }
        let others = person_identity::Entity::find()
            .filter(person_identity::Column::Person.eq(one.person))
            .filter(person_identity::Column::AccountId.eq(account))
            .filter(person_identity::Column::Id.ne(other.id))
            .all(tx)
            .await?;
        for row in others {
            take_out(tx, &row).await?;
            apart.push(row.id);
        }
    }
    set(tx, other.id, one.person, MatchedBy::Hand).await?;
    // It stays when the other one is matched anew.
    set(tx, one.id, one.person, MatchedBy::Hand).await?;
    Ok(apart)
}

async fn take_out(tx: &DatabaseTransaction, row: &person_identity::Model) -> Result<Uuid, DbErr> {
    let person = Uuid::now_v7();
    set(tx, row.id, person, MatchedBy::Apart).await?;
    Ok(person)
}

async fn set(tx: &DatabaseTransaction, id: i64, person: Uuid, by: MatchedBy) -> Result<(), DbErr> {
    let row = person_identity::ActiveModel {
        id: Set(id),
        person: Set(person),
        matched_by: Set(by),
        ..Default::default()
    };
    row.update(tx).await.map(|_| ())
}

async fn shown(tx: &DatabaseTransaction, project: i64, person: Uuid, apart: &[i64]) -> Result<Mapped, Error> {
    let people = list(tx, project).await?;
    let all = || people.iter().flat_map(|person| &person.identities);
    let apart = all().filter(|identity| apart.contains(&identity.row.id)).cloned().collect();
    let found = people.iter().find(|known| known.identities[0].row.person == person).cloned();
    let person = found.ok_or_else(|| DbErr::RecordNotFound(format!("person {person} is gone")))?;
    Ok(Mapped { person, apart })
}

/// Tells runs that people have changed.
async fn touch(tx: &DatabaseTransaction, project: i64) -> Result<(), DbErr> {
    project::Entity::update_many()
        .col_expr(project::Column::PeopleRevision, Expr::col(project::Column::PeopleRevision).add(1))
        .filter(project::Column::Id.eq(project))
        .exec(tx)
        .await
        .map(|_| ())
}
