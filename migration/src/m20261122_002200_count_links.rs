//! Counts a sync's links by status. Counting a million rows takes a second, so triggers maintain the exact numbers,
//! also for replicas of older versions.
//!
//! On PostgreSQL a statement's changes are summed first, and each connection adds them to its own rows (`slot`), so
//! that connections never wait for each other, whatever the order of the statuses. The number of links is the sum over
//! the slots; the worker merges them periodically. SQLite has one writer, which needs one slot.
//!
//! Links cannot be written until the migration commits, because the first count covers all of them. It reads the table
//! once.

use sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        let triggers = if is_postgres(manager) { POSTGRES_UP } else { SQLITE_UP };
        indexes(manager, triggers).await?;
        // After the triggers: creating them waited for every writer, and new writers wait until the end.
        let count = "INSERT INTO sync_link_counts (sync_config_id, entity_type, sync_status, slot, links) \
                     SELECT sync_config_id, entity_type, sync_status, 0, COUNT(*) FROM sync_metadata \
                     GROUP BY sync_config_id, entity_type, sync_status";
        indexes(manager, &[count]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let triggers = if is_postgres(manager) { POSTGRES_DOWN } else { SQLITE_DOWN };
        indexes(manager, triggers).await?;
        drop(manager, "sync_link_counts").await
    }
}

fn is_postgres(manager: &SchemaManager<'_>) -> bool {
    manager.get_database_backend() == DbBackend::Postgres
}

fn table() -> TableCreateStatement {
    let mut sync = reference("sync_link_counts", "sync_config_id", "sync_configs", "id");
    let key =
        Index::create().col("sync_config_id").col("entity_type").col("sync_status").col("slot").to_owned();
    Table::create()
        .table("sync_link_counts")
        .col(big_integer("sync_config_id"))
        .col(text("entity_type"))
        .col(text("sync_status"))
        .col(integer("slot"))
        .col(big_integer("links"))
        .primary_key(&mut key.clone())
        .foreign_key(sync.on_delete(ForeignKeyAction::Cascade))
        .to_owned()
}

/// The function keeps the search path of its creation, so that writes from another search path are counted as well.
pub(crate) const POSTGRES_FUNCTION: &str = "CREATE OR REPLACE FUNCTION syncline_count_links() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT \
     AS $body$ BEGIN \
     IF TG_OP = 'UPDATE' THEN \
       INSERT INTO sync_link_counts AS c (sync_config_id, entity_type, sync_status, slot, links) \
       SELECT n.sync_config_id, n.entity_type, n.sync_status, pg_backend_pid(), SUM(n.change) FROM ( \
         SELECT sync_config_id, entity_type, sync_status, 1 AS change FROM links_after \
         UNION ALL SELECT sync_config_id, entity_type, sync_status, -1 FROM links_before) AS n \
       GROUP BY 1, 2, 3 HAVING SUM(n.change) <> 0 \
       ON CONFLICT (sync_config_id, entity_type, sync_status, slot) DO UPDATE SET links = c.links + excluded.links; \
     ELSIF TG_OP = 'INSERT' THEN \
       INSERT INTO sync_link_counts AS c (sync_config_id, entity_type, sync_status, slot, links) \
       SELECT n.sync_config_id, n.entity_type, n.sync_status, pg_backend_pid(), COUNT(*) FROM links_after AS n \
       GROUP BY 1, 2, 3 \
       ON CONFLICT (sync_config_id, entity_type, sync_status, slot) DO UPDATE SET links = c.links + excluded.links; \
     ELSIF TG_OP = 'DELETE' THEN \
       INSERT INTO sync_link_counts AS c (sync_config_id, entity_type, sync_status, slot, links) \
       SELECT n.sync_config_id, n.entity_type, n.sync_status, pg_backend_pid(), -COUNT(*) FROM links_before AS n \
       GROUP BY 1, 2, 3 \
       ON CONFLICT (sync_config_id, entity_type, sync_status, slot) DO UPDATE SET links = c.links + excluded.links; \
     ELSE \
       DELETE FROM sync_link_counts; \
     END IF; \
     RETURN NULL; END $body$";

const POSTGRES_UP: &[&str] = &[
    POSTGRES_FUNCTION,
    "CREATE TRIGGER tr_sync_metadata_count_insert AFTER INSERT ON sync_metadata \
     REFERENCING NEW TABLE AS links_after FOR EACH STATEMENT EXECUTE FUNCTION syncline_count_links()",
    "CREATE TRIGGER tr_sync_metadata_count_update AFTER UPDATE ON sync_metadata \
     REFERENCING OLD TABLE AS links_before NEW TABLE AS links_after \
     FOR EACH STATEMENT EXECUTE FUNCTION syncline_count_links()",
    "CREATE TRIGGER tr_sync_metadata_count_delete AFTER DELETE ON sync_metadata \
     REFERENCING OLD TABLE AS links_before FOR EACH STATEMENT EXECUTE FUNCTION syncline_count_links()",
    "CREATE TRIGGER tr_sync_metadata_count_truncate AFTER TRUNCATE ON sync_metadata \
     FOR EACH STATEMENT EXECUTE FUNCTION syncline_count_links()",
];

const POSTGRES_DOWN: &[&str] = &[
    "DROP TRIGGER tr_sync_metadata_count_truncate ON sync_metadata",
    "DROP TRIGGER tr_sync_metadata_count_delete ON sync_metadata",
    "DROP TRIGGER tr_sync_metadata_count_update ON sync_metadata",
    "DROP TRIGGER tr_sync_metadata_count_insert ON sync_metadata",
    "DROP FUNCTION syncline_count_links()",
];

pub(crate) const SQLITE_UP: &[&str] = &[
    "CREATE TRIGGER tr_sync_metadata_count_insert AFTER INSERT ON sync_metadata BEGIN \
     INSERT INTO sync_link_counts (sync_config_id, entity_type, sync_status, slot, links) \
     VALUES (NEW.sync_config_id, NEW.entity_type, NEW.sync_status, 0, 1) \
     ON CONFLICT (sync_config_id, entity_type, sync_status, slot) DO UPDATE SET links = links + 1; END",
    "CREATE TRIGGER tr_sync_metadata_count_update AFTER UPDATE OF sync_config_id, entity_type, sync_status \
     ON sync_metadata WHEN OLD.sync_status <> NEW.sync_status OR OLD.sync_config_id <> NEW.sync_config_id \
     OR OLD.entity_type <> NEW.entity_type BEGIN \
     UPDATE sync_link_counts SET links = links - 1 WHERE sync_config_id = OLD.sync_config_id \
     AND entity_type = OLD.entity_type AND sync_status = OLD.sync_status AND slot = 0; \
     INSERT INTO sync_link_counts (sync_config_id, entity_type, sync_status, slot, links) \
     VALUES (NEW.sync_config_id, NEW.entity_type, NEW.sync_status, 0, 1) \
     ON CONFLICT (sync_config_id, entity_type, sync_status, slot) DO UPDATE SET links = links + 1; END",
    "CREATE TRIGGER tr_sync_metadata_count_delete AFTER DELETE ON sync_metadata BEGIN \
     UPDATE sync_link_counts SET links = links - 1 WHERE sync_config_id = OLD.sync_config_id \
     AND entity_type = OLD.entity_type AND sync_status = OLD.sync_status AND slot = 0; END",
];

pub(crate) const SQLITE_DOWN: &[&str] = &[
    "DROP TRIGGER tr_sync_metadata_count_delete",
    "DROP TRIGGER tr_sync_metadata_count_update",
    "DROP TRIGGER tr_sync_metadata_count_insert",
];
