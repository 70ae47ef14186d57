//! Handles keys that have several spellings. No I/O.

use syncline_engine::{
    Value,
    value::{Instant, Precision, parse_date},
};

use super::{
    column::Kind,
    convert::boolean,
    table::{Table, is_uuid},
};

/// Which spellings of a text key the database treats as equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spelling {
    pub(super) case: Case,
    /// Trailing spaces are ignored.
    pub(super) padded: bool,
}

/// Which letters are equal in upper and lower case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Case {
    #[default]
    Matters,
    /// ASCII letters (SQLite's NOCASE).
    Ascii,
    /// All letters (citext, collations that ignore case).
    Ignored,
}

impl Table {
    /// Returns the canonical form of an id: two ids with the same form are one row.
    pub(super) fn canonical(&self, id: &str) -> String {
        let plain = self.plain_key(id);
        let plain = if self.spelling.padded { plain.trim_end_matches(' ').to_owned() } else { plain };
        match self.spelling.case {
            Case::Matters => plain,
            Case::Ascii => plain.to_ascii_lowercase(),
            Case::Ignored => plain.to_lowercase(),
        }
    }

    pub(super) fn respells_keys(&self) -> bool {
        self.spelling != Spelling::default() || !matches!(self.key().kind, Kind::Text | Kind::Any)
    }

    pub(super) fn same_id(&self, one: &str, other: &str) -> bool {
        one == other || self.canonical(one) == self.canonical(other)
    }

    /// An id as a column of the key's type writes it; unchanged if it is no value of that type.
    pub(super) fn plain_key(&self, id: &str) -> String {
        let plain = match self.key().kind {
            Kind::Int => whole(id),
            Kind::Uuid => uuid(id),
            Kind::Decimal(_) | Kind::Single | Kind::Float => decimal(id),
            Kind::Date => parse_date(id).map(|date| date.to_string()),
            Kind::DateTime(_) => time(id),
            Kind::Bool => boolean(&Value::text(id)).map(|flag| flag.to_string()),
            _ => None,
        };
        plain.unwrap_or_else(|| id.to_owned())
    }
}

/// `007`, `+7` and `7.0` become 7.
fn whole(id: &str) -> Option<String> {
    let text = id.trim();
    let text = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|digit| digit == b'0') => whole,
        _ => text,
    };
    text.parse::<i64>().ok().map(|number| number.to_string())
}

/// `007.50` becomes 7.5.
fn decimal(id: &str) -> Option<String> {
    Value::number(id.trim())?.to_decimal().map(|number| number.plain())
}

/// `2026-03-01 10:00+01` becomes 2026-03-01T09:00:00.000000Z.
fn time(id: &str) -> Option<String> {
    Instant::exact(id).map(|instant| Instant::new(instant.at, Precision::Micro).to_text())
}

/// PostgreSQL accepts a UUID in upper case, in braces, and without hyphens.
fn uuid(id: &str) -> Option<String> {
    let text = id.trim();
    let text = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let digits: String =
        text.chars().filter(|letter| *letter != '-').collect::<String>().to_ascii_lowercase();
    if digits.len() != 32 || !digits.is_ascii() {
        return None;
    }
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Some(parts.join("-")).filter(|text| is_uuid(text))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("007", Some("7"))]
    #[case("-7.00", Some("-7"))]
    #[case(" 7", Some("7"))]
    #[case("7.5", None)]
    #[case("x", None)]
    fn a_whole_key_has_one_form(#[case] id: &str, #[case] expected: Option<&str>) {
        assert_eq!(whole(id).as_deref(), expected);
    }

    #[rstest]
    #[case("007.50", Some("7.5"))]
    #[case("7.0", Some("7"))]
    #[case("-0.0", Some("0"))]
    #[case("x", None)]
    fn a_decimal_key_has_one_form(#[case] id: &str, #[case] expected: Option<&str>) {
        assert_eq!(decimal(id).as_deref(), expected);
    }

    #[rstest]
    #[case("2026-03-01 10:00+01")]
    #[case("2026-03-01T09:00:00Z")]
    #[case("2026-03-01 09:00:00.000")]
    fn a_time_has_one_form(#[case] id: &str) {
        assert_eq!(time(id).as_deref(), Some("2026-03-01T09:00:00.000000Z"));
    }

    #[rstest]
    #[case("{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}")]
    #[case("a0eebc999c0b4ef8bb6d6bb9bd380a11")]
    fn a_uuid_has_one_form(#[case] id: &str) {
        assert_eq!(uuid(id).as_deref(), Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"));
        assert_eq!(uuid("a0eebc99"), None);
    }
}
