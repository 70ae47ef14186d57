//! Statistics over states.

use rstest::rstest;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, prelude::Uuid};
use syncline_entity::{
    sync_metadata,
    sync_state::{self, NewConflict, Selection, Statistics},
    types::*,
};

use crate::stage::{On, Stage, at};

impl Stage {
    async fn synced(
        &self,
        sync: i64,
        kind: &str,
        id: &str,
        status: SyncStatus,
        took: Option<i64>,
        calls: i32,
    ) -> i64 {
        let row = sync_metadata::ActiveModel {
            sync_config_id: Set(sync),
            entity_type: Set(kind.to_owned()),
            entity_id: Set(Some(id.to_owned())),
            sync_status: Set(status),
            sync_duration_ms: Set(took),
            api_calls_count: Set(calls),
            created_at: Set(at(0)),
            updated_at: Set(at(0)),
            ..Default::default()
        };
        row.insert(&self.db).await.expect("a link").id
    }

    async fn conflict(&self, state_id: i64, field: &str) {
        let new = NewConflict {
            state_id,
            run_id: Uuid::from_u128(7),
            field: Some(field.to_owned()),
            kind: "field_mismatch".to_owned(),
            base: None,
            local: None,
            remote: None,
            local_modified: None,
            remote_modified: None,
        };
        sync_state::record_conflict(&self.db, new, at(1)).await.expect("a conflict");
    }
}

fn of(sync: Option<i64>, kind: Option<&str>) -> Selection {
    Selection { sync_config_id: sync, entity_type: kind.map(str::to_owned) }
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn states_are_counted_as_selected(#[case] on: On) {
    let stage = on.stage().await;
    let (one, other) = (stage.sync("one").await, stage.sync("other").await);
    let all = async |selection| sync_state::statistics(&stage.db, &selection).await.unwrap();
    assert_eq!(all(Selection::default()).await, Statistics::default());

    stage.synced(one, "issue", "1", SyncStatus::Completed, Some(10), 2).await;
    stage.synced(one, "issue", "2", SyncStatus::Completed, Some(41), 0).await;
    stage.synced(one, "issue", "3", SyncStatus::Pending, None, 0).await;
    let torn = stage.synced(one, "epic", "1", SyncStatus::Failed, Some(6), i32::MAX).await;
    // More than an i32, with a sum beyond PostgreSQL's integer.
    stage.synced(other, "issue", "1", SyncStatus::Failed, Some(5_000_000_000), i32::MAX).await;
    stage.conflict(torn, "title").await;
    stage.conflict(torn, "state").await;
    stage.run("UPDATE sync_conflicts SET resolved = true WHERE field = 'state'").await;

    let issues = Statistics {
        by_status: [(SyncStatus::Completed, 2), (SyncStatus::Pending, 1)].into(),
        conflicts_open: 0,
        average_duration_ms: Some(25.5),
        max_duration_ms: Some(41),
        api_calls: 2,
    };
    assert_eq!(issues.total(), 3);
    assert_eq!(all(of(Some(one), Some("issue"))).await, issues);
    let whole = Statistics {
        by_status: [(SyncStatus::Completed, 2), (SyncStatus::Pending, 1), (SyncStatus::Conflict, 1)].into(),
        conflicts_open: 1,
        average_duration_ms: Some(19.0),
        max_duration_ms: Some(41),
        api_calls: 2 + i32::MAX as u64,
    };
    assert_eq!(all(of(Some(one), None)).await, whole);
    let everything = all(Selection::default()).await;
    assert_eq!(everything.total(), 5);
    assert_eq!(everything.max_duration_ms, Some(5_000_000_000));
    assert_eq!((everything.conflicts_open, everything.api_calls), (1, 2 + 2 * i32::MAX as u64));
    assert_eq!(all(of(None, Some("epic"))).await.conflicts_open, 1);
    assert_eq!(all(of(Some(other), None)).await.conflicts_open, 0);
    assert_eq!(all(of(None, Some("label"))).await, Statistics::default());
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn a_selection_is_read_by_its_index(#[case] on: On) {
    let mut stage = on.stage().await;
    for (selection, index) in [
        (of(Some(1), None), "_sync_metadata_"),
        (of(Some(1), Some("issue")), "_sync_metadata_"),
        (of(None, Some("issue")), "ix_sync_metadata_entity"),
    ] {
        let plans = stage.plans(async |db| drop(sync_state::statistics(db, &selection).await.unwrap())).await;
        let [states, conflicts] = plans.as_slice() else { panic!("{plans:#?}") };
        assert!(states.contains(index), "{selection:?}: {states}");
        assert!(conflicts.contains("_sync_conflicts_"), "{selection:?}: {conflicts}");
        for plan in &plans {
            assert!(!plan.contains("Seq Scan"), "{selection:?}: {plan}");
        }
    }
}
