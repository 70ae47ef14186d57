//! Stores a person's choice for conflicts, and starts the runs that carry it out.

use std::collections::BTreeMap;

use chrono::{SubsecRound, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr,
    EntityTrait, IntoActiveModel,
};
use syncline_entity::{
    sync_config, sync_conflict, sync_metadata,
    types::{RunKind, Side},
};
use syncline_runs::{Accepted, NewRun, RunArgs, RunQueue, accept_in, committed};
use syncline_sql::{begin, statement};
use uuid::Uuid;

use super::{Error, Refusal, Unknown, runs::run_of};

/// How often a choice is tried again because a run wrote to the link meanwhile.
const TRIES: usize = 5;

/// A run that carries out choices.
#[derive(Debug)]
pub struct Chosen {
    pub config: sync_config::Model,
    pub run: Uuid,
    /// The ids of the conflicts that it resolves.
    pub conflicts: Vec<i64>,
}

/// Stores a person's choice of a side and accepts the runs that carry it out, in one transaction. Tries again if a run
/// wrote to one of the links between reading and writing it.
pub async fn choose(
    db: &DatabaseConnection,
    queue: &RunQueue,
    ids: &[i64],
    side: Side,
    by: &str,
) -> Result<Vec<Chosen>, Error> {
    for _ in 0..TRIES {
        let tx = begin(db).await?;
        match try_choose(&tx, queue, ids, side, by).await? {
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

/// Returns `None` if a run wrote to one of the links meanwhile.
async fn try_choose(
    tx: &DatabaseTransaction,
    queue: &RunQueue,
    ids: &[i64],
    side: Side,
    by: &str,
) -> Result<Option<Vec<(Chosen, Accepted)>>, Error> {
    // One run per sync for fields, and another for whole items, which also confirms deletes: the person's choice
    // confirms the absence.
    let mut groups: BTreeMap<(i64, bool), (Vec<i64>, Vec<i64>)> = BTreeMap::new();
    for id in ids {
        let found =
            sync_conflict::Entity::find_by_id(*id).find_also_related(sync_metadata::Entity).one(tx).await?;
        let Some((conflict, Some(link))) = found else {
            return Err(Error::unknown(
                Unknown::Conflict,
                format!("there is no conflict {id}; see `syncline conflicts`"),
            ));
        };
        if conflict.resolved {
            return Err(Error::refused(Refusal::Resolved, format!("conflict {id} is resolved already")));
        }
        let (links, conflicts) = groups.entry((link.sync_config_id, conflict.field.is_none())).or_default();
        // For a second conflict the link is due already.
        if !links.contains(&link.id) {
            if !make_due(tx, &link).await? {
                return Ok(None);
            }
            links.push(link.id);
        }
        conflicts.push(*id);
        let mut choice = conflict.into_active_model();
        choice.resolution = Set(Some(side));
        choice.resolved_by = Set(Some(by.to_owned()));
        choice.update(tx).await?;
    }
    let mut chosen = Vec::new();
    for ((sync, whole), (links, conflicts)) in groups {
        let config = sync_config::Entity::find_by_id(sync).one(tx).await?;
        let config = config.ok_or_else(|| DbErr::RecordNotFound(format!("sync {sync} is gone")))?;
        let run = NewRun {
            args: RunArgs { links: Some(links), confirm_deletes: whole, ..RunArgs::default() },
            ..run_of(&config, RunKind::Resolve)?
        };
        let accepted = accept_in(tx, queue, &run).await?;
        let run = accepted.id().ok_or_else(|| DbErr::Custom("the run was not accepted".to_owned()))?;
        chosen.push((Chosen { config, run, conflicts }, accepted));
    }
    Ok(Some(chosen))
}

/// Makes the next run read a link. Returns false if the link has changed since it was read.
async fn make_due(tx: &DatabaseTransaction, link: &sync_metadata::Model) -> Result<bool, Error> {
    let sql = "UPDATE sync_metadata SET sync_status = 'pending', next_attempt_at = ?, version = version + 1 \
               WHERE id = ? AND version = ?";
    let values = [Utc::now().trunc_subsecs(6).into(), link.id.into(), link.version.into()];
    Ok(tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await?.rows_affected() > 0)
}
