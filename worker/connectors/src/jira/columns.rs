//! Which fields of Jira's the mapped fields are, and how their values are read and written.

use serde_json::{Value as Json, json};
use syncline_engine::{
    Value,
    ports::{Call, ConnectorError, ErrorScope},
    value::{Instant, Precision},
};

use super::{
    api::Api,
    fields::{self, KNOWN},
    labels,
    meta::{Definition, Schema},
    text,
};

/// A mapped field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    /// The name in mappings.
    pub(super) name: String,
    /// Jira's id of the field.
    pub(super) id: String,
    /// Of a field that somebody has added, once it is known.
    pub(super) schema: Option<Schema>,
}

impl Column {
    /// True if it holds rich text.
    pub(super) fn is_rich(&self) -> bool {
        match &self.schema {
            Some(schema) => schema.is_rich(),
            None => ["description", "environment"].contains(&self.id.as_str()),
        }
    }
}

/// The columns of fields of every issue.
pub(super) fn of_names(mapped: &[String]) -> Vec<Column> {
    let column = |name: &str| Column { name: name.to_owned(), id: name.to_owned(), schema: None };
    let known = |name: &&String| fields::known(name).is_some();
    if mapped.is_empty() {
        return KNOWN.iter().map(|known| column(known.name)).collect();
    }
    mapped.iter().filter(known).map(|name| column(name)).collect()
}

/// Fields that are asked for whatever is mapped.
const ALWAYS: [&str; 6] = ["project", "issuetype", "status", "labels", "created", "updated"];

/// The ids of fields to ask for. `key` and `url` are no fields of Jira.
pub(super) fn asked(columns: &[Column]) -> Vec<String> {
    let mut ids: Vec<String> = columns.iter().map(|column| column.id.clone()).collect();
    ids.extend(ALWAYS.map(str::to_owned));
    ids.retain(|id| !["key", "url"].contains(&id.as_str()));
    ids.sort();
    ids.dedup();
    ids
}

/// Finds the field of the site that is called so, by its name or id.
pub(super) async fn custom(
    api: &Api,
    mapped: &str,
    definitions: &[Definition],
    call: &Call<'_>,
) -> Result<Column, ConnectorError> {
    let name = fields::custom(mapped).unwrap_or(mapped);
    let wrong =
        |why: String| ConnectorError::permanent(format!("field {mapped}: {why}")).about(ErrorScope::Endpoint);
    let column = |found: &Definition| Column {
        name: mapped.to_owned(),
        id: found.id.clone(),
        schema: Some(found.schema.clone()),
    };
    if fields::is_custom_id(name) {
        let found = definitions.iter().find(|known| known.id == name);
        return found.map(column).ok_or_else(|| {
            wrong("Jira shows no such field; `syncline discover` lists those of the project".to_owned())
        });
    }
    let same = |known: &&Definition| known.custom && known.name.trim().eq_ignore_ascii_case(name);
    let mut found: Vec<&Definition> = definitions.iter().filter(same).collect();
    if found.iter().any(|known| known.only_project().is_some()) {
        let project = api.identity(call).await?;
        found.retain(|known| known.only_project().is_none_or(|only| only == project.0));
    }
    match &found[..] {
        [only] => Ok(column(only)),
        [] => {
            let names = definitions.iter().filter(|known| known.custom).map(|known| known.name.as_str());
            let near = syncline_engine::nearest::nearest(name, names);
            let hint = near.map(|near| format!("; did you mean {:?}?", format!("{}{near}", fields::CUSTOM)));
            Err(wrong(format!(
                "Jira shows no field of this name{}; `syncline discover` lists those of the project",
                hint.unwrap_or_default()
            )))
        }
        several => {
            let ids: Vec<String> =
                several.iter().map(|known| format!("{}{}", fields::CUSTOM, known.id)).collect();
            Err(wrong(format!(
                "{} fields of Jira have this name; name the one that is meant by its id: {}",
                several.len(),
                ids.join(", ")
            )))
        }
    }
}

/// Between the two parts of a cascading value.
const CASCADE: &str = " / ";

/// The name of a cascading value.
pub(super) fn cascaded(parent: &str, child: &str) -> String {
    format!("{parent}{CASCADE}{child}")
}

