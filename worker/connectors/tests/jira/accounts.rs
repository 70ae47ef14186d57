//! Whom credentials belong to, what they can see, and where a site is.

use serde_json::json;
use syncline_connectors::{Account, Discover, Opening, platform};
use syncline_engine::{
    ports::{ErrorKind, ReadMode},
    spec::FieldType,
};

use crate::world::{World, done, update};

#[tokio::test]
async fn a_token_belongs_to_a_person_with_permissions() {
    let world = World::new().await;
    let jira = platform("jira").unwrap();
    let ada = jira.identify(&world.account(), &world.call()).await.unwrap();
    assert_eq!((ada.name.as_str(), ada.id, ada.missing), ("Ada Quist", world.person("ada"), vec![]));
    let emil = jira.identify(&world.account_of(&world.token_of("emil")), &world.call()).await.unwrap();
    assert_eq!(emil.scopes, ["BROWSE_PROJECTS"]);
    assert!(emil.missing.iter().any(|text| text.starts_with("Edit issues: ")), "{:?}", emil.missing);
    let error =
        jira.identify(&world.account_of("ada@acme.example:hunter22"), &world.call()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(!error.message.contains("hunter22") && !error.message.contains("ada@"), "{error}");
}

#[tokio::test]
async fn projects_are_listed_with_what_may_be_done_there() {
    let world = World::new().await;
    let catalogue = platform("jira").unwrap();
    let found = catalogue.discover(&world.account(), Discover::Containers, &world.call()).await.unwrap();
    let mut names: Vec<(String, bool)> =
        found.containers.into_iter().map(|one| (one.name, one.writable)).collect();
    names.sort();
    assert_eq!(names, ["OTHER", "SYNC", "TEAM"].map(|name| (name.to_owned(), true)));
    let emil = world.account_of(&world.token_of("emil"));
    let found = catalogue.discover(&emil, Discover::Containers, &world.call()).await.unwrap();
    assert!(found.containers.len() == 3 && found.containers.iter().all(|one| !one.writable));
}

#[tokio::test]
async fn a_project_has_fields_statuses_and_people() {
    let world = World::new().await;
    world.field(json!({ "name": "Size", "kind": "select", "options": ["S", "M"] }));
    world.field(json!({ "name": "Points", "kind": "number", "required": true }));
    for _ in 0..2 {
        world.field(json!({ "name": "Team", "kind": "text" }));
    }
    let scope = json!({ "project_key": "SYNC" });
    let found = platform("jira").unwrap();
    let found = found.discover(&world.account(), Discover::Container(&scope), &world.call()).await.unwrap();
    let field = |name: &str| found.fields.iter().find(|field| field.name == name).unwrap();
    assert_eq!(field("fields.Size").options, ["S", "M"]);
    assert_eq!(
        (field("fields.Points").field_type, field("fields.Points").required),
        (FieldType::Number, true)
    );
    assert!(field("issuetype").options.contains(&"Bug".to_owned()) && field("summary").required);
    assert!(field("priority").options.contains(&"High".to_owned()));
    let by_id = found.fields.iter().filter(|field| field.name.starts_with("fields.customfield_")).count();
    assert_eq!(by_id, 2, "two fields have the same name");
    let statuses: Vec<(&str, &str)> =
        found.statuses.iter().map(|status| (status.name.as_str(), status.canonical)).collect();
    assert_eq!(
        statuses,
        [("To Do", "todo"), ("In Progress", "in_progress"), ("In Review", "in_review"), ("Done", "done")]
    );
    let ada = found.people.iter().find(|person| person.name.as_deref() == Some("Ada Quist")).unwrap();
    assert_eq!(
        (&ada.id, &ada.login, ada.email.as_deref()),
        (&world.person("ada"), &ada.id, Some("ada@acme.example"))
    );
}

/// Through the gateway of OAuth apps.
#[tokio::test]
async fn an_oauth_token_is_sent_as_bearer() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one" }));
    let grant = world.control("POST", "/jira/grants", json!({ "user": "ada" }));
    let base = format!("{}{}", world.running.url(), grant["base"].as_str().unwrap());
    let account =
        Account { base_url: Some(base), ..world.account_of(grant["access_token"].as_str().unwrap()) };
    let place = world.open_with(json!({ "project_key": "SYNC" }), &account, &[]).await;
    let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!((items[0].id.as_str(), items[0].url.as_deref()), (id.as_str(), None));
    done(world.write(&*place, update(&id, json!({ "summary": "two", "status": "Done" }))).await);
}

#[tokio::test]
async fn an_account_without_an_address_is_told_what_to_do() {
    let world = World::new().await;
    let account = Account { base_url: None, ..world.account() };
    let scope = json!({ "project_key": "SYNC" });
    let opening = Opening { account: Some(&account), entity: "issue", ..Opening::new(&scope) };
    let error = platform("jira").unwrap().open(&opening, &world.call()).await.err().unwrap();
    assert!(error.message.contains("--base-url https://SITE.atlassian.net"), "{error}");
    let opening = Opening { entity: "issue", ..Opening::new(&scope) };
    assert_eq!(
        platform("jira").unwrap().open(&opening, &world.call()).await.err().unwrap().kind,
        ErrorKind::Auth
    );
}
