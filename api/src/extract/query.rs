//! Query strings: all that is wrong with one is told at once.

use std::{fmt::Display, str::FromStr};

use axum::{
    extract::{FromRequestParts, Query},
    http::{StatusCode, Uri, request::Parts},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};

use crate::{
    json::finding,
    problem::{FieldError, Problem},
};

/// A query string.
#[derive(Debug)]
pub(crate) struct StrictQuery<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// The most errors that are told of a query string: each costs reading it once more.
const MOST: usize = 20;

/// Reads a query string. It is read again without each faulty key, to find the next one.
fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    let keys = parsed_pairs(&pairs.join("&")).map_err(|why| whole(&why))?;
    let mut pairs: Vec<(String, &str)> = keys.into_iter().zip(pairs).collect();
    let mut errors: Vec<FieldError> = Vec::new();
    loop {
        let left: Vec<&str> = pairs.iter().map(|(_, pair)| *pair).collect();
        let message = match parsed::<T>(&left.join("&")) {
            Ok(read) if errors.is_empty() => return Ok(read),
            Ok(_) => break,
            Err(message) => message,
        };
        let Some(found) = of_key(&message) else {
            if errors.is_empty() {
                return Err(whole(&message));
            }
            break;
        };
        // A key that was taken out for its value is missing now.
        if errors.iter().any(|error| error.field == found.field) {
            break;
        }
        let count = pairs.len();
        pairs.retain(|(key, _)| *key != found.field);
        errors.push(found);
        if pairs.len() == count || errors.len() == MOST {
            break;
        }
    }
    let detail = errors.iter().map(FieldError::told).collect::<Vec<_>>().join("; ");
    let mut problem = whole(&detail);
    problem.errors = errors;
    Err(problem)
}

/// The keys of the pairs of a query string, decoded.
fn parsed_pairs(query: &str) -> Result<Vec<String>, String> {
    let pairs: Vec<(String, String)> = parsed(query)?;
    Ok(pairs.into_iter().map(|(key, _)| key).collect())
}

fn parsed<T: DeserializeOwned>(query: &str) -> Result<T, String> {
    let uri: Uri = format!("/?{query}").parse().map_err(|_| "it is no query string".to_owned())?;
    let read = Query::try_from_uri(&uri).map(|Query(value)| value);
    read.map_err(|rejection| {
        let text = rejection.body_text();
        text.split_once("query string: ").map_or(text.as_str(), |(_, message)| message).to_owned()
    })
}

/// The error of one key that a message of serde tells: `key: why`, or only why if that names the key.
fn of_key(message: &str) -> Option<FieldError> {
    let named = ["unknown field `", "missing field `", "duplicate field `"].into_iter().find_map(|start| {
        let at = match message.starts_with(start) {
            true => 0,
            false => message.find(&format!(": {start}"))? + 2,
        };
        Some((start, &message[at..]))
    });
    let (key, error) = match named {
        Some((start, why)) => {
            let key = why.strip_prefix(start)?.split('`').next()?;
            let error = match start.starts_with("duplicate") {
                true => FieldError::at("", "duplicate-key", "stands in the query string twice"),
                false => finding("", why),
            };
            (key, error)
        }
        None => {
            let (key, why) = message.split_once(": ").filter(|(key, _)| !key.contains(' '))?;
            (key, finding("", in_words(why)))
        }
    };
    Some(FieldError { field: key.to_owned(), pointer: None, ..error })
}

/// A message of the standard library in the API's words.
fn in_words(message: &str) -> &str {
    match message {
        "invalid digit found in string" | "cannot parse integer from empty string" => "is not a whole number",
        "number too large to fit in target type" => "is too large",
        "number too small to fit in target type" => "is too small",
        "provided string was not `true` or `false`" => "must be true or false",
        "invalid float literal" | "cannot parse float from empty string" => "is not a number",
        other if other.starts_with("UUID parsing failed") => "is not a UUID",
        other => other,
    }
}

fn whole(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid-query", "Invalid query", detail)
}

