//! `syncline conflicts resolve`: a person's choice, and the runs that carry it out.

use std::collections::BTreeMap;

use chrono::{SubsecRound, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseConnection,
    DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use serde_json::json;
use syncline_entity::{
    sync_config, sync_conflict, sync_history, sync_metadata,
    types::{RunKind, Side},
};
use syncline_queue::outbox::{
    Accepted, NewRun, RunArgs, RunQueue, accept_in, begin, committed, statement, sync_key, work_key,
};
use uuid::Uuid;

use crate::{
    app,
    cli::ResolveArgs,
    commands::sync,
    config::{Config, LeaseConfig},
    fault::{Exit, Fault},
    output::Output,
    syncs, wait,
};

/// How often a choice is made again because a run wrote to the link meanwhile.
const TRIES: usize = 5;

/// A run that carries choices out.
struct Chosen {
    config: sync_config::Model,
    run: Uuid,
    conflicts: Vec<i64>,
}

/// Notes a person's choice and accepts the runs that carry it out, in one transaction.
pub(super) async fn run(
    config: &Config,
    db: &DatabaseConnection,
    args: &ResolveArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let side: Side = args
        .side
        .parse()
        .map_err(|_| Fault::usage(format!("--side {:?} is no side; allowed: source, target", args.side)))?;
    let environment = app::environment(config, db.clone())?;
    let ids = meant(db, args).await?;
    if ids.is_empty() {
        output.data(&json!({ "resolution": side, "conflicts": [] }));
        output.line("no conflicts");
        return Ok(Exit::Done);
    }
    let chosen = choose(db, &environment.queue, &ids, side, &config.person.shown()).await?;
    if args.no_wait {
        for one in &chosen {
            output.line(format!("{side} stands; run {} carries it out", one.run));
        }
        tell(&chosen, side, &BTreeMap::new(), None, output);
        return Ok(Exit::Done);
    }
    let lease = LeaseConfig::from(&args.lease);
    let mut open = 0;
    for one in &chosen {
        let row = sync_history::by_run(db, one.run).await?;
        let key = row.map_or_else(|| sync_key(one.config.id), |row| work_key(&row));
        wait::follow(config.role, environment.clone(), (one.run, key), lease, output).await?;
        open = sync::open_conflicts(db, one.config.id).await?;
    }
    let after = sync_conflict::Entity::find().filter(sync_conflict::Column::Id.is_in(ids)).all(db).await?;
    let after: BTreeMap<i64, sync_conflict::Model> = after.into_iter().map(|row| (row.id, row)).collect();
    tell(&chosen, side, &after, Some(open), output);
    conclude(&chosen, side, &after, output)
}

/// The conflicts that the arguments name.
async fn meant(db: &DatabaseConnection, args: &ResolveArgs) -> Result<Vec<i64>, Fault> {
    if !args.ids.is_empty() {
        let mut ids = args.ids.clone();
        ids.sort_unstable();
        ids.dedup();
        return Ok(ids);
    }
    let mut query = sync_conflict::Entity::find()
        .find_also_related(sync_metadata::Entity)
        .filter(sync_conflict::Column::Resolved.eq(false))
        .order_by_asc(sync_conflict::Column::Id);
    if let Some(name) = &args.sync {
        let config = syncs::find(db, name).await?;
        query = query.filter(sync_metadata::Column::SyncConfigId.eq(config.id));
    }
    Ok(query.all(db).await?.into_iter().map(|(conflict, _)| conflict.id).collect())
}

fn tell(
    chosen: &[Chosen],
    side: Side,
    after: &BTreeMap<i64, sync_conflict::Model>,
    open: Option<u64>,
    output: &Output,
) {
    let applied = |id: &i64| after.get(id).is_some_and(|conflict| conflict.resolved);
    let all = chosen.iter().flat_map(|one| {
        let line = |id| {
            let mut line =
                json!({ "conflict": id, "resolution": side, "run": one.run, "applied": applied(id) });
            if let Some(open) = open {
                line["open_conflicts"] = json!(open);
            }
            line
        };
        one.conflicts.iter().map(line)
    });
    let all: Vec<_> = all.collect();
    match all.as_slice() {
        [only] => output.data(only),
        _ => output.data(&json!({ "resolution": side, "conflicts": all })),
    }
}

fn conclude(
    chosen: &[Chosen],
    side: Side,
    after: &BTreeMap<i64, sync_conflict::Model>,
    output: &Output,
) -> Result<Exit, Fault> {
    let mut failed = Vec::new();
    for (one, id) in chosen.iter().flat_map(|one| one.conflicts.iter().map(move |id| (one, *id))) {
        match after.get(&id).filter(|conflict| conflict.resolved) {
            None => failed.push(format!(
                "conflict {id} is not settled: its values changed since it was listed, or the run failed; see \
                 `syncline conflicts` and `syncline runs {}`",
                one.run
            )),
            Some(conflict) if conflict.field.is_none() => {
                output.line(format!("conflict {id} is settled: the {side} stands"));
            }
            Some(_) => {
                output.line(format!("conflict {id} is settled: the {side}'s value stands on both sides"));
            }
        }
    }
    if failed.is_empty() { Ok(Exit::Done) } else { Err(Fault::failed(failed.join("\n"))) }
}

/// Makes the choice again when a run wrote to one of the links between reading and writing it.
async fn choose(
    db: &DatabaseConnection,
    queue: &RunQueue,
    ids: &[i64],
    side: Side,
    by: &str,
) -> Result<Vec<Chosen>, Fault> {
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
    Err(Fault::failed("runs write to these items all the time; try again"))
}

/// `None`: a run wrote to one of the links meanwhile.
async fn try_choose(
    tx: &DatabaseTransaction,
    queue: &RunQueue,
    ids: &[i64],
    side: Side,
    by: &str,
) -> Result<Option<Vec<(Chosen, Accepted)>>, Fault> {
    // One run per sync, and another for whole items: there the person vouches for the absence, too.
    let mut groups: BTreeMap<(i64, bool), (Vec<i64>, Vec<i64>)> = BTreeMap::new();
    for id in ids {
        let found =
            sync_conflict::Entity::find_by_id(*id).find_also_related(sync_metadata::Entity).one(tx).await?;
        let Some((conflict, Some(link))) = found else {
            return Err(Fault::usage(format!("there is no conflict {id}; see `syncline conflicts`")));
        };
        if conflict.resolved {
            return Err(Fault::usage(format!("conflict {id} is settled already")));
        }
        let (links, conflicts) = groups.entry((link.sync_config_id, conflict.field.is_none())).or_default();
        // The second conflict of a link finds it due already.
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
        let config = config.ok_or_else(|| Fault::failed(format!("sync {sync} is gone")))?;
        let run = NewRun {
            args: RunArgs { links: Some(links), confirm_deletes: whole, ..RunArgs::default() },
            ..syncs::run_of(&config, RunKind::Resolve)?
        };
        let accepted = accept_in(tx, queue, &run).await?;
        let run = accepted.id().ok_or_else(|| Fault::failed("the run was not accepted"))?;
        chosen.push((Chosen { config, run, conflicts }, accepted));
    }
    Ok(Some(chosen))
}

/// Has the next run look at a link. False: it is not what was read any more.
async fn make_due(tx: &DatabaseTransaction, link: &sync_metadata::Model) -> Result<bool, Fault> {
    let sql = "UPDATE sync_metadata SET sync_status = 'pending', next_attempt_at = ?, version = version + 1 \
               WHERE id = ? AND version = ?";
    let values = [Utc::now().trunc_subsecs(6).into(), link.id.into(), link.version.into()];
    Ok(tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await?.rows_affected() > 0)
}
