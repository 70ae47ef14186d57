//! People: who on one side is who on the other.

use std::{collections::HashMap, sync::Arc};

use crate::{Side, side::Pair};

/// One of the identities of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Identities with the same text are one person.
    pub person: String,
    /// The account whose platform knows this identity; none for a text in files and tables.
    pub account: Option<i64>,
    /// The platform's id, or the text.
    pub id: String,
    /// What fields of the platform call the person, if that is not the id.
    pub login: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
}

impl Identity {
    /// What fields call the person.
    pub fn word(&self) -> &str {
        self.login.as_deref().unwrap_or(&self.id)
    }
}

/// A table of people.
#[derive(Debug, Clone, Default)]
pub struct People {
    identities: Vec<Identity>,
    /// The identities of accounts and texts by their words and ids, without case.
    by_word: HashMap<(Option<i64>, String), usize>,
    /// The person with an e-mail address; none if several have it.
    by_email: HashMap<String, Option<usize>>,
    /// The person with a name; none if several have it.
    by_name: HashMap<String, Option<usize>>,
    by_person: HashMap<String, Vec<usize>>,
}

impl People {
    /// The order of the identities matters: of several that one person has in one place, the first is written.
    pub fn new(identities: Vec<Identity>) -> People {
        let mut people = People::default();
        for (position, identity) in identities.iter().enumerate() {
            for word in [identity.word(), &identity.id] {
                people.by_word.entry((identity.account, folded(word))).or_insert(position);
            }
            let same = |other: usize| identities[other].person == identity.person;
            if let Some(email) = &identity.email {
                note(&mut people.by_email, folded(email), position, same);
            }
            if let Some(name) = &identity.name {
                note(&mut people.by_name, name.trim().to_owned(), position, same);
            }
            people.by_person.entry(identity.person.clone()).or_default().push(position);
        }
        people.identities = identities;
        people
    }

    /// The person whom a place calls so. In files and tables that is a text that was mapped, an e-mail address, or a name
    /// that only one person has.
    fn find(&self, account: Option<i64>, word: &str) -> Option<&str> {
        let known = self.by_word.get(&(account, folded(word))).copied();
        let position = known.or_else(|| {
            let by_email = || self.by_email.get(&folded(word)).copied().flatten();
            let by_name = || self.by_name.get(word.trim()).copied().flatten();
            account.is_none().then(|| by_email().or_else(by_name)).flatten()
        })?;
        self.identities.get(position).map(|identity| identity.person.as_str())
    }

    /// What a place calls a person.
    fn word(&self, account: Option<i64>, person: &str) -> Option<String> {
        let all =
            || self.by_person.get(person).into_iter().flatten().filter_map(|at| self.identities.get(*at));
        let known = all().filter(|identity| identity.account == account).map(Identity::word);
        let emails = all().filter_map(|identity| identity.email.as_deref());
        let names = all().filter_map(|identity| identity.name.as_deref());
        let texts = emails.chain(names).filter(|_| account.is_none());
        // What would be read as somebody else is not written.
        known.chain(texts).find(|word| self.find(account, word) == Some(person)).map(str::to_owned)
    }
}

/// Notes that a text belongs to a person, and to nobody once a second person has it.
fn note(
    by: &mut HashMap<String, Option<usize>>,
    text: String,
    position: usize,
    same: impl Fn(usize) -> bool,
) {
    by.entry(text).and_modify(|known| *known = known.filter(|other| same(*other))).or_insert(Some(position));
}

fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

/// A table of people, and the accounts of a sync's two places.
#[derive(Debug, Clone, Default)]
pub struct PeopleOfSync {
    pub people: Arc<People>,
    /// The accounts of the places; none for files and tables.
    pub accounts: Pair<Option<i64>>,
    /// Both places call everybody the same.
    pub same: bool,
}

