//! Removes the older rows from the links again.

use chrono::{DateTime, Utc};
use sea_orm::{DbBackend, Value};
use sea_orm_migration::prelude::*;
use serde_json::Value as Json;

use super::times::parse_time;
use super::{BATCH, LEGACY, REPLACED, links};

/// Deletes the links that the fold created, with their sync, and restores the links that it changed. The older table
/// still has every row, so nothing is copied back.
pub(super) async fn unfold(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let ours = Query::select()
        .column("id")
        .from("sync_configs")
        .and_where(Expr::col("source_platform").eq(LEGACY))
        .and_where(Expr::col("target_platform").eq(LEGACY))
        .to_owned();
    for (table, column) in [
        ("sync_metadata", "sync_config_id"),
        ("sync_config_revisions", "sync_config_id"),
        ("sync_configs", "id"),
    ] {
        let delete = Query::delete()
            .from_table(table)
            .and_where(Expr::col(column).in_subquery(ours.clone()))
            .to_owned();
        manager.execute(delete).await?;
    }
    give_back(manager).await
}

/// Removes what the fold added to links with an older row. Links whose values were replaced get their own values back,
/// unless they were synced since.
async fn give_back(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    let mut after = 0_i64;
    loop {
        let query = Query::select()
            .columns(["id", "last_successful_sync", "legacy"])
            .from("sync_metadata")
            .and_where(Expr::col("legacy").is_not_null())
            .and_where(Expr::col("id").gt(after))
            .order_by("id", Order::Asc)
            .limit(BATCH as u64)
            .to_owned();
        let rows = manager.get_connection().query_all(&query).await?;
        let (mut met, mut lost) = (Vec::new(), Vec::new());
        for row in &rows {
            after = row.try_get("", "id")?;
            let legacy: Json = row.try_get("", "legacy")?;
            let Some(fold) = legacy["fold"].as_str() else {
                continue;
            };
            met.push(vec![after.into(), Option::<Json>::None.into()]);
            let success: Option<DateTime<Utc>> = row.try_get("", "last_successful_sync")?;
            if fold == REPLACED && success == legacy["success"].as_str().and_then(parse_time) {
                let before = &legacy["before"];
                lost.push(vec![
                    after.into(),
                    before["sync_status"].as_str().into(),
                    time(backend, &before["last_sync_attempt"]),
                    time(backend, &before["last_successful_sync"]),
                    before["content_hash"].as_str().into(),
                ]);
            }
        }
        links::update(manager, &["legacy"], met).await?;
        let columns = ["sync_status", "last_sync_attempt", "last_successful_sync", "content_hash"];
        links::update(manager, &columns, lost).await?;
        if rows.len() < BATCH {
            return Ok(());
        }
    }
}

/// Returns a time that was stored as text. SQLite itself stores times as text, so it is restored exactly as written.
fn time(backend: DbBackend, value: &Json) -> Value {
    match backend {
        DbBackend::Sqlite => value.as_str().into(),
        _ => value.as_str().and_then(parse_time).into(),
    }
}
