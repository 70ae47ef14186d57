//! The filter of lists whose entries are rows: it becomes a condition of a statement.

use sea_orm::Value;
use syncline_sql::marks;

use super::{Term, Test, parse, times};
use crate::Error;

/// A key of the filter.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub key: &'static str,
    /// What is compared, as SQL. Of a [`Form::Scoped`] one, the ids.
    pub sql: &'static str,
    pub form: Form,
}

/// How the values of a key are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The value is one of those that are asked for.
    Exact,
    /// One of several columns, separated by commas in [`Column::sql`], has the value.
    AnyOf,
    /// The value contains what is asked for; upper and lower case count alike.
    Long,
    Time,
    Number,
    /// The value is a name that stands for ids, which the caller of [`condition`] knows.
    Scoped,
}

/// A condition with its values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    /// With `?` for each value; empty if everything is selected.
    pub sql: String,
    pub values: Vec<Value>,
}

impl Condition {
    /// A condition that is SQL with these values.
    pub fn of(sql: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Condition {
        Condition { sql: sql.into(), values: values.into_iter().collect() }
    }

    /// Adds a condition that must hold as well.
    pub fn and(&mut self, other: Condition) {
        if other.sql.is_empty() {
            return;
        }
        self.sql = match self.sql.as_str() {
            "" => other.sql,
            own => format!("{own} AND {}", other.sql),
        };
        self.values.extend(other.values);
    }
}

/// The ids that a name under a key stands for.
pub type Ids<'a> = dyn Fn(&str, &str) -> Vec<i64> + 'a;

/// Parses a filter. `word_in` names the texts in which a word is looked for.
pub fn condition(
    text: &str,
    columns: &[Column],
    word_in: &[&str],
    ids: &Ids<'_>,
) -> Result<Condition, Error> {
    let keys: Vec<&str> = columns.iter().map(|column| column.key).collect();
    let of_time: Vec<&str> =
        columns.iter().filter(|column| column.form == Form::Time).map(|column| column.key).collect();
    let mut all = Condition::default();
    for term in parse(text, &keys)? {
        let one = match term.key.as_deref() {
            None => words(&term, word_in),
            Some(key) => {
                let Some(column) = columns.iter().find(|column| column.key == key) else { continue };
                of_column(&term, *column, &of_time, ids)?
            }
        };
        // What is not known holds no term, and so holds each negated one.
        let sql = match term.negated {
            true => format!("NOT COALESCE({}, FALSE)", one.sql),
            false => one.sql,
        };
        all.and(Condition { sql, values: one.values });
    }
    Ok(all)
}

fn of_column(term: &Term, column: Column, of_time: &[&str], ids: &Ids<'_>) -> Result<Condition, Error> {
    let Column { key, sql, form } = column;
    if let (Form::Number, Test::Above(value) | Test::Below(value)) = (form, &term.test) {
        let number: i64 = value
            .parse()
            .map_err(|_| Error::Invalid(format!("filter: {key}: {value:?} is no whole number")))?;
        let sign = if matches!(term.test, Test::Above(_)) { ">" } else { "<" };
        return Ok(Condition::of(format!("({sql} {sign} ?)"), [number.into()]));
    }
    let bound = times::bound(term, of_time, chrono::Utc::now())?;
    if let Some(bound) = bound {
        // `age:>1h` is before the bound, `since:>DAY` after it.
        let later = matches!(term.test, Test::Above(_)) != (key == "age");
        return Ok(Condition::of(format!("({sql} {} ?)", if later { ">" } else { "<" }), [bound.into()]));
    }
    Ok(match (&term.test, form) {
        (Test::Present, Form::AnyOf) => Condition::of(format!("(COALESCE({sql}) IS NOT NULL)"), []),
        (Test::Present, _) => Condition::of(format!("({sql} IS NOT NULL)"), []),
        (Test::Is(values), Form::Scoped) => {
            let ids: Vec<i64> = values.iter().flat_map(|value| ids(key, value)).collect();
            match ids.len() {
                0 => Condition::of("(1 = 0)", []),
                count => {
                    Condition::of(format!("({sql} IN ({}))", marks(count)), ids.into_iter().map(Value::from))
                }
            }
        }
        (Test::Is(values), Form::Long) => any(values.iter().map(|value| contains(sql, value))),
        (Test::Is(values), Form::Number) => {
            let numbers: Result<Vec<i64>, _> = values.iter().map(|value| value.parse()).collect();
            let numbers = numbers.map_err(|_| Error::Invalid(format!("filter: {key} is a whole number")))?;
            Condition::of(
                format!("({sql} IN ({}))", marks(numbers.len())),
                numbers.into_iter().map(Value::from),
            )
        }
        (Test::Is(values), Form::AnyOf) => any(sql.split(", ").map(|sql| exact(sql, values))),
        (Test::Is(values), _) => exact(sql, values),
        // `times::bound` has refused these.
        (Test::Above(_) | Test::Below(_), _) => Condition::of("(1 = 0)", []),
    })
}

fn exact(sql: &str, values: &[String]) -> Condition {
    let list = marks(values.len());
    Condition::of(format!("({sql} IN ({list}))"), values.iter().map(|value| value.as_str().into()))
}

fn any(conditions: impl Iterator<Item = Condition>) -> Condition {
    let (mut texts, mut values) = (Vec::new(), Vec::new());
    for one in conditions {
        texts.push(one.sql);
        values.extend(one.values);
    }
    Condition { sql: format!("({})", texts.join(" OR ")), values }
}

/// A text contains another; the signs that LIKE has a meaning for are none here.
fn contains(sql: &str, part: &str) -> Condition {
    let part = part.to_lowercase();
    let mut pattern = String::from("%");
    for letter in part.chars() {
        if "%_\\".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    Condition::of(format!("(lower({sql}) LIKE ? ESCAPE '\\')"), [pattern.into()])
}

fn words(term: &Term, word_in: &[&str]) -> Condition {
    let Test::Is(words) = &term.test else { return Condition::of("(1 = 0)", []) };
    let mut all = Condition::default();
    for word in words {
        all.and(any(word_in.iter().map(|sql| contains(sql, word))));
    }
    Condition { sql: format!("({})", all.sql), values: all.values }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 5] = [
        Column { key: "status", sql: "status", form: Form::Exact },
        Column { key: "error", sql: "error_message", form: Form::Long },
        Column { key: "age", sql: "queued_at", form: Form::Time },
        Column { key: "sync", sql: "sync_config_id", form: Form::Scoped },
        Column { key: "failed", sql: "items_failed", form: Form::Number },
    ];

    fn told(text: &str) -> String {
        let ids = |_: &str, name: &str| if name == "tasks" { vec![4, 9] } else { Vec::new() };
        let condition = condition(text, &COLUMNS, &["error_message", "kind"], &ids).unwrap();
        assert_eq!(condition.sql.matches('?').count(), condition.values.len(), "{text}");
        condition.sql
    }

    #[test]
    fn each_term_is_a_condition() {
        assert_eq!(told(""), "");
        assert_eq!(told("status:failed,held"), "(status IN (?, ?))");
        assert_eq!(told("-error:*"), "NOT COALESCE((error_message IS NOT NULL), FALSE)");
        assert_eq!(told("age:>1h failed:>3"), "(queued_at < ?) AND (items_failed > ?)");
        assert_eq!(told("sync:tasks"), "(sync_config_id IN (?, ?))");
        assert_eq!(told("sync:nowhere"), "(1 = 0)");
        let word = "(lower(error_message) LIKE ? ESCAPE '\\') OR (lower(kind) LIKE ? ESCAPE '\\')";
        assert_eq!(told("word"), format!("(({word}))"));
    }

    #[test]
    fn the_signs_of_like_are_letters() {
        let Value::String(Some(pattern)) = contains("a", "50%_\\X").values.remove(0) else {
            panic!("no text")
        };
        assert_eq!(pattern, "%50\\%\\_\\\\x%");
    }

    #[test]
    fn wrong_values_are_refused() {
        for wrong in ["age:1h", "status:>a", "failed:x", "failed:>x", "other:1", "age:>2026-11-01"] {
            assert!(condition(wrong, &COLUMNS, &[], &|_, _| Vec::new()).is_err(), "{wrong}");
        }
    }
}
