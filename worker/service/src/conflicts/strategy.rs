//! What a request asks for a conflict: a strategy, a choice, or a choice for each field of its item.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::DatabaseConnection;
use syncline_engine::{
    conflict::Choice,
    side::Pair,
    spec::Strategy,
    strategy::resolve,
    value::{Instant, Precision},
};
use syncline_entity::sync_conflict;

use super::{Decision, FoundConflict, get};
use crate::{Caller, Error, Refusal};

/// What is asked for one field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChoice {
    pub choice: Choice,
    /// The hash of the values that the caller saw.
    pub seen: Option<String>,
}

/// What is asked for a conflict.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// The conflict is decided as this strategy would decide it now.
    Strategy { strategy: Strategy, seen: Option<String> },
    /// The conflict is decided in this way.
    Choice(FieldChoice),
    /// Each of these fields of the conflict's item is decided in its way; all of them have open conflicts.
    Fields(BTreeMap<String, FieldChoice>),
}

/// The decisions about a conflict, or about the fields of its item.
pub async fn decide(
    db: &DatabaseConnection,
    caller: &Caller,
    id: i64,
    asked: &Asked,
) -> Result<Vec<Decision>, Error> {
    let found = get(db, caller, id).await?;
    match asked {
        Asked::Choice(FieldChoice { choice, seen }) => {
            Ok(vec![Decision { conflict: id, choice: choice.clone(), seen: seen.clone() }])
        }
        Asked::Strategy { strategy, seen } => {
            let choice = by_strategy(&found, *strategy)?;
            Ok(vec![Decision { conflict: id, choice, seen: seen.clone() }])
        }
        Asked::Fields(fields) => {
            let open = sync_conflict::open_of_link(db, found.link.id).await?;
            fields.iter().map(|(field, choice)| of_field(id, &open, field, choice)).collect()
        }
    }
}

fn of_field(
    id: i64,
    open: &[sync_conflict::Model],
    field: &str,
    FieldChoice { choice, seen }: &FieldChoice,
) -> Result<Decision, Error> {
    let found = open.iter().find(|conflict| conflict.field.as_deref() == Some(field));
    let found = found.ok_or_else(|| {
        let fields: Vec<&str> = open.iter().filter_map(|other| other.field.as_deref()).collect();
        let there = if fields.is_empty() { "none".to_owned() } else { fields.join(", ") };
        let text =
            format!("the item of conflict {id} has no open conflict in the field {field:?}; it has: {there}");
        Error::refused(Refusal::Undecidable, text)
    })?;
    Ok(Decision { conflict: found.id, choice: choice.clone(), seen: seen.clone() })
}

/// What a strategy decides. A side that does not say when it was modified counts with the time at which the conflict was
/// first met.
pub(crate) fn by_strategy(found: &FoundConflict, strategy: Strategy) -> Result<Choice, Error> {
    let FoundConflict { conflict, .. } = found;
    let instant = |at: Option<DateTime<Utc>>| at.map(|at| Instant::new(at, Precision::Micro));
    let modified = Pair::new(instant(conflict.source_modified), instant(conflict.target_modified));
    match resolve(strategy, modified, conflict.created_at).map(|resolution| resolution.winner) {
        Some(winner) => Ok(winner),
        None => {
            let text = format!(
                "conflict {}: {strategy} leaves it to a person; name a side, the base or a value",
                conflict.id
            );
            Err(Error::refused(Refusal::Undecidable, text))
        }
    }
}
