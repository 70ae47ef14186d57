//! Stored syncs over HTTP: documents in and out, revisions, and what must not be changed.

use std::sync::Arc;

use axum::{Router, body::Body, http::Request};
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};
use syncline_api::{ApiState, router};
use syncline_entity::sync_config;
use syncline_service::allow::AllowLists;

use crate::stage::{Reply, Stage, send};

/// A server whose documents may name one variable and one host.
struct Server {
    stage: Stage,
    router: Router,
}

impl Server {
    fn over(stage: Stage) -> Server {
        let allow = AllowLists {
            variables: "TASKS_URL".parse().unwrap(),
            hosts: "db.internal".parse().unwrap(),
            ..AllowLists::default()
        };
        let router = router(ApiState { allow: Arc::new(allow), ..stage.state.clone() });
        Server { stage, router }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        let typed = headers.iter().any(|(name, _)| *name == "content-type");
        if !typed && !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(&self.router, request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "").await
    }

    async fn post(&self, path: &str, body: &Value) -> Reply {
        self.ask("POST", path, &[], &body.to_string()).await
    }
}

const CONFIGS: &str = "/api/v1/sync/configs";
const TEXT: &str = "/api/v1/sync/configs.yaml";

fn document(name: &str) -> Value {
    json!({
        "name": name, "source_platform": "sql", "source": { "url": { "env": "TASKS_URL" }, "table": "a" },
        "target_platform": "sql", "target": { "url": "postgres://app:hunter2@db.internal/x", "table": "b" },
        "field_mappings": [{ "source_field": "id", "target_field": "id" }],
    })
}

fn fields(problem: &Value) -> Vec<&str> {
    let mut fields: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    fields.sort_unstable();
    fields
}

async fn a_sync_is_made_changed_and_deleted(server: Server) {
    let made = server.post(CONFIGS, &document("tasks")).await;
    assert_eq!((made.status.as_u16(), made.header("etag")), (201, "\"1\""), "{}", made.text);
    let id = made.json()["id"].as_i64().unwrap();
    let path = format!("{CONFIGS}/{id}");
    assert_eq!(made.header("location"), path);
    assert!(!made.text.contains("hunter2"), "{}", made.text);
    server.post(CONFIGS, &document("tasks")).await.problem(409, "sync-exists");

    let known = [("if-match", "\"1\"")];
    let patch = json!({ "sync_interval": 60 }).to_string();
    let changed = server.ask("PATCH", &path, &known, &patch).await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, "\"2\""), "{}", changed.text);
    assert_eq!(changed.json()["document"]["sync_interval"], 60);
    server.ask("PATCH", &path, &known, &patch).await.problem(412, "changed-since");
    let problem = server.ask("PATCH", &path, &[], "{\"priority\":3,\"name\":\"other\"}").await;
    assert_eq!(fields(&problem.problem(422, "invalid-document")), ["/name"]);
    let problem = server.ask("PATCH", &path, &[], "{\"priority\":3,\"match_on\":{},\"nosuch\":1}").await;
    assert_eq!(fields(&problem.problem(422, "invalid-document")), ["/match_on", "/nosuch", "/priority"]);

    let text = server.get(TEXT).await;
    assert!(
        text.text.contains("postgres://app:***@db.internal/x") && !text.text.contains("hunter2"),
        "{}",
        text.text
    );
    let yaml = [("content-type", "application/yaml")];
    let again = server.ask("POST", TEXT, &yaml, &text.text).await.json();
    assert_eq!(again["syncs"][0]["result"], "unchanged", "{again}");
    let other = text.text.replace("sync_interval: 60", "sync_interval: 90");
    let dry = server.ask("POST", &format!("{TEXT}?dry_run=true"), &yaml, &other).await.json();
    let expected = json!([{ "path": "sync_interval", "before": 60, "after": 90 }]);
    assert_eq!((&dry["syncs"][0]["result"], &dry["syncs"][0]["differences"]), (&json!("changed"), &expected));
    let stored = sync_config::Entity::find_by_id(id).one(&server.stage.db).await.unwrap().unwrap();
    assert_eq!((stored.revision, &stored.config_json["sync_interval"]), (2, &json!(60)), "it was a dry run");
    assert_eq!(stored.config_json["target"]["url"], "postgres://app:hunter2@db.internal/x");

    let revisions = server.get(&format!("{path}/revisions?limit=1")).await.json();
    assert_eq!(revisions["revisions"][0]["revision"], 2);
    let cursor = revisions["next_cursor"].as_str().unwrap();
    let older = server.get(&format!("{path}/revisions?limit=1&cursor={cursor}")).await.json();
    assert_eq!((&older["revisions"][0]["revision"], &older["next_cursor"]), (&json!(1), &Value::Null));
    let diff = server.get(&format!("{path}/diff?from=1&to=2")).await.json();
    assert_eq!(diff["differences"], json!([{ "path": "sync_interval", "before": 300, "after": 60 }]));
    let first = server.get(&format!("{path}/revisions/1")).await;
    assert!(
        !first.text.contains("hunter2") && first.json()["document"]["sync_interval"] == 300,
        "{}",
        first.text
    );
    server.get(&format!("{path}/revisions/9")).await.problem(404, "unknown-revision");
    let restored =
        server.ask("POST", &format!("{path}/revisions/1/restore"), &[("if-match", "\"2\"")], "").await;
    assert_eq!(
        (restored.header("etag"), &restored.json()["document"]["sync_interval"]),
        ("\"3\"", &json!(300))
    );

    server.ask("DELETE", &path, &[("if-match", "\"1\"")], "").await.problem(412, "changed-since");
    let gone = server.ask("DELETE", &path, &[], "").await;
    assert_eq!((gone.status.as_u16(), &gone.json()["deleted"]), (200, &json!(true)), "{}", gone.text);
    let told = "SELECT COUNT(*) AS many FROM events WHERE type = 'config.deleted'";
    let told = sea_orm::Statement::from_string(server.stage.db.get_database_backend(), told);
    let told = server.stage.db.query_one_raw(told).await.unwrap().unwrap();
    assert_eq!(told.try_get::<i64>("", "many").unwrap(), 1, "the feed tells of it");
    for (method, path) in [("GET", path.clone()), ("DELETE", path.clone()), ("POST", format!("{path}/run"))] {
        server.ask(method, &path, &[], "").await.problem(404, "unknown-sync");
    }
    assert_eq!(server.get(CONFIGS).await.json()["syncs"], json!([]));
}

