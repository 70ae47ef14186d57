//! Stores a person's choices for conflicts, and starts the runs that carry them out.
//!
//! A choice is bound to the values that the conflict shows when it is made. If a side is edited before the run, the
//! choice does not count, and the conflict is open again with the new values.

mod listing;
mod strategy;

use std::collections::BTreeMap;

use chrono::{SubsecRound, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr,
    EntityTrait, IntoActiveModel,
};
use serde_json::{Value as Json, json};
use syncline_engine::{
    Side, Value, conflict::Choice, mapping::Rule, merge::unwritten, side::Pair, spec::SyncSpec,
};
use syncline_entity::{
    event::{self, NewEvent},
    sync_config, sync_conflict, sync_metadata,
    types::{EventType, RunKind},
};
use syncline_runs::{Accepted, CHOICES, NewRun, RunArgs, RunQueue, accept_in, committed};
use syncline_sql::{begin, statement};
use uuid::Uuid;

pub use self::{
    listing::{
        COLUMNS, ConflictGroup, ConflictsQuery, FoundConflict, count_open, get, groups, list, open_ids,
    },
    strategy::{Asked, FieldChoice, decide},
};
pub(crate) use self::{
    listing::{get_in, undecided_ids},
    strategy::by_strategy,
};
use super::{
    Caller, Error, Refusal, Unknown,
    audit::{self, Entry},
    choice::columns,
    people,
    runs::run_of,
};

/// How often a choice is tried again because a run wrote to the link meanwhile.
const TRIES: usize = 5;

/// What a person decides about one conflict.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The id of the conflict.
    pub conflict: i64,
    pub choice: Choice,
    /// The hash of the values that they saw ([`seen`](crate::choice::seen)); none: whatever the values are now.
    pub seen: Option<String>,
}

impl Decision {
    /// A choice for a conflict, whatever its values are now.
    pub fn new(conflict: i64, choice: Choice) -> Decision {
        Decision { conflict, choice, seen: None }
    }
}

/// A run that carries out choices.
#[derive(Debug)]
pub struct Chosen {
    pub config: sync_config::Model,
    pub run: Uuid,
    /// The ids of the conflicts that it resolves.
    pub conflicts: Vec<i64>,
}

/// Stores a person's choices and accepts the runs that carry them out, in one transaction: all of them, or none if one
/// cannot be carried out. Tries again if a run wrote to one of the links between reading and writing it.
pub async fn choose(
    db: &DatabaseConnection,
    queue: &RunQueue,
    decisions: &[Decision],
    caller: &Caller,
) -> Result<Vec<Chosen>, Error> {
    for _ in 0..TRIES {
        let tx = begin(db).await?;
        match try_choose(&tx, queue, decisions, caller).await? {
            Some(chosen) => {
                tx.commit().await?;
                for (_, accepted) in &chosen {
                    committed(db, queue, *accepted).await;
                }
                return Ok(chosen.into_iter().map(|(one, _)| one).collect());
            }
            None => tx.rollback().await?,
        }
    }
    Err(Error::refused(Refusal::Contended, "runs write to these items all the time; try again"))
}

/// Stores the choices and accepts their runs in a transaction. Returns `None` if a run wrote to one of the links meanwhile.
pub(crate) async fn try_choose(
    tx: &DatabaseTransaction,
    queue: &RunQueue,
    decisions: &[Decision],
    caller: &Caller,
) -> Result<Option<Vec<(Chosen, Accepted)>>, Error> {
    // One run per sync for fields, and another for whole items, which also confirms deletes: the person's choice
    // confirms the absence.
    let mut groups: BTreeMap<(i64, bool), Group> = BTreeMap::new();
    let mut syncs = Syncs::default();
    let mut told = Vec::new();
    for Decision { conflict: id, choice, seen } in decisions {
        let found =
            sync_conflict::Entity::find_by_id(*id).find_also_related(sync_metadata::Entity).one(tx).await?;
        let unknown = || {
            Error::unknown(Unknown::Conflict, format!("there is no conflict {id}; see `syncline conflicts`"))
        };
        let Some((conflict, Some(link))) = found else { return Err(unknown()) };
        let project = syncs.of(tx, link.sync_config_id).await?.project_id;
        if !caller.sees(project) {
            return Err(unknown());
        }
        if conflict.resolved {
            return Err(Error::refused(Refusal::Resolved, format!("conflict {id} is resolved already")));
        }
        if seen.as_ref().is_some_and(|seen| *seen != crate::choice::seen(&conflict)) {
            let text =
                format!("the values of conflict {id} have changed since they were read; look at them again");
            return Err(Error::refused(Refusal::ConflictMoved, text));
        }
        if choice.side().is_none() {
            let config = syncs.of(tx, link.sync_config_id).await?;
            check(tx, config, &conflict, &link, choice).await?;
        }
        let group = groups.entry((link.sync_config_id, conflict.field.is_none())).or_default();
        // For a second conflict the link is due already.
        if !group.links.contains(&link.id) {
            if !make_due(tx, &link).await? {
                return Ok(None);
            }
            group.links.push(link.id);
        }
        group.conflicts.push(*id);
        group.needs = group.needs.or(choice.side().is_none().then_some(CHOICES));
        let (side, stored) =
            columns(&conflict, choice, &caller.actor).map_err(|error| DbErr::Json(error.to_string()))?;
        let mut row = conflict.into_active_model();
        row.resolution = Set(side);
        row.choice = Set(stored);
        row.resolved_by = Set(Some(caller.actor.clone()));
        row.update(tx).await?;
        // A value that was chosen is in the changes of the run, and not here.
        let entry = Entry {
            action: "conflict.resolve",
            kind: "conflict",
            id: Some(id.to_string()),
            project: Some(project),
            before: Json::Null,
            after: json!({ "take": choice.as_str(), "link": link.id }),
        };
        audit::record(tx, caller, entry).await?;
        let facts = json!({
            "conflict": id, "link": link.id, "sync": link.sync_config_id, "take": choice.as_str(), "by": caller.actor,
        });
        let event = NewEvent::new(EventType::ConflictChosen, Some(project), facts).about(id);
        told.push(event.of_sync(link.sync_config_id).of_links(&[link.id]));
    }
    event::record(tx, Utc::now().trunc_subsecs(6), told).await?;
    let mut chosen = Vec::new();
    for ((sync, whole), Group { links, conflicts, needs }) in groups {
        let config = syncs.of(tx, sync).await?.clone();
        let run = NewRun {
            args: RunArgs { links: Some(links), confirm_deletes: whole, needs, ..RunArgs::default() },
            ..run_of(&config, RunKind::Resolve)?
        };
        let accepted = accept_in(tx, queue, &run).await?;
        let run = accepted.id().ok_or_else(|| DbErr::Custom("the run was not accepted".to_owned()))?;
        chosen.push((Chosen { config, run, conflicts }, accepted));
    }
    Ok(Some(chosen))
}

