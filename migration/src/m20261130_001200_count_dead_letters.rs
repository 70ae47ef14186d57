//! Groups dead letters by cause: each gets a kind of error and a fingerprint, which letters of one cause share.
//! Triggers count the letters of each sync and fingerprint, as for links (`count_links`), so that the groups of 700,000
//! letters are listed without reading them. Letters without a fingerprint count under an empty one until a worker adds
//! it.

use sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, drop_index, indexes, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The indexes: letters by cause, letters of a sync by cause, and letters of a sync.
const INDEXES: [(&str, &str); 3] = [
    ("ix_sync_history_dead_cause", "error_fingerprint, dead_at, id"),
    ("ix_sync_history_dead_group", "sync_config_id, error_fingerprint, dead_at, id"),
    ("ix_sync_history_dead_sync", "sync_config_id, dead_at, id"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["error_kind", "error_fingerprint"] {
            let table = Table::alter().table("sync_history").add_column(text_null(column)).to_owned();
            manager.alter_table(table).await?;
        }
        for (name, columns) in INDEXES {
            let sql = format!("CREATE INDEX {name} ON sync_history ({columns}) WHERE dead_at IS NOT NULL");
            indexes(manager, &[&sql]).await?;
        }
        let mut sync = reference("dead_letter_counts", "sync_config_id", "sync_configs", "id");
        let table = Table::create()
            .table("dead_letter_counts")
            .col(big_integer("sync_config_id"))
            .col(text("fingerprint"))
            .col(integer("slot"))
            .col(big_integer("letters"))
            .primary_key(Index::create().col("sync_config_id").col("fingerprint").col("slot"))
            .foreign_key(sync.on_delete(ForeignKeyAction::Cascade))
            .to_owned();
        manager.create_table(table).await?;
        let postgres = manager.get_database_backend() == DbBackend::Postgres;
        indexes(manager, if postgres { POSTGRES_UP } else { SQLITE_UP }).await?;
        let count = "INSERT INTO dead_letter_counts (sync_config_id, fingerprint, slot, letters) \
                     SELECT sync_config_id, '', 0, COUNT(*) FROM sync_history WHERE dead_at IS NOT NULL \
                     GROUP BY sync_config_id";
        indexes(manager, &[count]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let postgres = manager.get_database_backend() == DbBackend::Postgres;
        indexes(manager, if postgres { POSTGRES_DOWN } else { SQLITE_DOWN }).await?;
        drop(manager, "dead_letter_counts").await?;
        for (name, _) in INDEXES {
            drop_index(manager, name).await?;
        }
        for column in ["error_fingerprint", "error_kind"] {
            manager.alter_table(Table::alter().table("sync_history").drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}

const POSTGRES_UP: &[&str] = &[
    "CREATE OR REPLACE FUNCTION syncline_count_letters() RETURNS trigger LANGUAGE plpgsql \
     SET search_path FROM CURRENT AS $body$ BEGIN \
     IF TG_OP = 'UPDATE' THEN \
       INSERT INTO dead_letter_counts AS c (sync_config_id, fingerprint, slot, letters) \
       SELECT n.sync_config_id, n.fingerprint, pg_backend_pid(), SUM(n.change) FROM ( \
         SELECT sync_config_id, COALESCE(error_fingerprint, '') AS fingerprint, 1 AS change FROM letters_after \
         WHERE dead_at IS NOT NULL \
         UNION ALL SELECT sync_config_id, COALESCE(error_fingerprint, ''), -1 FROM letters_before \
         WHERE dead_at IS NOT NULL) AS n \
       GROUP BY 1, 2 HAVING SUM(n.change) <> 0 \
       ON CONFLICT (sync_config_id, fingerprint, slot) DO UPDATE SET letters = c.letters + excluded.letters; \
     ELSIF TG_OP = 'INSERT' THEN \
       INSERT INTO dead_letter_counts AS c (sync_config_id, fingerprint, slot, letters) \
       SELECT n.sync_config_id, COALESCE(n.error_fingerprint, ''), pg_backend_pid(), COUNT(*) FROM letters_after AS n \
       WHERE n.dead_at IS NOT NULL GROUP BY 1, 2 \
       ON CONFLICT (sync_config_id, fingerprint, slot) DO UPDATE SET letters = c.letters + excluded.letters; \
     ELSIF TG_OP = 'DELETE' THEN \
       INSERT INTO dead_letter_counts AS c (sync_config_id, fingerprint, slot, letters) \
       SELECT n.sync_config_id, COALESCE(n.error_fingerprint, ''), pg_backend_pid(), -COUNT(*) FROM letters_before AS n \
       WHERE n.dead_at IS NOT NULL GROUP BY 1, 2 \
       ON CONFLICT (sync_config_id, fingerprint, slot) DO UPDATE SET letters = c.letters + excluded.letters; \
     ELSE \
       DELETE FROM dead_letter_counts; \
     END IF; \
     RETURN NULL; END $body$",
    "CREATE TRIGGER tr_sync_history_letters_insert AFTER INSERT ON sync_history \
     REFERENCING NEW TABLE AS letters_after FOR EACH STATEMENT EXECUTE FUNCTION syncline_count_letters()",
    "CREATE TRIGGER tr_sync_history_letters_update AFTER UPDATE ON sync_history \
     REFERENCING OLD TABLE AS letters_before NEW TABLE AS letters_after \
     FOR EACH STATEMENT EXECUTE FUNCTION syncline_count_letters()",
    "CREATE TRIGGER tr_sync_history_letters_delete AFTER DELETE ON sync_history \
     REFERENCING OLD TABLE AS letters_before FOR EACH STATEMENT EXECUTE FUNCTION syncline_count_letters()",
    "CREATE TRIGGER tr_sync_history_letters_truncate AFTER TRUNCATE ON sync_history \
     FOR EACH STATEMENT EXECUTE FUNCTION syncline_count_letters()",
];

const POSTGRES_DOWN: &[&str] = &[
    "DROP TRIGGER tr_sync_history_letters_truncate ON sync_history",
    "DROP TRIGGER tr_sync_history_letters_delete ON sync_history",
    "DROP TRIGGER tr_sync_history_letters_update ON sync_history",
    "DROP TRIGGER tr_sync_history_letters_insert ON sync_history",
    "DROP FUNCTION syncline_count_letters()",
];

const SQLITE_UP: &[&str] = &[
    "CREATE TRIGGER tr_sync_history_letters_insert AFTER INSERT ON sync_history WHEN NEW.dead_at IS NOT NULL BEGIN \
     INSERT INTO dead_letter_counts (sync_config_id, fingerprint, slot, letters) \
     VALUES (NEW.sync_config_id, COALESCE(NEW.error_fingerprint, ''), 0, 1) \
     ON CONFLICT (sync_config_id, fingerprint, slot) DO UPDATE SET letters = letters + 1; END",
    "CREATE TRIGGER tr_sync_history_letters_update AFTER UPDATE OF dead_at, error_fingerprint, sync_config_id \
     ON sync_history WHEN (OLD.dead_at IS NULL) <> (NEW.dead_at IS NULL) \
     OR (NEW.dead_at IS NOT NULL AND (OLD.sync_config_id <> NEW.sync_config_id \
     OR COALESCE(OLD.error_fingerprint, '') <> COALESCE(NEW.error_fingerprint, ''))) BEGIN \
     UPDATE dead_letter_counts SET letters = letters - 1 WHERE OLD.dead_at IS NOT NULL \
     AND sync_config_id = OLD.sync_config_id AND fingerprint = COALESCE(OLD.error_fingerprint, '') AND slot = 0; \
     INSERT INTO dead_letter_counts (sync_config_id, fingerprint, slot, letters) \
     SELECT NEW.sync_config_id, COALESCE(NEW.error_fingerprint, ''), 0, 1 WHERE NEW.dead_at IS NOT NULL \
     ON CONFLICT (sync_config_id, fingerprint, slot) DO UPDATE SET letters = letters + 1; END",
    "CREATE TRIGGER tr_sync_history_letters_delete AFTER DELETE ON sync_history WHEN OLD.dead_at IS NOT NULL BEGIN \
     UPDATE dead_letter_counts SET letters = letters - 1 WHERE sync_config_id = OLD.sync_config_id \
     AND fingerprint = COALESCE(OLD.error_fingerprint, '') AND slot = 0; END",
];

const SQLITE_DOWN: &[&str] = &[
    "DROP TRIGGER tr_sync_history_letters_delete",
    "DROP TRIGGER tr_sync_history_letters_update",
    "DROP TRIGGER tr_sync_history_letters_insert",
];