#[tokio::test]
async fn a_sync_is_made_changed_and_deleted_on_sqlite() {
    a_sync_is_made_changed_and_deleted(Server::over(Stage::sqlite().await)).await;
}

#[tokio::test]
async fn a_sync_is_made_changed_and_deleted_on_postgres() {
    a_sync_is_made_changed_and_deleted(Server::over(Stage::postgres().await)).await;
}

#[tokio::test]
async fn a_wrong_document_is_refused_with_all_that_is_wrong() {
    let server = Server::over(Stage::sqlite().await);
    let wrong = json!({ "name": [3], "source_platform": "cvs", "source": [], "priority": "soon", "field_mappings": {} });
    let problem = server.post(CONFIGS, &wrong).await.problem(422, "invalid-document");
    // A key that is missing, here the target and its platform, is an error of the object that lacks it.
    let expected = ["", "", "/field_mappings", "/name", "/priority", "/source", "/source_platform"];
    assert_eq!(fields(&problem), expected, "{problem}");
    server.post(CONFIGS, &json!([document("a")])).await.problem(422, "invalid-body");
    let mut outside = document("a");
    outside["source"]["url"] = json!("sqlite:///etc/x.db");
    let problem = server.post(CONFIGS, &outside).await.problem(422, "invalid-document");
    assert_eq!(fields(&problem), ["/source/url"], "which no list allows");
    let checked = server.post(&format!("{CONFIGS}/validate"), &outside).await.json();
    assert_eq!(
        (&checked["valid"], &checked["findings"][0]["pointer"]),
        (&json!(false), &json!("/source/url"))
    );
    assert_eq!(server.post(&format!("{CONFIGS}/validate"), &document("a")).await.json()["valid"], true);
    let yaml = [("content-type", "application/yaml")];
    for (body, status, kind) in [
        ("name: [", 400, "malformed-yaml"),
        ("a: 1\na: 2\n", 400, "malformed-yaml"),
        ("---\nname: a\n---\nname: b\n", 422, "invalid-body"),
        ("", 422, "invalid-body"),
    ] {
        server.ask("POST", CONFIGS, &yaml, body).await.problem(status, kind);
    }
    let deep = format!("a: {}{}", "[".repeat(60), "]".repeat(60));
    server.ask("POST", CONFIGS, &yaml, &deep).await.problem(400, "malformed-yaml");
    let plain = [("content-type", "text/plain")];
    server.ask("POST", CONFIGS, &plain, "name: a").await.problem(415, "unsupported-media-type");
    let two = format!("{}\n---\n{}", document("a"), json!({ "name": "b" }));
    let problem = server.ask("POST", TEXT, &yaml, &two).await.problem(422, "invalid-document");
    assert!(fields(&problem).iter().all(|pointer| *pointer == "/1"), "{problem}");
    assert_eq!(server.get(CONFIGS).await.json()["syncs"], json!([]), "all or none");
    for query in ["limit=0", "nosuch=1"] {
        server.get(&format!("{CONFIGS}?{query}")).await.problem(400, "invalid-query");
    }
    server.get(&format!("{CONFIGS}?q=nosuch:1")).await.problem(422, "invalid-filter");
}