/// What one run carries out.
#[derive(Default)]
struct Group {
    links: Vec<i64>,
    conflicts: Vec<i64>,
    /// The payload version that its worker must read.
    needs: Option<i32>,
}

/// The syncs of the conflicts, each read once.
#[derive(Default)]
struct Syncs(BTreeMap<i64, sync_config::Model>);

impl Syncs {
    async fn of(&mut self, tx: &DatabaseTransaction, id: i64) -> Result<&sync_config::Model, Error> {
        if let std::collections::btree_map::Entry::Vacant(place) = self.0.entry(id) {
            let config = sync_config::Entity::find_by_id(id).one(tx).await?;
            place.insert(config.ok_or_else(|| DbErr::RecordNotFound(format!("sync {id} is gone")))?);
        }
        self.0.get(&id).ok_or_else(|| DbErr::RecordNotFound(format!("sync {id} is gone")).into())
    }
}

/// Refuses a base or a value that cannot be carried out, as far as the mapping can tell; the places are asked by the run,
/// before it writes to either of them.
pub(crate) async fn check(
    tx: &impl ConnectionTrait,
    config: &sync_config::Model,
    conflict: &sync_conflict::Model,
    link: &sync_metadata::Model,
    choice: &Choice,
) -> Result<(), Error> {
    let id = conflict.id;
    let refused = |why: String| Error::refused(Refusal::Undecidable, format!("conflict {id}: {why}"));
    let Some(field) = &conflict.field else {
        return Err(refused(format!(
            "it is about the whole item, which has no {choice}; choose source or target"
        )));
    };
    let unreadable = |error: String| Error::Unreadable { sync: config.name.clone(), error };
    let spec: SyncSpec =
        serde_json::from_value(config.config_json.clone()).map_err(|error| unreadable(error.to_string()))?;
    let mapping = people::mapping(tx, &spec, config.revision).await?;
    let mapping = mapping.map_err(|error| unreadable(error.to_string()))?;
    let rule = mapping.rule_of(Side::Source, field).ok_or_else(|| {
        refused(format!("field {field} is not mapped any more; choose source or target, or map it again"))
    })?;
    let wanted = match choice {
        Choice::Value(value) => rule.both(value).map_err(|problem| refused(problem.to_string()))?,
        _ => base_of(rule, link).ok_or_else(|| {
            refused(format!(
                "field {field} has no base, because the two sides never agreed on it; choose source, target or a value"
            ))
        })?,
    };
    let shown = Pair::new(value_of(&conflict.source_data), value_of(&conflict.target_data));
    for side in Side::BOTH {
        let now = syncline_engine::mapping::read_as(shown.get(side), *rule.field_type.get(side));
        let has_it = now.is_ok_and(|now| now.same(wanted.get(side)));
        if !has_it && !rule.flow.writes(side) {
            return Err(refused(unwritten(rule, side, wanted.get(side)).to_string()));
        }
    }
    Ok(())
}

/// The last value of each side that they agreed on.
fn base_of(rule: &Rule, link: &sync_metadata::Model) -> Option<Pair<Value>> {
    let of =
        |base: &Option<serde_json::Value>, field: &str| Some(Value::from_json(base.as_ref()?.get(field)?));
    Some(Pair::new(of(&link.base_source, &rule.field.source)?, of(&link.base_target, &rule.field.target)?))
}

fn value_of(json: &Option<serde_json::Value>) -> Value {
    json.as_ref().map_or(Value::Null, Value::from_json)
}

/// Makes the next run read a link. Returns false if the link has changed since it was read.
async fn make_due(tx: &DatabaseTransaction, link: &sync_metadata::Model) -> Result<bool, Error> {
    let sql = "UPDATE sync_metadata SET sync_status = 'pending', next_attempt_at = ?, version = version + 1 \
               WHERE id = ? AND version = ?";
    let values = [Utc::now().trunc_subsecs(6).into(), link.id.into(), link.version.into()];
    Ok(tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await?.rows_affected() > 0)
}
