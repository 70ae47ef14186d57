//! Stored syncs: created, changed, deleted, applied, and compared with what they were.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use std::path::Path;

use sea_orm::{ActiveModelTrait, ActiveValue::Set, Database, DatabaseConnection, EntityTrait};
use serde_json::{Value, json};
use syncline_entity::{project, schedule, sync_config, sync_history, types::RunStatus};
use syncline_migration::{Migrator, Until};
use syncline_runs::RunQueue;
use syncline_service::{
    Caller, Error, Origin, Refusal, Unknown,
    configs::{self, ConfigsQuery},
    passwords, runs, yaml,
};

async fn database(folder: &Path) -> DatabaseConnection {
    let path = folder.join("syncline.db");
    let db = Database::connect(format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    Migrator::new().up(&db, &Until::End).await.unwrap();
    db
}

fn document(name: &str) -> Value {
    json!({
        "name": name, "source_platform": "csv", "source": { "path": "/tmp/a.csv" },
        "target_platform": "sql", "target": { "url": "postgres://app:hunter2@db/x", "table": "t" },
        "field_mappings": [{ "source_field": "id", "target_field": "id" }],
    })
}

fn refusal(error: &Error) -> Option<Refusal> {
    match error {
        Error::Refused { why, .. } => Some(*why),
        _ => None,
    }
}

fn paths(error: Error) -> Vec<String> {
    match error {
        Error::Document { findings, .. } => findings.into_iter().map(|finding| finding.path).collect(),
        other => panic!("{other}"),
    }
}

const CLI: Origin<'static> = Origin::CommandLine;

#[tokio::test]
async fn a_sync_is_created_once_and_changed_by_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(folder.path()).await;
    let mia = Caller::person("mia");
    let created = configs::create(&db, &mia, &document("a"), CLI).await.unwrap();
    assert_eq!((created.sync.name.as_str(), created.sync.revision), ("a", 1));
    let again = configs::create(&db, &mia, &document("a"), CLI).await.unwrap_err();
    assert_eq!(refusal(&again), Some(Refusal::SyncExists));

    let id = created.sync.id;
    let patch = json!({ "sync_interval": 60, "delete_guard": { "max_count": 5 } });
    let changed = configs::patch(&db, &mia, id, &patch, Some(1), CLI).await.unwrap();
    assert_eq!((changed.sync.revision, changed.sync.sync_interval), (2, Some(60)));
    assert_eq!(
        changed.sync.config_json["target"]["url"], "postgres://app:hunter2@db/x",
        "which the patch left alone"
    );
    let unchanged = configs::patch(&db, &mia, id, &patch, None, CLI).await.unwrap();
    assert_eq!(unchanged.sync.revision, 2);
    let late = configs::patch(&db, &mia, id, &json!({ "priority": "low" }), Some(1), CLI).await.unwrap_err();
    assert_eq!(refusal(&late), Some(Refusal::Outdated));

    for (patch, expected) in [
        (json!({ "name": "b" }), vec!["name"]),
        (json!({ "project": "web" }), vec!["project"]),
        (
            // A key that is missing is an error of the object that lacks it.
            json!({ "priority": 3, "batch_size": "x", "field_mappings": null }),
            vec!["", "batch_size", "priority"],
        ),
        (json!({ "source": { "path": null } }), vec!["source"]),
    ] {
        let mut found = paths(configs::patch(&db, &mia, id, &patch, None, CLI).await.unwrap_err());
        found.sort();
        assert_eq!(found, expected, "{patch}");
    }

    let (from, to, differences) = configs::diff(&db, &mia, id, None, None).await.unwrap();
    assert_eq!((from, to), (1, 2));
    let told: Vec<&str> = differences.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(told, ["delete_guard.max_count", "sync_interval"]);
    let restored = configs::restore(&db, &mia, id, 1, Some(2), CLI).await.unwrap();
    assert_eq!((restored.sync.revision, restored.sync.sync_interval), (3, Some(300)));
    let numbers: Vec<i64> = configs::revisions(&db, &mia, id, Some(3), 10)
        .await
        .unwrap()
        .iter()
        .map(|row| row.revision)
        .collect();
    assert_eq!(numbers, [2, 1]);
    let unknown = configs::revision(&db, &mia, id, 9).await.unwrap_err();
    assert!(matches!(unknown, Error::Unknown { what: Unknown::Revision, .. }));
}

