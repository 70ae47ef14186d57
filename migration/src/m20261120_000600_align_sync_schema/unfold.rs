//! Takes the older rows out of the links again.

use chrono::{DateTime, Utc};
use sea_orm_migration::prelude::*;
use serde_json::Value as Json;

use super::{BATCH, LEGACY, REPLACED, links};

/// Links that the fold made go, with their sync; links that it changed get back what they had. The older table still has
/// every row, so nothing is copied there.
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
    give_back(manager).await?;
    let clear = Query::update()
        .table("sync_metadata")
        .value("legacy", Option::<Json>::None)
        .and_where(Expr::col("legacy").is_not_null())
        .to_owned();
    manager.execute(clear).await
}

/// Gives the links that lost to an older row their own values back, unless they were synced since.
async fn give_back(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
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
        let mut values = Vec::new();
        for row in &rows {
            after = row.try_get("", "id")?;
            let legacy: Json = row.try_get("", "legacy")?;
            let success: Option<DateTime<Utc>> = row.try_get("", "last_successful_sync")?;
            if legacy["fold"] == REPLACED && success == time(&legacy["success"]) {
                let before = &legacy["before"];
                values.push(vec![
                    after.into(),
                    before["sync_status"].as_str().into(),
                    time(&before["last_sync_attempt"]).into(),
                    time(&before["last_successful_sync"]).into(),
                    before["content_hash"].as_str().into(),
                ]);
            }
        }
        let columns = ["sync_status", "last_sync_attempt", "last_successful_sync", "content_hash"];
        links::update(manager, &columns, values).await?;
        if rows.len() < BATCH {
            return Ok(());
        }
    }
}

fn time(value: &Json) -> Option<DateTime<Utc>> {
    value.as_str().and_then(|text| text.parse().ok())
}
