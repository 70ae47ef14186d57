//! Stored syncs: written from documents, found by name.

use std::{collections::HashMap, fmt, ops::Deref};

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseConnection, DatabaseTransaction, DbErr,
    EntityTrait, QueryFilter,
};
use syncline_engine::{
    nearest::{listed, nearest},
    schedule::When,
    spec::{Direction, SyncSpec},
};
use syncline_entity::{
    project, schedule, sync_config, sync_config_revision,
    types::{self, ManagedBy, RunKind, ScheduleKind, SyncMethod},
};

use crate::fault::Fault;
use syncline_runs::{NewRun, holding::holding};

/// What storing a document did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// There was no sync of this name.
    Created,
    /// It is another document than before.
    Changed,
    /// It is the same.
    Unchanged,
}

/// A stored sync and the key of its project. Shown as commands take it: `PROJECT/NAME` outside the default project.
#[derive(Debug, Clone)]
pub(crate) struct StoredSync {
    pub(crate) project: String,
    pub(crate) row: sync_config::Model,
}

impl Deref for StoredSync {
    type Target = sync_config::Model;

    fn deref(&self) -> &sync_config::Model {
        &self.row
    }
}

impl fmt::Display for StoredSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&display_name(&self.project, &self.row.name))
    }
}

/// The sync of that name; `PROJECT/NAME` outside the default project.
pub(crate) async fn find(db: &DatabaseConnection, name: &str) -> Result<StoredSync, Fault> {
    let (key, name) = name.split_once('/').unwrap_or(("default", name));
    if let Some(project) = project::by_key(db, key).await?
        && let Some(row) = sync_config::by_name(db, project.id, name).await?
    {
        return Ok(StoredSync { project: project.key, row });
    }
    let wanted = display_name(key, name);
    let all = all(db).await?;
    let living = all.values().filter(|sync| sync.deleted_at.is_none());
    let mut known: Vec<String> = living.map(ToString::to_string).collect();
    known.sort();
    let hint = if known.is_empty() {
        "none is stored yet: `syncline apply -f FILE`".to_owned()
    } else {
        // The same name in another project is nearer than any that is spelt alike.
        let elsewhere = known.iter().find(|known| known.split_once('/').is_some_and(|(_, own)| own == name));
        let near =
            elsewhere.map(String::as_str).or_else(|| nearest(&wanted, known.iter().map(String::as_str)));
        let near = near.map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
        format!("{near}stored are: {}", listed(&known, 10))
    };
    Err(Fault::usage(format!("there is no sync {wanted:?}; {hint}")))
}

/// What a sync is called on the command line: `PROJECT/NAME` outside the default project.
pub(crate) fn display_name(project: &str, name: &str) -> String {
    if project == "default" { name.to_owned() } else { format!("{project}/{name}") }
}

/// All syncs by their id, deleted ones among them.
pub(crate) async fn all(db: &DatabaseConnection) -> Result<HashMap<i64, StoredSync>, DbErr> {
    let projects = project::Entity::find().all(db).await?;
    let projects: HashMap<i64, String> = projects.into_iter().map(|row| (row.id, row.key)).collect();
    let stored = |row: sync_config::Model| {
        let project = projects.get(&row.project_id).cloned().unwrap_or_else(|| "default".to_owned());
        (row.id, StoredSync { project, row })
    };
    Ok(sync_config::Entity::find().all(db).await?.into_iter().map(stored).collect())
}

/// The sync with that id.
pub(crate) async fn by_id(db: &DatabaseConnection, id: i64) -> Result<Option<StoredSync>, DbErr> {
    let Some(row) = sync_config::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
    let project = project::Entity::find_by_id(row.project_id).one(db).await?;
    let project = project.map_or_else(|| "default".to_owned(), |project| project.key);
    Ok(Some(StoredSync { project, row }))
}

/// Refuses a run that a pause would keep from beginning.
pub(crate) async fn refuse_paused(db: &DatabaseConnection, sync: &StoredSync) -> Result<(), Fault> {
    match holding(db, sync, &sync.to_string()).await? {
        Some(holding) => Err(Fault::failed(holding.to_string())),
        None => Ok(()),
    }
}

/// A run of a stored sync that a person asks for.
pub(crate) fn run_of(config: &sync_config::Model, kind: RunKind) -> Result<NewRun, Fault> {
    let readable = serde_json::from_value::<SyncSpec>(config.config_json.clone());
    readable.and_then(|_| NewRun::of(config, kind, SyncMethod::Manual)).map_err(|error| {
        Fault::usage(format!(
            "this version cannot read the stored document of {:?} ({error}); use a newer version, or apply it again",
            config.name
        ))
    })
}

/// Stores documents under their names: all of them, or none.
pub(crate) async fn store(db: &DatabaseConnection, specs: &[&SyncSpec]) -> Result<Vec<Stored>, Fault> {
    let tx = syncline_sql::begin(db).await?;
    let mut stored = Vec::new();
    for spec in specs {
        stored.push(store_one(&tx, spec).await?);
    }
    tx.commit().await?;
    Ok(stored)
}

