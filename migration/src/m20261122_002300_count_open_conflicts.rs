//! Counts a sync's open conflicts. A conflict refers to its link and not to its sync, so counting ten thousand of them
//! read ten thousand links across a large table. Triggers maintain the number, as for links (`count_links`).

use sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut sync = reference("sync_conflict_counts", "sync_config_id", "sync_configs", "id");
        let table = Table::create()
            .table("sync_conflict_counts")
            .col(big_integer("sync_config_id"))
            .col(integer("slot"))
            .col(big_integer("conflicts"))
            .primary_key(Index::create().col("sync_config_id").col("slot"))
            .foreign_key(sync.on_delete(ForeignKeyAction::Cascade))
            .to_owned();
        manager.create_table(table).await?;
        let postgres = manager.get_database_backend() == DbBackend::Postgres;
        indexes(manager, if postgres { POSTGRES_UP } else { SQLITE_UP }).await?;
        let count = "INSERT INTO sync_conflict_counts (sync_config_id, slot, conflicts) \
                     SELECT m.sync_config_id, 0, COUNT(*) FROM sync_conflicts x JOIN sync_metadata m ON m.id = x.link_id \
                     WHERE x.resolved = false GROUP BY m.sync_config_id";
        indexes(manager, &[count]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let postgres = manager.get_database_backend() == DbBackend::Postgres;
        indexes(manager, if postgres { POSTGRES_DOWN } else { SQLITE_DOWN }).await?;
        drop(manager, "sync_conflict_counts").await
    }
}

/// A conflict's link outlives it, as the foreign key ensures.
const POSTGRES_UP: &[&str] = &[
    "CREATE OR REPLACE FUNCTION syncline_count_conflicts() RETURNS trigger LANGUAGE plpgsql \
     SET search_path FROM CURRENT AS $body$ BEGIN \
     IF TG_OP = 'UPDATE' THEN \
       INSERT INTO sync_conflict_counts AS c (sync_config_id, slot, conflicts) \
       SELECT m.sync_config_id, pg_backend_pid(), SUM(n.change) FROM ( \
         SELECT link_id, SUM(change) AS change FROM ( \
           SELECT link_id, 1 AS change FROM conflicts_after WHERE NOT resolved \
           UNION ALL SELECT link_id, -1 FROM conflicts_before WHERE NOT resolved) AS each_one \
         GROUP BY link_id HAVING SUM(change) <> 0) AS n \
       JOIN sync_metadata AS m ON m.id = n.link_id GROUP BY m.sync_config_id \
       ON CONFLICT (sync_config_id, slot) DO UPDATE SET conflicts = c.conflicts + excluded.conflicts; \
     ELSIF TG_OP = 'INSERT' THEN \
       INSERT INTO sync_conflict_counts AS c (sync_config_id, slot, conflicts) \
       SELECT m.sync_config_id, pg_backend_pid(), COUNT(*) FROM conflicts_after AS n \
       JOIN sync_metadata AS m ON m.id = n.link_id WHERE NOT n.resolved GROUP BY m.sync_config_id \
       ON CONFLICT (sync_config_id, slot) DO UPDATE SET conflicts = c.conflicts + excluded.conflicts; \
     ELSIF TG_OP = 'DELETE' THEN \
       INSERT INTO sync_conflict_counts AS c (sync_config_id, slot, conflicts) \
       SELECT m.sync_config_id, pg_backend_pid(), -COUNT(*) FROM conflicts_before AS n \
       JOIN sync_metadata AS m ON m.id = n.link_id WHERE NOT n.resolved GROUP BY m.sync_config_id \
       ON CONFLICT (sync_config_id, slot) DO UPDATE SET conflicts = c.conflicts + excluded.conflicts; \
     ELSE \
       DELETE FROM sync_conflict_counts; \
     END IF; \
     RETURN NULL; END $body$",
    "CREATE TRIGGER tr_sync_conflicts_count_insert AFTER INSERT ON sync_conflicts \
     REFERENCING NEW TABLE AS conflicts_after FOR EACH STATEMENT EXECUTE FUNCTION syncline_count_conflicts()",
    "CREATE TRIGGER tr_sync_conflicts_count_update AFTER UPDATE ON sync_conflicts \
     REFERENCING OLD TABLE AS conflicts_before NEW TABLE AS conflicts_after \
     FOR EACH STATEMENT EXECUTE FUNCTION syncline_count_conflicts()",
    "CREATE TRIGGER tr_sync_conflicts_count_delete AFTER DELETE ON sync_conflicts \
     REFERENCING OLD TABLE AS conflicts_before FOR EACH STATEMENT EXECUTE FUNCTION syncline_count_conflicts()",
    "CREATE TRIGGER tr_sync_conflicts_count_truncate AFTER TRUNCATE ON sync_conflicts \
     FOR EACH STATEMENT EXECUTE FUNCTION syncline_count_conflicts()",
];

