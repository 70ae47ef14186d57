//! The table of people in SQL, and the mapping that a run gets from it.

use rstest::rstest;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseConnection, EntityTrait};
use serde_json::json;
use syncline_connectors::Person;
use syncline_engine::{Side, Value, spec::SyncSpec};
use syncline_entity::{account, person_identity, project, types::MatchedBy};
use syncline_service::{
    Caller,
    accounts::KnownAccount,
    people::{self, Discovered, Entry},
};

use crate::stage::{SqlStage, wait_for};

#[derive(Debug, Clone, Copy)]
enum On {
    Sqlite,
    Postgres,
}

impl On {
    async fn stage(self) -> SqlStage {
        match self {
            On::Sqlite => SqlStage::sqlite().await,
            On::Postgres => SqlStage::postgres().await,
        }
    }
}

fn caller() -> Caller {
    Caller::person("mia")
}

/// A project with two accounts.
async fn accounts(db: &DatabaseConnection) -> [KnownAccount; 2] {
    let project = project::ActiveModel {
        key: Set("web".to_owned()),
        name: Set("web".to_owned()),
        ..Default::default()
    };
    let project = project.insert(db).await.unwrap().id;
    let mut made = Vec::new();
    for (name, platform) in [("hub", "github"), ("desk", "jira")] {
        let row = account::ActiveModel {
            project_id: Set(project),
            platform: Set(platform.to_owned()),
            name: Set(name.to_owned()),
            secret_ref: Set(Some("env:TOKEN".to_owned())),
            ..Default::default()
        };
        made.push(KnownAccount { project: "web".to_owned(), row: row.insert(db).await.unwrap() });
    }
    made.try_into().unwrap()
}

fn person(id: &str, login: &str, name: &str, email: &str) -> Person {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Person { id: id.to_owned(), login: login.to_owned(), name: text(name), email: text(email) }
}

async fn told(db: &DatabaseConnection) -> Vec<String> {
    let project = people::project(db, "web").await.unwrap().id;
    let people = people::list(db, project).await.unwrap();
    let line = |person: &people::KnownPerson| {
        let all = person.identities.iter().map(|one| format!("{one} ({})", one.row.matched_by));
        all.collect::<Vec<_>>().join(", ")
    };
    people.iter().map(line).collect()
}

async fn revision(db: &DatabaseConnection) -> i64 {
    people::project(db, "web").await.unwrap().people_revision
}

#[rstest]
fn people_are_stored_matched_and_kept_as_a_person_has_mapped_them(
    #[values(On::Sqlite, On::Postgres)] on: On,
) {
    wait_for(async {
        let stage = on.stage().await;
        let db = &stage.db;
        let [hub, desk] = accounts(db).await;
        let at_hub = [
            person("11", "ada", "Ada", "ada@example.org"),
            person("12", "ben", "Ben", ""),
            person("13", "sam", "Sam", ""),
        ];
        let done = people::discovered(db, &caller(), &hub, &at_hub).await.unwrap();
        assert_eq!(done, Discovered { found: 3, new: 3, ..Discovered::default() });
        assert_eq!(revision(db).await, 1);
        assert_eq!(people::discovered(db, &caller(), &hub, &at_hub).await.unwrap().new, 0);
        assert_eq!(revision(db).await, 1, "nothing has changed");
        let at_desk = [
            person("A", "A", "A. Quist", "ADA@example.org"),
            person("B", "B", "Ben", ""),
            person("S", "S", "Sam", ""),
            person("T", "T", "Sam", ""),
        ];
        let done = people::discovered(db, &caller(), &desk, &at_desk).await.unwrap();
        assert_eq!((done.matched_by_email, done.matched_by_name), (1, 1));
        let matched = [
            "hub:ada (none), desk:A (email)",
            "hub:ben (none), desk:B (name)",
            "hub:sam (none)",
            "desk:S (none)",
            "desk:T (none)",
        ];
        assert_eq!(told(db).await, matched);
        // A person knows better.
        let mapped = people::map(db, &caller(), "web", "hub:SAM", "desk:T").await.unwrap();
        assert_eq!(mapped.person.identities.len(), 2);
        people::unmap(db, &caller(), "web", "desk:B").await.unwrap();
        // A new login and a hidden address of somebody who is known by the id.
        let renamed = [
            person("11", "ada-q", "Ada", ""),
            person("12", "ben", "Ben", ""),
            person("13", "sam", "Sam", ""),
        ];
        assert_eq!(people::discovered(db, &caller(), &hub, &renamed).await.unwrap().changed, 1);
        let done = people::discovered(db, &caller(), &desk, &at_desk).await.unwrap();
        assert_eq!((done.new, done.changed, done.matched_by_email, done.matched_by_name), (0, 0, 0, 0));
        let kept = [
            "hub:ada-q (none), desk:A (email)",
            "hub:ben (none)",
            "desk:B (apart)",
            "hub:sam (hand), desk:T (hand)",
            "desk:S (none)",
        ];
        assert_eq!(told(db).await, kept);
        assert_eq!(revision(db).await, 5);
        // An account takes its identities along.
        account::Entity::delete_by_id(desk.row.id).exec(db).await.unwrap();
        let left = person_identity::Entity::find().all(db).await.unwrap();
        assert_eq!(left.len(), 3);
        assert!(left.iter().all(|row| row.matched_by != MatchedBy::Email));
    });
}

