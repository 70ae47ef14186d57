//! Finds fields that are mapped as text although the column on the other side has another type.

use std::collections::BTreeSet;

use syncline_engine::{
    Side,
    mapping::{Mapping, Rule, Unmappable},
    merge::Decision,
    plan::ItemPlan,
    ports::{Call, ConnectorError, Place},
    side::Pair,
    spec::FieldType,
};

/// The mappings of which a value was refused.
#[derive(Debug, Default)]
pub(super) struct Untyped(BTreeSet<(usize, Side)>);

impl Untyped {
    /// Adds the text mappings of which the plan of one item refuses a value.
    pub(super) fn note(&mut self, plan: &ItemPlan, mapping: &Mapping) {
        for (position, (rule, decision)) in mapping.rules.iter().zip(&plan.decisions).enumerate() {
            if let Decision::Blocked(Unmappable::Refused { side, .. }) = decision
                && is_text(rule)
            {
                self.0.insert((position, *side));
            }
        }
    }

    /// Returns one warning for each of these mappings.
    pub(super) async fn warnings(
        &self,
        mapping: &Mapping,
        places: Pair<&dyn Place>,
        calls: &Pair<Call<'_>>,
    ) -> Result<Vec<String>, ConnectorError> {
        let mut warnings = Vec::new();
        for side in Side::BOTH {
            let rules: Vec<&Rule> = self
                .0
                .iter()
                .filter(|(_, of)| *of == side)
                .filter_map(|(position, _)| mapping.rules.get(*position))
                .collect();
            let known = match rules.is_empty() {
                true => Vec::new(),
                false => places.get(side).fields(calls.get(side)).await?,
            };
            for rule in rules {
                let name = rule.field.get(side);
                let field = known.iter().find(|field| field.name == *name);
                let type_name = field.map_or("of another type", |field| field.type_name.as_str());
                warnings.push(format!(
                    "{name:?} is {type_name} on the {side} and mapped as text; give the mapping source_type and target_type"
                ));
            }
        }
        Ok(warnings)
    }
}

fn is_text(rule: &Rule) -> bool {
    Side::BOTH.into_iter().all(|side| *rule.field_type.get(side) == FieldType::String)
}
