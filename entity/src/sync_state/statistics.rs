//! Statistics over the states of a sync, of a kind of item, or of all.

use std::collections::BTreeMap;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{FromQueryResult, JoinType, QuerySelect, QueryTrait};

use crate::sync_conflict;
use crate::sync_metadata::{Column, Entity};
use crate::types::SyncStatus;

/// The states to count; all of them without a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only those of one sync.
    pub sync_config_id: Option<i64>,
    /// Only those of one kind of item.
    pub entity_type: Option<String>,
}

/// Statistics of the selected states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// The number of states by status; statuses without states are missing.
    pub by_status: BTreeMap<SyncStatus, u64>,
    /// Open conflicts.
    pub conflicts_open: u64,
    /// Mean duration of each state's last sync, in milliseconds; none if none was measured.
    pub average_duration_ms: Option<f64>,
    /// Longest of these durations, in milliseconds.
    pub max_duration_ms: Option<i64>,
    /// Total calls in the last sync of each state.
    pub api_calls: u64,
}

impl Statistics {
    /// Returns the number of states.
    pub fn total(&self) -> u64 {
        self.by_status.values().sum()
    }
}

#[derive(FromQueryResult)]
struct Group {
    sync_status: SyncStatus,
    states: i64,
    measured: i64,
    duration: Option<i64>,
    longest: Option<i64>,
    calls: Option<i64>,
}

/// Counts the selected states, reading each once: by the index of the sync or of the kind of item if one is given. Does
/// not cover runs over time.
pub async fn statistics(db: &impl ConnectionTrait, selection: &Selection) -> Result<Statistics, DbErr> {
    let groups = Entity::find()
        .select_only()
        .column(Column::SyncStatus)
        .column_as(Column::Id.count(), "states")
        .column_as(Column::SyncDurationMs.count(), "measured")
        .column_as(bigint(Column::SyncDurationMs.sum()), "duration")
        .column_as(Column::SyncDurationMs.max(), "longest")
        .column_as(bigint(Column::ApiCallsCount.sum()), "calls")
        .group_by(Column::SyncStatus)
        .apply_if(selection.sync_config_id, |query, id| query.filter(Column::SyncConfigId.eq(id)))
        .apply_if(selection.entity_type.as_deref(), |query, kind| query.filter(Column::EntityType.eq(kind)))
        .into_model::<Group>()
        .all(db)
        .await?;
    let mut statistics =
        Statistics { conflicts_open: open_conflicts(db, selection).await?, ..Default::default() };
    let (mut measured, mut duration) = (0, 0);
    for group in groups {
        statistics.by_status.insert(group.sync_status, unsigned(group.states));
        measured += group.measured;
        duration += group.duration.unwrap_or(0);
        statistics.max_duration_ms = Ord::max(statistics.max_duration_ms, group.longest);
        statistics.api_calls += unsigned(group.calls.unwrap_or(0));
    }
    statistics.average_duration_ms = (measured > 0).then(|| duration as f64 / measured as f64);
    Ok(statistics)
}

async fn open_conflicts(db: &impl ConnectionTrait, selection: &Selection) -> Result<u64, DbErr> {
    let mut query = sync_conflict::Entity::find()
        // Literally as in the partial index; a bound value would prevent its use.
        .filter(Expr::cust("sync_conflicts.resolved = false"));
    if *selection != Selection::default() {
        query = query
            .join(JoinType::InnerJoin, sync_conflict::Relation::Link.def())
            .apply_if(selection.sync_config_id, |query, id| query.filter(Column::SyncConfigId.eq(id)))
            .apply_if(selection.entity_type.as_deref(), |query, kind| {
                query.filter(Column::EntityType.eq(kind))
            });
    }
    let open: Option<i64> =
        query.select_only().column_as(sync_conflict::Column::Id.count(), "open").into_tuple().one(db).await?;
    Ok(unsigned(open.unwrap_or(0)))
}

/// PostgreSQL sums integers into a wider type that does not fit an `i64`.
fn bigint(sum: Expr) -> Expr {
    sum.cast_as("bigint")
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
