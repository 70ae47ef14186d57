//! People as CSV: a row a person, with a column for each account. Several words in a cell stand on lines of their own.
//!
//! Spreadsheets take a cell that begins with `=`, `+`, `-` or `@` for a formula, so such words, and those that begin with
//! an apostrophe, are written with an apostrophe before them, which is taken off when they are read.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, Words};
use crate::Error;

/// The columns before those of accounts.
const FIRST: [&str; 3] = ["name", "email", "texts"];

/// Letters that must not begin a cell.
const GUARDED: [char; 5] = ['=', '+', '-', '@', '\''];

/// Writes entries as CSV.
pub fn to_csv(entries: &[Entry]) -> Result<String, Error> {
    let accounts: BTreeSet<&str> =
        entries.iter().flat_map(|entry| entry.accounts.keys().map(String::as_str)).collect();
    let mut csv = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| Error::Invalid(format!("CSV: {error}"));
    csv.write_record(FIRST.iter().copied().map(guarded).chain(accounts.iter().map(|name| guarded(name))))
        .map_err(failed)?;
    for entry in entries {
        let cell = |words: &[String]| words.iter().map(|word| guarded(word)).collect::<Vec<_>>().join("\n");
        let own = [
            guarded(entry.name.as_deref().unwrap_or_default()),
            guarded(entry.email.as_deref().unwrap_or_default()),
            cell(&entry.texts),
        ];
        let of_accounts = accounts
            .iter()
            .map(|account| entry.accounts.get(*account).map(|words| cell(words.all())).unwrap_or_default());
        csv.write_record(own.into_iter().chain(of_accounts)).map_err(failed)?;
    }
    let bytes = csv.into_inner().map_err(|error| Error::Invalid(format!("CSV: {error}")))?;
    String::from_utf8(bytes).map_err(|error| Error::Invalid(format!("CSV: {error}")))
}

/// Reads entries from CSV. Columns may have any order; those that are no account are found when the entries are imported.
pub fn from_csv(text: &str) -> Result<Vec<Entry>, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let invalid = |error: csv::Error| Error::Invalid(format!("CSV: {error}"));
    let head: Vec<String> = csv.headers().map_err(invalid)?.iter().map(|name| plain(name.trim())).collect();
    if let Some(name) = head.iter().enumerate().find(|(at, name)| head[..*at].contains(name)) {
        return Err(Error::Invalid(format!("CSV: there are two columns {:?}; rename one", name.1)));
    }
    if let Some(at) = head.iter().position(String::is_empty) {
        let text = format!("CSV: the column {} has no name; name the account whose logins it has", at + 1);
        return Err(Error::Invalid(text));
    }
    let mut entries = Vec::new();
    for record in csv.records() {
        let record = record.map_err(invalid)?;
        let mut entry = Entry::default();
        let mut accounts: BTreeMap<String, Words> = BTreeMap::new();
        for (name, cell) in head.iter().zip(&record) {
            let mut words: Vec<String> =
                cell.lines().map(str::trim).filter(|word| !word.is_empty()).map(plain).collect();
            match name.as_str() {
                "name" => entry.name = Some(words.join(" ")).filter(|name| !name.is_empty()),
                "email" => entry.email = Some(words.join(" ")).filter(|email| !email.is_empty()),
                "texts" => entry.texts = words,
                _ if words.len() == 1 => drop(accounts.insert(name.clone(), Words::One(words.remove(0)))),
                _ if words.is_empty() => {}
                _ => drop(accounts.insert(name.clone(), Words::Several(words))),
            }
        }
        entry.accounts = accounts;
        // A spreadsheet writes empty rows, too.
        if entry != Entry::default() {
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn guarded(word: &str) -> String {
    if word.starts_with(GUARDED) { format!("'{word}") } else { word.to_owned() }
}

fn plain(word: &str) -> String {
    match word.strip_prefix('\'') {
        Some(rest) if rest.starts_with(GUARDED) => rest.to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn people_survive_a_table() {
        let ada = Entry {
            name: Some("Ada, \"the first\"".to_owned()),
            email: Some("ada@example.com".to_owned()),
            accounts: BTreeMap::from([
                ("acme".to_owned(), Words::One("ada-l".to_owned())),
                ("jira".to_owned(), Words::Several(words(&["5b1", "=1+1"]))),
            ]),
            texts: words(&["Ada", "@ada", "'-1", "it's"]),
        };
        let bob = Entry { texts: words(&["Bob"]), ..Entry::default() };
        let csv = to_csv(&[ada.clone(), bob.clone()]).unwrap();
        assert!(csv.starts_with("name,email,texts,acme,jira\n"), "{csv}");
        assert!(csv.contains("'=1+1") && csv.contains("'@ada"), "{csv}");
        assert_eq!(from_csv(&csv).unwrap(), [ada, bob]);
        assert_eq!(from_csv(&to_csv(&[]).unwrap()).unwrap(), []);
    }

    #[test]
    fn tables_of_spreadsheets_are_read_and_errors_name_the_place() {
        let read = from_csv("\u{feff}acme,name\r\n x ,X\r\n,\r\n").unwrap();
        assert_eq!((read.len(), read[0].name.as_deref()), (1, Some("X")));
        assert_eq!(read[0].accounts["acme"], Words::One("x".to_owned()));
        let told = |text: &str| from_csv(text).unwrap_err().to_string();
        assert!(told("a,a\n1,2\n").contains("two columns \"a\""), "{}", told("a,a\n1,2\n"));
        assert!(told("a,\n1,2\n").contains("column 2 has no name"));
        assert!(told("a,b\n1\n").contains("line: 2"), "{}", told("a,b\n1\n"));
    }
}
