//! Data from outside requests.

use serde_json::json;
use syncline_entity::{api_token, audit_log, event, idempotency_key, types::*, webhook_delivery};

use super::{Kind, comes_back, odd, text, uuid};
use crate::stage::{Stage, at};

pub(super) async fn requests(stage: &Stage, kind: Kind) {
    let row = audit_log::Model {
        id: 7,
        project_id: Some(7),
        at: at(70),
        actor: "ada".to_owned(),
        action: "conflict.resolve".to_owned(),
        subject_kind: "conflict".to_owned(),
        subject_id: text("7"),
        details: Some(odd()),
        request_id: text("r-1"),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = webhook_delivery::Model {
        id: 7,
        account_id: 7,
        delivery_id: "d-1".to_owned(),
        received_at: at(71),
        headers: odd(),
        body: (0..=255).collect(),
        status: DeliveryStatus::Failed,
        run_id: Some(uuid(30)),
        error: text("no JSON"),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = api_token::Model {
        id: 7,
        hash: "abcd".to_owned(),
        name: "ci".to_owned(),
        project_id: Some(7),
        scopes: json!(["read", "enqueue"]),
        created_at: at(72),
        expires_at: Some(at(73)),
        last_used_at: Some(at(74)),
        revoked_at: Some(at(75)),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = idempotency_key::Model {
        id: 7,
        token_id: Some(7),
        key: "k-1".to_owned(),
        request_hash: "ef".to_owned(),
        response_status: Some(202),
        response_headers: Some(odd()),
        response_body: Some((0..=255).collect()),
        created_at: at(76),
        expires_at: at(77),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = event::Model {
        seq: 7,
        id: uuid(40),
        project_id: Some(7),
        rooms: "sync:7 entity:8".to_owned(),
        kind: "item.changed".to_owned(),
        subject: text("7"),
        time: at(78),
        data: odd(),
    };
    comes_back(stage, kind, row, &[]).await;
}
