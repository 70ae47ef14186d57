//! The entities under the names of their tables' rows.

pub use crate::account::Entity as Account;
pub use crate::alert::Entity as Alert;
pub use crate::api_token::Entity as ApiToken;
pub use crate::approval::Entity as Approval;
pub use crate::audit_log::Entity as AuditLog;
pub use crate::idempotency_key::Entity as IdempotencyKey;
pub use crate::installation::Entity as Installation;
pub use crate::job::Entity as Job;
pub use crate::maintenance_task::Entity as MaintenanceTask;
pub use crate::pause::Entity as Pause;
pub use crate::project::Entity as Project;
pub use crate::schedule::Entity as Schedule;
pub use crate::status_history::Entity as StatusHistory;
pub use crate::sync_attempt::Entity as SyncAttempt;
pub use crate::sync_change::Entity as SyncChange;
pub use crate::sync_change_checkpoint::Entity as SyncChangeCheckpoint;
pub use crate::sync_config::Entity as SyncConfig;
pub use crate::sync_config_revision::Entity as SyncConfigRevision;
pub use crate::sync_conflict::Entity as SyncConflict;
pub use crate::sync_cursor::Entity as SyncCursor;
pub use crate::sync_history::Entity as SyncHistory;
pub use crate::sync_metadata::{Entity as SyncMetadata, LinkBrief};
pub use crate::sync_state::SyncState;
pub use crate::sync_text::Entity as SyncText;
pub use crate::webhook_delivery::Entity as WebhookDelivery;
pub use crate::worker::Entity as Worker;
