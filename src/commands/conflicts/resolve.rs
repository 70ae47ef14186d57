//! `syncline conflicts resolve`: records a person's choice and starts the runs that apply it.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;
use syncline_entity::{sync_conflict, sync_history, sync_metadata, types::Side};
use syncline_runs::{sync_key, work_key};
use syncline_service::{
    conflicts::{Chosen, choose},
    syncs,
};

use crate::{
    app,
    cli::ResolveArgs,
    commands::sync,
    config::{Config, LeaseConfig},
    fault::{Exit, Fault},
    output::Output,
    wait,
};

/// Records the choice and accepts the runs that apply it, in one transaction.
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

/// The ids of the conflicts that the arguments select.
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
                "conflict {id} is not resolved: its values changed since it was listed, or the run failed; see \
                 `syncline conflicts` and `syncline runs {}`",
                one.run
            )),
            Some(conflict) if conflict.field.is_none() => {
                output.line(format!("conflict {id} is resolved: the {side} stands"));
            }
            Some(_) => {
                output.line(format!("conflict {id} is resolved: the {side}'s value stands on both sides"));
            }
        }
    }
    if failed.is_empty() { Ok(Exit::Done) } else { Err(Fault::failed(failed.join("\n"))) }
}