#[rstest]
fn a_file_brings_all_of_its_people_or_none(#[values(On::Sqlite, On::Postgres)] on: On) {
    wait_for(async {
        let stage = on.stage().await;
        let db = &stage.db;
        accounts(db).await;
        let entries = |json: serde_json::Value| -> Vec<Entry> { serde_json::from_value(json).unwrap() };
        let wrong = entries(json!([
            { "accounts": { "hub": "ada" }, "texts": ["Ada"] }, { "accounts": { "nowhere": "ben" } },
        ]));
        let refused = people::import(db, &caller(), "web", &wrong).await.unwrap_err().to_string();
        assert!(refused.contains("entry 2: accounts: the project has no account \"nowhere\""), "{refused}");
        assert_eq!(told(db).await, Vec::<String>::new());
        let right = entries(json!([
            { "name": "Ada", "accounts": { "hub": ["ada", "ada2"] }, "texts": ["ada@example.org", "Ada"] },
            { "accounts": { "hub": "ben", "desk": "B" } },
        ]));
        let done = people::import(db, &caller(), "web", &right).await.unwrap();
        assert_eq!((done.people, done.identities, done.new), (2, 6, 6));
        let again = people::import(db, &caller(), "web", &right).await.unwrap();
        assert_eq!((again.identities, again.new), (6, 0));
        let project = people::project(db, "web").await.unwrap().id;
        assert_eq!(people::export(&people::list(db, project).await.unwrap()), right);
        // What an entry no longer has is taken out.
        let less = entries(json!([{ "accounts": { "hub": "ben" } }]));
        people::import(db, &caller(), "web", &less).await.unwrap();
        assert!(told(db).await.contains(&"desk:B (apart)".to_owned()), "{:?}", told(db).await);
    });
}

#[rstest]
fn a_run_gets_the_people_of_its_project_and_sees_when_they_have_changed(
    #[values(On::Sqlite, On::Postgres)] on: On,
) {
    wait_for(async {
        let stage = on.stage().await;
        let db = &stage.db;
        accounts(db).await;
        let spec = |target: &str, account: serde_json::Value, status: &str| -> SyncSpec {
            serde_json::from_value(json!({
                "name": "s", "project": "web", "source_platform": "github", "source": { "account": "hub" },
                "target_platform": target, "target": { "account": account }, "entity_type": "issue",
                "field_mappings": [
                    { "source_field": "assignees", "target_field": "owner", "source_type": "people", "target_type": "people" },
                    { "source_field": "status", "target_field": status, "source_type": "status", "target_type": "status" },
                ],
            }))
            .unwrap()
        };
        let carried = async |spec: &SyncSpec, field: usize, value: serde_json::Value| {
            let mapping = people::mapping(db, spec, 7).await.unwrap().unwrap();
            (
                mapping.rules[field].carry(Side::Source, &Value::from_json(&value)).unwrap().to_json(),
                mapping.revision,
            )
        };
        let file = spec("csv", json!(null), "state");
        let (before, first) = carried(&file, 0, json!(["ada"])).await;
        assert_eq!(before, json!(null));
        people::map(db, &caller(), "web", "hub:ada", "Ada Q.").await.unwrap();
        let (after, second) = carried(&file, 0, json!(["ada", "ben"])).await;
        assert_eq!(after, json!(["Ada Q."]));
        assert_ne!(first, second);
        // The same account on both sides needs no table.
        let both = spec("github", json!("hub"), "status");
        assert_eq!(carried(&both, 0, json!(["ada", "ben"])).await.0, json!(["ada", "ben"]));
        // Statuses of the platform are known; the file has Syncline's words.
        assert_eq!(carried(&file, 1, json!("completed")).await.0, json!("done"));
        assert_eq!(carried(&both, 1, json!("duplicate")).await.0, json!("duplicate"));
    });
}
