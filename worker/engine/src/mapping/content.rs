//! Hashes what a side's mapped fields hold. A listing does this for each item, so nothing is built for it.

use std::{borrow::Cow, collections::BTreeMap};

use super::{Mapping, Rule, convert::retyped};
use crate::{
    Side, Value,
    hash::{Hash, hash_of_members},
    spec::FieldType,
    value::Fields,
};

/// Returns the hash of [`Mapping::typed_fields`] for the items of one side.
pub struct ContentHasher<'a> {
    fields: BTreeMap<&'a str, FieldType>,
    text: String,
}

impl Mapping {
    pub fn hasher(&self, side: Side) -> ContentHasher<'_> {
        fn field(rule: &Rule, side: Side) -> (&str, FieldType) {
            (rule.field.get(side).as_str(), *rule.field_type.get(side))
        }
        ContentHasher {
            fields: self.rules.iter().map(|rule| field(rule, side)).collect(),
            text: String::new(),
        }
    }
}

impl ContentHasher<'_> {
    pub fn hash(&mut self, fields: &Fields) -> Hash {
        let ContentHasher { fields: mapped, text } = self;
        let members = mapped.iter().map(|(name, field_type)| {
            let value =
                fields.get(*name).map_or(Cow::Borrowed(&Value::Null), |value| retyped(value, *field_type));
            (*name, value)
        });
        hash_of_members(text, members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hash::content_hash, spec::SyncSpec};

    #[test]
    fn the_hash_is_that_of_the_typed_fields() {
        let types = [
            "string",
            "rich_text",
            "number",
            "boolean",
            "date",
            "datetime",
            "array",
            "set",
            "person",
            "status",
            "object",
            "json",
        ];
        let texts = [
            "",
            " ",
            "a\"\\\n\r\t\u{1}é",
            "7",
            "-0",
            "1.50",
            "9007199254740993",
            "true",
            "2026-01-02",
            "2026-01-02T03:04:05Z",
            "[1,\"b\"]",
            "b,a",
            "{\"a\":1}",
        ];
        let values = texts.map(Value::text).into_iter().chain([
            Value::Null,
            Value::Int(7),
            Value::Float(0.5),
            Value::number("1.50").unwrap(),
            Value::Bool(true),
            Value::List(vec![Value::text("b"), Value::text("a")]),
        ]);
        let values: Vec<Value> = values.collect();
        for field_type in types {
            // Two rules for one field: the later one counts.
            let document = serde_json::json!({
                "name": "s", "source_platform": "csv", "target_platform": "csv", "source": {}, "target": {},
                "field_mappings": [
                    { "source_field": "z", "target_field": "z" },
                    { "source_field": "f", "target_field": "f" },
                    { "source_field": "f", "target_field": "g", "source_type": field_type },
                    { "source_field": "absent", "target_field": "h" },
                ],
            });
            let spec: SyncSpec = serde_json::from_value(document).unwrap();
            let mapping = Mapping::compile(&spec, 1).unwrap();
            let mut hasher = mapping.hasher(Side::Source);
            for value in &values {
                let fields = Fields::from([
                    ("z".to_owned(), Value::text("last")),
                    ("f".to_owned(), value.clone()),
                    ("unmapped".to_owned(), Value::Int(1)),
                ]);
                let typed = mapping.typed_fields(Side::Source, &fields);
                assert_eq!(hasher.hash(&fields), content_hash(&typed), "{field_type}: {value}");
            }
        }
    }
}
