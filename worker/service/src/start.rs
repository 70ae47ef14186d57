//! Runs a sync that is named in the words of older systems, and says how it went in these words.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter};
use serde_json::json;
use syncline_entity::{
    project, sync_config, sync_conflict, sync_history,
    types::{Direction, RunKind, Side},
};
use syncline_runs::{RunArgs, RunQueue};
use uuid::Uuid;

use crate::{
    Caller, Error, Origin, Refusal, Unknown, configs, history,
    runs::{Request, enqueue},
    syncs::{self, StoredSync},
};

/// Which sync is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub sync: Option<String>,
    /// The key or the number of its project.
    pub project: Option<String>,
    pub direction: Option<Direction>,
    /// A platform of either side.
    pub platform: Option<String>,
    /// The kind of its items, or its other platform.
    pub target: Option<String>,
    /// Its new schedule.
    pub schedule: Option<String>,
}

/// How a run went.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// It is over and did its work.
    pub succeeded: bool,
    pub synced: i64,
    pub conflicts: i64,
    /// What became of its conflicts.
    pub resolution: &'static str,
    /// When a run of the sync last ended.
    pub last_sync: Option<DateTime<Utc>>,
    pub error: Option<String>,
}

/// Finds the sync, changes its schedule if one is given, and accepts a run of it.
pub async fn start(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    asked: &Asked,
    id: Option<Uuid>,
    origin: Origin<'_>,
) -> Result<(StoredSync, Uuid), Error> {
    let mut sync = find(db, caller, asked).await?;
    if let Some(schedule) = &asked.schedule
        && sync.schedule.as_ref() != Some(schedule)
    {
        let patch = json!({ "schedule": schedule });
        sync = configs::patch(db, caller, sync.id, &patch, Some(sync.revision), origin).await?.sync;
    }
    let request = Request {
        kind: RunKind::Sync,
        args: RunArgs::default(),
        priority: None,
        not_before: None,
        fixed_time: false,
        id,
        waits_for_pauses: false,
    };
    let run = enqueue(db, queue, caller, &sync, &request).await?.id;
    Ok((sync, run))
}

async fn find(db: &DatabaseConnection, caller: &Caller, asked: &Asked) -> Result<StoredSync, Error> {
    let key = match &asked.project {
        Some(given) => Some(project_key(db, caller, given).await?),
        None => None,
    };
    let found = match &asked.sync {
        Some(name) => vec![syncs::find_seen(db, caller, key.as_deref(), name).await?],
        None => candidates(db, caller, key.as_deref(), asked).await?,
    };
    let fits = |sync: &StoredSync| asked.direction.is_none_or(|direction| direction == sync.direction);
    let (fitting, others): (Vec<StoredSync>, Vec<StoredSync>) = found.into_iter().partition(fits);
    let listed = |syncs: &[StoredSync]| {
        let names: Vec<String> = syncs.iter().map(|sync| format!("{sync} ({})", sync.direction)).collect();
        names.join(", ")
    };
    match fitting.len() {
        1 => fitting.into_iter().next().ok_or_else(|| none(asked)),
        0 if others.is_empty() => Err(none(asked)),
        0 => {
            let text = format!(
                "sync_type is not the direction of the sync, which its document says: {}",
                listed(&others)
            );
            Err(Error::refused(Refusal::Unsuitable, text))
        }
        _ => {
            let text = format!("several syncs are meant: {}; name one of them as sync", listed(&fitting));
            Err(Error::refused(Refusal::Unsuitable, text))
        }
    }
}

fn none(asked: &Asked) -> Error {
    let platform = asked.platform.as_deref().unwrap_or_default();
    let target = asked.target.as_ref().map(|target| format!(" and {target:?}")).unwrap_or_default();
    Error::unknown(Unknown::Sync, format!("there is no sync of the platform {platform:?}{target}"))
}

async fn candidates(
    db: &DatabaseConnection,
    caller: &Caller,
    key: Option<&str>,
    asked: &Asked,
) -> Result<Vec<StoredSync>, Error> {
    let own = match (key, caller.project) {
        (Some(key), _) => Some(key.to_owned()),
        (None, Some(_)) => None,
        (None, None) => Some("default".to_owned()),
    };
    let all =
        configs::ConfigsQuery { project: own, limit: i64::MAX as u64, ..configs::ConfigsQuery::default() };
    let all = configs::list(db, caller, &all).await?;
    let is = |name: &str, asked: &Option<String>| {
        asked.as_ref().is_none_or(|asked| name.eq_ignore_ascii_case(asked))
    };
    let fits = |sync: &StoredSync| {
        let sides =
            [(&sync.source_platform, &sync.target_platform), (&sync.target_platform, &sync.source_platform)];
        sides.into_iter().any(|(one, other)| {
            is(one, &asked.platform) && (is(other, &asked.target) || is(&sync.entity_type, &asked.target))
        })
    };
    Ok(all.into_iter().filter(fits).collect())
}

/// The key of a project that is named by its key or its number.
async fn project_key(db: &DatabaseConnection, caller: &Caller, given: &str) -> Result<String, Error> {
    let unknown = || Error::unknown(Unknown::Project, format!("there is no project {given:?}"));
    let mut found = project::by_key(db, given).await?;
    if found.is_none()
        && let Ok(id) = given.parse::<i64>()
    {
        found = project::Entity::find_by_id(id).one(db).await?;
    }
    found.filter(|project| caller.sees(project.id)).map(|project| project.key).ok_or_else(unknown)
}

/// How a run went so far.
pub async fn outcome(db: &DatabaseConnection, caller: &Caller, run: Uuid) -> Result<Outcome, Error> {
    let run = history::get(db, caller, run).await?;
    let config = sync_config::Entity::find_by_id(run.sync_config_id).one(db).await?;
    Ok(Outcome {
        succeeded: run.success == Some(true),
        synced: run.items_synced,
        conflicts: run.conflicts,
        resolution: resolution(db, &run).await?,
        last_sync: config.and_then(|config| config.last_sync_at).or(run.completed_at),
        error: run.error_message,
    })
}

/// What became of the conflicts that a run met.
async fn resolution(db: &DatabaseConnection, run: &sync_history::Model) -> Result<&'static str, DbErr> {
    if run.conflicts == 0 {
        return Ok("none");
    }
    let met =
        sync_conflict::Entity::find().filter(sync_conflict::Column::RunId.eq(run.run_uid)).all(db).await?;
    if met.iter().any(|conflict| !conflict.resolved) {
        return Ok("manual_review");
    }
    let of = |side: Side| met.iter().any(|conflict| conflict.resolution == Some(side));
    Ok(match (of(Side::Source), of(Side::Target)) {
        (true, true) => "merged",
        (true, false) => "auto_override_from_local",
        (false, true) => "auto_override_from_remote",
        (false, false) => "none",
    })
}
