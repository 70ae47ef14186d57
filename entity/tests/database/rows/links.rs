//! Links and the rows that refer to them.

use serde_json::json;
use syncline_entity::{
    status_history, sync_change_checkpoint, sync_conflict_count, sync_cursor, sync_link_count, sync_metadata,
    sync_text, types::*,
};

use super::{Kind, comes_back, odd, text, uuid};
use crate::stage::{Stage, at};

pub(super) async fn links(stage: &Stage, kind: Kind) {
    let row = sync_metadata::Model {
        id: 7,
        sync_config_id: 7,
        entity_type: "issue".to_owned(),
        entity_id: text("10001"),
        external_id: text("42"),
        source_key: text("PROJ-1"),
        source_url: text("https://acme.example/PROJ-1"),
        target_key: text("#42"),
        target_url: text("https://hub.example/42"),
        sync_status: SyncStatus::Conflict,
        link_state: LinkState::OutOfScope,
        sync_method: Some(SyncMethod::Webhook),
        sync_direction: SyncDirection::RemoteToLocal,
        last_sync_attempt: Some(at(20)),
        last_successful_sync: Some(at(21)),
        next_attempt_at: Some(at(22)),
        error_count: 3,
        last_error: text("time-out"),
        sync_batch_id: Some(uuid(1)),
        content_hash: text("aa"),
        source_hash: text("bb"),
        target_hash: text("cc"),
        base_source: Some(odd()),
        base_target: Some(odd()),
        mapping_revision: i64::MAX,
        local_modified: Some(at(23)),
        remote_modified: Some(at(24)),
        source_version: text("W/\"1\""),
        target_version: text("2"),
        missing_since: Some(at(25)),
        missing_side: Some(Side::Target),
        intent_id: Some(uuid(2)),
        intent_kind: Some(IntentKind::Delete),
        intent_side: Some(Side::Source),
        intent: Some(odd()),
        intent_deadline: Some(at(26)),
        deleted_at: Some(at(27)),
        deleted_side: Some(Side::Target),
        version: i64::MAX,
        last_run_id: Some(uuid(3)),
        legacy: Some(odd()),
        created_at: at(28),
        updated_at: at(29),
        resolution_strategy: text("manual"),
        sync_duration_ms: Some(i64::MAX),
        api_calls_count: i32::MAX,
        conflicts: Some(json!([odd()])),
    };
    // One of the two ids must be present.
    comes_back(stage, kind, row, &[sync_metadata::Column::EntityId]).await;
    let row = sync_link_count::Model {
        sync_config_id: 7,
        entity_type: "issue".to_owned(),
        sync_status: SyncStatus::Conflict,
        slot: i32::MAX,
        links: -3,
    };
    comes_back(stage, kind, row, &[]).await;
    let row = sync_conflict_count::Model { sync_config_id: 7, slot: i32::MAX, conflicts: i64::MIN };
    comes_back(stage, kind, row, &[]).await;
    let row = sync_cursor::Model {
        sync_config_id: 7,
        side: Side::Target,
        container: "acme/web".to_owned(),
        cursor: text("page 2"),
        high_water: Some(at(30)),
        last_full_at: Some(at(31)),
        reader: Some("583231".to_owned()),
        run_id: Some(uuid(4)),
        listing: text("{}"),
        listed_ids: Some(vec![0, 255]),
        version: 2,
    };
    comes_back(stage, kind, row, &[]).await;
    let row = sync_text::Model {
        hash: "abc".to_owned(),
        bytes: (0..=255).collect(),
        created_at: at(32),
        used_at: at(33),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = status_history::Model {
        id: 7,
        link_id: 7,
        side: Side::Source,
        status: "In Review".to_owned(),
        canonical: text("in_progress"),
        entered_at: at(34),
        left_at: Some(at(35)),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = sync_change_checkpoint::Model {
        link_id: 7,
        seq: 4,
        hash: "c0ffee".to_owned(),
        purged: i64::MAX,
        at: at(36),
    };
    comes_back(stage, kind, row, &[]).await;
}
