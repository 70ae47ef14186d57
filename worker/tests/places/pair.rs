//! Two places with rows and the sync between them, as drawn from a seed.

use serde_json::{Value as Json, json};
use syncline_engine::{
    Side,
    side::Pair as Both,
    spec::{Direction, Strategy},
};

pub(crate) use crate::layout::{Act, Column, FileStyle, Kind, Layout, Role, TableStyle, Trigger};
use crate::{
    meaning::{Meaning, Sort},
    values::{LABELS, RENAMED},
};

/// A mapped field besides key and tag.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) sort: Sort,
    /// The document names its type.
    pub(crate) typed: bool,
    pub(crate) direction: Option<Direction>,
    pub(crate) required: bool,
    /// A value map gives its labels other names on the target.
    pub(crate) renamed: bool,
}

/// A row of one side or of both.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) tag: String,
    pub(crate) on: Both<bool>,
    pub(crate) keys: Both<String>,
    /// The texts of the fields.
    pub(crate) cells: Both<Vec<String>>,
}

/// A pair of places.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) seed: u64,
    pub(crate) layouts: Both<Layout>,
    pub(crate) fields: Vec<Field>,
    pub(crate) mapped_key: bool,
    pub(crate) rows: Vec<Row>,
    pub(crate) direction: Direction,
    pub(crate) strategy: Strategy,
    pub(crate) two_way_create: bool,
    pub(crate) deletes: bool,
    /// The answer to the first creates is lost, and the next run has to find out.
    pub(crate) answer_lost: bool,
}

impl Pair {
    /// Whether values of a field may be carried to a side.
    pub(crate) fn writes(&self, field: usize, side: Side) -> bool {
        self.flow(field).writes(side)
    }

    pub(crate) fn flow(&self, field: usize) -> Direction {
        match (self.direction, self.fields[field].direction) {
            (Direction::Bidirectional, Some(own)) => own,
            (direction, _) => direction,
        }
    }

    pub(crate) fn creates_on(&self, side: Side) -> bool {
        match self.direction {
            Direction::Bidirectional => side == Side::Target || self.two_way_create,
            one_way => one_way.writes(side),
        }
    }

    /// A text of a field as a side spells it.
    pub(crate) fn spelled(&self, field: usize, side: Side, text: String) -> String {
        let renamed = self.fields[field].renamed && side == Side::Target;
        let place = LABELS.iter().position(|label| renamed && *label == text);
        place.map_or(text, |place| RENAMED[place].to_owned())
    }

    /// What a cell of a side says, in the source's terms.
    pub(crate) fn common(&self, field: usize, side: Side, meaning: Meaning) -> Meaning {
        let place = match &meaning {
            Meaning::Text(text) if self.fields[field].renamed && side == Side::Target => {
                RENAMED.iter().position(|label| label == text)
            }
            _ => None,
        };
        place.map_or(meaning, |place| Meaning::Text(LABELS[place].to_owned()))
    }

    /// The name of a field on a side.
    pub(crate) fn field_name(&self, field: usize, side: Side) -> &str {
        self.layouts.get(side).name(Role::Field(field)).unwrap_or_default()
    }

    /// A trigger of either side changes what is written to the field.
    pub(crate) fn is_changed(&self, field: usize) -> bool {
        let role = Role::Field(field);
        Side::BOTH.into_iter().any(|side| {
            let layout = self.layouts.get(side);
            layout.capitals() == Some(role) || self.writes(field, side) && layout.drops(role)
        })
    }

    /// What a message about an item may name: columns, and what refuses rows.
    pub(crate) fn names(&self) -> Vec<String> {
        let columns = Side::BOTH.into_iter().flat_map(|side| &self.layouts.get(side).columns);
        let mut names: Vec<String> =
            columns.flat_map(|column| [column.name.clone(), format!("{:?}", column.name)]).collect();
        names.retain(|name| name.len() > 2);
        names.extend(["refuser", "redirector", "ignorer", "committer", "carrier"].map(str::to_owned));
        names
    }

    /// The document, for places with these scopes.
    pub(crate) fn document(&self, name: &str, scopes: &Both<Json>) -> Json {
        let platform = |side: Side| match self.layouts.get(side).kind {
            Kind::Csv => "csv",
            Kind::Sqlite | Kind::Postgres => "sql",
        };
        let role = |role: Role| {
            let name = |side: Side| self.layouts.get(side).name(role).unwrap_or_default();
            json!({ "source_field": name(Side::Source), "target_field": name(Side::Target) })
        };
        let mut mappings = Vec::new();
        if self.mapped_key {
            mappings.push(role(Role::Key));
        }
        mappings.push(role(Role::Tag));
        for (position, field) in self.fields.iter().enumerate() {
            let mut mapping = role(Role::Field(position));
            if field.typed {
                let name = field_type(field.sort);
                mapping["source_type"] = json!(name);
                mapping["target_type"] = json!(name);
            }
            if let Some(direction) = field.direction {
                mapping["direction"] = json!(direction);
            }
            if field.renamed {
                mapping["values"] = LABELS.into_iter().zip(RENAMED).collect();
            }
            if field.required {
                mapping["required"] = json!(true);
            }
            mappings.push(mapping);
        }
        let tag = self.layouts.source.name(Role::Tag).unwrap_or_default();
        let mut document = json!({
            "name": name,
            "source_platform": platform(Side::Source),
            "source": scopes.source,
            "target_platform": platform(Side::Target),
            "target": scopes.target,
            "direction": self.direction,
            "conflict_strategy": self.strategy,
            "two_way_create": self.two_way_create,
            "delete_policy": if self.deletes { "delete" } else { "ignore" },
            "delete_guard": { "max_share": 1.0, "max_count": 1000 },
            "field_mappings": mappings,
        });
        if !self.mapped_key {
            document["match_on"] = json!([tag]);
        }
        document
    }
}

fn field_type(sort: Sort) -> &'static str {
    match sort {
        Sort::Whole | Sort::Decimal => "number",
        Sort::Flag => "boolean",
        Sort::Day => "date",
        Sort::Moment => "datetime",
        Sort::Json => "json",
        Sort::List => "array",
        Sort::Text | Sort::Parent | Sort::Uuid | Sort::Label | Sort::Inet | Sort::Interval | Sort::Clock => {
            "string"
        }
    }
}
