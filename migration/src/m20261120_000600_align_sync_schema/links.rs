//! Reads and writes the links of older rows in batches.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::{QueryResult, Statement, Value};
use sea_orm_migration::prelude::*;

use super::older::State;

/// The values of a link before the fold.
pub(super) struct Link {
    pub(super) id: i64,
    pub(super) external_id: Option<String>,
    pub(super) sync_status: String,
    pub(super) last_sync_attempt: Option<DateTime<Utc>>,
    pub(super) last_successful_sync: Option<DateTime<Utc>>,
    pub(super) content_hash: Option<String>,
    /// The two times as written in the database, so that `down` can restore them exactly.
    pub(super) attempt_text: Option<String>,
    pub(super) success_text: Option<String>,
}

/// Links by `(entity_type, entity_id)`.
pub(super) type Links = HashMap<(String, String), Vec<Link>>;

/// Returns the links of the same entities, in any sync.
pub(super) async fn of_states<'a>(
    manager: &SchemaManager<'_>,
    states: impl Iterator<Item = &'a State> + Clone,
) -> Result<Links, DbErr> {
    let types: BTreeSet<&str> = states.clone().map(|state| state.entity_type.as_str()).collect();
    let ids: BTreeSet<&str> = states.filter_map(|state| state.entity_id.as_deref()).collect();
    let query = Query::select()
        .columns(["id", "entity_type", "entity_id", "external_id", "sync_status"])
        .columns(["last_sync_attempt", "last_successful_sync", "content_hash"])
        .expr_as(Expr::col("last_sync_attempt").cast_as("text"), "attempt_text")
        .expr_as(Expr::col("last_successful_sync").cast_as("text"), "success_text")
        .from("sync_metadata")
        .and_where(Expr::col("entity_type").is_in(types))
        .and_where(Expr::col("entity_id").is_in(ids))
        .order_by("id", Order::Asc)
        .to_owned();
    let mut links = Links::new();
    for row in manager.get_connection().query_all(&query).await? {
        let key = (row.try_get("", "entity_type")?, row.try_get("", "entity_id")?);
        links.entry(key).or_default().push(link(&row)?);
    }
    Ok(links)
}

fn link(row: &QueryResult) -> Result<Link, DbErr> {
    Ok(Link {
        id: row.try_get("", "id")?,
        external_id: row.try_get("", "external_id")?,
        sync_status: row.try_get("", "sync_status")?,
        last_sync_attempt: row.try_get("", "last_sync_attempt")?,
        last_successful_sync: row.try_get("", "last_successful_sync")?,
        content_hash: row.try_get("", "content_hash")?,
        attempt_text: row.try_get("", "attempt_text")?,
        success_text: row.try_get("", "success_text")?,
    })
}

/// Returns the link for a state: among the links of several syncs the one with the same external id, else the oldest.
pub(super) fn partner(links: &mut Links, state: &State) -> Option<Link> {
    let key = (state.entity_type.clone(), state.entity_id.clone()?);
    let mut candidates = links.remove(&key)?;
    let same = candidates.iter().position(|link| link.external_id == state.external_id).unwrap_or(0);
    Some(candidates.swap_remove(same))
}

/// Sets columns of many links in one statement: each row is an id followed by the columns' values. Both databases name
/// the columns of a `VALUES` list alike and accept numbered parameters.
pub(super) async fn update(
    manager: &SchemaManager<'_>,
    columns: &[&str],
    rows: Vec<Vec<Value>>,
) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    let width = columns.len() + 1;
    let set: Vec<String> =
        columns.iter().zip(2..).map(|(column, number)| format!("{column} = news.column{number}")).collect();
    let lists: Vec<String> = (0..rows.len())
        .map(|row| {
            let numbers: Vec<String> =
                (1..=width).map(|column| format!("${}", row * width + column)).collect();
            format!("({})", numbers.join(", "))
        })
        .collect();
    let sql = format!(
        "UPDATE sync_metadata SET {} FROM (VALUES {}) AS news WHERE sync_metadata.id = news.column1",
        set.join(", "),
        lists.join(", ")
    );
    let backend = manager.get_database_backend();
    let values: Vec<Value> = rows.into_iter().flatten().collect();
    manager.get_connection().execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    Ok(())
}
