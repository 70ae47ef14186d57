//! `syncline history`: the changes of one item, with their times, runs and sides.

use std::collections::HashMap;

use chrono::{SubsecRound, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func},
};
use serde_json::{Value, json};
use syncline_entity::{sync_change, sync_conflict, sync_history, sync_metadata};
use syncline_service::{history::Change, syncs};
use uuid::Uuid;

use super::changes;
use crate::{
    app,
    cli::HistoryArgs,
    config::Config,
    fault::{Exit, Fault},
    output::{Output, moment, sync_name, text},
    words::{self, date},
};

/// Links that one name may match; for more the user must add `--sync`.
const LINKS: u64 = 200;

/// Lists the changes of an item.
pub(crate) async fn run(config: &Config, args: &HistoryArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let item = args.item.as_deref().or(args.named.as_deref()).unwrap_or_default();
    let links = links(&db, item, args.sync.as_deref()).await?;
    let syncs = syncs::all(&db).await?;
    let mut query = sync_change::Entity::find()
        .filter(sync_change::Column::LinkId.is_in(links.iter().map(|link| link.id)))
        .limit(args.limit);
    if let Some(days) = args.days {
        let since = (Utc::now() - TimeDelta::days(i64::from(days))).trunc_subsecs(6);
        query = query.filter(sync_change::Column::At.gte(since));
    }
    let found = changes::find(&db, query).await?;
    let runs = runs(&db, &found).await?;
    let resolved = resolved(&db, &links).await?;
    let sync = |found: &Change| found.link.as_ref().and_then(|link| syncs.get(&link.sync_config_id));
    let as_json = |found: Change| {
        let (sync, by) = (sync(&found), person_or_trigger(&found, &runs, &resolved));
        let named = json!([sync.map(|sync| &sync.name), sync.map(|sync| &sync.project)]);
        let mut change = changes::as_json(found);
        [change["sync"], change["project"]] = [named[0].clone(), named[1].clone()];
        change["by"] = json!(by);
        change
    };
    tell((item, args.days), &found.into_iter().map(as_json).collect::<Vec<Value>>(), output);
    Ok(Exit::Done)
}

/// Prints the changes of an item, in the order in which they were made.
pub(crate) fn tell((item, days): (&str, Option<u32>), all: &[Value], output: &Output) {
    let (refused, happened): (Vec<&Value>, Vec<&Value>) =
        all.iter().partition(|change| change["state"] == "not_written");
    output.data(&json!({ "item": item, "changes": happened, "not_written": refused }));
    if all.is_empty() {
        output.line(format!("{item}: no changes on record{}", within(days)));
        return;
    }
    let line = |change: &Value| {
        let at = moment(change, "at").map(date).unwrap_or_default();
        let mut line = vec![at, sync_name(change), words::item_of(change), text(change, "side")];
        line.extend(changes::values(change));
        line.extend([text(change, "origin"), text(change, "rule"), changes::state(change)]);
        line.extend([text(change, "by"), text(change, "run")]);
        line
    };
    let head = [
        "at (UTC)",
        "sync",
        "item",
        "written to",
        "field",
        "before",
        "after",
        "value from",
        "rule",
        "state",
        "started by",
        "run",
    ];
    output.table(&head, all.iter().map(line).collect());
}

fn within(days: Option<u32>) -> String {
    days.map(|days| format!(" of the last {}", words::count(u64::from(days), "day", "days")))
        .unwrap_or_default()
}

/// The links of an item: by id or key, on either side.
async fn links(
    db: &DatabaseConnection,
    item: &str,
    sync: Option<&str>,
) -> Result<Vec<sync_metadata::Model>, Fault> {
    use sync_metadata::Column;
    let names = [Column::EntityId, Column::ExternalId, Column::SourceKey, Column::TargetKey];
    let any = names.iter().fold(Condition::any(), |any, column| any.add(column.eq(item)));
    let mut query = sync_metadata::Entity::find().filter(any).order_by_asc(Column::Id).limit(LINKS + 1);
    if let Some(sync) = sync {
        query = query.filter(Column::SyncConfigId.eq(syncs::find(db, sync).await?.id));
    }
    let links = query.all(db).await?;
    if links.is_empty() {
        let of = sync.map(|sync| format!(" of sync {sync:?}")).unwrap_or_default();
        let near = in_another_case(db, item).await?;
        let near = near.map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
        return Err(Fault::usage(format!(
            "no item{of} has the id or key {item:?}; {near}ids are spelt as the source or the target spells them"
        )));
    }
    if links.len() as u64 > LINKS {
        return Err(Fault::usage(format!("more than {LINKS} items have the id {item:?}; add --sync NAME")));
    }
    Ok(links)
}

/// An id or key that differs only in case. It reads every link, but only if no link matched.
async fn in_another_case(db: &DatabaseConnection, item: &str) -> Result<Option<String>, Fault> {
    use sync_metadata::Column;
    let names = [Column::EntityId, Column::ExternalId, Column::SourceKey, Column::TargetKey];
    let same = |column: &Column| Expr::expr(Func::lower(column.into_expr())).eq(item.to_lowercase());
    let any = names.iter().fold(Condition::any(), |any, column| any.add(same(column)));
    let link = sync_metadata::Entity::find().filter(any).one(db).await?;
    let spelt = link.into_iter().flat_map(|link| {
        [link.entity_id, link.external_id, link.source_key, link.target_key].into_iter().flatten()
    });
    Ok(spelt.into_iter().find(|name| name.to_lowercase() == item.to_lowercase()))
}

async fn runs(
    db: &DatabaseConnection,
    found: &[Change],
) -> Result<HashMap<Uuid, sync_history::Model>, Fault> {
    let mut ids: Vec<Uuid> = found.iter().map(|found| found.change.run_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut runs = HashMap::new();
    for ids in ids.chunks(500) {
        let some = sync_history::Entity::find()
            .filter(sync_history::Column::RunUid.is_in(ids.iter().copied()))
            .all(db)
            .await?;
        runs.extend(some.into_iter().map(|run| (run.run_uid, run)));
    }
    Ok(runs)
}

/// Conflicts of these links that a person resolved.
async fn resolved(
    db: &DatabaseConnection,
    links: &[sync_metadata::Model],
) -> Result<Vec<sync_conflict::Model>, Fault> {
    Ok(sync_conflict::Entity::find()
        .filter(sync_conflict::Column::LinkId.is_in(links.iter().map(|link| link.id)))
        .filter(sync_conflict::Column::ResolvedBy.is_not_null())
        .filter(sync_conflict::Column::ResolvedBy.is_not_in(["strategy", "the sides agree"]))
        .all(db)
        .await?)
}

/// The person who resolved the conflict that this change applies, or else what triggered the run: a schedule, a person.
fn person_or_trigger(
    found: &Change,
    runs: &HashMap<Uuid, sync_history::Model>,
    resolved: &[sync_conflict::Model],
) -> String {
    let change = &found.change;
    let person = resolved.iter().find(|conflict| {
        conflict.link_id == change.link_id && conflict.resolve_run_id == Some(change.run_id)
    });
    let trigger = || Some(words::trigger(runs.get(&change.run_id)?));
    person.and_then(|conflict| conflict.resolved_by.clone()).or_else(trigger).unwrap_or_default()
}