#[tokio::test]
async fn a_sync_is_addressed_by_its_id_or_its_name() {
    let server = Server::over(Stage::sqlite().await);
    let mut elsewhere = document("tasks");
    elsewhere["project"] = json!("web");
    assert_eq!(server.stage.post("/api/v1/projects", json!({ "key": "web", "name": "W" })).await.status, 201);
    let [here, there] = [document("tasks"), elsewhere];
    let here = server.post(CONFIGS, &here).await.json()["id"].as_i64().unwrap();
    let there = server.post(CONFIGS, &there).await.json()["id"].as_i64().unwrap();
    for (address, id) in [
        (here.to_string(), here),
        ("tasks".to_owned(), here),
        ("tasks?project=default".to_owned(), here),
        ("tasks?project=web".to_owned(), there),
        (format!("{there}?project=web"), there),
    ] {
        let (which, query) = address.split_once('?').unwrap_or((&address, ""));
        for (method, rest) in [
            ("GET", ""),
            ("GET", "/revisions"),
            ("GET", "/revisions/1"),
            ("GET", "/diff"),
            ("POST", "/validate"),
            ("POST", "/pause"),
            ("POST", "/resume"),
            ("POST", "/revisions/1/restore"),
            ("POST", "/run"),
            ("POST", "/dry-run"),
        ] {
            let path = format!("{CONFIGS}/{which}{rest}?{query}");
            let reply = server.ask(method, &path, &[], "").await;
            assert!(reply.status.is_success(), "{method} {path}: {} {}", reply.status, reply.text);
            if method == "GET" && rest.is_empty() {
                assert_eq!(reply.json()["id"], id, "{path}");
            }
        }
        let path = format!("{CONFIGS}/{which}?{query}");
        let changed = server.ask("PATCH", &path, &[], "{\"sync_interval\": 60}").await;
        assert_eq!(changed.json()["id"], id, "{}", changed.text);
    }
    for (address, kind) in [
        ("task".to_owned(), "unknown-sync"),
        ("tasks?project=none".to_owned(), "unknown-project"),
        (format!("{here}?project=web"), "unknown-sync"),
        ("99999999999999999999".to_owned(), "unknown-sync"),
        ("-1".to_owned(), "unknown-sync"),
    ] {
        server.get(&format!("{CONFIGS}/{address}")).await.problem(404, kind);
    }
    server.get(&format!("{CONFIGS}/tasks?projct=web")).await.problem(400, "invalid-query");
    let gone = server.ask("DELETE", &format!("{CONFIGS}/tasks?project=web"), &[], "").await.json();
    assert_eq!((&gone["id"], &gone["project"]), (&json!(there), &json!("web")));
}
