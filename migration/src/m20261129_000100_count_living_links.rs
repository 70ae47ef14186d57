//! Stops counting ended links: their items are deleted, and the counts should be the number of existing items. Replaces
//! the triggers of `count_links`, and subtracts the ended links from the counts.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

use crate::{
    columns::indexes,
    m20261122_002200_count_links::{POSTGRES_FUNCTION, SQLITE_DOWN, SQLITE_UP},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let triggers = if is_postgres(manager) { LIVING_POSTGRES } else { LIVING_SQLITE };
        replace(manager, triggers, '-').await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let triggers = if is_postgres(manager) { &[POSTGRES_FUNCTION] } else { SQLITE_UP };
        replace(manager, triggers, '+').await
    }
}

fn is_postgres(manager: &SchemaManager<'_>) -> bool {
    manager.get_database_backend() == DbBackend::Postgres
}

/// Replaces the counting triggers, and subtracts or adds the ended links.
async fn replace(manager: &SchemaManager<'_>, triggers: &[&str], sign: char) -> Result<(), DbErr> {
    if is_postgres(manager) {
        // A link written between the new function and the count would be counted twice, or not at all.
        indexes(manager, &["LOCK TABLE sync_metadata IN SHARE ROW EXCLUSIVE MODE"]).await?;
    } else {
        indexes(manager, SQLITE_DOWN).await?;
    }
    indexes(manager, triggers).await?;
    let ended = format!(
        "INSERT INTO sync_link_counts AS c (sync_config_id, entity_type, sync_status, slot, links) \
         SELECT sync_config_id, entity_type, sync_status, 0, {sign}COUNT(*) FROM sync_metadata \
         WHERE link_state = 'tombstone' GROUP BY sync_config_id, entity_type, sync_status \
         ON CONFLICT (sync_config_id, entity_type, sync_status, slot) DO UPDATE SET links = c.links + excluded.links"
    );
    indexes(manager, &[&ended]).await
}

const LIVING_POSTGRES: &[&str] = &[
    "CREATE OR REPLACE FUNCTION syncline_count_links() RETURNS trigger LANGUAGE plpgsql \
     SET search_path FROM CURRENT AS $body$ BEGIN \
     IF TG_OP = 'UPDATE' THEN \
       INSERT INTO sync_link_counts AS c (sync_config_id, entity_type, sync_status, slot, links) \
       SELECT n.sync_config_id, n.entity_type, n.sync_status, pg_backend_pid(), SUM(n.change) FROM ( \
         SELECT sync_config_id, entity_type, sync_status, 1 AS change FROM links_after \
         WHERE link_state <> 'tombstone' \
         UNION ALL SELECT sync_config_id, entity_type, sync_status, -1 FROM links_before \
         WHERE link_state <> 'tombstone') AS n \
       GROUP BY 1, 2, 3 HAVING SUM(n.change) <> 0 \
       ON CONFLICT (sync_config_id, entity_type, sync_status, slot) DO UPDATE SET links = c.links + excluded.links; \
     ELSIF TG_OP = 'INSERT' THEN \
       INSERT INTO sync_link_counts AS c (sync_config_id, entity_type, sync_status, slot, links) \
       SELECT n.sync_config_id, n.entity_type, n.sync_status, pg_backend_pid(), COUNT(*) FROM links_after AS n \
       WHERE n.link_state <> 'tombstone' GROUP BY 1, 2, 3 \
       ON CONFLICT (sync_config_id, entity_type, sync_status, slot) DO UPDATE SET links = c.links + excluded.links; \
     ELSIF TG_OP = 'DELETE' THEN \
       INSERT INTO sync_link_counts AS c (sync_config_id, entity_type, sync_status, slot, links) \
       SELECT n.sync_config_id, n.entity_type, n.sync_status, pg_backend_pid(), -COUNT(*) FROM links_before AS n \
       WHERE n.link_state <> 'tombstone' GROUP BY 1, 2, 3 \
       ON CONFLICT (sync_config_id, entity_type, sync_status, slot) DO UPDATE SET links = c.links + excluded.links; \
     ELSE \
       DELETE FROM sync_link_counts; \
     END IF; \
     RETURN NULL; END $body$",
];

const LIVING_SQLITE: &[&str] = &[
    "CREATE TRIGGER tr_sync_metadata_count_insert AFTER INSERT ON sync_metadata \
     WHEN NEW.link_state <> 'tombstone' BEGIN \
     INSERT INTO sync_link_counts (sync_config_id, entity_type, sync_status, slot, links) \
     VALUES (NEW.sync_config_id, NEW.entity_type, NEW.sync_status, 0, 1) \
     ON CONFLICT (sync_config_id, entity_type, sync_status, slot) DO UPDATE SET links = links + 1; END",
    "CREATE TRIGGER tr_sync_metadata_count_update AFTER UPDATE OF sync_config_id, entity_type, sync_status, link_state \
     ON sync_metadata WHEN OLD.sync_status <> NEW.sync_status OR OLD.sync_config_id <> NEW.sync_config_id \
     OR OLD.entity_type <> NEW.entity_type OR OLD.link_state <> NEW.link_state BEGIN \
     UPDATE sync_link_counts SET links = links - 1 WHERE sync_config_id = OLD.sync_config_id \
     AND entity_type = OLD.entity_type AND sync_status = OLD.sync_status AND slot = 0 \
     AND OLD.link_state <> 'tombstone'; \
     INSERT INTO sync_link_counts (sync_config_id, entity_type, sync_status, slot, links) \
     SELECT NEW.sync_config_id, NEW.entity_type, NEW.sync_status, 0, 1 WHERE NEW.link_state <> 'tombstone' \
     ON CONFLICT (sync_config_id, entity_type, sync_status, slot) DO UPDATE SET links = links + 1; END",
    "CREATE TRIGGER tr_sync_metadata_count_delete AFTER DELETE ON sync_metadata \
     WHEN OLD.link_state <> 'tombstone' BEGIN \
     UPDATE sync_link_counts SET links = links - 1 WHERE sync_config_id = OLD.sync_config_id \
     AND entity_type = OLD.entity_type AND sync_status = OLD.sync_status AND slot = 0; END",
];
