//! The state of a pair for callers of older installations: a narrower view of `sync_metadata`, and their operations on
//! it. The engine accesses that table differently, under the fence of its run.
//!
//! Times are the caller's, in whole microseconds, because finer ones would not be returned unchanged.

mod statistics;

use std::fmt;

use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{Condition, DerivePartialModel, QuerySelect};
use syncline_sql::begin;

pub use self::statistics::{Selection, Statistics, statistics};
use crate::sync_metadata::{ActiveModel, Column, Entity};
use crate::types::{Direction, LinkState, SyncDirection, SyncStatus};
use crate::{sync_config, sync_conflict};

/// A link as callers of older installations see it.
#[derive(Clone, Debug, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
pub struct SyncState {
    pub id: i64,
    pub sync_config_id: i64,
    /// The kind of item.
    pub entity_type: String,
    /// The source item's id.
    pub entity_id: Option<String>,
    /// The target item's id, under its old name.
    #[sea_orm(from_col = "external_id")]
    pub jira_id: Option<String>,
    /// The result of the last sync.
    pub sync_status: SyncStatus,
    /// Hash of the content that both sides agreed on.
    pub content_hash: Option<String>,
    /// Open conflicts: `[{id, field, kind, base, local, remote}]`.
    pub conflicts: Option<Json>,
    /// The strategy that resolved the last conflict.
    pub resolution_strategy: Option<String>,
    /// The duration of the last sync.
    pub sync_duration_ms: Option<i64>,
    /// Calls made for it in its last sync.
    pub api_calls_count: i32,
    /// Raised by every write.
    pub version: i64,
}

/// A state to create.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewSyncState {
    pub sync_config_id: i64,
    /// The kind of item.
    pub entity_type: String,
    /// The source item's id. At least one of the two ids is needed.
    pub entity_id: Option<String>,
    /// The target item's id.
    pub jira_id: Option<String>,
}

/// A conflict to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewConflict {
    /// The state whose sides disagree.
    pub state_id: i64,
    /// The run that detected it (`sync_history.run_uid`).
    pub run_id: Uuid,
    /// None for the item as a whole.
    pub field: Option<String>,
    /// As the engine names it.
    pub kind: String,
    /// The last value that both sides agreed on.
    pub base: Option<Json>,
    /// The source's value.
    pub local: Option<Json>,
    /// The target's value.
    pub remote: Option<Json>,
    pub local_modified: Option<DateTimeUtc>,
    pub remote_modified: Option<DateTimeUtc>,
}

/// Why an operation had no effect.
#[derive(Debug)]
pub enum SyncStateError {
    /// A new state needs an id.
    WithoutId {
        entity_type: String,
    },
    /// The two ids belong to different states.
    PairedOtherwise {
        /// The given source item's id.
        entity_id: String,
        /// The given target item's id.
        jira_id: String,
        /// The state that has one of the two ids.
        state_id: i64,
    },
    /// No sync has this id.
    NoSuchSync(i64),
    /// No state has this id.
    NoSuchState(i64),
    Database(DbErr),
}

impl fmt::Display for SyncStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WithoutId { entity_type } => {
                write!(
                    f,
                    "a state of type {entity_type:?} has neither entity_id nor jira_id: give at least one"
                )
            }
            Self::PairedOtherwise { entity_id, jira_id, state_id } => write!(
                f,
                "entity_id {entity_id:?} and jira_id {jira_id:?} are not a pair: state {state_id} has one of them \
                 without the other. Look at that state, and correct the id that is wrong"
            ),
            Self::NoSuchSync(id) => {
                write!(f, "sync_config_id {id}: there is no such sync. Give the id of one that is there")
            }
            Self::NoSuchState(id) => {
                write!(f, "state_id {id}: there is no such state. Create it before recording its conflicts")
            }
            Self::Database(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SyncStateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Database(error) => Some(error),
            _ => None,
        }
    }
}

impl From<DbErr> for SyncStateError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

/// Returns the state of a source item in a sync.
pub async fn by_entity(
    db: &impl ConnectionTrait,
    sync_config_id: i64,
    entity_type: &str,
    entity_id: &str,
) -> Result<Option<SyncState>, DbErr> {
    of_sync(sync_config_id, entity_type)
        .filter(Column::EntityId.eq(entity_id))
        .into_partial_model()
        .one(db)
        .await
}

/// Returns the state of a target item in a sync.
pub async fn by_jira_id(
    db: &impl ConnectionTrait,
    sync_config_id: i64,
    entity_type: &str,
    jira_id: &str,
) -> Result<Option<SyncState>, DbErr> {
    of_sync(sync_config_id, entity_type)
        .filter(Column::ExternalId.eq(jira_id))
        .into_partial_model()
        .one(db)
        .await
}

fn of_sync(sync_config_id: i64, entity_type: &str) -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::SyncConfigId.eq(sync_config_id)).filter(Column::EntityType.eq(entity_type))
}

