//! The cases, by table.

use super::ParentGoes::{LeavingNull, NotWhileReferred, WithIt};
use super::Refuses::{Contradiction, Stray, Twin, Value};
use super::{Case, On, check, constraints};

const DIRECTIONS: &[&str] = &["'source_to_target'", "'target_to_source'", "'bidirectional'"];
const STATUSES: &[&str] =
    &["'pending'", "'in_progress'", "'completed'", "'failed'", "'skipped'", "'conflict'"];
const METHODS: &[&str] = &["'webhook'", "'poll'", "'batch'", "'manual'"];
const SIDES: &[&str] = &["'source'", "'target'"];
const SIDES_OR_NULL: &[&str] = &["NULL", "'source'", "'target'"];
const PRIORITIES: &[&str] = &["0", "1", "2", "3"];
const RUNS: &[&str] = &["'queued'", "'in_progress'", "'completed'", "'failed'", "'cancelled'", "'held'"];
const TICK: &str = "'2025-01-01 00:00:00+00:00'";

constraints! {
    a_project_has_its_key_alone: "projects" Twin { columns: &["key"], with: &[], room: &[("key", "'other'")] };

    there_is_one_installation: "installation" Twin { columns: &["id"], with: &[], room: &[("id", "2")] };

    an_account_has_one_secret: "accounts" Contradiction {
        columns: &["secret_enc", "secret_ref"],
        wrong: &[("secret_ref", "'env:TOKEN'"), ("secret_enc", "'x'"), ("key_id", "'k'")],
        right: &[("secret_ref", "'env:TOKEN'")],
    };
    a_secret_has_its_key: "accounts" Contradiction {
        columns: &["key_id", "secret_enc"],
        wrong: &[("secret_enc", "'x'")],
        right: &[("secret_enc", "'x'"), ("key_id", "'k'")],
    };
    an_account_has_its_name_alone: "accounts" Twin {
        columns: &["project_id", "name"], with: &[], room: &[("name", "'other'")],
    };
    an_account_has_a_project: "accounts" Stray { column: "project_id", parent_goes: NotWhileReferred };

    directions_of_syncs: "sync_configs" Value { column: "direction", wrong: "'sideways'", right: DIRECTIONS };
    managers_of_syncs: "sync_configs" Value {
        column: "managed_by", wrong: "'nobody'", right: &["'file'", "'api'"],
    };
    a_sync_has_its_name_alone_until_it_is_deleted: "sync_configs" Twin {
        columns: &["project_id", "name"], with: &[], room: &[("deleted_at", TICK)],
    };
    a_sync_has_a_project: "sync_configs" Stray { column: "project_id", parent_goes: NotWhileReferred };
    a_sync_has_a_source: "sync_configs" Stray { column: "source_account_id", parent_goes: NotWhileReferred };
    a_sync_has_a_target: "sync_configs" Stray { column: "target_account_id", parent_goes: NotWhileReferred };

    a_revision_stands_once: "sync_config_revisions" Twin {
        columns: &["sync_config_id", "revision"], with: &[], room: &[("revision", "9")],
    };
    a_revision_has_a_sync: "sync_config_revisions" Stray {
        column: "sync_config_id", parent_goes: NotWhileReferred,
    };

    statuses_of_links: "sync_metadata" Value { column: "sync_status", wrong: "'synced'", right: STATUSES };
    states_of_links: "sync_metadata" Value {
        column: "link_state", wrong: "'gone'",
        right: &["'pending'", "'linked'", "'out_of_scope'", "'tombstone'"],
    };
    directions_of_links: "sync_metadata" Value {
        column: "sync_direction", wrong: "'source_to_target'",
        right: &["'local_to_remote'", "'remote_to_local'", "'bidirectional'"],
    };
    methods_of_links: "sync_metadata" Value {
        column: "sync_method", wrong: "'guess'", right: &["NULL", "'webhook'", "'poll'", "'batch'", "'manual'"],
    };
    missing_sides_of_links: "sync_metadata" Value {
        column: "missing_side", wrong: "'left'", right: SIDES_OR_NULL,
    };
    intents_of_links: "sync_metadata" Value {
        column: "intent_kind", wrong: "'upsert'", right: &["NULL", "'create'", "'update'", "'delete'"],
    };
    intended_sides_of_links: "sync_metadata" Value {
        column: "intent_side", wrong: "'left'", right: SIDES_OR_NULL,
    };
    deleted_sides_of_links: "sync_metadata" Value {
        column: "deleted_side", wrong: "'left'", right: SIDES_OR_NULL,
    };
    a_link_has_an_id: "sync_metadata" Contradiction {
        columns: &["entity_id", "external_id"],
        wrong: &[("entity_id", "NULL")],
        right: &[("entity_id", "NULL"), ("external_id", "'PROJ-9'")],
    };
    a_source_is_linked_once: "sync_metadata" Twin {
        columns: &["sync_config_id", "entity_type", "entity_id"], with: &[], room: &[("entity_type", "'card'")],
    };
    a_target_is_linked_once: "sync_metadata" Twin {
        columns: &["sync_config_id", "entity_type", "external_id"],
        with: &[("external_id", "'PROJ-9'")],
        room: &[("external_id", "NULL")],
    };
    a_link_has_a_sync: "sync_metadata" Stray { column: "sync_config_id", parent_goes: NotWhileReferred };

    kinds_of_schedules: "schedules" Value {
        column: "kind", wrong: "'moon'", right: &["'interval'", "'cron'"],
    };
    a_schedule_has_its_name_alone: "schedules" Twin {
        columns: &["sync_config_id", "name"], with: &[], room: &[("name", "'other'")],
    };
    a_schedule_has_a_sync: "schedules" Stray { column: "sync_config_id", parent_goes: NotWhileReferred };

    sides_of_cursors: "sync_cursors" Value { column: "side", wrong: "'left'", right: SIDES };
    a_container_has_one_cursor: "sync_cursors" Twin {
        columns: &["sync_config_id", "side", "container"], with: &[], room: &[("container", "'other'")],
    };
    a_cursor_has_a_sync: "sync_cursors" Stray { column: "sync_config_id", parent_goes: NotWhileReferred };

    statuses_of_runs: "sync_history" Value { column: "status", wrong: "'running'", right: RUNS };
    kinds_of_runs: "sync_history" Value {
        column: "kind", wrong: "'rollback'", right: &["'sync'", "'plan'", "'resolve'"],
    };
    causes_of_runs: "sync_history" Value { column: "sync_type", wrong: "'guess'", right: METHODS };
    priorities_of_runs: "sync_history" Value { column: "priority", wrong: "4", right: PRIORITIES };
    a_run_has_its_id_alone: "sync_history" Twin {
        columns: &["run_uid"], with: &[], room: &[("run_uid", "'0190a1b2c3d47e5f8a9b0c1d00009999'")],
    };
    a_tick_makes_one_run: "sync_history" Twin {
        columns: &["schedule_id", "tick_at"],
        with: &[("schedule_id", "1"), ("tick_at", TICK)],
        room: &[("tick_at", "'2025-01-02 00:00:00+00:00'")],
    };
    a_waiting_run_stands_for_its_like: "sync_history" Twin {
        columns: &["waiting_key"],
        with: &[("waiting_key", "'sync:1'"), ("completed_at", "NULL")],
        room: &[("waiting_key", "'sync:2'")],
    };
    a_run_has_a_project: "sync_history" Stray { column: "project_id", parent_goes: NotWhileReferred };
    a_run_has_a_sync: "sync_history" Stray { column: "sync_config_id", parent_goes: NotWhileReferred };
    a_run_of_an_item_has_a_link: "sync_history" Stray { column: "link_id", parent_goes: NotWhileReferred };
    a_scheduled_run_has_a_schedule: "sync_history" Stray {
        column: "schedule_id", parent_goes: NotWhileReferred,
    };

    an_attempt_is_made_once: "sync_attempts" Twin {
        columns: &["run_id", "attempt"], with: &[], room: &[("attempt", "9")],
    };
    attempts_go_with_their_run: "sync_attempts" Stray { column: "run_id", parent_goes: WithIt };

    resolutions_of_conflicts: "sync_conflicts" Value {
        column: "resolution", wrong: "'both'", right: SIDES_OR_NULL,
    };
    a_field_has_one_open_conflict: "sync_conflicts" Twin {
        columns: &["link_id", "coalesce(field, '')"], with: &[], room: &[("resolved", "TRUE")],
    };
    a_conflict_has_a_link: "sync_conflicts" Stray { column: "link_id", parent_goes: NotWhileReferred };

    sides_of_changes: "sync_changes" Value { column: "side", wrong: "'left'", right: SIDES };
    states_of_changes: "sync_changes" Value {
        column: "state", wrong: "'done'", right: &["'intended'", "'confirmed'", "'not_written'", "'unknown'"],
    };
    a_chain_has_one_change_at_each_place: "sync_changes" Twin {
        columns: &["link_id", "seq"], with: &[], room: &[("seq", "9")],
    };
    a_change_has_a_link: "sync_changes" Stray { column: "link_id", parent_goes: NotWhileReferred };

    a_chain_has_one_checkpoint: "sync_change_checkpoints" Twin {
        columns: &["link_id"], with: &[],
        room: &[("link_id", "(SELECT max(id) FROM sync_metadata WHERE id NOT IN (SELECT link_id FROM sync_change_checkpoints))")],
    };
    a_checkpoint_has_a_link: "sync_change_checkpoints" Stray { column: "link_id", parent_goes: NotWhileReferred };

    a_task_of_maintenance_stands_once: "maintenance_tasks" Twin {
        columns: &["task"], with: &[], room: &[("task", "'other'")],
    };

    states_of_jobs: "jobs" Value {
        column: "state", wrong: "'done'", right: &["'waiting'", "'running'", "'dead'"],
    };
    priorities_of_jobs: "jobs" Value { column: "priority", wrong: "-1", right: PRIORITIES };
    a_job_has_its_id_alone: "jobs" Twin {
        columns: &["id"], with: &[], room: &[("id", "'0190a1b2c3d47e5f8a9b0c1d00009999'")],
    };
    a_key_has_one_waiting_job: "jobs" Twin {
        columns: &["queue", "unique_key"],
        with: &[
            ("queue", "'default'"), ("unique_key", "'k'"), ("state", "'waiting'"), ("unique_rule", "'while_waiting'"),
        ],
        room: &[("state", "'running'")],
    };
    a_key_has_one_job_until_it_is_done: "jobs" Twin {
        columns: &["unique_key", "queue"],
        with: &[
            ("queue", "'default'"), ("unique_key", "'k'"), ("state", "'running'"), ("unique_rule", "'until_done'"),
        ],
        room: &[("state", "'dead'")],
    };
    rules_of_jobs: "jobs" Value {
        column: "unique_rule", wrong: "'always'",
        right: &["'while_waiting'", "'until_done'", "'for'", "'coalesce'"],
    };

    a_key_has_one_window: "job_unique_windows" Twin {
        columns: &["queue", "unique_key"], with: &[], room: &[("unique_key", "'other'")],
    };
    a_result_is_kept_once: "job_results" Twin {
        columns: &["id"], with: &[], room: &[("id", "'0190a1b2c3d47e5f8a9b0c1d00009999'")],
    };

    a_dimension_has_one_bucket: "rate_buckets" Twin {
        columns: &["subject", "dimension"], with: &[], room: &[("dimension", "'other'")],
    };
    a_subject_has_one_breaker: "circuit_breakers" Twin {
        columns: &["subject"], with: &[], room: &[("subject", "'other'")],
    };

    a_text_stands_once: "sync_texts" Twin { columns: &["hash"], with: &[], room: &[("hash", "'other'")] };

    a_worker_has_its_id_alone: "workers" Twin {
        columns: &["id"], with: &[], room: &[("id", "'0190a1b2c3d47e5f8a9b0c1d00009999'")],
    };
    a_worker_has_its_name_alone: "workers" Twin {
        columns: &["name"], with: &[], room: &[("name", "'other'")],
    };

    sides_of_stays: "status_history" Value { column: "side", wrong: "'left'", right: SIDES };
    an_item_is_in_one_status_at_a_time: "status_history" Twin {
        columns: &["link_id", "side"], with: &[], room: &[("left_at", TICK)],
    };
    stays_go_with_their_link: "status_history" Stray { column: "link_id", parent_goes: WithIt };

    scopes_of_pauses: "pauses" Value {
        column: "scope", wrong: "'moon'", right: &["'queue'", "'sync'", "'account'", "'platform'"],
    };
    a_subject_is_paused_once: "pauses" Twin {
        columns: &["scope", "subject"], with: &[], room: &[("subject", "'other'")],
    };
    pauses_go_with_their_project: "pauses" Stray { column: "project_id", parent_goes: WithIt };

    how_identities_were_matched: "person_identities" Value {
        column: "matched_by", wrong: "'guess'", right: &["'none'", "'email'", "'name'", "'hand'", "'apart'"],
    };
    an_account_knows_an_identity_once: "person_identities" Twin {
        columns: &["account_id", "remote_id"], with: &[("account_id", "1")], room: &[("remote_id", "'other'")],
    };
    a_text_names_one_person: "person_identities" Twin {
        columns: &["project_id", "remote_id"], with: &[("account_id", "NULL")],
        room: &[("remote_id", "'other'")],
    };
    identities_go_with_their_project: "person_identities" Stray { column: "project_id", parent_goes: WithIt };
    identities_go_with_their_account: "person_identities" Stray { column: "account_id", parent_goes: WithIt };

    levels_of_alerts: "alerts" Value {
        column: "level", wrong: "'loud'", right: &["'info'", "'warning'", "'critical'"],
    };
    a_rule_has_one_open_alert: "alerts" Twin {
        columns: &["rule", "subject"], with: &[], room: &[("cleared_at", TICK)],
    };
    alerts_go_with_their_project: "alerts" Stray { column: "project_id", parent_goes: WithIt };

    acts_outlive_their_project: "audit_log" Stray { column: "project_id", parent_goes: LeavingNull };

    statuses_of_deliveries: "webhook_deliveries" Value {
        column: "status", wrong: "'done'", right: &["'received'", "'queued'", "'ignored'", "'failed'"],
    };
    a_delivery_is_kept_once: "webhook_deliveries" Twin {
        columns: &["account_id", "delivery_id"], with: &[], room: &[("delivery_id", "'other'")],
    };
    a_delivery_has_an_account: "webhook_deliveries" Stray {
        column: "account_id", parent_goes: NotWhileReferred,
    };

    a_token_is_kept_once: "api_tokens" Twin { columns: &["hash"], with: &[], room: &[("hash", "'other'")] };
    tokens_go_with_their_project: "api_tokens" Stray { column: "project_id", parent_goes: WithIt };

    a_key_is_answered_once: "idempotency_keys" Twin {
        columns: &["coalesce(token_id, 0)", "key"], with: &[], room: &[("key", "'other'")],
    };
    keys_go_with_their_token: "idempotency_keys" Stray { column: "token_id", parent_goes: WithIt };

    spans_of_statistics: "sync_stats" Value {
        column: "span", wrong: "'week'", right: &["'hour'", "'day'", "'month'"],
    };
    a_span_is_summed_up_once: "sync_stats" Twin {
        columns: &["sync_config_id", "span", "bucket", "entity_type"], with: &[], room: &[("entity_type", "'other'")],
    };
    statistics_go_with_their_sync: "sync_stats" Stray { column: "sync_config_id", parent_goes: WithIt };

    a_slot_counts_links_once: "sync_link_counts" Twin {
        columns: &["sync_config_id", "entity_type", "sync_status", "slot"], with: &[], room: &[("slot", "-1")],
    };
    counts_of_links_go_with_their_sync: "sync_link_counts" Stray { column: "sync_config_id", parent_goes: WithIt };

    a_slot_counts_conflicts_once: "sync_conflict_counts" Twin {
        columns: &["sync_config_id", "slot"], with: &[], room: &[("slot", "-1")],
    };
    counts_of_conflicts_go_with_their_sync: "sync_conflict_counts" Stray {
        column: "sync_config_id", parent_goes: WithIt,
    };

    a_slot_counts_letters_once: "dead_letter_counts" Twin {
        columns: &["sync_config_id", "fingerprint", "slot"], with: &[], room: &[("slot", "-1")],
    };
    counts_of_letters_go_with_their_sync: "dead_letter_counts" Stray {
        column: "sync_config_id", parent_goes: WithIt,
    };

    actions_of_operations: "operations" Value {
        column: "action", wrong: "'delete'", right: &["'replay'", "'discard'", "'resolve'"],
    };
    states_of_operations: "operations" Value {
        column: "state", wrong: "'waiting'",
        right: &["'previewed'", "'running'", "'done'", "'cancelled'", "'failed'"],
    };
    an_operation_has_an_id_of_its_own: "operations" Twin {
        columns: &["operation_uid"], with: &[("token", "NULL")], room: &[("operation_uid", "'0190a1b2c3d47e5f8a9b0c1d00009999'")],
    };
    a_token_starts_one_operation: "operations" Twin {
        columns: &["token"], with: &[("token", "'t'")], room: &[("token", "'other'")],
    };
    operations_go_with_their_project: "operations" Stray { column: "project_id", parent_goes: WithIt };

    a_plan_is_approved_once: "approvals" Twin {
        columns: &["run_id", "plan_hash"], with: &[], room: &[("plan_hash", "'other'")],
    };
    approvals_go_with_their_run: "approvals" Stray { column: "run_id", parent_goes: WithIt };
}
