//! Whom a token belongs to, what it can see, and both versions of the API.

use serde_json::{Value as Json, json};
use syncline_connectors::{Discover, Opening, check_scope, platform};
use syncline_engine::ports::{ErrorKind, ReadMode};
use syncline_simulator::{Limits, Settings};

use crate::world::{World, create, done, field, update};

#[tokio::test]
async fn a_token_is_identified() {
    let world = World::with(Settings { limits: Limits::Real, ..Settings::default() }).await;
    let github = platform("github").unwrap();
    let identity = github.identify(&world.account(), &world.call()).await.unwrap();
    assert_eq!(
        (identity.name.as_str(), &identity.scopes[..]),
        ("ada", &["repo".to_owned(), "read:org".to_owned()][..])
    );
    assert_eq!(identity.missing, Vec::<String>::new());
    assert_eq!((identity.limited, identity.budget.unwrap().remaining > 0), (Some(true), true));

    let made =
        world.control("POST", "/github/tokens", json!({ "account": "emil", "scopes": ["public_repo"] }));
    let account = world.account_of(made["token"].as_str().unwrap());
    let identity = github.identify(&account, &world.call()).await.unwrap();
    assert_eq!(identity.missing.len(), 2);
    assert!(identity.missing[0].starts_with("repo: "));

    let error = github.identify(&world.account_of("ghp_wrong"), &world.call()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(!error.message.contains("ghp_wrong"));
}

/// Enterprise Server has its limits disabled unless somebody enables them.
#[tokio::test]
async fn a_server_without_limits_is_told() {
    let world = World::new().await;
    let identity = platform("github").unwrap().identify(&world.account(), &world.call()).await.unwrap();
    assert_eq!((identity.limited, identity.budget), (Some(false), None));
}

#[tokio::test]
async fn repositories_are_discovered() {
    let world = World::new().await;
    world.control("PATCH", "/github/repos/acme/secret", json!({ "archived": true }));
    let github = platform("github").unwrap();
    let found = github.discover(&world.account(), Discover::Containers, &world.call()).await.unwrap();
    let containers: Vec<(&str, bool)> =
        found.containers.iter().map(|one| (one.name.as_str(), one.writable)).collect();
    assert_eq!(containers, [("acme/secret", false), ("acme/web", true)]);
}

#[tokio::test]
async fn a_repository_is_discovered() {
    let world = World::new().await;
    world.control("POST", "/github/orgs/acme/issue-types", json!({ "names": ["Bug", "Task"] }));
    let priority = json!({ "name": "Priority", "data_type": "single_select", "options": ["High", "Low"] });
    world.control("POST", "/github/orgs/acme/issue-fields", priority);
    let scope = json!({ "repository": "acme/web" });
    let github = platform("github").unwrap();
    let found = github.discover(&world.account(), Discover::Container(&scope), &world.call()).await.unwrap();
    let field = |name: &str| found.fields.iter().find(|field| field.name == name).unwrap();
    assert_eq!(field("labels").options, ["bug", "needs triage"]);
    assert_eq!(field("type").options, ["Bug", "Task"]);
    assert_eq!(field("fields.Priority").options, ["High", "Low"]);
    assert!(field("title").required && field("title").longest == Some(256) && !field("author").writable);
    let statuses: Vec<(&str, &str)> =
        found.statuses.iter().map(|status| (status.name.as_str(), status.canonical)).collect();
    assert_eq!(
        statuses,
        [("open", "todo"), ("completed", "done"), ("not_planned", "cancelled"), ("duplicate", "cancelled")]
    );
    assert!(found.people.iter().any(|person| person.login == "bruno"));
}

/// Lists of people have logins alone; what people show of themselves takes one request more for a hundred of them.
#[tokio::test]
async fn names_and_public_addresses_of_people_are_discovered() {
    let world = World::new().await;
    let shown = json!({ "name": "Bruno B.", "email": "bruno@example.org" });
    world.control("PATCH", "/github/accounts/bruno", shown);
    let scope = json!({ "repository": "acme/web" });
    let github = platform("github").unwrap();
    let bruno = async || {
        let found =
            github.discover(&world.account(), Discover::Container(&scope), &world.call()).await.unwrap();
        let bruno = found.people.into_iter().find(|person| person.login == "bruno").unwrap();
        (bruno.name, bruno.email)
    };
    world.forget();
    assert_eq!(bruno().await, (Some("Bruno B.".to_owned()), Some("bruno@example.org".to_owned())));
    assert_eq!(world.requests().iter().filter(|request| *request == "POST /graphql").count(), 1);
    world.fault(json!({ "method": "POST", "path": "/graphql", "kind": "status", "status": 502 }));
    assert_eq!(bruno().await, (None, None), "known by the login alone");
}

/// A user has neither issue types nor issue fields.
#[tokio::test]
async fn a_users_repository_is_discovered() {
    let world = World::new().await;
    world.control("POST", "/github/accounts", json!({ "login": "zoe", "kind": "User" }));
    world.control("POST", "/github/repos", json!({ "owner": "zoe", "name": "notes" }));
    let account = world.account_of(&world.token_of("zoe"));
    let scope = json!({ "repository": "zoe/notes" });
    let github = platform("github").unwrap();
    let found = github.discover(&account, Discover::Container(&scope), &world.call()).await.unwrap();
    assert!(found.fields.iter().all(|field| field.name != "type" && !field.name.starts_with("fields.")));
}

#[tokio::test]
async fn the_fields_of_a_place_take_no_request() {
    let world = World::new().await;
    let mapped = ["title", "fields.Priority"];
    let place = world.open_with(json!({ "repository": "acme/web" }), &world.account(), &mapped).await;
    world.forget();
    let fields = place.fields(&world.call()).await.unwrap();
    let writable = |name: &str| fields.iter().find(|field| field.name == name).map(|field| field.writable);
    assert_eq!(
        [writable("body"), writable("author"), writable("fields.Priority")],
        [Some(true), Some(false), Some(true)]
    );
    assert_eq!(world.requests(), Vec::<String>::new());
    assert!(place.creates(&["title", "body"]).is_ok() && place.creates(&["body"]).is_err());
}

#[tokio::test]
async fn a_place_needs_an_account_and_issues() {
    let world = World::new().await;
    let scope = json!({ "repository": "acme/web" });
    let github = platform("github").unwrap();
    assert!(github.needs_account());
    let opening = Opening { entity: "issue", ..Opening::new(&scope) };
    assert_eq!(github.open(&opening, &world.call()).await.err().unwrap().kind, ErrorKind::Auth);
    let account = world.account();
    let opening = Opening { entity: "milestone", account: Some(&account), ..Opening::new(&scope) };
    assert_eq!(github.open(&opening, &world.call()).await.err().unwrap().kind, ErrorKind::Permanent);
}

#[test]
fn scopes_are_checked() {
    let github = platform("github").unwrap();
    let findings = |scope: Json| -> Vec<String> {
        let findings = check_scope(github, &scope, "source").into_iter();
        findings.map(|finding| format!("{}: {}", finding.path, finding.message)).collect()
    };
    assert_eq!(findings(json!({ "account": "a", "owner": "acme", "repo": "web" })), Vec::<String>::new());
    assert_eq!(
        findings(json!({ "account": "a", "repository": "acme/web", "state": "open" })),
        Vec::<String>::new()
    );
    assert_eq!(
        findings(json!({ "account": "a", "repository": "web" })),
        ["source.repository: \"web\" is not `owner/name`"]
    );
    assert_eq!(findings(json!({ "account": "a", "repositry": "acme/web" })).len(), 1);
}

/// The later version leaves out the singular assignee, which nothing here reads or writes.
#[tokio::test]
async fn both_versions_of_the_api_do() {
    for version in ["2022-11-28", "2026-03-10"] {
        let world = World::new().await;
        let scope = json!({ "repository": "acme/web", "api_version": version });
        let place = world.open_with(scope, &world.account(), &[]).await;
        let fields = json!({ "title": "T", "body": "B", "labels": ["bug"], "assignees": ["ada"] });
        let made = done(world.write(&*place, create("sl-a", fields)).await);
        let item = done(
            world
                .write(&*place, update(&made.id, json!({ "assignees": ["bruno"], "state": "closed" })))
                .await,
        );
        assert_eq!((field(&item, "assignees"), field(&item, "state")), (json!(["bruno"]), json!("closed")));
        assert_eq!(world.list(&*place, ReadMode::Full).await.unwrap().0, [item]);
        let sent = world.log();
        assert!(sent.iter().all(|entry| entry["headers"]["x-github-api-version"] == version), "{sent:?}");
        assert!(!format!("{sent:?}").contains("\"assignee\""));
    }
}
