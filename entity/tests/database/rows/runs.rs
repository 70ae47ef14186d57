//! Runs and the rows that they write.

use syncline_entity::{
    approval, sync_attempt, sync_change, sync_conflict, sync_history, sync_stats, types::*,
};

use super::{Kind, comes_back, odd, text, uuid};
use crate::stage::{Stage, at};

pub(super) async fn runs(stage: &Stage, kind: Kind) {
    let row = sync_history::Model {
        id: 7,
        run_uid: uuid(10),
        project_id: 7,
        sync_config_id: 7,
        link_id: Some(7),
        parent_run_id: Some(uuid(11)),
        correlation_id: uuid(12),
        kind: RunKind::Plan,
        sync_type: SyncMethod::Batch,
        priority: Priority::Critical,
        args: odd(),
        status: RunStatus::Held,
        fence: i64::MAX,
        dispatched_at: Some(at(40)),
        schedule_id: Some(7),
        tick_at: Some(at(41)),
        items_synced: 1,
        items_failed: 2,
        items_skipped: 3,
        created: 4,
        updated: 5,
        deleted: 6,
        conflicts: 7,
        api_calls: 8,
        duration_ms: Some(9),
        queued_at: at(42),
        started_at: Some(at(43)),
        completed_at: Some(at(44)),
        success: Some(true),
        error_message: text("held by the guard"),
        sync_metadata: Some(odd()),
        rolled_up: true,
        dead_at: Some(at(70)),
        dead_reason: text("failed 4 times"),
        not_before: Some(at(71)),
        waiting_key: text("sync:7:sync:{}"),
        cancel_requested_at: Some(at(72)),
        error_kind: text("permanent"),
        error_fingerprint: text("0123456789abcdef"),
    };
    comes_back(stage, kind, row, &[]).await;
    let mut row = sync_stats::Model::empty(7, "issue", Span::Month, Span::Month.begin_of(at(44)));
    row.count(RunStatus::Completed, true, Some(9));
    row.count(RunStatus::Failed, false, Some(123_456));
    comes_back(stage, kind, row, &[]).await;
    let row = sync_attempt::Model {
        run_id: uuid(10),
        attempt: 2,
        worker: "w1".to_owned(),
        started_at: at(45),
        ended_at: Some(at(46)),
        outcome: text("lost"),
        error: text("the worker died"),
    };
    comes_back(stage, kind, row, &[]).await;
    let row =
        approval::Model { run_id: uuid(10), plan_hash: "dd".to_owned(), by: "ada".to_owned(), at: at(47) };
    comes_back(stage, kind, row, &[]).await;
    let row = sync_conflict::Model {
        id: 7,
        link_id: 7,
        run_id: uuid(13),
        field: text("title"),
        conflict_type: "field_mismatch".to_owned(),
        base_data: Some(odd()),
        source_data: Some(odd()),
        target_data: Some(odd()),
        source_modified: Some(at(48)),
        target_modified: Some(at(49)),
        resolution_strategy: text("manual"),
        resolution: Some(Side::Source),
        choice: Some(odd()),
        resolved: true,
        resolved_at: Some(at(50)),
        resolved_by: text("ada"),
        resolve_run_id: Some(uuid(14)),
        occurrences: 2,
        escalated_at: Some(at(51)),
        created_at: at(52),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = sync_change::Model {
        id: 7,
        link_id: 7,
        seq: 3,
        run_id: uuid(15),
        side: Side::Target,
        field: text("title"),
        before: Some(odd()),
        after: Some(odd()),
        rule: "mapping".to_owned(),
        origin_system: "jira".to_owned(),
        state: ChangeState::Unknown,
        prev_hash: text("ee"),
        hash: "ff".to_owned(),
        at: at(53),
    };
    comes_back(stage, kind, row, &[]).await;
}
