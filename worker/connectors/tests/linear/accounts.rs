//! Accounts: whose a secret is, and what it can see.

use serde_json::json;
use syncline_connectors::{Discover, Token, platform};
use syncline_engine::{ports::ErrorKind, spec::FieldType};
use syncline_simulator::{Limits, Settings};

use crate::world::World;

#[tokio::test]
async fn a_secret_says_whose_it_is() {
    let world = World::with(Settings { limits: Limits::Real, ..Settings::default() }).await;
    let identity = platform("linear").unwrap().identify(&world.account(), &world.call()).await.unwrap();
    assert!(identity.name.starts_with("ada in "), "{identity:?}");
    let budget = identity.budget.unwrap();
    assert_eq!((budget.limit, identity.limited), (2_500, Some(true)));
    assert!(budget.remaining < 2_500);
    let place = world.open().await;
    assert_eq!(place.reader(&world.call()).await.unwrap(), Some(identity.id));
}

#[tokio::test]
async fn teams_are_discovered() {
    let world = World::new().await;
    world.control("POST", "/linear/teams", json!({ "key": "SEC", "private": true, "members": ["bruno"] }));
    let found = platform("linear")
        .unwrap()
        .discover(&world.account(), Discover::Containers, &world.call())
        .await
        .unwrap();
    let names: Vec<&str> = found.containers.iter().map(|container| container.name.as_str()).collect();
    assert!(names.contains(&"ENG") && names.contains(&"OPS") && !names.contains(&"SEC"), "{names:?}");
    assert!(found.containers.iter().all(|container| container.writable && !container.public));
}

#[tokio::test]
async fn a_team_tells_its_fields_statuses_and_people() {
    let world = World::new().await;
    world.control("POST", "/linear/users", json!({ "display_name": "gone", "active": false }));
    world.control("POST", "/linear/users", json!({ "display_name": "robot", "app": true }));
    let scope = json!({ "team": "eng" });
    let found = platform("linear")
        .unwrap()
        .discover(&world.account(), Discover::Container(&scope), &world.call())
        .await
        .unwrap();
    assert_eq!(found.containers[0].name, "ENG");
    let statuses: Vec<(&str, &str)> =
        found.statuses.iter().map(|status| (status.name.as_str(), status.canonical)).collect();
    let expected = [
        ("Todo", "todo"),
        ("Backlog", "todo"),
        ("In Progress", "in_progress"),
        ("In Review", "in_review"),
        ("Done", "done"),
        ("Canceled", "cancelled"),
        ("Duplicate", "cancelled"),
    ];
    assert_eq!(statuses, expected);
    let field = |name: &str| found.fields.iter().find(|field| field.name == name).unwrap();
    assert_eq!(field("priority").options, ["Urgent", "High", "Medium", "Low", "No priority"]);
    assert_eq!(field("estimate").options, ["1", "2", "3", "5", "8"]);
    let labels = &field("labels").options;
    assert!(labels.contains(&"Bug".to_owned()) && labels.contains(&"Frontend".to_owned()));
    assert!(!labels.contains(&"Area".to_owned()), "a group is on no issue");
    assert!(field("title").required && field("assignee").field_type == FieldType::Person);
    let logins: Vec<&str> = found.people.iter().map(|person| person.login.as_str()).collect();
    assert!(logins.contains(&"ada") && !logins.contains(&"gone") && !logins.contains(&"robot"), "{logins:?}");
    assert!(found.people.iter().all(|person| person.email.is_some() && person.id.len() == 36));
}

#[tokio::test]
async fn the_statuses_of_the_place_are_those_of_the_team() {
    let world = World::new().await;
    let place = world.open().await;
    let statuses = place.statuses("status", &world.call()).await.unwrap();
    assert_eq!(statuses[0].0, "Todo");
    assert_eq!(statuses.len(), 7);
    assert_eq!(place.statuses("priority", &world.call()).await.unwrap(), []);
}

/// A person's key is sent bare, and an application's token with Bearer.
#[tokio::test]
async fn case_142_key_and_bearer() {
    let world = World::new().await;
    let app = world.control("POST", "/linear/apps", json!({ "name": "sync", "teams": ["ENG"] }));
    let made = world.control(
        "POST",
        "/linear/tokens",
        json!({ "user": "ada", "kind": "oauth", "client": app["client_id"] }),
    );
    let (key, access) = (world.token.clone(), made["token"].as_str().unwrap().to_owned());
    let bare = access.trim_start_matches("lin_oauth_").to_owned();
    let identify = async |token: Token| {
        let account = syncline_connectors::Account { token, ..world.account() };
        platform("linear").unwrap().identify(&account, &world.call()).await
    };
    for token in [
        Token::new(&*key),
        Token::new(&*access),
        Token::access(&*access),
        Token::new(format!("Bearer {access}")),
    ] {
        assert!(identify(token).await.is_ok());
    }
    for status in [401, 400] {
        world.switch(json!({ "wrong_form_status": status }));
        let error = identify(Token::new(format!("Bearer {key}"))).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Auth, "{error}");
        assert!(error.message.contains("sent as an OAuth access token, with Bearer"), "{error}");
    }
    let error = identify(Token::new(bare)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(error.message.contains("sent as a personal API key, without Bearer"), "{error}");
}
