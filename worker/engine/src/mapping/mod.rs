//! Which field of one side maps to which field of the other, and how values are converted.

mod content;
mod convert;
mod lengths;
mod people;
mod set;
mod statuses;
mod terms;
mod values;

pub use content::ContentHasher;
pub use convert::{Mismatch, read_as};
pub use people::{Identity, People, PeopleOfSync};
pub use set::Elements;

use crate::{
    Item, Side, Value,
    hash::Hash,
    ports::Link,
    richtext::{self, Dialect, TextForm},
    side::Pair,
    spec::{Category, Direction, FieldSpec, FieldType, Strategy, SyncSpec},
    value::Fields,
};
use terms::{Terms, Word};

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
    terms: Terms,
    /// How each side spells its texts, and how long they may be.
    forms: Pair<TextForm>,
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
    #[error("field {field}: no mapping for value {value}; {remedy}")]
    Value {
        /// The field's name on the side that the value comes from.
        field: String,
        value: String,
        remedy: String,
    },
    /// The other side has no counterpart of this person, or of this status: both sides keep what they have.
    #[error("{side}: field {field}: {value} has no counterpart on the {} and is left alone; {remedy}", side.other())]
    Stranger {
        /// The side that the value comes from.
        side: Side,
        /// The field's name on that side.
        field: String,
        value: String,
        remedy: String,
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

impl Unmappable {
    /// True if it is no failure: the item is in step as far as it can be.
    pub fn is_note(&self) -> bool {
        matches!(self, Unmappable::Stranger { .. })
    }
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

    /// True if a field holds people, so that the table of people is needed.
    pub fn has_people(&self) -> bool {
        self.rules.iter().any(|rule| rule.terms.has_people())
    }

    /// Sets the table of people. `revision` is raised with each change of the table: the fields are compared anew.
    pub fn set_people(&mut self, people: &PeopleOfSync, revision: i64) {
        if self.has_people() {
            self.rules.iter_mut().for_each(|rule| rule.terms.set_people(people));
            self.revision = (self.revision << 32) | (revision & 0xffff_ffff);
        }
    }

    /// Sets the statuses that platforms have. `known` returns those of a side's field; none if the platform has none of its
    /// own.
    pub fn set_statuses(&mut self, known: impl Fn(Side, &str) -> Vec<(String, Category)>) {
        for rule in &mut self.rules {
            for side in Side::BOTH {
                let own = known(side, rule.field.get(side));
                if let Some(statuses) = rule.terms.statuses_mut(side).filter(|_| !own.is_empty()) {
                    statuses.learn(own);
                }
            }
        }
    }

    /// The fields of a side that hold statuses, and of which its place was not asked yet.
    pub fn fields_with_statuses(&self, side: Side) -> impl Iterator<Item = &str> {
        let asks = move |rule: &&Rule| rule.terms.statuses(side).is_some_and(|known| !known.has_asked());
        self.rules.iter().filter(asks).map(move |rule| rule.field.get(side).as_str())
    }

    /// Sets the statuses that a field has in the place of a side; none if it has none of its own.
    pub fn learn_statuses(&self, side: Side, field: &str, own: Vec<(String, Category)>) {
        for rule in self.rules.iter().filter(|rule| rule.field.get(side) == field) {
            if let Some(statuses) = rule.terms.statuses(side) {
                statuses.learn_from_place(own.clone());
            }
        }
    }

    /// Sets how the platforms spell their texts.
    pub fn set_text_forms(&mut self, known: impl Fn(Side, &str) -> TextForm) {
        for rule in &mut self.rules {
            for side in Side::BOTH {
                *rule.forms.get_mut(side) = known(side, rule.field.get(side));
            }
        }
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
        self.hasher(side).hash(&item.fields)
    }

    pub fn rule_of(&self, side: Side, field: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.field.get(side) == field)
    }
}

fn retype(value: &Value, field_type: FieldType) -> Value {
    convert::retyped(value, field_type).into_owned()
}