impl Schema {
    /// True if this version writes values of this kind.
    pub(super) fn is_written(&self) -> bool {
        let one = |kind: &str| {
            [
                "string",
                "number",
                "date",
                "datetime",
                "option",
                "option-with-child",
                "user",
                "version",
                "group",
                "priority",
            ]
            .contains(&kind)
        };
        self.custom_kind() != "readonlyfield"
            && match self.kind.as_str() {
                "array" => self.items.as_deref().is_some_and(one),
                kind => one(kind),
            }
    }

    fn custom_kind(&self) -> &str {
        self.custom.as_deref().and_then(|custom| custom.rsplit(':').next()).unwrap_or_default()
    }

    pub(super) fn is_rich(&self) -> bool {
        self.custom_kind() == "textarea" || self.kind == "doc"
    }

    /// A value as Jira takes it, or why it does not fit. Rich text is written by its own rules.
    pub(super) fn write(&self, value: &Value) -> Result<Json, String> {
        if value.is_blank() {
            return Ok(if self.kind == "array" { json!([]) } else { Json::Null });
        }
        match self.kind.as_str() {
            "array" => {
                let names = labels::names(value)
                    .ok_or_else(|| format!("takes a list of names, and the value is {}", value.kind()))?;
                let items = self.items.as_deref().unwrap_or_default();
                names.iter().map(|name| self.write_one(items, name)).collect()
            }
            "number" => match value.to_decimal().or_else(|| Value::number(&value.name())?.to_decimal()) {
                Some(_) => Ok(Value::number(&value.name()).unwrap_or(Value::Null).to_json()),
                None => Err(format!("takes a number, and not {value}")),
            },
            "date" => fields::day(value).map(|day| json!(day)),
            "datetime" => time(value),
            "option-with-child" => {
                let name = value.name();
                Ok(match name.split_once(CASCADE) {
                    Some((parent, child)) => json!({ "value": parent, "child": { "value": child } }),
                    None => json!({ "value": name }),
                })
            }
            "user" => fields::person(value).map(|id| json!({ "accountId": id })),
            kind => match value {
                Value::List(_) | Value::Object(_) => {
                    Err(format!("takes one value, and not {}", value.kind()))
                }
                value => self.write_one(kind, &value.name()),
            },
        }
    }

    fn write_one(&self, kind: &str, name: &str) -> Result<Json, String> {
        match kind {
            "string" if self.custom_kind() == "labels" => Ok(json!(labels::encode(name))),
            "string" if self.custom_kind() == "readonlyfield" => {
                Err("Jira sets it by itself; map it in the other direction only".to_owned())
            }
            "string" => Ok(json!(name)),
            "option" => Ok(json!({ "value": name })),
            "version" | "group" | "priority" => Ok(json!({ "name": name })),
            "user" => fields::person(&Value::text(name)).map(|id| json!({ "accountId": id })),
            other => Err(format!("this version does not write fields of the kind {other:?}")),
        }
    }
}

/// A time as Jira takes it.
fn time(value: &Value) -> Result<Json, String> {
    let instant = match value {
        Value::DateTime(instant) => Some(*instant),
        Value::Date(day) => Instant::parse(&format!("{day}T00:00:00Z")),
        Value::Text(text) => Instant::parse(text),
        _ => None,
    };
    let instant = instant.ok_or_else(|| format!("{value} is no time; map it with the type datetime"))?;
    Ok(json!(instant.at.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()))
}

/// A value of a field by the form that Jira gives it.
pub(super) fn read(json: &Json) -> Value {
    match json {
        Json::Object(object) if object.get("type").is_some_and(|kind| kind == "doc") => text::read(json),
        Json::Object(object) => {
            let part = |key: &str| object.get(key).and_then(Json::as_str);
            let child = object.get("child").and_then(|child| child["value"].as_str());
            let name = match (part("value"), child) {
                (Some(parent), Some(child)) => Some(cascaded(parent, child)),
                (Some(value), None) => Some(value.to_owned()),
                (None, _) => {
                    let known = part("accountId").or_else(|| part("name")).or_else(|| part("key"));
                    known.or_else(|| part("id")).map(str::to_owned)
                }
            };
            name.map_or_else(|| Value::from_json(json), Value::Text)
        }
        Json::Array(values) => {
            // Lists of plain texts are labels.
            let name = |value: &Json| match read(value) {
                Value::Text(text) if value.is_string() => Some(labels::decode(&text)),
                Value::Text(text) => Some(text),
                Value::Null => None,
                other => Some(other.name()),
            };
            labels::value(values.iter().filter_map(name).collect())
        }
        Json::Number(number) => {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0);
            whole.map_or_else(|| Value::from_json(json), Value::float)
        }
        json => Value::from_json(json),
    }
}

