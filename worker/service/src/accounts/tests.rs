use sea_orm::{ActiveModelTrait, ActiveValue::Set, Database, DatabaseConnection};
use serde_json::json;
use syncline_entity::{project, sync_config};
use syncline_migration::{Migrator, Until};

use super::*;
use crate::{
    Caller, Error, Origin,
    store::{Stored, store},
};

async fn database(folder: &tempfile::TempDir) -> DatabaseConnection {
    let path = folder.path().join("syncline.db");
    let db = Database::connect(format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    Migrator::new().up(&db, &Until::End).await.unwrap();
    db
}

async fn project_id(db: &DatabaseConnection, key: &str) -> i64 {
    project::by_key(db, key).await.unwrap().unwrap().id
}

async fn create(db: &DatabaseConnection, project: i64, platform: &str, name: &str) -> i64 {
    let account = account::ActiveModel {
        project_id: Set(project),
        platform: Set(platform.to_owned()),
        name: Set(name.to_owned()),
        ..Default::default()
    };
    account.insert(db).await.unwrap().id
}

fn spec(project: &str) -> SyncSpec {
    serde_json::from_value(json!({
        "name": "issues", "project": project,
        "source_platform": "openproject", "source": { "account": "acme-tasks", "project_id": "7" },
        "target_platform": "trello", "target": { "account": "acme-trello", "board_id": "b" },
        "field_mappings": [{ "source_field": "summary", "target_field": "title" }],
    }))
    .unwrap()
}

async fn accounts(db: &DatabaseConnection, project: i64) -> (Option<i64>, Option<i64>, i64) {
    let stored = sync_config::by_name(db, project, "issues").await.unwrap().unwrap();
    (stored.source_account_id, stored.target_account_id, stored.revision)
}

#[tokio::test]
async fn a_sync_is_stored_with_the_accounts_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    let project = project_id(&db, "default").await;
    let spec = spec("default");
    store(&db, &Caller::person("mia"), &[&spec], Origin::CommandLine).await.unwrap();
    assert_eq!(accounts(&db, project).await, (None, None, 1));

    // The same document again, once the accounts exist.
    let trello = create(&db, project, "trello", "acme-trello").await;
    assert_eq!(
        store(&db, &Caller::person("mia"), &[&spec], Origin::CommandLine).await.unwrap(),
        [Stored::Unchanged]
    );
    assert_eq!(accounts(&db, project).await, (None, Some(trello), 1));

    let tasks = create(&db, project, "openproject", "other-tasks").await;
    let mut moved = spec.clone();
    moved.source.insert("account".to_owned(), json!("other-tasks"));
    assert_eq!(
        store(&db, &Caller::person("mia"), &[&moved], Origin::CommandLine).await.unwrap(),
        [Stored::Changed]
    );
    assert_eq!(accounts(&db, project).await, (Some(tasks), Some(trello), 2));
}

#[tokio::test]
async fn an_account_belongs_to_one_project_and_one_platform() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    let default = project_id(&db, "default").await;
    create(&db, default, "openproject", "acme-tasks").await;
    create(&db, default, "gitlab", "acme-trello").await;
    let refused =
        store(&db, &Caller::person("mia"), &[&spec("default")], Origin::CommandLine).await.unwrap_err();
    assert!(matches!(refused, Error::Document { .. }), "{refused:?}");
    assert_eq!(
        refused.to_string(),
        "issues: target.account: the account \"acme-trello\" is one of gitlab, and target_platform is trello; name an \
         account of trello"
    );

    store(&db, &Caller::person("mia"), &[&spec("web")], Origin::CommandLine).await.unwrap();
    assert_eq!(accounts(&db, project_id(&db, "web").await).await, (None, None, 1));
}

#[tokio::test]
async fn a_platform_that_needs_an_account_is_refused_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    let project = project_id(&db, "default").await;
    let place = |name| Place { side: Side::Source, platform: "jira", needed: true, name };
    let refused = async |name| {
        let resolved = resolve_one(&db, project, "default", &place(name)).await.unwrap();
        resolved.map_err(|finding| format!("{}: {}", finding.path, finding.message))
    };
    assert_eq!(
        refused(None).await,
        Err("source.account: is missing: jira needs the name of an account of the sync's project".to_owned())
    );
    let told = "source.account: the project \"default\" has no account \"acme\"; it has none of jira yet; add it: \
                syncline accounts add acme --platform jira";
    assert_eq!(refused(Some("acme")).await, Err(told.to_owned()));

    let id = create(&db, project, "jira", "acme-jira").await;
    let told = "source.account: the project \"default\" has no account \"acme\"; did you mean \"acme-jira\"? its accounts \
                of jira are: acme-jira";
    assert_eq!(refused(Some("acme")).await, Err(told.to_owned()));
    assert_eq!(refused(Some("acme-jira")).await, Ok(Some(id)));
}

#[tokio::test]
async fn files_and_tables_have_no_account() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    let project = project_id(&db, "default").await;
    let mut spec = spec("default");
    (spec.source_platform, spec.target_platform) = ("csv".to_owned(), "sql".to_owned());
    assert_eq!(resolve(&db, project, &spec).await.unwrap(), Ok(Pair::default()));
    assert_eq!(missing(&spec), []);
}