impl Rule {
    /// True if the field holds statuses.
    pub(crate) fn has_statuses(&self) -> bool {
        self.terms.statuses(Side::Source).is_some()
    }

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
            terms: Terms::compile(field),
            forms: Pair::default(),
        })
    }

    /// True if the field is a set on either side.
    pub fn is_set(&self) -> bool {
        let is = |side: Side| matches!(self.field_type.get(side), FieldType::Set | FieldType::People);
        is(Side::Source) || is(Side::Target)
    }

    /// True if the field is a text with markup on either side.
    pub fn is_rich_text(&self) -> bool {
        let is = |side: Side| *self.field_type.get(side) == FieldType::RichText;
        (is(Side::Source) || is(Side::Target)) && !self.is_set() && !self.terms.translates()
    }

    /// The type as which a side's values are understood.
    pub fn meaning(&self, side: Side) -> FieldType {
        match self.is_set() {
            true => FieldType::Set,
            false if self.is_rich_text() => FieldType::RichText,
            false => *self.field_type.get(side),
        }
    }

    /// True if two values of a side are the same. How a text is spelled does not count.
    pub fn same(&self, side: Side, one: &Value, other: &Value) -> bool {
        match (one, other) {
            _ if one.same(other) => true,
            (Value::Text(one), Value::Text(other)) if self.is_rich_text() => {
                richtext::same(one, other, self.dialect(side))
            }
            _ => false,
        }
    }

    fn dialect(&self, side: Side) -> Dialect {
        self.forms.get(side).dialect
    }

    fn dialects(&self) -> Pair<Dialect> {
        Pair::new(self.forms.source.dialect, self.forms.target.dialect)
    }

    /// The texts of both sides; none if one of them is something else.
    fn texts(&self, of: Pair<&Value>) -> Option<Pair<String>> {
        let text = |side: Side, value: &Value| match read_as(value, self.meaning(side)) {
            Ok(Value::Text(text)) => Some(text),
            Ok(Value::Null) => Some(String::new()),
            _ => None,
        };
        Some(Pair::new(text(Side::Source, of.source)?, text(Side::Target, of.target)?))
    }

    /// Merges the texts of both sides, block by block. None if they are no texts, or both edited the same block.
    pub fn merge_texts(&self, base: Pair<&Value>, now: Pair<&Value>) -> Option<Pair<Value>> {
        if !self.is_rich_text() {
            return None;
        }
        let (base, now) = (self.texts(base)?, self.texts(now)?);
        let base = Pair::new(base.source.as_str(), base.target.as_str());
        let now = Pair::new(now.source.as_str(), now.target.as_str());
        let merged = richtext::merge(base, now, self.dialects()).ok()?;
        let value =
            |side: Side| read_as(&Value::text(merged.get(side).as_str()), *self.field_type.get(side)).ok();
        Some(Pair::new(value(Side::Source)?, value(Side::Target)?))
    }

    /// Converts the typed value of side `from` to the other side's terms. Elements of a set that the other side cannot have
    /// are left out.
    pub fn carry(&self, from: Side, value: &Value) -> Result<Value, Unmappable> {
        let to = from.other();
        let name = self.field.get(from);
        let type_error = |mismatch| Unmappable::Type { field: name.clone(), mismatch };
        let value = read_as(value, self.meaning(from)).map_err(type_error)?;
        let carried = match value {
            value if value.is_blank() => Value::Null,
            value if self.is_set() => {
                let elements = self.elements(from, &value);
                let words = elements.shared().filter_map(|element| elements.word_there(element).cloned());
                set::canonical(words)
            }
            value if self.terms.translates() => {
                self.terms.carry(from, &value).map_err(|word| self.unmappable(from, &value, &word))?
            }
            Value::Text(text) if self.is_rich_text() => {
                Value::Text(richtext::express(&text, self.dialect(from), self.dialect(to)))
            }
            value => value,
        };
        let carried = match &self.default_value {
            Some(default) if carried.is_blank() => self.default_on(to, default),
            _ => carried,
        };
        if carried.is_blank() && self.required {
            return Err(Unmappable::Required { field: name.clone() });
        }
        read_as(&carried, *self.field_type.get(to)).map_err(type_error)
    }

    fn unmappable(&self, from: Side, value: &Value, word: &Word) -> Unmappable {
        let remedy = self.terms.remedy(from, value);
        let (field, value) = (self.field.get(from).clone(), value.to_string());
        match word {
            Word::Stranger => Unmappable::Stranger { side: from, field, value, remedy },
            Word::Is(_) | Word::OneWay | Word::NotInMap => Unmappable::Value { field, value, remedy },
        }
    }

    /// The elements of a side's set.
    pub fn elements(&self, side: Side, value: &Value) -> Elements {
        let set = read_as(value, FieldType::Set).unwrap_or(Value::Null);
        Elements::new(&set, |element| self.terms.word(side, element))
    }

    /// A set as a side's value.
    pub fn set(&self, side: Side, elements: impl Iterator<Item = String>) -> Result<Value, Unmappable> {
        let value = set::canonical(elements);
        if value.is_blank() && self.required {
            return Err(Unmappable::Required { field: self.field.get(side.other()).clone() });
        }
        let field = || self.field.get(side.other()).clone();
        read_as(&value, *self.field_type.get(side))
            .map_err(|mismatch| Unmappable::Type { field: field(), mismatch })
    }

    /// The part of a side's value that the other side can have: what a base keeps. An element that gets a counterpart later
    /// then counts as added.
    pub fn shared(&self, side: Side, value: &Value) -> Value {
        if !self.is_set() || !self.terms.translates() {
            return value.clone();
        }
        let elements = self.elements(side, value);
        if elements.own().is_empty() {
            return value.clone();
        }
        let shared = set::canonical(elements.shared().cloned());
        read_as(&shared, *self.field_type.get(side)).unwrap_or(shared)
    }

    /// A value for a side, with those elements of its present set that the other side cannot have, and with those blocks of
    /// its present text as they are spelled there.
    pub fn keeping(&self, side: Side, value: Value, now: &Value) -> Value {
        if self.is_rich_text()
            && let (Value::Text(text), Value::Text(now)) = (&value, now)
        {
            return Value::Text(richtext::in_place_of(text, now, self.dialect(side)));
        }
        if !self.is_set() || !self.terms.translates() {
            return value;
        }
        let own = self.elements(side, now).own().to_vec();
        let Ok(given) = read_as(&value, FieldType::Set) else { return value };
        let both = set::canonical(set::elements(&given).map(str::to_owned).chain(own));
        read_as(&both, *self.field_type.get(side)).unwrap_or(value)
    }

    /// What of a side's value has no counterpart on the other side, although that is written: a person, or a status.
    pub fn strangers(&self, side: Side, value: &Value) -> Vec<Unmappable> {
        if !self.flow.writes(side.other()) || !self.terms.translates() {
            return Vec::new();
        }
        let stranger = |value: &Value| match self.terms.carry(side, value) {
            Err(word @ Word::Stranger) => Some(self.unmappable(side, value, &word)),
            Ok(_) | Err(_) => None,
        };
        match read_as(value, self.meaning(side)) {
            Ok(Value::Null) | Err(_) => Vec::new(),
            Ok(Value::List(elements)) if self.is_set() => elements.iter().filter_map(stranger).collect(),
            Ok(value) => stranger(&value).into_iter().collect(),
        }
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
        match side {
            Side::Source if self.terms.translates() && !self.is_set() => {
                self.terms.carry(Side::Target, default).unwrap_or_else(|_| default.clone())
            }
            _ => default.clone(),
        }
    }

    /// True if the two sides already agree, as far as the mapping can tell: a lossy map keeps the value that the other
    /// side has ("In Progress" stays where "open" comes back).
    pub fn agrees(&self, source: &Value, target: &Value) -> bool {
        if source.is_blank() && target.is_blank() {
            return true;
        }
        if self.is_set() {
            let (source, target) = (self.elements(Side::Source, source), self.elements(Side::Target, target));
            return source.shared().all(|element| target.has_counterpart(&source, element))
                && target.shared().all(|element| source.has_counterpart(&target, element));
        }
        let agrees_from = |from: Side, value: &Value, other: &Value| {
            let to = from.other();
            let agrees =
                |carried: Value| self.same(to, &carried, other) || self.is_copy_of(to, other, &carried);
            self.carry(from, value).is_ok_and(agrees)
        };
        agrees_from(Side::Source, source, target)
            || agrees_from(Side::Target, target, source)
            || self.terms.are_alike(source, target)
    }
}
