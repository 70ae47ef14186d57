//! Stores documents as syncs, each with its schedule.

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseConnection, DatabaseTransaction, EntityTrait,
    QueryFilter, QuerySelect, SqlErr,
};
use serde_json::json;
use syncline_engine::{
    schedule::When,
    side::Pair,
    spec::{Direction, Finding, SyncSpec},
};
use syncline_entity::{
    event::{self, NewEvent},
    project, schedule, sync_config, sync_config_revision,
    types::{self, EventType, ManagedBy, ScheduleKind},
};
use syncline_sql::begin;

use super::{
    Caller, Error, Origin, Refusal, Unknown, accounts,
    audit::{self, Entry},
    passwords,
};

/// The result of storing a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// There was no sync with this name.
    Created,
    /// The document differs from the stored one.
    Changed,
    /// The document equals the stored one.
    Unchanged,
}

impl Stored {
    /// The name in commands and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stored::Created => "created",
            Stored::Changed => "changed",
            Stored::Unchanged => "unchanged",
        }
    }
}

/// What must hold for a document to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Anything,
    /// There is no sync with this name.
    New,
    /// The sync with this id has the document's name and project, and this revision if one is given.
    Sync {
        id: i64,
        revision: Option<i64>,
    },
}

/// A document that was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    pub stored: Stored,
    /// The sync.
    pub id: i64,
    /// The revision after it was stored.
    pub revision: i64,
    /// The document that was stored before.
    pub before: Option<serde_json::Value>,
    /// The document as it is stored.
    pub after: serde_json::Value,
}

/// Stores documents under their names: all of them, or none. What a document may not name, coming from there, is refused
/// here too, since no document is stored in another way.
pub async fn store(
    db: &DatabaseConnection,
    caller: &Caller,
    specs: &[&SyncSpec],
    origin: Origin<'_>,
) -> Result<Vec<Stored>, Error> {
    let applied = apply(db, caller, specs, origin, false).await?;
    Ok(applied.into_iter().map(|applied| applied.stored).collect())
}

/// Stores documents under their names: all of them, or none. A dry run does the same in a transaction that it takes back.
pub async fn apply(
    db: &DatabaseConnection,
    caller: &Caller,
    specs: &[&SyncSpec],
    origin: Origin<'_>,
    dry_run: bool,
) -> Result<Vec<Applied>, Error> {
    let tx = begin(db).await?;
    let mut applied = Vec::new();
    for spec in specs {
        applied.push(store_one(&tx, caller, spec, origin, Expected::Anything).await?);
    }
    if dry_run {
        tx.rollback().await?
    } else {
        tx.commit().await?
    }
    Ok(applied)
}

pub(crate) fn invalid(spec: &SyncSpec, findings: &[Finding]) -> Error {
    Error::Document { name: spec.name.clone(), findings: findings.to_vec() }
}

/// Stores one document. It fails with all the findings about it.
pub(crate) async fn store_one(
    tx: &DatabaseTransaction,
    caller: &Caller,
    spec: &SyncSpec,
    origin: Origin<'_>,
    expected: Expected,
) -> Result<Applied, Error> {
    let refusals = origin.refusals(spec);
    if !refusals.is_empty() {
        return Err(invalid(spec, &refusals));
    }
    let managed_by = match origin {
        Origin::CommandLine => ManagedBy::File,
        Origin::Http(_) => ManagedBy::Api,
    };
    let now = Utc::now().trunc_subsecs(6);
    let project_id = project_of(tx, caller, spec).await?;
    let existing = existing(tx, project_id, spec, expected).await?;
    let mut spec = spec.clone();
    let before = existing.as_ref().map(|existing| existing.config_json.clone());
    passwords::restored(&mut spec, before.as_ref()).map_err(|wrong| invalid(&spec, &wrong))?;
    let spec = &spec;
    let json =
        serde_json::to_value(spec).map_err(|error| Error::Invalid(format!("{}: {error}", spec.name)))?;
    // Also for an unchanged document: the account may have been created since it was stored.
    accounts::save_built_in(tx, project_id, spec).await?;
    let accounts = accounts::resolve(tx, project_id, spec).await?.map_err(|wrong| invalid(spec, &wrong))?;
    let (stored, config) = match existing {
        Some(existing) if existing.config_json == json => {
            let before = Pair::new(existing.source_account_id, existing.target_account_id);
            let config = if before == accounts {
                existing
            } else {
                let mut model: sync_config::ActiveModel = existing.into();
                set_accounts(&mut model, accounts);
                model.update(tx).await?
            };
            (Stored::Unchanged, config)
        }
        Some(existing) => {
            let mut model: sync_config::ActiveModel = existing.clone().into();
            fill(&mut model, spec, &json, accounts);
            model.revision = Set(existing.revision + 1);
            (Stored::Changed, model.update(tx).await?)
        }
        None => {
            let mut model = sync_config::ActiveModel {
                project_id: Set(project_id),
                name: Set(spec.name.clone()),
                revision: Set(1),
                managed_by: Set(managed_by),
                batch_fallback_enabled: Set(true),
                webhook_enabled: Set(false),
                ..Default::default()
            };
            fill(&mut model, spec, &json, accounts);
            let inserted = model.insert(tx).await.map_err(|error| match error.sql_err() {
                // Another request has stored it meanwhile.
                Some(SqlErr::UniqueConstraintViolation(_)) => exists(spec),
                _ => error.into(),
            })?;
            (Stored::Created, inserted)
        }
    };
    if stored != Stored::Unchanged {
        let revision = sync_config_revision::ActiveModel {
            sync_config_id: Set(config.id),
            revision: Set(config.revision),
            config_json: Set(json.clone()),
            by: Set(caller.actor.clone()),
            at: Set(now),
        };
        revision.insert(tx).await?;
        let before = match stored {
            Stored::Changed => json!({ "revision": config.revision - 1 }),
            _ => serde_json::Value::Null,
        };
        let entry = Entry {
            action: "sync.store",
            kind: "sync",
            id: Some(config.id.to_string()),
            project: Some(project_id),
            before,
            after: json!({ "name": spec.name, "revision": config.revision }),
        };
        audit::record(tx, caller, entry).await?;
        let kind = match stored {
            Stored::Created => EventType::ConfigCreated,
            _ => EventType::ConfigRevised,
        };
        let facts = json!({ "name": spec.name, "revision": config.revision });
        let event = NewEvent::new(kind, Some(project_id), facts).about(config.id).of_sync(config.id);
        event::record(tx, now, [event]).await?;
    }
    set_schedule(tx, &config, spec, now).await?;
    Ok(Applied { stored, id: config.id, revision: config.revision, before, after: json })
}