/// Creates a state, or returns the existing one unchanged: a missing id is not filled in, because a run may be creating
/// the item at this moment.
pub async fn create(
    db: &impl ConnectionTrait,
    new: NewSyncState,
    now: DateTimeUtc,
) -> Result<SyncState, SyncStateError> {
    if new.entity_id.is_none() && new.jira_id.is_none() {
        return Err(SyncStateError::WithoutId { entity_type: new.entity_type });
    }
    if let Some(state) = existing(db, &new).await? {
        return Ok(state);
    }
    let direction = sync_config::Entity::find_by_id(new.sync_config_id)
        .select_only()
        .column(sync_config::Column::Direction)
        .into_tuple::<Direction>()
        .one(db)
        .await?
        .ok_or(SyncStateError::NoSuchSync(new.sync_config_id))?;
    let is_pair = new.entity_id.is_some() && new.jira_id.is_some();
    let row = ActiveModel {
        sync_config_id: Set(new.sync_config_id),
        entity_type: Set(new.entity_type.clone()),
        entity_id: Set(new.entity_id.clone()),
        external_id: Set(new.jira_id.clone()),
        link_state: Set(if is_pair { LinkState::Linked } else { LinkState::Pending }),
        sync_direction: Set(SyncDirection::from(direction)),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    };
    // Another process may have inserted the row first; then return that one.
    let unless_there = OnConflict::new().do_nothing().to_owned();
    Entity::insert(row).on_conflict(unless_there).exec_without_returning(db).await?;
    existing(db, &new).await?.ok_or(SyncStateError::Database(DbErr::RecordNotInserted))
}

/// Returns the state with the given ids, if they belong to one state.
async fn existing(
    db: &impl ConnectionTrait,
    new: &NewSyncState,
) -> Result<Option<SyncState>, SyncStateError> {
    let (sync, kind) = (new.sync_config_id, new.entity_type.as_str());
    let Some((entity_id, jira_id)) = new.entity_id.as_deref().zip(new.jira_id.as_deref()) else {
        return Ok(match (&new.entity_id, &new.jira_id) {
            (Some(entity_id), _) => by_entity(db, sync, kind, entity_id).await?,
            (None, Some(jira_id)) => by_jira_id(db, sync, kind, jira_id).await?,
            (None, None) => None,
        });
    };
    // One statement: between two, another process could create the requested state.
    let either = Condition::any().add(Column::EntityId.eq(entity_id)).add(Column::ExternalId.eq(jira_id));
    let found: Vec<SyncState> = of_sync(sync, kind).filter(either).into_partial_model().all(db).await?;
    let of_entity = found.iter().find(|state| state.entity_id.as_deref() == Some(entity_id)).cloned();
    let of_jira = found.into_iter().find(|state| state.jira_id.as_deref() == Some(jira_id));
    let paired_otherwise = |state: &SyncState| SyncStateError::PairedOtherwise {
        entity_id: entity_id.to_owned(),
        jira_id: jira_id.to_owned(),
        state_id: state.id,
    };
    match (of_entity, of_jira) {
        (Some(one), Some(other)) if one.id != other.id => Err(paired_otherwise(&other)),
        (Some(state), None) if state.jira_id.is_some() => Err(paired_otherwise(&state)),
        (None, Some(state)) if state.entity_id.is_some() => Err(paired_otherwise(&state)),
        (of_entity, of_jira) => Ok(of_entity.or(of_jira)),
    }
}

/// Records a conflict: opens it, or updates the open one of the same field. Updates the state's list of conflicts, its
/// status and its version in the same transaction.
pub async fn record_conflict(
    db: &DatabaseConnection,
    new: NewConflict,
    now: DateTimeUtc,
) -> Result<sync_conflict::Model, SyncStateError> {
    let tx = begin(db).await?;
    // Lock the state first, so that no two callers open the same conflict.
    let held = Entity::update_many()
        .col_expr(Column::SyncStatus, Expr::value(SyncStatus::Conflict.as_str()))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(new.state_id))
        .exec(&tx)
        .await?;
    if held.rows_affected == 0 {
        return Err(SyncStateError::NoSuchState(new.state_id));
    }
    let state_id = new.state_id;
    let conflict = open_or_meet_again(&tx, new, now).await?;
    sync_conflict::summarise(&tx, state_id).await?;
    tx.commit().await?;
    Ok(conflict)
}

async fn open_or_meet_again(
    tx: &impl ConnectionTrait,
    new: NewConflict,
    now: DateTimeUtc,
) -> Result<sync_conflict::Model, DbErr> {
    let open = sync_conflict::open_of_field(tx, new.state_id, new.field.as_deref()).await?;
    let facts = sync_conflict::ActiveModel {
        run_id: Set(new.run_id),
        conflict_type: Set(new.kind),
        base_data: Set(new.base),
        source_data: Set(new.local),
        target_data: Set(new.remote),
        source_modified: Set(new.local_modified),
        target_modified: Set(new.remote_modified),
        ..Default::default()
    };
    let Some(open) = open else {
        let first = sync_conflict::ActiveModel {
            id: NotSet,
            link_id: Set(new.state_id),
            field: Set(new.field),
            created_at: Set(now),
            ..facts
        };
        return first.insert(tx).await;
    };
    let again = sync_conflict::ActiveModel {
        id: Unchanged(open.id),
        occurrences: Set(open.occurrences.saturating_add(1)),
        // A choice applies to the values it was made for; new values need a new choice.
        resolution: Set(None),
        resolved_by: Set(None),
        resolve_run_id: Set(None),
        ..facts
    };
    again.update(tx).await
}
