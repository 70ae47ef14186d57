//! Converts the older rows to links, or merges them into existing links.

use std::collections::HashSet;

use sea_orm::Value;
use sea_orm_migration::prelude::*;
use serde_json::{Value as Json, json};

use super::groups;
use super::links::{self, Link};
use super::older::{self, State};
use super::{ADDED, BATCH, KEPT, LEGACY, REPLACED};

/// The older rows of one `(entity_type, entity_id)`: the newest, and all of them unchanged.
struct Group {
    newest: State,
    rows: Vec<Json>,
}

/// A link with an older row, and the values it gets from that row.
enum Meeting {
    /// The older row was newer: its values and its `legacy`, which contains the link's own values.
    Replaced(i64, Box<State>, Json),
    /// The link was newer: only its `legacy`.
    Kept(i64, Json),
}

pub(super) async fn fold(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    older::number(manager).await?;
    let mut groups = groups::of_all(manager).await?.into_iter().peekable();
    let mut home = None;
    let mut taken = HashSet::new();
    while groups.peek().is_some() {
        let batch = read(manager, &mut groups).await?;
        let mut links = links::of_states(manager, batch.iter().map(|group| &group.newest)).await?;
        let (mut met, mut added) = (Vec::new(), Vec::new());
        for group in batch {
            match links::partner(&mut links, &group.newest) {
                Some(link) => met.push(meet(link, group)),
                None => added.push(group),
            }
        }
        update(manager, met).await?;
        if !added.is_empty() {
            let sync = match home {
                Some(sync) => sync,
                None => *home.insert(legacy_sync(manager).await?),
            };
            insert(manager, sync, added, &mut taken).await?;
        }
    }
    older::forget(manager).await
}

/// Returns the next groups, together [`BATCH`] rows unless a single group has more.
async fn read(
    manager: &SchemaManager<'_>,
    groups: &mut impl Iterator<Item = groups::Group>,
) -> Result<Vec<Group>, DbErr> {
    let mut batch = Vec::new();
    let mut count = 0;
    while count < BATCH
        && let Some(group) = groups.next()
    {
        count += group.len();
        batch.push(group);
    }
    let mut states = older::states(manager, batch.iter().flatten().copied()).await?;
    let group = |numbers: Vec<i64>| {
        let mut members = numbers.iter().filter_map(|number| states.remove(number));
        let mut newest = members.next()?;
        let rows = std::iter::once(newest.row.take()).chain(members.map(|state| state.row)).collect();
        Some(Group { newest, rows })
    };
    Ok(batch.into_iter().filter_map(group).collect())
}

fn meet(link: Link, group: Group) -> Meeting {
    let Group { newest, rows } = group;
    if newest.age() > (link.last_successful_sync, link.last_sync_attempt) {
        let before = json!({
            "sync_status": link.sync_status,
            "last_sync_attempt": link.attempt_text,
            "last_successful_sync": link.success_text,
            "content_hash": link.content_hash,
        });
        let legacy = json!({
            "fold": REPLACED, "sync_states": rows, "before": before, "success": newest.last_successful_sync,
        });
        Meeting::Replaced(link.id, Box::new(newest), legacy)
    } else {
        Meeting::Kept(link.id, json!({ "fold": KEPT, "sync_states": rows }))
    }
}

async fn update(manager: &SchemaManager<'_>, met: Vec<Meeting>) -> Result<(), DbErr> {
    let (mut replaced, mut kept): (Vec<Vec<Value>>, Vec<Vec<Value>>) = (Vec::new(), Vec::new());
    for meeting in met {
        match meeting {
            Meeting::Kept(id, legacy) => kept.push(vec![id.into(), legacy.into()]),
            Meeting::Replaced(id, state, legacy) => replaced.push(vec![
                id.into(),
                legacy.into(),
                state.sync_status.into(),
                state.last_sync_attempt.into(),
                state.last_successful_sync.into(),
                state.content_hash.into(),
                state.resolution_strategy.into(),
                state.sync_duration_ms.into(),
                state.api_calls_count.into(),
                state.conflicts.into(),
            ]),
        }
    }
    links::update(manager, &["legacy"], kept).await?;
    let columns = [
        "legacy",
        "sync_status",
        "last_sync_attempt",
        "last_successful_sync",
        "content_hash",
        "resolution_strategy",
        "sync_duration_ms",
        "api_calls_count",
        "conflicts",
    ];
    links::update(manager, &columns, replaced).await
}

