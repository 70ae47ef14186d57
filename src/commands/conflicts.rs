//! `syncline conflicts`: what waits for a person, and the person's word.

use chrono::{SubsecRound, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseConnection, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, TransactionTrait, sea_query::Expr,
};
use serde_json::{Value, json};
use syncline_entity::{
    sync_config, sync_conflict, sync_history, sync_metadata,
    types::{RunKind, Side, SyncStatus},
};
use syncline_queue::outbox::{Accepted, NewRun, RunArgs, RunQueue, accept_in, committed, sync_key, work_key};
use uuid::Uuid;

use super::sync;
use crate::{
    app,
    cli::{ConflictsAction, ConflictsArgs, ConflictsListArgs, ResolveArgs},
    fault::{Exit, Fault},
    output::{Output, conflict_kind, shown},
    syncs, wait, words,
};

/// Lists conflicts or settles one.
pub(crate) async fn run(url: &str, args: &ConflictsArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(url).await?;
    match &args.action {
        Some(ConflictsAction::Resolve(args)) => resolve(&db, args, output).await,
        Some(ConflictsAction::List(args)) => list(&db, args, output).await,
        None => list(&db, &args.list, output).await,
    }
}

/// A conflict with its link and its sync.
pub(crate) struct Found {
    pub(crate) conflict: sync_conflict::Model,
    pub(crate) link: sync_metadata::Model,
    pub(crate) config: sync_config::Model,
}

/// Conflicts, the latest first.
pub(crate) async fn find(db: &DatabaseConnection, args: &ConflictsListArgs) -> Result<Vec<Found>, Fault> {
    let mut query = sync_conflict::Entity::find()
        .find_also_related(sync_metadata::Entity)
        .order_by_desc(sync_conflict::Column::Id)
        .limit(args.limit);
    if !args.all {
        // Literally as in the partial index, which a bound value would hide.
        query = query.filter(Expr::cust("sync_conflicts.resolved = false"));
    }
    if let Some(name) = &args.sync {
        let config = syncs::find(db, name).await?;
        query = query.filter(sync_metadata::Column::SyncConfigId.eq(config.id));
    }
    let configs = sync_config::Entity::find().all(db).await?;
    let found = query.all(db).await?.into_iter().filter_map(|(conflict, link)| {
        let link = link?;
        let config = configs.iter().find(|config| config.id == link.sync_config_id)?.clone();
        Some(Found { conflict, link, config })
    });
    Ok(found.collect())
}

async fn list(db: &DatabaseConnection, args: &ConflictsListArgs, output: &Output) -> Result<Exit, Fault> {
    let found = find(db, args).await?;
    output.data(&json!({ "conflicts": found.iter().map(as_json).collect::<Vec<_>>() }));
    tell(&found, output);
    Ok(Exit::Done)
}

/// Conflicts for people.
pub(crate) fn tell(found: &[Found], output: &Output) {
    if found.is_empty() {
        output.line("no conflicts");
        return;
    }
    let line = |found: &Found| {
        let conflict = &found.conflict;
        let value = |json: &Option<Value>| shown(&json.clone().unwrap_or_default());
        let state = match (conflict.resolved, conflict.resolution) {
            (true, Some(side)) => format!("settled: {side}"),
            (true, None) => "settled".to_owned(),
            (false, Some(side)) => format!("{side} chosen, job waits"),
            (false, None) => "open".to_owned(),
        };
        vec![
            conflict.id.to_string(),
            found.config.name.clone(),
            words::item(&found.link),
            conflict.field.clone().unwrap_or_else(|| "(whole item)".to_owned()),
            conflict_kind(&conflict.conflict_type).to_owned(),
            value(&conflict.base_data),
            value(&conflict.source_data),
            value(&conflict.target_data),
            state,
        ]
    };
    let head = ["id", "sync", "item", "field", "kind", "base", "source", "target", "state"];
    output.table(&head, found.iter().map(line).collect());
    if let Some(open) = found.iter().find(|found| !found.conflict.resolved) {
        output.line(format!(
            "settle one: syncline conflicts resolve {} --side source (or target)",
            open.conflict.id
        ));
    }
}

fn item_of(link: &sync_metadata::Model) -> String {
    let names = [&link.source_key, &link.entity_id, &link.target_key, &link.external_id];
    names.into_iter().flatten().next().cloned().unwrap_or_default()
}