const POSTGRES_DOWN: &[&str] = &[
    "DROP TRIGGER tr_sync_conflicts_count_truncate ON sync_conflicts",
    "DROP TRIGGER tr_sync_conflicts_count_delete ON sync_conflicts",
    "DROP TRIGGER tr_sync_conflicts_count_update ON sync_conflicts",
    "DROP TRIGGER tr_sync_conflicts_count_insert ON sync_conflicts",
    "DROP FUNCTION syncline_count_conflicts()",
];

const SQLITE_UP: &[&str] = &[
    "CREATE TRIGGER tr_sync_conflicts_count_insert AFTER INSERT ON sync_conflicts WHEN NEW.resolved = 0 BEGIN \
     INSERT INTO sync_conflict_counts (sync_config_id, slot, conflicts) \
     SELECT sync_config_id, 0, 1 FROM sync_metadata WHERE id = NEW.link_id \
     ON CONFLICT (sync_config_id, slot) DO UPDATE SET conflicts = conflicts + 1; END",
    "CREATE TRIGGER tr_sync_conflicts_count_settle AFTER UPDATE OF resolved, link_id ON sync_conflicts \
     WHEN OLD.resolved = 0 AND (NEW.resolved <> 0 OR OLD.link_id <> NEW.link_id) BEGIN \
     UPDATE sync_conflict_counts SET conflicts = conflicts - 1 WHERE slot = 0 \
     AND sync_config_id = (SELECT sync_config_id FROM sync_metadata WHERE id = OLD.link_id); END",
    "CREATE TRIGGER tr_sync_conflicts_count_reopen AFTER UPDATE OF resolved, link_id ON sync_conflicts \
     WHEN NEW.resolved = 0 AND (OLD.resolved <> 0 OR OLD.link_id <> NEW.link_id) BEGIN \
     INSERT INTO sync_conflict_counts (sync_config_id, slot, conflicts) \
     SELECT sync_config_id, 0, 1 FROM sync_metadata WHERE id = NEW.link_id \
     ON CONFLICT (sync_config_id, slot) DO UPDATE SET conflicts = conflicts + 1; END",
    "CREATE TRIGGER tr_sync_conflicts_count_delete AFTER DELETE ON sync_conflicts WHEN OLD.resolved = 0 BEGIN \
     UPDATE sync_conflict_counts SET conflicts = conflicts - 1 WHERE slot = 0 \
     AND sync_config_id = (SELECT sync_config_id FROM sync_metadata WHERE id = OLD.link_id); END",
];

const SQLITE_DOWN: &[&str] = &[
    "DROP TRIGGER tr_sync_conflicts_count_delete",
    "DROP TRIGGER tr_sync_conflicts_count_reopen",
    "DROP TRIGGER tr_sync_conflicts_count_settle",
    "DROP TRIGGER tr_sync_conflicts_count_insert",
];