/// The project of a document. A caller who sees all projects makes one that does not exist.
async fn project_of(tx: &DatabaseTransaction, caller: &Caller, spec: &SyncSpec) -> Result<i64, Error> {
    match project::by_key(tx, &spec.project).await? {
        Some(project) if caller.sees(project.id) => Ok(project.id),
        None if caller.project.is_none() => {
            let new = project::ActiveModel {
                key: Set(spec.project.clone()),
                name: Set(spec.project.clone()),
                ..Default::default()
            };
            Ok(new.insert(tx).await?.id)
        }
        _ => Err(Error::unknown(Unknown::Project, format!("there is no project {:?}", spec.project))),
    }
}

/// The stored sync that a document replaces; locked, so that two documents get two revisions.
async fn existing(
    tx: &DatabaseTransaction,
    project_id: i64,
    spec: &SyncSpec,
    expected: Expected,
) -> Result<Option<sync_config::Model>, Error> {
    let found = sync_config::Entity::find()
        .filter(sync_config::Column::ProjectId.eq(project_id))
        .filter(sync_config::Column::Name.eq(&spec.name))
        .filter(sync_config::Column::DeletedAt.is_null())
        .lock_exclusive()
        .one(tx)
        .await?;
    match (expected, &found) {
        (Expected::Anything, _) | (Expected::New, None) => Ok(found),
        (Expected::New, Some(_)) => Err(exists(spec)),
        (Expected::Sync { id, revision }, Some(row)) if row.id == id => match revision {
            Some(revision) if revision != row.revision => Err(outdated(&spec.name, revision, row.revision)),
            _ => Ok(found),
        },
        (Expected::Sync { .. }, _) => {
            Err(Error::unknown(Unknown::Sync, format!("there is no sync {:?} any more", spec.name)))
        }
    }
}

fn exists(spec: &SyncSpec) -> Error {
    let text = format!(
        "the project {:?} has a sync {:?} already; change that one, or choose another name",
        spec.project, spec.name
    );
    Error::refused(Refusal::SyncExists, text)
}

pub(crate) fn outdated(name: &str, expected: i64, is: i64) -> Error {
    let text = format!("the sync {name:?} has revision {is}, and not {expected}; read it again");
    Error::refused(Refusal::Outdated, text)
}

/// Admission takes the accounts of a run from here.
fn set_accounts(model: &mut sync_config::ActiveModel, accounts: Pair<Option<i64>>) {
    model.source_account_id = Set(accounts.source);
    model.target_account_id = Set(accounts.target);
}

fn fill(
    model: &mut sync_config::ActiveModel,
    spec: &SyncSpec,
    json: &serde_json::Value,
    accounts: Pair<Option<i64>>,
) {
    set_accounts(model, accounts);
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
    // Checked when the document was parsed: between 1 and 10000, and at most 100.
    let batch_size = spec.batch_size.unwrap_or(SyncSpec::DEFAULT_BATCH_SIZE);
    model.batch_size = Set(i32::try_from(batch_size).unwrap_or(i32::MAX));
    model.max_retries = Set(i32::try_from(spec.max_retries).unwrap_or(i32::MAX));
    model.two_way_create = Set(spec.two_way_create);
    model.config_json = Set(json.clone());
}

/// The name of a sync's only schedule; older versions use it too.
const SCHEDULE: &str = "interval";

/// Sets the schedule of a sync. Its first tick is the next one after now; use `syncline sync` for a run now. A change
/// starts a new schedule, so that no tick of the old one is left.
async fn set_schedule(
    tx: &DatabaseTransaction,
    config: &sync_config::Model,
    spec: &SyncSpec,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let existing = schedule::Entity::find()
        .filter(schedule::Column::SyncConfigId.eq(config.id))
        .filter(schedule::Column::Name.eq(SCHEDULE))
        .one(tx)
        .await?;
    let timetable = spec.timetable().map_err(|findings| invalid(spec, &findings))?;
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