/// The problem for a wrong key of the query string.
pub(crate) fn invalid_query(field: &str, detail: &str) -> Problem {
    whole(&format!("{field}: {detail}")).with_field(field, detail)
}

/// Reads a number of entries or of a page: `deserialize_with = "up_to::<200, _>"`.
pub(crate) fn up_to<'de, const MOST: u16, D: Deserializer<'de>>(given: D) -> Result<Option<u16>, D::Error> {
    match Option::deserialize(given)? {
        Some(number) if !(1..=MOST).contains(&number) => {
            Err(D::Error::custom(format!("not between 1 and {MOST}")))
        }
        number => Ok(number),
    }
}

/// Reads a value that is written as a text.
pub(crate) fn written<'de, T, D>(given: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let text: Option<String> = Option::deserialize(given)?;
    text.map(|text| text.parse()).transpose().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Asked {
        #[serde(deserialize_with = "up_to::<200, _>")]
        limit: Option<u16>,
        #[serde(deserialize_with = "written")]
        letter: Option<char>,
        open: Option<bool>,
        name: Option<String>,
    }

    fn errors(query: &str) -> Vec<(String, String)> {
        let problem = read::<Asked>(query).unwrap_err();
        assert_eq!((problem.status, problem.kind), (400, "invalid-query"));
        problem.errors.iter().map(|error| (error.field.clone(), error.told())).collect()
    }

    #[test]
    fn what_is_right_is_read() {
        let asked: Asked = read("limit=20&&letter=x&name=a%26b+c&open=true").unwrap();
        assert_eq!((asked.limit, asked.letter, asked.open), (Some(20), Some('x'), Some(true)));
        assert_eq!(asked.name.as_deref(), Some("a&b c"));
        assert_eq!(read::<Asked>("").unwrap().limit, None);
    }

    #[test]
    fn all_errors_are_told_at_once() {
        let told = errors("limit=0&lettr=x&open=maybe&letter=xy&name=a&n%61me=b");
        let mut fields: Vec<&str> = told.iter().map(|(field, _)| field.as_str()).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["letter", "lettr", "limit", "name", "open"], "{told:?}");
        let problem = read::<Asked>("limit=0&lettr=x").unwrap_err();
        let lettr = problem.errors.iter().find(|error| error.field == "lettr").unwrap();
        assert_eq!(
            (lettr.code, lettr.hint.as_deref()),
            (Some("unknown-key"), Some("did you mean \"letter\"?"))
        );
        for error in &problem.errors {
            assert!(problem.detail.contains(&error.told()), "{}", problem.detail);
            let shown: Value = serde_json::to_value(error).unwrap();
            assert_eq!(shown.get("pointer"), None, "a key of a query string has none");
        }
    }

    #[test]
    fn a_query_of_nothing_but_errors_is_not_read_for_each() {
        let query: Vec<String> = (0..2_000).map(|number| format!("k{number}=x")).collect();
        assert_eq!(errors(&query.join("&")).len(), MOST);
    }

    #[test]
    fn no_word_of_the_program_is_told() {
        for (query, expected) in [
            ("limit=x", "limit: is not a whole number"),
            ("limit=", "limit: is not a whole number"),
            ("limit=201", "limit: not between 1 and 200"),
            ("limit=99999", "limit: is too large"),
            ("open=yes", "open: must be true or false"),
            ("name=a&name=b", "name: stands in the query string twice"),
        ] {
            assert_eq!(
                errors(query),
                [(expected.split(':').next().unwrap().to_owned(), expected.to_owned())]
            );
        }
    }

    #[test]
    fn a_missing_key_is_named() {
        #[derive(Debug, Deserialize)]
        struct Needs {
            #[expect(dead_code, reason = "only its absence is looked at")]
            from: i64,
        }
        let told = |query: &str| read::<Needs>(query).unwrap_err().errors.clone();
        assert_eq!(
            json!(told("")),
            json!([{ "field": "from", "code": "missing-key", "detail": "is missing" }])
        );
        assert_eq!(told("from=x").len(), 1, "it is there, and wrong");
    }
}
