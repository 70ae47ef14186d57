//! The order of a search's result.

use std::{cmp::Ordering, sync::Arc};

use serde_json::Value;

use super::super::{index::Rank, state::State, types::Issue};

/// How a result is sorted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Order {
    /// By the index; true for descending.
    Ranked(Rank, bool),
    /// By these fields, each ascending or descending.
    Sorted(Vec<(String, bool)>),
}

impl Order {
    /// Reads the fields of `ORDER BY`. Ties are broken by the id.
    pub(crate) fn read(state: &State, fields: &[(String, bool)]) -> Result<Order, String> {
        let mut known = Vec::new();
        for (name, down) in fields {
            let lower = name.to_lowercase();
            let field = match lower.as_str() {
                "key" | "issuekey" | "issue" => "key",
                "id" => "id",
                "updateddate" => "updated",
                "createddate" => "created",
                "type" => "issuetype",
                "due" => "duedate",
                "rank" => "id",
                other => other,
            };
            let there = ["key", "id"].contains(&field) || state.field(field).is_some();
            if !there {
                return Err(format!("Not able to sort using field '{name}'."));
            }
            let id = state.field(field).map_or(field, |field| field.id.as_str());
            known.push((id.to_owned(), *down));
        }
        let rank = |name: &str| match name {
            "updated" => Some(Rank::Updated),
            "created" => Some(Rank::Created),
            "key" => Some(Rank::Number),
            "id" => Some(Rank::Id),
            _ => None,
        };
        match known.first() {
            None => Ok(Order::Ranked(Rank::Id, true)),
            Some((name, down)) => match rank(name) {
                Some(rank) => Ok(Order::Ranked(rank, *down)),
                None => Ok(Order::Sorted(known)),
            },
        }
    }
}

/// Sorts issues by fields; in ascending order, empty values come last.
pub(crate) fn ordered(
    state: &State,
    mut issues: Vec<Arc<Issue>>,
    fields: &[(String, bool)],
) -> Vec<Arc<Issue>> {
    issues.sort_by(|one, other| {
        let by = fields.iter().map(|(field, down)| {
            let ordering = compared(state, one, other, field);
            if *down { ordering.reverse() } else { ordering }
        });
        by.fold(Ordering::Equal, Ordering::then).then(one.id.cmp(&other.id))
    });
    issues
}

fn compared(state: &State, one: &Issue, other: &Issue, field: &str) -> Ordering {
    match field {
        "key" => (one.project, one.number).cmp(&(other.project, other.number)),
        "id" => one.id.cmp(&other.id),
        "created" => one.created.cmp(&other.created),
        "updated" => one.updated.cmp(&other.updated),
        "status" => one.status.cmp(&other.status),
        "issuetype" => one.issue_type.cmp(&other.issue_type),
        "priority" => {
            // In ascending order, the highest priority comes last.
            let rank = |issue: &Issue| {
                let id = issue.values.get("priority").and_then(Value::as_u64);
                state.priorities.iter().rev().position(|known| Some(known.id) == id)
            };
            rank(one).cmp(&rank(other))
        }
        field => match (one.values.get(field), other.values.get(field)) {
            (Some(Value::Number(one)), Some(Value::Number(other))) => {
                one.as_f64().partial_cmp(&other.as_f64()).unwrap_or(Ordering::Equal)
            }
            (Some(one), Some(other)) => one
                .as_str()
                .unwrap_or_default()
                .to_lowercase()
                .cmp(&other.as_str().unwrap_or_default().to_lowercase()),
            (one, other) => other.is_some().cmp(&one.is_some()),
        },
    }
}
