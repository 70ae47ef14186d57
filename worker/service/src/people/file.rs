//! People in a file: one entry a person.

use std::collections::BTreeMap;

use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseConnection, DatabaseTransaction};
use serde::{Deserialize, Serialize};
use serde_json::json;
use syncline_entity::{account, person_identity, types::MatchedBy};
use syncline_sql::begin;
use uuid::Uuid;

use super::{KnownPerson, list, note, place, set, take_out, touch};
use crate::{Caller, Error, Unknown};

/// A person in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Account to login, or to the id where the platform has no logins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accounts: BTreeMap<String, Words>,
    /// Texts in files and tables, the one that is written first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
}

/// One word, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Words {
    One(String),
    Several(Vec<String>),
}

impl Words {
    pub(super) fn all(&self) -> &[String] {
        match self {
            Words::One(word) => std::slice::from_ref(word),
            Words::Several(words) => words,
        }
    }
}

/// What `import` did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    pub people: usize,
    pub identities: usize,
    /// Not known before.
    pub new: usize,
}

/// The people of a project as entries of a file.
pub fn export(people: &[KnownPerson]) -> Vec<Entry> {
    let entry = |person: &KnownPerson| {
        let mut entry = Entry::default();
        for identity in &person.identities {
            let word = identity.word().to_owned();
            match &identity.account {
                None => entry.texts.push(word),
                Some(account) => match entry.accounts.get_mut(account) {
                    None => {
                        entry.accounts.insert(account.clone(), Words::One(word));
                    }
                    Some(words) => {
                        let all = words.all().iter().cloned().chain([word]).collect();
                        *words = Words::Several(all);
                    }
                },
            }
            entry.name = entry.name.or_else(|| identity.row.name.clone());
            entry.email = entry.email.or_else(|| identity.row.email.clone());
        }
        entry
    };
    people.iter().map(entry).collect()
}

/// Makes the identities of each entry one person, as if they were mapped by hand: all entries, or none. People who are in
/// no entry stay as they are.
pub async fn import(
    db: &DatabaseConnection,
    caller: &Caller,
    project: &str,
    entries: &[Entry],
) -> Result<Imported, Error> {
    let tx = begin(db).await?;
    let project = super::project(&tx, project).await?.id;
    let mut done = Imported { people: entries.len(), ..Imported::default() };
    let mut taken: BTreeMap<i64, usize> = BTreeMap::new();
    for (position, entry) in entries.iter().enumerate() {
        let at = |why: String| Error::Invalid(format!("entry {}: {why}", position + 1));
        let mut rows = Vec::new();
        for (name, words) in &entry.accounts {
            let account = account::by_name(&tx, project, name).await?.ok_or_else(|| {
                let text = format!(
                    "entry {}: accounts: the project has no account {name:?}; `syncline accounts` lists them",
                    position + 1
                );
                Error::unknown(Unknown::Account, text)
            })?;
            for word in words.all() {
                rows.push(known(&tx, project, Some(account.id), word, &mut done).await?);
            }
        }
        for text in &entry.texts {
            rows.push(known(&tx, project, None, text, &mut done).await?);
        }
        let Some(first) = rows.first() else {
            return Err(at("has neither accounts nor texts; name at least one".to_owned()));
        };
        for row in &rows {
            if let Some(other) = taken.insert(row.id, position) {
                let word = row.login.as_ref().unwrap_or(&row.remote_id);
                return Err(at(format!("{word:?} is in entry {} already", other + 1)));
            }
        }
        one_person(&tx, project, entry, first.person, &rows).await?;
        done.identities += rows.len();
    }
    if !entries.is_empty() {
        touch(&tx, project).await?;
        let after = json!({ "people": done.people, "identities": done.identities, "new": done.new });
        note(&tx, caller, project, "people.import", None, after).await?;
    }
    tx.commit().await?;
    Ok(done)
}

async fn known(
    tx: &DatabaseTransaction,
    project: i64,
    account: Option<i64>,
    word: &str,
    done: &mut Imported,
) -> Result<person_identity::Model, Error> {
    let named = place::Named { account, word: word.trim() };
    if named.word.is_empty() {
        return Err(Error::Invalid("a login and a text must not be empty".to_owned()));
    }
    if let Some(row) = place::lookup(tx, project, &named).await? {
        return Ok(row);
    }
    done.new += 1;
    place::add(tx, project, &named).await
}

/// Gives a person these identities and no others.
async fn one_person(
    tx: &DatabaseTransaction,
    project: i64,
    entry: &Entry,
    person: Uuid,
    rows: &[person_identity::Model],
) -> Result<(), Error> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let now = list(tx, project).await?;
    let others = now.iter().flat_map(|person| &person.identities);
    for other in others.filter(|other| other.row.person == person && !ids.contains(&other.row.id)) {
        take_out(tx, &other.row).await?;
    }
    for (position, row) in rows.iter().enumerate() {
        set(tx, row.id, person, MatchedBy::Hand).await?;
        // The platform's own words are better, where it tells any.
        if position == 0 && (row.name.is_none() || row.email.is_none()) {
            let row = person_identity::ActiveModel {
                id: Set(row.id),
                name: Set(row.name.clone().or_else(|| entry.name.clone())),
                email: Set(row.email.clone().or_else(|| entry.email.clone())),
                ..Default::default()
            };
            row.update(tx).await?;
        }
    }
    Ok(())
}
