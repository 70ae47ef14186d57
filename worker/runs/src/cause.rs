//! The cause of a dead letter: a kind of error, and a fingerprint that letters of one cause share.
//!
//! The fingerprint is a hash of the kind and of the error's text without the parts that differ between letters of one
//! cause: numbers, ids, quoted parts and addresses.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use serde_json::json;
use syncline_sql::{Binds, Kind, statement};

/// The longest text that is hashed, in characters.
const LONGEST: usize = 400;

/// Rows in one statement.
const BATCH: u64 = 500;

/// The kinds of error of dead letters.
pub mod kinds {
    /// A platform refused the secret of an account.
    pub const AUTH: &str = "auth";
    /// A retry would change nothing.
    pub const PERMANENT: &str = "permanent";
    /// It failed in each of its attempts.
    pub const TRANSIENT: &str = "transient";
    /// Its workers died, or lost it.
    pub const LOST: &str = "lost";
    /// Its job could not be read.
    pub const UNREADABLE: &str = "unreadable";

    pub const ALL: [&str; 5] = [AUTH, PERMANENT, TRANSIENT, LOST, UNREADABLE];
}

/// Returns the kind of a letter of which only the reason is known.
pub(super) fn kind_of(reason: &str) -> &'static str {
    if reason.starts_with("failed ") {
        kinds::TRANSIENT
    } else if reason.starts_with("trying again would not help") {
        kinds::PERMANENT
    } else if reason.starts_with("payload not understood") || reason.starts_with("it cannot be read") {
        kinds::UNREADABLE
    } else {
        kinds::LOST
    }
}

/// Returns the fingerprint of an error: 16 hexadecimal digits.
pub(super) fn fingerprint(kind: &str, error: &str) -> String {
    let text = format!("{kind}\n{}", general(error));
    let hash = blake3::hash(text.as_bytes()).to_hex();
    hash.as_str().chars().take(16).collect()
}

/// Returns the text without the parts that differ between letters of one cause.
fn general(error: &str) -> String {
    let mut text = String::new();
    let mut rest: String = error.chars().take(LONGEST).collect();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '`' | '\'' if begins_word(&text) => quoted(&rest, first),
            _ if first.is_alphanumeric() && begins_word(&text) => word(&rest),
            _ => None,
        };
        let length = match length {
            Some(length) => {
                text.push('#');
                length
            }
            None => {
                text.push(first);
                first.len_utf8()
            }
        };
        rest.drain(..length);
    }
    text
}

/// True if the next letter begins a word.
fn begins_word(before: &str) -> bool {
    before.chars().next_back().is_none_or(|last| !last.is_alphanumeric())
}

/// Returns the length of a quoted part, with its quotation marks.
fn quoted(text: &str, mark: char) -> Option<usize> {
    let inside = &text[mark.len_utf8()..];
    let end = inside.find(mark)?;
    Some(end + 2 * mark.len_utf8())
}

/// Returns the length of a word that has a digit, or is an address.
fn word(text: &str) -> Option<usize> {
    let blank = text.find(char::is_whitespace).unwrap_or(text.len());
    let whole = &text[..blank];
    if whole.contains("://") {
        return Some(whole.trim_end_matches([',', '.', ';', ')']).len());
    }
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '-' && letter != '_');
    let word = &text[..end.unwrap_or(text.len())];
    word.chars().any(|letter| letter.is_ascii_digit()).then_some(word.len())
}

/// Adds the cause to dead letters without one, which older programs wrote. Returns how many it found; fewer than the
/// limit means that there are no more.
pub async fn sort_letters(db: &DatabaseConnection, limit: u64) -> Result<u64, DbErr> {
    let mut found = 0;
    while found < limit {
        let sorted = sort_some(db, BATCH.min(limit - found)).await?;
        found += sorted;
        if sorted < BATCH {
            break;
        }
    }
    Ok(found)
}

async fn sort_some(db: &DatabaseConnection, limit: u64) -> Result<u64, DbErr> {
    let sql = "SELECT id, COALESCE(dead_reason, '') AS reason, COALESCE(error_message, dead_reason, '') AS error \
               FROM sync_history WHERE dead_at IS NOT NULL AND error_fingerprint IS NULL ORDER BY dead_at, id LIMIT ? + 0";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let letters = db.query_all_raw(statement(db.get_database_backend(), sql, [limit.into()])).await?;
    let mut rows = Vec::with_capacity(letters.len());
    for letter in &letters {
        let (id, reason, error): (i64, String, String) =
            (letter.try_get("", "id")?, letter.try_get("", "reason")?, letter.try_get("", "error")?);
        let kind = kind_of(&reason);
        rows.push(json!({ "letter": id, "cause": kind, "mark": fingerprint(kind, &error) }));
    }
    if rows.is_empty() {
        return Ok(0);
    }
    let mut binds = Binds::new(db);
    let columns = [("letter", Kind::Number), ("cause", Kind::Text), ("mark", Kind::Text)];
    let rows = binds.rows(rows, &columns);
    let text = format!(
        "WITH sorted AS MATERIALIZED {rows} UPDATE sync_history SET error_kind = sorted.cause, \
         error_fingerprint = sorted.mark FROM sorted WHERE sync_history.id = sorted.letter \
         AND dead_at IS NOT NULL AND error_fingerprint IS NULL"
    );
    binds.run(db, text).await?;
    Ok(letters.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cause_has_one_fingerprint_whatever_item_and_time_it_names() {
        let same = [
            (
                "HTTP 422: \"priority\" of PROJ-12 is not on screen 3",
                "HTTP 422: \"summary\" of PROJ-9831 is not on screen 17",
            ),
            (
                "no answer from https://a.example/rest/api/3/issue/17 in 30s",
                "no answer from https://b.example:8443/x?y=z in 45s",
            ),
            (
                "run 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f0001 has gone",
                "run 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3fffff has gone",
            ),
            ("the item 'T-1' isn't there", "the item 'Ä 2' isn't there"),
        ];
        for (one, other) in same {
            assert_eq!(fingerprint("permanent", one), fingerprint("permanent", other), "{}", general(one));
        }
        let different = ["no such table", "no such column", "can't open the file", ""];
        let marks: std::collections::HashSet<_> =
            different.iter().map(|text| fingerprint("permanent", text)).collect();
        assert_eq!(marks.len(), different.len());
        assert_ne!(fingerprint("permanent", "x"), fingerprint("transient", "x"));
        assert!(fingerprint("lost", "x").chars().all(|digit| digit.is_ascii_hexdigit()));
    }

    #[test]
    fn texts_of_any_shape_are_read() {
        for odd in ["\"", "a\"b\"c", "''", "“q” 'x", "é1", "://", "9\u{301}", "\u{1F600}\"\u{1F600}\""] {
            assert_eq!(fingerprint("lost", odd).len(), 16, "{odd}");
        }
        assert_eq!(general("it isn't \"a\" 12"), "it isn't # #");
        let long = "x ".repeat(10_000);
        assert_eq!(fingerprint("lost", &long), fingerprint("lost", &format!("{long}y")));
    }
}