/// A conflict as data.
pub(crate) fn as_json(found: &Found) -> Value {
    let conflict = &found.conflict;
    json!({
        "id": conflict.id,
        "sync": found.config.name,
        "link": found.link.id,
        "item": item_of(&found.link),
        "entity_id": found.link.entity_id,
        "external_id": found.link.external_id,
        "field": conflict.field,
        "kind": conflict.conflict_type,
        "base": conflict.base_data,
        "source": conflict.source_data,
        "target": conflict.target_data,
        "resolved": conflict.resolved,
        "resolution": conflict.resolution,
        "resolved_by": conflict.resolved_by,
        "resolution_strategy": conflict.resolution_strategy,
        "occurrences": conflict.occurrences,
        "created_at": conflict.created_at,
        "resolved_at": conflict.resolved_at,
    })
}

/// Notes a person's choice and accepts the run that carries it out, in one transaction.
async fn resolve(db: &DatabaseConnection, args: &ResolveArgs, output: &Output) -> Result<Exit, Fault> {
    let side: Side = args
        .side
        .parse()
        .map_err(|_| Fault::usage(format!("--side {:?} is no side; allowed: source, target", args.side)))?;
    let environment = app::environment(db.clone())?;
    let (config, run) = choose(db, &environment.queue, args.id, side).await?;
    if args.no_wait {
        output.data(&json!({ "conflict": args.id, "resolution": side, "run": run, "applied": false }));
        output.line(format!("{side} stands; run {run} carries it out"));
        return Ok(Exit::Done);
    }
    let key = sync_history::by_run(db, run).await?.map_or_else(|| sync_key(config.id), |row| work_key(&row));
    wait::follow(environment, run, key, &args.lease, output).await?;
    let after = sync_conflict::Entity::find_by_id(args.id).one(db).await?;
    let applied = after.as_ref().is_some_and(|conflict| conflict.resolved);
    let open = sync::open_conflicts(db, config.id).await?;
    output.data(&json!({
        "conflict": args.id, "resolution": side, "run": run, "applied": applied, "open_conflicts": open,
    }));
    if !applied {
        return Err(Fault::failed(format!(
            "conflict {} is not settled: its values changed since it was listed, or the run failed; see `syncline conflicts` \
             and `syncline runs {run}`",
            args.id
        )));
    }
    let whole = after.is_some_and(|conflict| conflict.field.is_none());
    output.line(if whole {
        format!("conflict {} is settled: the {side} stands", args.id)
    } else {
        format!("conflict {} is settled: the {side}'s value stands on both sides", args.id)
    });
    Ok(Exit::Done)
}

async fn choose(
    db: &DatabaseConnection,
    queue: &RunQueue,
    id: i64,
    side: Side,
) -> Result<(sync_config::Model, Uuid), Fault> {
    let tx = db.begin().await?;
    let found =
        sync_conflict::Entity::find_by_id(id).find_also_related(sync_metadata::Entity).one(&tx).await?;
    let Some((conflict, Some(link))) = found else {
        return Err(Fault::usage(format!("there is no conflict {id}; see `syncline conflicts`")));
    };
    if conflict.resolved {
        return Err(Fault::usage(format!("conflict {id} is settled already")));
    }
    let config = sync_config::Entity::find_by_id(link.sync_config_id).one(&tx).await?;
    let config = config.ok_or_else(|| Fault::failed(format!("the sync of conflict {id} is gone")))?;
    // Who decides about a deleted item vouches for its absence, too.
    let confirm_deletes = conflict.field.is_none();
    let run = NewRun {
        args: RunArgs { links: Some(vec![link.id]), confirm_deletes, ..RunArgs::default() },
        ..syncs::run_of(&config, RunKind::Resolve)?
    };
    let mut choice = conflict.into_active_model();
    choice.resolution = Set(Some(side));
    choice.resolved_by = Set(Some(person()));
    choice.update(&tx).await?;
    let mut due = link.clone().into_active_model();
    due.sync_status = Set(SyncStatus::Pending);
    due.next_attempt_at = Set(Some(Utc::now().trunc_subsecs(6)));
    due.version = Set(link.version + 1);
    due.update(&tx).await?;
    let accepted = accept_in(&tx, queue, &run).await?;
    let Some(run) = accepted.id() else { return Err(Fault::failed("the run was not accepted")) };
    if !matches!(accepted, Accepted::New(_)) {
        // The same choice's run waits already; the choice itself is new all the same.
        tracing::debug!(%run, "a run for this link waits already");
    }
    tx.commit().await?;
    committed(db, queue, accepted).await;
    Ok((config, run))
}

/// Who settles it, as far as the machine knows.
fn person() -> String {
    std::env::var("USER").ok().filter(|user| !user.is_empty()).unwrap_or_else(|| "cli".to_owned())
}
