//! Configuration: projects, accounts, syncs.

use syncline_entity::{
    account, installation, pause, person_identity, project, schedule, secret::Sealed, sync_config,
    sync_config_revision, types::*,
};

use super::{Kind, comes_back, odd, text, uuid};
use crate::stage::{Stage, at};

pub(super) async fn configuration(stage: &Stage, kind: Kind) {
    let row = installation::Model {
        id: 1,
        installation_id: uuid(7),
        place: "file=1 born=2".to_owned(),
        started_at: at(1),
        last_seen_at: at(2),
        backup_taken_at: Some(at(3)),
        restored_at: Some(at(4)),
        restored_from: text("a copy"),
    };
    comes_back(stage, kind, row, &[]).await;
    let row =
        project::Model { id: 7, key: "web".to_owned(), name: "Web \u{1F600}".to_owned(), people_revision: 3 };
    comes_back(stage, kind, row, &[]).await;
    let row = account::Model {
        id: 7,
        project_id: 7,
        platform: "jira".to_owned(),
        name: "acme".to_owned(),
        base_url: text("https://acme.example"),
        secret_ref: text("env:TOKEN"),
        secret_enc: None,
        key_id: text("k1"),
        scopes: Some(odd()),
        paused_at: Some(at(1)),
        breaker: Some(odd()),
        keeps_limits: false,
        refresh_until: Some(at(2)),
    };
    // The secret is a reference or is stored here, never both.
    comes_back(stage, kind, row.clone(), &[account::Column::SecretEnc]).await;
    let sealed = account::Model {
        id: 8,
        name: "sealed".to_owned(),
        secret_ref: None,
        secret_enc: Some(Sealed((0..=255).collect())),
        ..row
    };
    let secret = [account::Column::SecretRef, account::Column::SecretEnc, account::Column::KeyId];
    comes_back(stage, kind, sealed, &secret).await;
    let row = sync_config::Model {
        id: 7,
        project_id: 7,
        name: "mirror".to_owned(),
        source_platform: "jira".to_owned(),
        target_platform: "github".to_owned(),
        source_account_id: Some(7),
        target_account_id: Some(8),
        entity_type: "issue".to_owned(),
        direction: Direction::TargetToSource,
        conflict_strategy: "manual".to_owned(),
        enabled: false,
        paused_at: Some(at(2)),
        sync_interval: Some(300),
        schedule: text("*/15 * * * *"),
        batch_size: 51,
        batch_fallback_enabled: false,
        two_way_create: true,
        webhook_enabled: true,
        webhook_secret_ref: text("env:HOOK"),
        max_retries: 4,
        config_json: odd(),
        revision: i64::MAX,
        managed_by: ManagedBy::File,
        last_sync_at: Some(at(3)),
        last_batch_sync_at: Some(at(4)),
        deleted_at: Some(at(5)),
        restored_at: Some(at(6)),
        source_public: Some(false),
        target_public: Some(true),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = sync_config_revision::Model {
        sync_config_id: 7,
        revision: 2,
        config_json: odd(),
        by: "file".to_owned(),
        at: at(6),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = schedule::Model {
        id: 7,
        sync_config_id: 7,
        name: "quarterly".to_owned(),
        kind: ScheduleKind::Cron,
        expression: "*/15 * * * *".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        missed_policy: "skip".to_owned(),
        next_tick_at: Some(at(7)),
        last_tick_at: Some(at(8)),
        paused_at: Some(at(9)),
        created_at: at(10),
        updated_at: at(11),
        run_window: text("mon-fri 06:00-22:00"),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = pause::Model {
        id: 7,
        scope: PauseScope::Account,
        subject: "7".to_owned(),
        project_id: Some(7),
        reason: text("maintenance"),
        by: "ada".to_owned(),
        at: at(12),
    };
    comes_back(stage, kind, row, &[]).await;
    let row = person_identity::Model {
        id: 7,
        project_id: 7,
        person: uuid(9),
        account_id: Some(7),
        remote_id: "11".to_owned(),
        login: text("ada-q"),
        name: text("Ada Quist"),
        email: text("ada@example.org"),
        matched_by: MatchedBy::Hand,
    };
    comes_back(stage, kind, row, &[]).await;
}
