//! What a side's value is called on the other side: by the value map of the document, by the table of people, by the
//! categories of statuses.

use super::{people::PeopleOfSync, statuses::Statuses, values::ValueMap};
use crate::{
    Side, Value,
    side::Pair,
    spec::{FieldSpec, FieldType, StatusMatching},
};

#[derive(Debug, Clone)]
pub(super) struct Terms {
    /// Entries of the document; they come first.
    map: Option<ValueMap>,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Every value is called the same; with a map, only those in it.
    Same,
    People(PeopleOfSync),
    Statuses {
        of: Pair<Statuses>,
        matching: StatusMatching,
    },
}

/// The other side's word for a value.
pub(super) enum Word {
    Is(String),
    /// The mapping leads to this value, and not back.
    OneWay,
    /// The value map has no entry for it.
    NotInMap,
    /// The other side has no counterpart, and both sides keep what they have.
    Stranger,
}

impl Terms {
    pub(super) fn compile(field: &FieldSpec) -> Terms {
        let is = |wanted: &[FieldType]| {
            [field.source_type, field.target_type].iter().any(|kind| wanted.contains(kind))
        };
        let kind = if is(&[FieldType::Person, FieldType::People]) {
            Kind::People(PeopleOfSync::default())
        } else if is(&[FieldType::Status]) {
            let of = Pair::new(Statuses::new(&field.source_statuses), Statuses::new(&field.target_statuses));
            Kind::Statuses { of, matching: field.status_matching }
        } else {
            Kind::Same
        };
        Terms { map: ValueMap::compile(&field.values, &field.back), kind }
    }

    /// True if the table of people is asked.
    pub(super) fn has_people(&self) -> bool {
        matches!(self.kind, Kind::People(_))
    }

    /// The statuses of a side, if the field holds statuses.
    pub(super) fn statuses_mut(&mut self, side: Side) -> Option<&mut Statuses> {
        match &mut self.kind {
            Kind::Statuses { of, .. } => Some(of.get_mut(side)),
            Kind::Same | Kind::People(_) => None,
        }
    }

    pub(super) fn statuses(&self, side: Side) -> Option<&Statuses> {
        match &self.kind {
            Kind::Statuses { of, .. } => Some(of.get(side)),
            Kind::Same | Kind::People(_) => None,
        }
    }

    pub(super) fn set_people(&mut self, people: &PeopleOfSync) {
        if let Kind::People(known) = &mut self.kind {
            *known = people.clone();
        }
    }

    /// True if values are looked up in some way.
    pub(super) fn translates(&self) -> bool {
        self.map.is_some() || !matches!(self.kind, Kind::Same)
    }

    /// The counterpart of a single value, as the value map or the kind of field knows it.
    pub(super) fn carry(&self, from: Side, value: &Value) -> Result<Value, Word> {
        if let Some(mapped) = self.map.as_ref().and_then(|map| map.carry(from, value)) {
            return Ok(mapped);
        }
        match &self.kind {
            Kind::Same if self.map.is_none() => Ok(value.clone()),
            Kind::Same => Err(Word::NotInMap),
            Kind::People(people) => people.carry(from, &value.name()).map(Value::Text).ok_or(Word::Stranger),
            Kind::Statuses { of, matching } => {
                let category = of.get(from).category(&value.name());
                let name = category.and_then(|category| of.get(from.other()).name(category, &value.name()));
                name.map(Value::text).ok_or(match matching {
                    StatusMatching::Strict => Word::NotInMap,
                    StatusMatching::Lenient => Word::Stranger,
                })
            }
        }
    }

    /// True if both are statuses of one category.
    pub(super) fn are_alike(&self, source: &Value, target: &Value) -> bool {
        let Kind::Statuses { of, .. } = &self.kind else { return false };
        let source = of.source.category(&source.name());
        source.is_some() && source == of.target.category(&target.name())
    }

    /// The counterpart of an element of a set.
    pub(super) fn word(&self, from: Side, element: &str) -> Word {
        match self.carry(from, &Value::text(element)) {
            Ok(value) if value.is_blank() => Word::Stranger,
            Ok(value) => Word::Is(value.name()),
            Err(Word::NotInMap) if self.map.as_ref().is_some_and(|map| map.leads_to(from, element)) => {
                Word::OneWay
            }
            Err(word) => word,
        }
    }

    /// Why a value has no counterpart, and what to do about it.
    pub(super) fn remedy(&self, from: Side, value: &Value) -> String {
        match &self.kind {
            Kind::Same => format!("add it to {} of this field", ValueMap::key(from)),
            Kind::People(_) => "`syncline people map` gives it one".to_owned(),
            Kind::Statuses { of, .. } => {
                let to = from.other();
                if let Some(category) = of.get(from).category(&value.name()) {
                    return format!(
                        "the {to} has no status like {category}; add one to {to}_statuses of this field"
                    );
                }
                let known: Vec<&str> = of.get(from).names().take(12).collect();
                format!("known are {}; add it to {from}_statuses of this field", known.join(", "))
            }
        }
    }
}