#[tokio::test]
async fn what_is_exported_is_applied_without_a_change_and_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(folder.path()).await;
    let mia = Caller::person("mia");
    for name in ["a", "b"] {
        configs::create(&db, &mia, &document(name), CLI).await.unwrap();
    }
    let all = configs::list(&db, &mia, &ConfigsQuery { limit: 10, ..ConfigsQuery::default() }).await.unwrap();
    let text = yaml::write(&all.iter().map(|sync| configs::document(sync)).collect::<Vec<_>>());
    assert!(text.contains("postgres://app:***@db/x") && !text.contains("hunter2"), "{text}");
    let documents = yaml::documents(&text).unwrap();
    let applied = configs::apply(&db, &mia, &documents, CLI, false).await.unwrap();
    assert!(applied.iter().all(|(_, applied, _)| applied.stored.as_str() == "unchanged"), "{applied:?}");

    let mut changed = documents.clone();
    changed[1]["sync_interval"] = json!(60);
    changed.push(passwords::hidden(document("c")));
    let wrong = configs::apply(&db, &mia, &changed, CLI, false).await.unwrap_err();
    assert_eq!(paths(wrong), ["[2].target.url"], "no stored sync has the password");
    changed[2]["target"]["url"] = json!({ "env": "C_URL" });
    for (dry_run, revision) in [(true, 1), (false, 2)] {
        let applied = configs::apply(&db, &mia, &changed, CLI, dry_run).await.unwrap();
        let words: Vec<&str> = applied.iter().map(|(_, applied, _)| applied.stored.as_str()).collect();
        assert_eq!(words, ["unchanged", "changed", "created"]);
        assert_eq!(configs::get(&db, &mia, all[1].id).await.unwrap().revision, revision);
    }
    let twice = [documents[0].clone(), documents[0].clone()];
    assert_eq!(paths(configs::apply(&db, &mia, &twice, CLI, false).await.unwrap_err()), ["[1].name"]);
}

#[tokio::test]
async fn a_deleted_sync_keeps_its_rows_and_runs_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(folder.path()).await;
    let (mia, queue) = (Caller::person("mia"), RunQueue::sql(db.clone()));
    let sync = configs::create(&db, &mia, &document("a"), CLI).await.unwrap().sync;
    let request = runs::Request {
        kind: syncline_entity::types::RunKind::Sync,
        args: syncline_runs::RunArgs::default(),
        priority: None,
        not_before: None,
        fixed_time: false,
        id: None,
        waits_for_pauses: false,
    };
    let run = runs::enqueue(&db, &queue, &mia, &sync, &request).await.unwrap().id;
    let outdated = configs::delete(&db, &queue, &mia, sync.id, Some(7)).await.unwrap_err();
    assert_eq!(refusal(&outdated), Some(Refusal::Outdated));
    configs::delete(&db, &queue, &mia, sync.id, Some(1)).await.unwrap();
    let run = sync_history::by_run(&db, run).await.unwrap().unwrap();
    assert_eq!(run.status, RunStatus::Cancelled);
    assert!(sync_config::Entity::find_by_id(sync.id).one(&db).await.unwrap().unwrap().deleted_at.is_some());
    assert!(schedule::Entity::find().all(&db).await.unwrap().iter().all(|row| row.next_tick_at.is_none()));
    let gone = configs::get(&db, &mia, sync.id).await.unwrap_err();
    assert!(matches!(gone, Error::Unknown { what: Unknown::Sync, .. }));
    let new = configs::create(&db, &mia, &document("a"), CLI).await.unwrap().sync;
    assert_ne!(new.id, sync.id, "the name is free again");
}

#[tokio::test]
async fn a_caller_of_one_project_stores_there_and_sees_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(folder.path()).await;
    let mia = Caller::person("mia");
    configs::create(&db, &mia, &document("foreign"), CLI).await.unwrap();
    let web = project::ActiveModel {
        key: Set("web".to_owned()),
        name: Set("web".to_owned()),
        people_revision: Set(0),
        ..Default::default()
    };
    let web = web.insert(&db).await.unwrap().id;
    let ben = Caller { project: Some(web), ..Caller::person("ben") };
    let own = configs::create(&db, &ben, &document("own"), CLI).await.unwrap().sync;
    assert_eq!(own.project, "web");
    for project in ["default", "new"] {
        let mut document = document("x");
        document["project"] = json!(project);
        let error = configs::create(&db, &ben, &document, CLI).await.unwrap_err();
        assert!(matches!(error, Error::Unknown { what: Unknown::Project, .. }), "{project}: {error}");
    }
    let all = ConfigsQuery { limit: 10, ..ConfigsQuery::default() };
    let seen = configs::list(&db, &ben, &all).await.unwrap();
    assert_eq!(seen.iter().map(|sync| sync.name.as_str()).collect::<Vec<_>>(), ["own"]);
    for (filter, expected) in
        [("project:web", 1), ("platform:sql own", 1), ("-name:own", 1), ("enabled:false", 0)]
    {
        let asked = ConfigsQuery { filter: Some(filter.to_owned()), ..all.clone() };
        assert_eq!(configs::list(&db, &mia, &asked).await.unwrap().len(), expected, "{filter}");
    }
}
