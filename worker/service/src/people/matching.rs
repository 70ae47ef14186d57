//! Matches the people of an account with those of others.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder};
use syncline_entity::{person_identity, types::MatchedBy};
use uuid::Uuid;

/// Matches the identities of an account that are persons of their own; returns how many by e-mail address and by name. One
/// that a person has mapped or taken out stays as it is.
pub(super) async fn match_all(
    tx: &DatabaseTransaction,
    project: i64,
    account: i64,
) -> Result<(usize, usize), DbErr> {
    let mut counts = [0, 0];
    let ways: [(MatchedBy, Text); 2] = [(MatchedBy::Email, email), (MatchedBy::Name, name)];
    for (count, (by, text)) in counts.iter_mut().zip(ways) {
        let rows = person_identity::Entity::find()
            .filter(person_identity::Column::ProjectId.eq(project))
            .order_by_asc(person_identity::Column::Id)
            .all(tx)
            .await?;
        for (id, person) in matches(&rows, account, text) {
            super::set(tx, id, person, by).await?;
            *count += 1;
        }
    }
    Ok((counts[0], counts[1]))
}

type Text = fn(&person_identity::Model) -> Option<String>;

fn email(row: &person_identity::Model) -> Option<String> {
    row.email.as_ref().map(|email| email.trim().to_lowercase()).filter(|email| !email.is_empty())
}

fn name(row: &person_identity::Model) -> Option<String> {
    row.name.as_ref().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The identities of an account that have the text alone there and share it with one other person, and that person. Nobody
/// is matched with a person who has an identity in the account, or one that was taken out of another person.
fn matches(rows: &[person_identity::Model], account: i64, text: Text) -> Vec<(i64, Uuid)> {
    let here = |row: &person_identity::Model| row.account_id == Some(account);
    let closed = |row: &&person_identity::Model| here(row) || row.matched_by == MatchedBy::Apart;
    let taken: BTreeSet<Uuid> = rows.iter().filter(closed).map(|row| row.person).collect();
    let mut sizes: BTreeMap<Uuid, usize> = BTreeMap::new();
    let mut own: BTreeMap<String, usize> = BTreeMap::new();
    let mut others: BTreeMap<String, BTreeSet<Uuid>> = BTreeMap::new();
    for row in rows {
        *sizes.entry(row.person).or_default() += 1;
        let Some(text) = text(row) else { continue };
        if here(row) {
            *own.entry(text).or_default() += 1;
        } else {
            others.entry(text).or_default().insert(row.person);
        }
    }
    let alone = |row: &&person_identity::Model| {
        here(row) && row.matched_by == MatchedBy::None && sizes.get(&row.person) == Some(&1)
    };
    let found = |row: &person_identity::Model| {
        let text = text(row)?;
        let people = others.get(&text).filter(|people| people.len() == 1 && own.get(&text) == Some(&1))?;
        let person = people.first().filter(|person| !taken.contains(*person))?;
        Some((row.id, *person))
    };
    rows.iter().filter(alone).filter_map(found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, person: u128, account: i64, name: &str, email: &str) -> person_identity::Model {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        person_identity::Model {
            id,
            project_id: 1,
            person: Uuid::from_u128(person),
            account_id: Some(account),
            remote_id: id.to_string(),
            login: None,
            name: text(name),
            email: text(email),
            matched_by: MatchedBy::None,
        }
    }

    #[test]
    fn only_who_is_alone_with_a_text_on_both_sides_is_matched() {
        let rows = [
            row(1, 1, 1, "Ada", "ada@example.org"),
            row(2, 2, 1, "Sam", ""),
            row(3, 3, 1, "Sam", ""),
            row(4, 4, 1, "Bo", "bo@example.org"),
            row(5, 5, 2, "Ada", "ADA@example.org"),
            row(6, 6, 2, "Sam", ""),
            row(7, 7, 2, "Bo", ""),
            row(8, 8, 2, "Bo", ""),
        ];
        assert_eq!(matches(&rows, 2, email), [(5, Uuid::from_u128(1))]);
        assert_eq!(matches(&rows, 2, name), [(5, Uuid::from_u128(1))]);
        assert_eq!(matches(&rows, 1, email), [(1, Uuid::from_u128(5))]);
    }

    #[test]
    fn nobody_is_matched_with_who_was_taken_out() {
        let apart = person_identity::Model { matched_by: MatchedBy::Apart, ..row(2, 2, 2, "Ben", "") };
        assert_eq!(matches(&[row(1, 1, 1, "Ben", ""), apart], 1, name), []);
    }

    #[test]
    fn who_was_mapped_or_taken_out_by_hand_stays() {
        for by in [MatchedBy::Hand, MatchedBy::Apart] {
            let rows = [
                row(1, 1, 1, "", "a@example.org"),
                person_identity::Model { matched_by: by, ..row(2, 2, 2, "", "a@example.org") },
            ];
            assert_eq!(matches(&rows, 2, email), []);
        }
    }

    #[test]
    fn a_person_has_one_identity_in_an_account() {
        let rows =
            [row(1, 1, 1, "", "a@example.org"), row(2, 1, 2, "", ""), row(3, 3, 2, "", "a@example.org")];
        assert_eq!(matches(&rows, 2, email), []);
    }
}
