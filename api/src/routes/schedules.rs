//! `/api/v1/schedules`: the schedules of syncs.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use sea_orm::{DatabaseConnection, DbErr, EntityTrait, QueryOrder};
use serde::Serialize;
use syncline_entity::{schedule, sync_config, types::ScheduleKind};
use syncline_runs::pause as pauses;
use syncline_service::{Caller, schedules, syncs};
use utoipa::ToSchema;
use uuid::Uuid;

use super::queues::PauseDone;
use crate::{
    access::By,
    extract::{InPath, StrictQuery},
    page::{self, ShortListQuery},
    problem::Problem,
    schema::words,
    state::ApiState,
};

/// A page of schedules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "schedules": [{
    "id": 2, "config_id": 3, "sync": "tasks", "project": "default", "enabled": true, "paused": false, "kind": "cron",
    "expression": "0 6 * * 1-5", "timezone": "Europe/Berlin", "run_window": null, "missed_ticks": "once",
    "next_tick_at": "2026-11-23T05:00:00Z", "last_tick_at": "2026-11-20T05:00:00Z",
}], "next_cursor": null })))]
pub struct ScheduleList {
    /// The oldest first.
    pub schedules: Vec<ScheduleView>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// The schedule of one sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ScheduleView {
    pub id: i64,
    /// The id of the sync.
    pub config_id: i64,
    /// The sync's name.
    pub sync: String,
    pub project: String,
    /// True if the sync's schedules start runs.
    pub enabled: bool,
    /// True if the schedule, its sync, an account of the sync or a platform is paused.
    pub paused: bool,
    /// How `expression` is read: interval or cron.
    #[schema(schema_with = words::<ScheduleKind>)]
    pub kind: ScheduleKind,
    /// Seconds, or a cron expression.
    pub expression: String,
    /// The time zone of a cron expression and of the window.
    pub timezone: String,
    /// The times of day when runs may begin; none: always.
    pub run_window: Option<String>,
    /// The policy for missed ticks: skip, once or all.
    pub missed_ticks: String,
    pub next_tick_at: Option<DateTime<Utc>>,
    /// The last tick that fired.
    pub last_tick_at: Option<DateTime<Utc>>,
}

/// List when syncs run by themselves
#[utoipa::path(
    get,
    path = "/api/v1/schedules",
    operation_id = "list_schedules",
    tag = "schedules",
    params(ShortListQuery),
    responses((status = 200, description = "A page of schedules.", body = ScheduleList)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(ShortListQuery { limit, cursor }): StrictQuery<ShortListQuery>,
) -> Result<Json<ScheduleList>, Problem> {
    let list = ("schedules", caller.project);
    let after = page::place(&api, &list, cursor.as_deref()).await?;
    let mut schedules = views(&api.db, &caller).await?;
    let next = page::cut(&mut schedules, limit, after, |schedule| schedule.id);
    let next_cursor = page::next_place(&api, &list, next.as_ref()).await?;
    Ok(Json(ScheduleList { schedules, next_cursor }))
}

/// The views of the schedules that a caller sees.
pub async fn views(db: &DatabaseConnection, caller: &Caller) -> Result<Vec<ScheduleView>, DbErr> {
    let rows = schedule::Entity::find()
        .find_also_related(sync_config::Entity)
        .order_by_asc(schedule::Column::Id)
        .all(db)
        .await?;
    let paused = pauses::paused_of(db, rows.iter().map(|(row, _)| row.sync_config_id)).await?;
    let syncs = syncs::all(db).await?;
    let live = rows.into_iter().filter_map(|(row, config)| {
        let seen =
            |config: &sync_config::Model| config.deleted_at.is_none() && caller.sees(config.project_id);
        let config = config.filter(seen)?;
        Some(ScheduleView {
            id: row.id,
            config_id: config.id,
            enabled: config.enabled,
            paused: row.paused_at.is_some() || paused.contains(&config.id),
            project: syncs.get(&config.id).map(|sync| sync.project.clone())?,
            sync: config.name,
            kind: row.kind,
            expression: row.expression,
            timezone: row.timezone,
            run_window: row.run_window,
            missed_ticks: row.missed_policy,
            next_tick_at: row.next_tick_at,
            last_tick_at: row.last_tick_at,
        })
    });
    Ok(live.collect())
}

/// A run that was asked for instead of waiting for the next tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "run": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "joined": false })))]
pub struct ScheduledRun {
    /// The id of the run and of its job.
    pub run: Uuid,
    /// True if the same run was waiting already, and this is that one.
    pub joined: bool,
}

/// Put the run of a schedule in line now
///
/// Its next tick comes all the same.
#[utoipa::path(
    post,
    path = "/api/v1/schedules/{id}/run",
    operation_id = "run_schedule",
    tag = "schedules",
    params(("id" = i64, Path, minimum = 1, description = "The id of the schedule.")),
    responses((status = 202, description = "The run waits, or waited already.", body = ScheduledRun)),
)]
pub(crate) async fn run(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<i64>,
) -> Result<(StatusCode, Json<ScheduledRun>), Problem> {
    let known = schedules::find(&api.db, &caller, id).await?;
    let run = schedules::run(&api.db, &api.queue, &caller, &known).await?;
    Ok((StatusCode::ACCEPTED, Json(ScheduledRun { run: run.id, joined: run.joined })))
}

/// Let no tick of a schedule start a run
#[utoipa::path(
    post,
    path = "/api/v1/schedules/{id}/pause",
    operation_id = "pause_schedule",
    tag = "schedules",
    params(("id" = i64, Path, minimum = 1, description = "The id of the schedule.")),
    responses((status = 200, description = "The schedule is paused.", body = PauseDone)),
)]
pub(crate) async fn pause(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<i64>,
) -> Result<Json<PauseDone>, Problem> {
    let known = schedules::find(&api.db, &caller, id).await?;
    let changed = schedules::pause(&api.db, &caller, &known).await?;
    Ok(Json(PauseDone { paused: true, changed }))
}

/// Let the ticks of a schedule start runs again
#[utoipa::path(
    post,
    path = "/api/v1/schedules/{id}/resume",
    operation_id = "resume_schedule",
    tag = "schedules",
    params(("id" = i64, Path, minimum = 1, description = "The id of the schedule.")),
    responses((status = 200, description = "The schedule itself is not paused.", body = PauseDone)),
)]
pub(crate) async fn resume(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<i64>,
) -> Result<Json<PauseDone>, Problem> {
    let known = schedules::find(&api.db, &caller, id).await?;
    let changed = schedules::resume(&api.db, &caller, &known).await?;
    Ok(Json(PauseDone { paused: false, changed }))
}