async fn insert(
    manager: &SchemaManager<'_>,
    sync: i64,
    groups: Vec<Group>,
    taken: &mut HashSet<(String, String)>,
) -> Result<(), DbErr> {
    let mut insert = Query::insert();
    insert.into_table("sync_metadata").columns([
        "sync_config_id",
        "entity_type",
        "entity_id",
        "external_id",
        "link_state",
        "sync_status",
        "last_sync_attempt",
        "last_successful_sync",
        "content_hash",
        "conflicts",
        "resolution_strategy",
        "sync_duration_ms",
        "api_calls_count",
        "created_at",
        "updated_at",
        "legacy",
    ]);
    for Group { newest: state, rows } in groups {
        let id = state.link_id();
        let unnamed = state.unnamed();
        // A sync links an external id once. The older table did not enforce that; the second row keeps it in `legacy`
        // only.
        let external_id =
            state.external_id.filter(|id| taken.insert((state.entity_type.clone(), id.clone())));
        // A link has at least one id.
        let entity_id = match (state.entity_id, id) {
            (_, Some(id)) => Some(id),
            (None, None) if external_id.is_some() => None,
            _ => Some(unnamed),
        };
        let linked = entity_id.is_some() && external_id.is_some();
        insert.values_panic([
            sync.into(),
            state.entity_type.into(),
            entity_id.into(),
            external_id.into(),
            if linked { "linked" } else { "pending" }.into(),
            state.sync_status.into(),
            state.last_sync_attempt.into(),
            state.last_successful_sync.into(),
            state.content_hash.into(),
            state.conflicts.into(),
            state.resolution_strategy.into(),
            state.sync_duration_ms.into(),
            state.api_calls_count.into(),
            state.created_at.into(),
            state.updated_at.into(),
            json!({ "fold": ADDED, "sync_states": rows }).into(),
        ]);
    }
    manager.execute(insert).await
}

/// Creates the disabled sync for states without one. If its name is taken, ours gets the next free one.
async fn legacy_sync(manager: &SchemaManager<'_>) -> Result<i64, DbErr> {
    let db = manager.get_connection();
    let names = Query::select()
        .column("name")
        .from("sync_configs")
        .and_where(Expr::col("project_id").eq(1))
        .and_where(Expr::col("name").like("legacy%"))
        .to_owned();
    let names = db.query_all(&names).await?;
    let names: HashSet<String> = names.iter().map(|row| row.try_get("", "name")).collect::<Result<_, _>>()?;
    let mut name = LEGACY.to_owned();
    let mut number = 2;
    while names.contains(&name) {
        name = format!("{LEGACY}-{number}");
        number += 1;
    }
    let insert = Query::insert()
        .into_table("sync_configs")
        .columns([
            "project_id",
            "name",
            "source_platform",
            "target_platform",
            "entity_type",
            "direction",
            "conflict_strategy",
            "enabled",
            "config_json",
        ])
        .values_panic([
            1.into(),
            name.into(),
            LEGACY.into(),
            LEGACY.into(),
            "record".into(),
            "bidirectional".into(),
            "manual".into(),
            false.into(),
            json!({}).into(),
        ])
        .returning_col("id")
        .to_owned();
    let row = db.query_one(&insert).await?;
    row.ok_or_else(|| DbErr::RecordNotInserted)?.try_get("", "id")
}
