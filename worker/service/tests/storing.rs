//! Documents are stored only if their origin may name what they name.

use sea_orm::{Database, EntityTrait};
use serde_json::json;
use syncline_engine::spec::SyncSpec;
use syncline_entity::{sync_config, sync_config_revision, types::ManagedBy};
use syncline_migration::{Migrator, Until};
use syncline_service::{Caller, Error, Origin, allow::AllowLists, store::store};

#[tokio::test]
async fn a_document_over_http_is_stored_if_everything_in_it_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let db = Database::connect(format!("sqlite://{}?mode=rwc", file("syncline.db"))).await.unwrap();
    Migrator::new().up(&db, &Until::End).await.unwrap();
    let spec = |name: &str, path: &str| -> SyncSpec {
        serde_json::from_value(json!({
            "name": name, "source_platform": "csv", "source": { "path": path },
            "target_platform": "sql", "target": { "url": { "env": "TASKS_URL" }, "table": "t" },
            "field_mappings": [{ "source_field": "id", "target_field": "id" }],
        }))
        .unwrap()
    };
    let (inside, outside) = (spec("inside", &file("in/a.csv")), spec("outside", "/etc/passwd"));
    std::fs::create_dir(file("in")).unwrap();
    let lists = AllowLists {
        paths: file("in").parse().unwrap(),
        variables: "TASKS_URL".parse().unwrap(),
        ..AllowLists::default()
    };
    let mia = Caller::person("mia");
    let refused = store(&db, &mia, &[&inside, &outside], Origin::Http(&lists)).await.unwrap_err();
    assert!(matches!(refused, Error::Document { .. }));
    let told = "outside: source.path: \"/etc/passwd\" is not inside a folder of SYNCLINE_ALLOW_PATHS";
    assert!(refused.to_string().starts_with(told), "{refused}");
    assert_eq!(sync_config::Entity::find().all(&db).await.unwrap(), []);

    store(&db, &mia, &[&inside], Origin::Http(&lists)).await.unwrap();
    store(&db, &mia, &[&outside], Origin::CommandLine).await.unwrap();
    let stored = sync_config::Entity::find().all(&db).await.unwrap();
    let stored: Vec<_> = stored.iter().map(|sync| (&*sync.name, sync.managed_by)).collect();
    assert_eq!(stored, [("inside", ManagedBy::Api), ("outside", ManagedBy::File)]);
    let revisions = sync_config_revision::Entity::find().all(&db).await.unwrap();
    assert_eq!(revisions.iter().map(|row| &*row.by).collect::<Vec<_>>(), ["mia", "mia"]);
}
