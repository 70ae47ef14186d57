//! States: creating, finding, and recording conflicts.

use rstest::rstest;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, prelude::Uuid};
use serde_json::json;
use syncline_entity::{
    sync_conflict, sync_metadata,
    sync_state::{self, NewConflict, NewSyncState, SyncState, SyncStateError},
    types::*,
};

use crate::stage::{On, Stage, at};

fn new(sync: i64, entity_id: Option<&str>, jira_id: Option<&str>) -> NewSyncState {
    NewSyncState {
        sync_config_id: sync,
        entity_type: "issue".to_owned(),
        entity_id: entity_id.map(str::to_owned),
        jira_id: jira_id.map(str::to_owned),
    }
}

impl Stage {
    async fn state(&self, sync: i64, entity_id: Option<&str>, jira_id: Option<&str>) -> SyncState {
        sync_state::create(&self.db, new(sync, entity_id, jira_id), at(0)).await.expect("a state")
    }

    async fn link(&self, id: i64) -> sync_metadata::Model {
        sync_metadata::Entity::find_by_id(id).one(&self.db).await.unwrap().expect("the link")
    }
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn a_state_is_made_once_and_found_by_either_id(#[case] on: On) {
    let stage = on.stage().await;
    let (sync, other) = (stage.sync("one").await, stage.sync("other").await);
    let made = stage.state(sync, Some("E-1"), Some("PROJ-1")).await;
    assert_eq!((made.sync_status, made.api_calls_count, made.version), (SyncStatus::Pending, 0, 0));
    let link = stage.link(made.id).await;
    assert_eq!((link.link_state, link.created_at, link.updated_at), (LinkState::Linked, at(0), at(0)));
    // The sync's direction.
    assert_eq!(link.sync_direction, SyncDirection::RemoteToLocal);

    for (entity_id, jira_id) in [(Some("E-1"), Some("PROJ-1")), (Some("E-1"), None), (None, Some("PROJ-1"))] {
        assert_eq!(stage.state(sync, entity_id, jira_id).await, made);
    }
    assert_eq!(sync_state::by_entity(&stage.db, sync, "issue", "E-1").await.unwrap().as_ref(), Some(&made));
    assert_eq!(sync_state::by_jira_id(&stage.db, sync, "issue", "PROJ-1").await.unwrap(), Some(made));
    assert_eq!(sync_state::by_entity(&stage.db, other, "issue", "E-1").await.unwrap(), None);
    assert_eq!(sync_state::by_jira_id(&stage.db, sync, "epic", "PROJ-1").await.unwrap(), None);
    assert_eq!(stage.all::<sync_metadata::Entity>().await.len(), 1);
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn a_missing_id_is_not_filled_in(#[case] on: On) {
    let stage = on.stage().await;
    let sync = stage.sync("one").await;
    let half = stage.state(sync, None, Some("PROJ-1")).await;
    assert_eq!(stage.link(half.id).await.link_state, LinkState::Pending);
    assert_eq!(stage.state(sync, Some("E-1"), Some("PROJ-1")).await, half);
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn invalid_states_are_refused_with_a_message(#[case] on: On) {
    let stage = on.stage().await;
    let sync = stage.sync("one").await;
    let made = stage.state(sync, Some("E-1"), Some("PROJ-1")).await;
    let refused = async |new| sync_state::create(&stage.db, new, at(0)).await.unwrap_err();

    let error = refused(new(sync, None, None)).await;
    assert_eq!(
        error.to_string(),
        "a state of type \"issue\" has neither entity_id nor jira_id: give at least one"
    );
    for (entity_id, jira_id) in [("E-1", "PROJ-2"), ("E-2", "PROJ-1")] {
        let error = refused(new(sync, Some(entity_id), Some(jira_id))).await;
        assert!(matches!(error, SyncStateError::PairedOtherwise { state_id, .. } if state_id == made.id));
        let words = error.to_string();
        assert!(words.contains(entity_id) && words.contains(jira_id) && words.contains("correct"), "{words}");
    }
    let (half, other) =
        (stage.state(sync, Some("E-3"), None).await, stage.state(sync, None, Some("PROJ-3")).await);
    assert_ne!(half.id, other.id);
    let error = refused(new(sync, Some("E-3"), Some("PROJ-3"))).await;
    assert!(matches!(error, SyncStateError::PairedOtherwise { .. }), "{error}");
    let error = refused(new(sync + 1, Some("E-1"), None)).await;
    assert_eq!(
        error.to_string(),
        format!("sync_config_id {}: there is no such sync. Give the id of one that is there", sync + 1)
    );
    assert_eq!(stage.all::<sync_metadata::Entity>().await.len(), 3);
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn concurrent_creates_return_one_state(#[case] on: On) {
    let stage = on.stage().await;
    let sync = stage.sync("one").await;
    let maker = || {
        let db = stage.db.clone();
        tokio::spawn(async move { sync_state::create(&db, new(sync, Some("E-1"), Some("P-1")), at(0)).await })
    };
    let makers: Vec<_> = (0..8).map(|_| maker()).collect();
    let mut ids = Vec::new();
    for maker in makers {
        ids.push(maker.await.unwrap().unwrap().id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(stage.all::<sync_metadata::Entity>().await.len(), 1);
}

fn conflict(state_id: i64, field: Option<&str>, remote: &str) -> NewConflict {
    NewConflict {
        state_id,
        run_id: Uuid::from_u128(7),
        field: field.map(str::to_owned),
        kind: "field_mismatch".to_owned(),
        base: Some(json!("old")),
        local: Some(json!({ "rich": ["a", 1] })),
        remote: Some(json!(remote)),
        local_modified: Some(at(3)),
        remote_modified: None,
    }
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn a_conflict_is_opened_and_listed_on_its_state(#[case] on: On) {
    let stage = on.stage().await;
    let sync = stage.sync("one").await;
    let state = stage.state(sync, Some("E-1"), Some("PROJ-1")).await.id;
    let untouched = stage.state(sync, Some("E-2"), Some("PROJ-2")).await;
    let title =
        sync_state::record_conflict(&stage.db, conflict(state, Some("title"), "b"), at(5)).await.unwrap();
    assert_eq!((title.occurrences, title.resolved, title.created_at), (1, false, at(5)));
    assert_eq!((title.source_modified, title.target_modified), (Some(at(3)), None));
    let whole = sync_state::record_conflict(&stage.db, conflict(state, None, "gone"), at(6)).await.unwrap();
    let summary = json!([
        { "id": title.id, "field": "title", "kind": "field_mismatch", "base": "old", "local": { "rich": ["a", 1] },
          "remote": "b" },
        { "id": whole.id, "field": null, "kind": "field_mismatch", "base": "old", "local": { "rich": ["a", 1] },
          "remote": "gone" },
    ]);
    let found = sync_state::by_entity(&stage.db, sync, "issue", "E-1").await.unwrap().unwrap();
    assert_eq!((found.sync_status, found.version), (SyncStatus::Conflict, 2));
    assert_eq!(found.conflicts, Some(summary));
    assert_eq!(stage.link(state).await.updated_at, at(6));
    assert_eq!(sync_state::by_entity(&stage.db, sync, "issue", "E-2").await.unwrap(), Some(untouched));
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn a_repeated_conflict_stays_one(#[case] on: On) {
    let stage = on.stage().await;
    let sync = stage.sync("one").await;
    let state = stage.state(sync, Some("E-1"), Some("PROJ-1")).await.id;
    let first =
        sync_state::record_conflict(&stage.db, conflict(state, Some("title"), "b"), at(5)).await.unwrap();
    // A person has chosen meanwhile, based on the earlier values.
    let mut chosen = sync_conflict::ActiveModel::from(first.clone());
    chosen.resolution = Set(Some(Side::Source));
    chosen.resolved_by = Set(Some("ada".to_owned()));
    chosen.update(&stage.db).await.unwrap();
    let again =
        sync_state::record_conflict(&stage.db, conflict(state, Some("title"), "c"), at(9)).await.unwrap();
    let expected = sync_conflict::Model { target_data: Some(json!("c")), occurrences: 2, ..first.clone() };
    assert_eq!(again, expected);
    assert_eq!(stage.all::<sync_conflict::Entity>().await, [expected]);
    let found = sync_state::by_entity(&stage.db, sync, "issue", "E-1").await.unwrap().unwrap();
    assert_eq!(found.version, 2);
    assert_eq!(found.conflicts.unwrap()[0]["remote"], "c");

    // Once it is resolved, the next conflict is a new one.
    let mut resolved = sync_conflict::ActiveModel::from(again);
    resolved.resolved = Set(true);
    resolved.update(&stage.db).await.unwrap();
    sync_conflict::summarise(&stage.db, state).await.unwrap();
    assert_eq!(stage.link(state).await.conflicts, None);
    let next =
        sync_state::record_conflict(&stage.db, conflict(state, Some("title"), "d"), at(9)).await.unwrap();
    assert_ne!(next.id, first.id);
    let found = sync_state::by_entity(&stage.db, sync, "issue", "E-1").await.unwrap().unwrap();
    assert_eq!(found.conflicts.unwrap().as_array().unwrap().len(), 1);
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn concurrent_records_open_one_conflict(#[case] on: On) {
    let stage = on.stage().await;
    let sync = stage.sync("one").await;
    let state = stage.state(sync, Some("E-1"), Some("PROJ-1")).await.id;
    let recorder = || {
        let db = stage.db.clone();
        tokio::spawn(async move { sync_state::record_conflict(&db, conflict(state, None, "b"), at(5)).await })
    };
    let recorders: Vec<_> = (0..8).map(|_| recorder()).collect();
    for recorder in recorders {
        recorder.await.unwrap().unwrap();
    }
    let rows = stage.all::<sync_conflict::Entity>().await;
    assert_eq!(rows.iter().map(|row| row.occurrences).collect::<Vec<_>>(), [8]);
    let found = sync_state::by_entity(&stage.db, sync, "issue", "E-1").await.unwrap().unwrap();
    assert_eq!(found.version, 8);
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn a_conflict_that_cannot_be_recorded_leaves_its_state_alone(#[case] on: On) {
    let stage = on.stage().await;
    let sync = stage.sync("one").await;
    let made = stage.state(sync, Some("E-1"), Some("PROJ-1")).await;
    let error =
        sync_state::record_conflict(&stage.db, conflict(made.id + 1, None, "b"), at(5)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("state_id {}: there is no such state. Create it before recording its conflicts", made.id + 1)
    );
    stage.run("DROP TABLE sync_conflicts").await;
    let error =
        sync_state::record_conflict(&stage.db, conflict(made.id, None, "b"), at(5)).await.unwrap_err();
    assert!(matches!(error, SyncStateError::Database(_)));
    assert_eq!(sync_state::by_entity(&stage.db, sync, "issue", "E-1").await.unwrap(), Some(made));
}
