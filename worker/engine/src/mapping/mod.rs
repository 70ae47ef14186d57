//! Which field of one side maps to which field of the other, and how values are converted.

mod convert;
mod values;

pub use convert::{Mismatch, read_as};

use crate::{
    Item, Side, Value,
    hash::{Hash, content_hash},
    ports::Link,
    side::Pair,
    spec::{Direction, FieldSpec, FieldType, Strategy, SyncSpec},
    value::Fields,
};
use values::ValueMap;

/// The compiled mapping of a sync.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// One rule per mapped field, in the document's order.
    pub rules: Vec<Rule>,
    /// Raised whenever the mapping is edited; bases of an older revision are compared anew.
    pub revision: i64,
}

/// One mapped field.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The field's name on each side.
    pub field: Pair<String>,
    /// The type as which each side's values are parsed.
    pub field_type: Pair<FieldType>,
    /// The direction in which changes flow.
    pub flow: Direction,
    /// An item without a value here is not written.
    pub required: bool,
    /// How conflicts in this field are resolved.
    pub strategy: Strategy,
    default_value: Option<Value>,
    values: Option<ValueMap>,
}

/// Why a value cannot be carried over; the field of the other side stays untouched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmappable {
    /// The value is not of the mapped type.
    #[error("field {field}: {mismatch}")]
    Type {
        /// The field's name on the side that the value comes from.
        field: String,
        mismatch: Mismatch,
    },
    /// The value map has no entry for the value.
    #[error("field {field}: no mapping for value {value}; add it to {map} of this field")]
    Value {
        /// The field's name on the side that the value comes from.
        field: String,
        value: String,
        /// `values` or `back`.
        map: &'static str,
    },
    /// The other side cannot store the value.
    #[error("field {field}: {why}")]
    Refused {
        /// The side that the value goes to.
        side: Side,
        /// The field's name on that side.
        field: String,
        /// The reason given by that side.
        why: String,
    },
    /// The field is required and has no value.
    #[error("field {field} is required and empty; give it a value, or a default_value in the mapping")]
    Required {
        /// The field's name on the side that the value comes from.
        field: String,
    },
}

/// Why this version cannot use a document's mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MappingError(pub String);

impl Mapping {
    /// Compiles the mapping of a document.
    pub fn compile(spec: &SyncSpec, revision: i64) -> Result<Mapping, MappingError> {
        let rules =
            spec.field_mappings.iter().map(|field| Rule::compile(spec, field)).collect::<Result<_, _>>()?;
        Ok(Mapping { rules, revision })
    }

    /// The mapped fields of an item, typed. A value that is not of its field's type stays as read.
    pub fn typed(&self, side: Side, item: &Item) -> Fields {
        self.typed_fields(side, &item.fields)
    }

    /// The mapped fields among `fields`, typed.
    pub fn typed_fields(&self, side: Side, fields: &Fields) -> Fields {
        let read = |rule: &Rule| {
            let name = rule.field.get(side);
            let raw = fields.get(name).unwrap_or(&Value::Null);
            (name.clone(), retype(raw, *rule.field_type.get(side)))
        };
        self.rules.iter().map(read).collect()
    }

    /// Types a link read from the database, where dates are text: bases and the values of open conflicts. Absent fields
    /// stay absent, because a field without a base was never synced.
    pub fn retype(&self, mut link: Link) -> Link {
        for side in Side::BOTH {
            let raw = std::mem::take(link.base.get_mut(side));
            let known = |rule: &Rule| {
                let name = rule.field.get(side);
                raw.get(name).map(|value| (name.clone(), retype(value, *rule.field_type.get(side))))
            };
            *link.base.get_mut(side) = self.rules.iter().filter_map(known).collect();
        }
        for open in &mut link.conflicts {
            let Some(rule) = open.field.as_deref().and_then(|field| self.rule_of(Side::Source, field)) else {
                continue;
            };
            for side in Side::BOTH {
                let value = open.values.get_mut(side);
                *value = retype(value, *rule.field_type.get(side));
            }
        }
        link
    }

    pub fn hash(&self, side: Side, item: &Item) -> Hash {
        content_hash(&self.typed(side, item))
    }

    pub fn rule_of(&self, side: Side, field: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.field.get(side) == field)
    }
}

fn retype(value: &Value, field_type: FieldType) -> Value {
    read_as(value, field_type).unwrap_or_else(|_| value.clone())
}

impl Rule {
    fn compile(spec: &SyncSpec, field: &FieldSpec) -> Result<Rule, MappingError> {
        if let Some(transform) = &field.transform {
            return Err(MappingError(format!(
                "field {}: this version has no transform {transform:?}; remove it or map the field without",
                field.source_field
            )));
        }
        Ok(Rule {
            field: Pair::new(field.source_field.clone(), field.target_field.clone()),
            field_type: Pair::new(field.source_type, field.target_type),
            flow: spec.flow(field),
            required: field.required,
            strategy: field.conflict_strategy.unwrap_or(spec.conflict_strategy),
            default_value: field.default_value.as_ref().map(Value::from_json),
            values: ValueMap::compile(&field.values, &field.back),
        })
    }

    /// Converts the typed value of side `from` to the other side's terms.
    pub fn carry(&self, from: Side, value: &Value) -> Result<Value, Unmappable> {
        let to = from.other();
        let to_type = *self.field_type.get(to);
        let name = self.field.get(from);
        let type_error = |mismatch| Unmappable::Type { field: name.clone(), mismatch };
        let value = read_as(value, *self.field_type.get(from)).map_err(type_error)?;
        let carried = match &self.values {
            _ if value.is_blank() => Value::Null,
            Some(map) => map.carry(from, &value).ok_or_else(|| Unmappable::Value {
                field: name.clone(),
                value: value.to_string(),
                map: if from == Side::Source { "values" } else { "back" },
            })?,
            None => value,
        };
        let carried = match &self.default_value {
            Some(default) if carried.is_blank() => self.default_on(to, default),
            _ => carried,
        };
        if carried.is_blank() && self.required {
            return Err(Unmappable::Required { field: name.clone() });
        }
        read_as(&carried, to_type).map_err(type_error)
    }

    /// A value that a person gives in the source's terms, for both sides.
    pub fn both(&self, value: &Value) -> Result<Pair<Value>, Unmappable> {
        let mismatch = |mismatch| Unmappable::Type { field: self.field.source.clone(), mismatch };
        let source = read_as(value, self.field_type.source).map_err(mismatch)?;
        let target = self.carry(Side::Source, &source)?;
        Ok(Pair::new(source, target))
    }

    /// The default in a side's terms: with a value map, the document states it in the target's.
    fn default_on(&self, side: Side, default: &Value) -> Value {
        let mapped = match (&self.values, side) {
            (Some(map), Side::Source) => map.carry(Side::Target, default),
            _ => None,
        };
        mapped.unwrap_or_else(|| default.clone())
    }

    /// True if the two sides already agree, as far as the mapping can tell: a lossy map keeps the value that the other
    /// side has ("In Progress" stays where "open" comes back).
    pub fn agrees(&self, source: &Value, target: &Value) -> bool {
        if source.is_blank() && target.is_blank() {
            return true;
        }
        let agrees_from = |from: Side, value: &Value, other: &Value| {
            self.carry(from, value).is_ok_and(|carried| carried.same(other))
        };
        agrees_from(Side::Source, source, target) || agrees_from(Side::Target, target, source)
    }
}