async fn store_one(tx: &DatabaseTransaction, spec: &SyncSpec) -> Result<Stored, Fault> {
    let json = serde_json::to_value(spec).map_err(|error| Fault::failed(error.to_string()))?;
    let now = Utc::now().trunc_subsecs(6);
    let project_id = match project::by_key(tx, &spec.project).await? {
        Some(project) => project.id,
        None => {
            let new = project::ActiveModel {
                key: Set(spec.project.clone()),
                name: Set(spec.project.clone()),
                ..Default::default()
            };
            new.insert(tx).await?.id
        }
    };
    let existing = sync_config::by_name(tx, project_id, &spec.name).await?;
    let (stored, config) = match existing {
        Some(existing) if existing.config_json == json => (Stored::Unchanged, existing),
        Some(existing) => {
            let mut model: sync_config::ActiveModel = existing.clone().into();
            fill(&mut model, spec, &json);
            model.revision = Set(existing.revision + 1);
            (Stored::Changed, model.update(tx).await?)
        }
        None => {
            let mut model = sync_config::ActiveModel {
                project_id: Set(project_id),
                name: Set(spec.name.clone()),
                revision: Set(1),
                managed_by: Set(ManagedBy::File),
                batch_fallback_enabled: Set(true),
                webhook_enabled: Set(false),
                ..Default::default()
            };
            fill(&mut model, spec, &json);
            (Stored::Created, model.insert(tx).await?)
        }
    };
    if stored != Stored::Unchanged {
        let revision = sync_config_revision::ActiveModel {
            sync_config_id: Set(config.id),
            revision: Set(config.revision),
            config_json: Set(json),
            by: Set("apply".to_owned()),
            at: Set(now),
        };
        revision.insert(tx).await?;
    }
    set_schedule(tx, &config, spec, now).await?;
    Ok(stored)
}

fn fill(model: &mut sync_config::ActiveModel, spec: &SyncSpec, json: &serde_json::Value) {
    model.source_platform = Set(spec.source_platform.clone());
    model.target_platform = Set(spec.target_platform.clone());
    model.entity_type = Set(spec.entity_type.clone());
    model.direction = Set(match spec.direction {
        Direction::Bidirectional => types::Direction::Bidirectional,
        Direction::SourceToTarget => types::Direction::SourceToTarget,
        Direction::TargetToSource => types::Direction::TargetToSource,
    });
    model.conflict_strategy = Set(spec.conflict_strategy.as_str().to_owned());
    model.enabled = Set(spec.enabled);
    model.sync_interval = Set(i32::try_from(spec.sync_interval).ok());
    model.schedule = Set(spec.schedule.clone());
    // Between 1 and 10000 and at most 100: checked when the document was read.
    let batch_size = spec.batch_size.unwrap_or(SyncSpec::DEFAULT_BATCH_SIZE);
    model.batch_size = Set(i32::try_from(batch_size).unwrap_or(i32::MAX));
    model.max_retries = Set(i32::try_from(spec.max_retries).unwrap_or(i32::MAX));
    model.two_way_create = Set(spec.two_way_create);
    model.config_json = Set(json.clone());
}

/// Every sync has one schedule, which older versions call by this name as well.
const SCHEDULE: &str = "interval";

/// The schedule of a sync. Its first tick is the next one from now; `syncline sync` is there for now. An edit starts anew,
/// so that no tick of what it was before is left.
async fn set_schedule(
    tx: &DatabaseTransaction,
    config: &sync_config::Model,
    spec: &SyncSpec,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let existing = schedule::Entity::find()
        .filter(schedule::Column::SyncConfigId.eq(config.id))
        .filter(schedule::Column::Name.eq(SCHEDULE))
        .one(tx)
        .await?;
    let timetable = spec.timetable().map_err(|findings| {
        let told = findings.iter().map(|finding| format!("{}: {}", finding.path, finding.message));
        Fault::usage(format!("{}: {}", spec.name, told.collect::<Vec<_>>().join("; ")))
    })?;
    let (kind, expression) = match timetable.as_ref().map(|timetable| &timetable.when) {
        Some(When::Cron(cron)) => (ScheduleKind::Cron, cron.to_string()),
        Some(When::Every(step)) => (ScheduleKind::Interval, step.num_seconds().to_string()),
        None => (ScheduleKind::Interval, "0".to_owned()),
    };
    let timezone = spec.timezone.clone().unwrap_or_else(|| "UTC".to_owned());
    let missed = spec.missed_ticks.as_str();
    let next = timetable.filter(|_| spec.enabled).and_then(|timetable| timetable.next_tick(now, now));
    let same = |row: &schedule::Model| {
        row.kind == kind
            && row.expression == expression
            && row.timezone == timezone
            && row.missed_policy == missed
            && row.run_window == spec.run_window
            && row.next_tick_at.is_some() == next.is_some()
    };
    if existing.as_ref().is_some_and(same) {
        return Ok(());
    }
    let mut model = match existing {
        Some(existing) => existing.into(),
        None => schedule::ActiveModel {
            sync_config_id: Set(config.id),
            name: Set(SCHEDULE.to_owned()),
            created_at: Set(now),
            ..Default::default()
        },
    };
    model.kind = Set(kind);
    model.expression = Set(expression);
    model.timezone = Set(timezone);
    model.missed_policy = Set(missed.to_owned());
    model.run_window = Set(spec.run_window.clone());
    model.next_tick_at = Set(next);
    model.updated_at = Set(now);
    model.save(tx).await?;
    Ok(())
}
