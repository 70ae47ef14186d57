//! The queue and the workers.

use serde_json::json;
use syncline_entity::{
    alert, circuit_breaker, dead_letter_count, job, job_result, job_unique_window, maintenance_task,
    operation, rate_bucket, types::*, worker,
};

use super::{Kind, comes_back, odd, text, uuid};
use crate::stage::{Stage, at};

pub(super) async fn work(stage: &Stage, kind: Kind) {
    let row = job::Model {
        id: uuid(20),
        queue: "default".to_owned(),
        kind: "sync".to_owned(),
        payload_version: 2,
        payload: odd(),
        priority: Priority::Low,
        state: JobState::Dead,
        run_at: i64::MAX,
        attempt: 3,
        max_attempts: 4,
        retry_base_ms: 1,
        retry_cap_ms: 2,
        claim_token: i64::MAX,
        lease_until: Some(i64::MIN),
        worker_id: text("w1"),
        unique_key: text("u"),
        concurrency_key: text("c"),
        order_key: text("o"),
        cancel_requested: true,
        progress: Some(odd()),
        last_error: text("time-out"),
        dead_reason: text("attempts"),
        enqueued_at: 5,
        finished_at: Some(6),
        concurrency_limit: 3,
        unique_rule: UniqueRule::Coalesce,
        merges: 999,
        keep_result_ms: 60_000,
        history: Some(odd()),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = job_unique_window::Model {
        queue: "default".to_owned(),
        unique_key: "u".to_owned(),
        job_id: uuid(20),
        until: i64::MAX,
    };
    comes_back(stage, kind, row, &[]).await;
    let row = job_result::Model {
        id: uuid(20),
        queue: "default".to_owned(),
        kind: "sync".to_owned(),
        cancelled: true,
        result: Some(odd()),
        last_error: text("time-out"),
        attempt: 2,
        ended_at: 7,
        expires_at: i64::MAX,
    };
    comes_back(stage, kind, row, &[]).await;
    let row = rate_bucket::Model {
        subject: "account:7".to_owned(),
        dimension: "hour".to_owned(),
        full_at: 1_795_600_000_000_001.0,
        window_left: 0.1 + 0.2,
        window_ends: 8.0,
        told_limit: 5000.0,
        wanted: json!([1.0, 2.0, 3.0]),
        slots: json!({ "7": 1_795_600_000_000_001.0 }),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = circuit_breaker::Model {
        subject: "account:7".to_owned(),
        failures: 5,
        failed_at: 1_795_600_000_000_001.0,
        epoch: 10,
        streak: 11,
        open_until: 12.0,
        successes: 13,
        last_error: "HTTP 503".to_owned(),
        blocked_until: 14.0,
        serial: 15,
        probes: json!({}),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = alert::Model {
        id: 7,
        project_id: Some(7),
        rule: "failure_rate".to_owned(),
        subject: "sync:7".to_owned(),
        level: AlertLevel::Critical,
        value: 0.1 + 0.2,
        threshold: 0.1,
        message: "30 % of the items failed".to_owned(),
        raised_at: at(60),
        cleared_at: Some(at(61)),
        acknowledged_at: Some(at(62)),
        acknowledged_by: text("ada"),
        delivered_at: Some(at(63)),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = worker::Model {
        id: uuid(21),
        name: "host/1/a".to_owned(),
        role: "up".to_owned(),
        host: "host".to_owned(),
        pid: 4_194_304,
        version: "1.2.3".to_owned(),
        schema_version: "m20261122_000300_create_workers".to_owned(),
        queues: json!(["default"]),
        concurrency: 8,
        running: 3,
        stopping: true,
        beat_ms: 5000,
        started_at: 1,
        heartbeat_at: i64::MAX,
        draining: true,
    };
    comes_back(stage, kind, row, &[]).await;
    let row = operation::Model {
        id: 7,
        operation_uid: uuid(22),
        project_id: Some(7),
        action: OperationAction::Discard,
        filter: odd(),
        cutoff: at(66),
        state: OperationState::Cancelled,
        reason: text("of no use any more"),
        total: 700_000,
        done: 12,
        skipped: 3,
        cursor: text("1700000000000000-7"),
        token: text("t7"),
        actor: "ada".to_owned(),
        token_id: Some(7),
        created_at: at(67),
        started_at: Some(at(68)),
        completed_at: Some(at(69)),
        cancel_requested_at: Some(at(73)),
        error: text("the store is away"),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = dead_letter_count::Model {
        sync_config_id: 7,
        fingerprint: "0123456789abcdef".to_owned(),
        slot: 3,
        letters: i64::MAX,
    };
    comes_back(stage, kind, row, &[]).await;
    let row = maintenance_task::Model {
        task: "purge".to_owned(),
        every_seconds: 86_400,
        next_at: at(64),
        last_at: Some(at(65)),
        last_result: Some(odd()),
        enabled: false,
    };
    comes_back(stage, kind, row, &[]).await;
}