/// A point in time, which Jira writes without a colon in its offset.
pub(super) fn instant(json: &Json) -> Option<Instant> {
    Instant::parse(json.as_str()?).map(|instant| Instant::new(instant.at, Precision::Milli))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn schema(kind: &str, items: Option<&str>, custom: &str) -> Schema {
        Schema { kind: kind.to_owned(), items: items.map(str::to_owned), custom: Some(custom.to_owned()) }
    }

    #[rstest]
    #[case("string", None, json!("a"), json!("a"))]
    #[case("number", None, json!(2.5), json!(2.5))]
    #[case("number", None, json!("2.50"), json!(2.50))]
    #[case("date", None, json!("2026-02-28"), json!("2026-02-28"))]
    #[case("datetime", None, json!("2026-02-28T10:20:30+02:00"), json!("2026-02-28T08:20:30.000+0000"))]
    #[case("option", None, json!("High"), json!({"value": "High"}))]
    #[case("option-with-child", None, json!("Europe / France"), json!({"value": "Europe", "child": {"value": "France"}}))]
    #[case("option-with-child", None, json!("Europe"), json!({"value": "Europe"}))]
    #[case("user", None, json!("5b10"), json!({"accountId": "5b10"}))]
    #[case("array", Some("option"), json!(["b", "a"]), json!([{"value": "a"}, {"value": "b"}]))]
    #[case("array", Some("user"), json!(["5b10"]), json!([{"accountId": "5b10"}]))]
    #[case("array", Some("option"), json!([]), json!([]))]
    #[case("option", None, json!(null), json!(null))]
    fn values_of_added_fields_are_written_by_their_kind(
        #[case] kind: &str,
        #[case] items: Option<&str>,
        #[case] value: Json,
        #[case] expected: Json,
    ) {
        let found = schema(kind, items, "com.atlassian.jira.plugin.system.customfieldtypes:x")
            .write(&Value::from_json(&value));
        let found = found.unwrap();
        match (found.as_f64(), expected.as_f64()) {
            (Some(found), Some(expected)) => assert_eq!(found, expected),
            _ => assert_eq!(found, expected),
        }
    }

    #[rstest]
    #[case("number", json!("many"), "takes a number, and not \"many\"")]
    #[case("option", json!(["a"]), "takes one value, and not a list")]
    #[case("array", json!("a"), "takes a list of names, and the value is text")]
    #[case("date", json!("soon"), "is no day")]
    #[case("any", json!("x"), "this version does not write fields of the kind \"any\"")]
    fn values_that_do_not_fit_say_why(#[case] kind: &str, #[case] value: Json, #[case] why: &str) {
        let found = schema(kind, None, "x").write(&Value::from_json(&value)).unwrap_err();
        assert!(found.contains(why), "{found}");
    }

    #[rstest]
    #[case(json!({"id": "1", "value": "High"}), json!("High"))]
    #[case(json!({"value": "Europe", "child": {"value": "France"}}), json!("Europe / France"))]
    #[case(json!({"accountId": "5b10", "displayName": "Ada"}), json!("5b10"))]
    #[case(json!([{"value": "b"}, {"value": "a"}]), json!(["a", "b"]))]
    #[case(json!([{"id": 7, "name": "Sprint 7"}]), json!(["Sprint 7"]))]
    #[case(json!({"id": "10001", "key": "PROJ-1"}), json!("PROJ-1"))]
    #[case(json!(3.5), json!(3.5))]
    #[case(json!(null), json!(null))]
    fn values_are_read_by_their_form(#[case] json: Json, #[case] expected: Json) {
        assert_eq!(read(&json).to_json(), expected);
    }
}