impl PeopleOfSync {
    pub(super) fn carry(&self, from: Side, word: &str) -> Option<String> {
        if self.same {
            return Some(word.to_owned());
        }
        let (here, there) = (*self.accounts.get(from), *self.accounts.get(from.other()));
        let known = self.people.find(here, word).and_then(|person| self.people.word(there, person));
        // Files and tables name people in the same ways.
        known.or_else(|| (here.is_none() && there.is_none()).then(|| word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(person: &str, account: Option<i64>, id: &str) -> Identity {
        let (login, name, email) = (None, None, None);
        Identity { person: person.to_owned(), account, id: id.to_owned(), login, name, email }
    }

    fn github(person: &str, id: &str, login: &str, name: &str, email: &str) -> Identity {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Identity { login: text(login), name: text(name), email: text(email), ..identity(person, Some(1), id) }
    }

    fn of(identities: Vec<Identity>, source: Option<i64>, target: Option<i64>) -> PeopleOfSync {
        let accounts = Pair::new(source, target);
        PeopleOfSync { people: Arc::new(People::new(identities)), accounts, same: false }
    }

    #[test]
    fn files_name_people_by_mapped_text_then_e_mail_then_name() {
        let people = of(
            vec![
                github("a", "11", "ada-q", "Ada Quist", "ada@example.org"),
                github("b", "12", "chen", "Chen Li", ""),
                github("c", "13", "dee", "Dee", "dee@example.org"),
                identity("c", None, "D."),
            ],
            Some(1),
            None,
        );
        let there = |login: &str| people.carry(Side::Source, login);
        assert_eq!(there("ada-q").as_deref(), Some("ada@example.org"));
        assert_eq!(there("CHEN").as_deref(), Some("Chen Li"));
        assert_eq!(there("13").as_deref(), Some("D."));
        assert_eq!(there("octocat"), None);
        let back = |text: &str| people.carry(Side::Target, text);
        assert_eq!(back("Ada@Example.org").as_deref(), Some("ada-q"));
        assert_eq!(back(" Ada Quist ").as_deref(), Some("ada-q"));
        assert_eq!([back("d."), back("dee@example.org")].map(|found| found.unwrap()), ["dee", "dee"]);
        assert_eq!(back("ada-q"), None, "a login is no text of a file");
    }

    #[test]
    fn a_name_or_address_of_two_people_names_neither() {
        let people = of(
            vec![
                github("a", "11", "ada", "Sam Doe", "team@example.org"),
                github("b", "12", "bee", "Sam Doe", "team@example.org"),
                github("b", "14", "bee2", "Sam Doe", ""),
            ],
            Some(1),
            None,
        );
        assert_eq!(people.carry(Side::Target, "Sam Doe"), None);
        assert_eq!(people.carry(Side::Target, "team@example.org"), None);
        assert_eq!(people.carry(Side::Source, "ada"), None, "it would come back as nobody");
    }

    #[test]
    fn a_text_that_was_mapped_by_hand_is_not_somebody_elses_name() {
        let people = of(
            vec![
                github("a", "11", "ada", "Ada", ""),
                github("b", "12", "bee", "", ""),
                identity("b", None, "Ada"),
            ],
            Some(1),
            None,
        );
        assert_eq!(people.carry(Side::Target, "Ada").as_deref(), Some("bee"));
        assert_eq!(people.carry(Side::Source, "ada"), None, "written as Ada it would be read as bee");
    }

    #[test]
    fn two_files_call_everybody_the_same_unless_texts_were_mapped() {
        let people = of(vec![identity("a", None, "Ada Q."), identity("a", None, "aq")], None, None);
        assert_eq!(people.carry(Side::Source, "somebody").as_deref(), Some("somebody"));
        assert_eq!(people.carry(Side::Target, "AQ").as_deref(), Some("Ada Q."));
    }

    #[test]
    fn places_of_one_platform_call_everybody_the_same() {
        let same = PeopleOfSync { same: true, ..PeopleOfSync::default() };
        assert_eq!(same.carry(Side::Source, "octocat").as_deref(), Some("octocat"));
    }
}
