//! The OpenAPI document is complete, and is what the router does.

use std::collections::BTreeSet;

use axum::{body::Body, http::Request};
use serde_json::Value;
use syncline_api::{ApiState, router};
use syncline_service::{Scope, tokens::Gate};

use crate::{
    access::token,
    conforms::{DOCUMENT, escaped, resolved, valid},
    stage::{Stage, send},
};

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// A method and path, with what the document says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) value: &'static Value,
}

/// All operations of the document.
pub(crate) fn operations() -> Vec<Operation> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let of = |path: &'static String, item: &'static Value| {
        let known = METHODS.into_iter().filter_map(move |method| {
            Some(Operation { method, path, value: item.get(method.to_lowercase())? })
        });
        known.collect::<Vec<_>>()
    };
    paths.iter().flat_map(|(path, item)| of(path, item)).collect()
}

/// The examples of a content, each held against its schema.
fn examples(content: &'static Value, pointer: &str, what: &str) -> usize {
    let (schema, _) = resolved(&content["schema"]);
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    let of_schemas =
        alternatives.chain([schema]).flat_map(|schema| resolved(schema).0["examples"].as_array());
    let mut found: Vec<&Value> = of_schemas.flatten().collect();
    found.extend(content.get("example"));
    for example in &found {
        valid(&format!("{pointer}/schema"), example, what);
    }
    found.len()
}

#[tokio::test]
async fn every_operation_says_all_of_itself() {
    let (mut ids, mut wrong) = (BTreeSet::new(), Vec::new());
    let tags: Vec<&Value> = DOCUMENT["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    for Operation { method, path, value } in operations() {
        let what = format!("{method} {path}");
        let at = format!("/paths/{}/{}", escaped(path), method.to_lowercase());
        let mut missing = |fault: &str| wrong.push(format!("{what}: {fault}"));
        if !value["operationId"].as_str().is_some_and(|id| ids.insert(id)) {
            missing("an operation_id of its own");
        }
        if !value["summary"]
            .as_str()
            .is_some_and(|summary| (10..=80).contains(&summary.len()) && !summary.ends_with('.'))
        {
            missing(
                "a summary of 10 to 80 characters without a full stop: the first line of its doc comment",
            );
        }
        if !value["tags"].as_array().is_some_and(|own| own.len() == 1 && tags.contains(&&own[0])) {
            missing("one tag of TAGS in api/src/document.rs");
        }
        if value["x-scope"].as_str().is_none_or(|scope| scope.parse::<Scope>().is_err()) {
            missing("x-scope");
        }
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let own = value["parameters"].as_array().into_iter().flatten();
            if own.filter(|own| own["name"] == name && own["in"] == "path").count() != 1 {
                missing(&format!("the parameter {name} of its path"));
            }
        }
        let body = value["requestBody"]["content"].as_object().into_iter().flatten();
        for (kind, content) in body {
            let at = format!("{at}/requestBody/content/{}", escaped(kind));
            if kind.ends_with("json") && examples(content, &at, &what) == 0 {
                missing("an example of its body: #[schema(examples(json!(...)))] on the type");
            }
        }
        let mut problems = 0;
        for (status, response) in value["responses"].as_object().unwrap() {
            let (response, shared) = resolved(response);
            if response["description"].as_str().is_none_or(str::is_empty) {
                missing(&format!("the description of {status}"));
            }
            for (kind, content) in response["content"].as_object().into_iter().flatten() {
                let own = format!("{at}/responses/{status}");
                let at = format!("{}/content/{}", shared.unwrap_or(&own), escaped(kind));
                let described = !content["schema"].as_object().is_none_or(serde_json::Map::is_empty);
                let found = if described { examples(content, &at, &what) } else { 1 };
                if kind == "application/problem+json" {
                    problems += found;
                } else if kind.ends_with("json") && found == 0 {
                    missing(&format!("an example of {status}: #[schema(examples(json!(...)))] on the type"));
                }
            }
        }
        if problems == 0 {
            missing("an example of a problem");
        }
    }
    assert!(wrong.is_empty(), "these lack something:\n{}", wrong.join("\n"));
}

/// Clients may count on every key of a response, and on the fewest of a problem.
#[test]
fn responses_have_all_keys_and_problems_may_lack_some() {
    let (mut lacking, mut checked) = (Vec::new(), 0);
    for Operation { method, path, value } in operations() {
        let fine =
            value["responses"].as_object().unwrap().iter().filter(|(status, _)| status.starts_with('2'));
        for (_, response) in fine {
            let schema = &resolved(response).0["content"]["application/json"]["schema"];
            let (whole, _) = resolved(schema);
            let parts = ["allOf", "anyOf"].into_iter().flat_map(|many| whole[many].as_array()).flatten();
            for schema in parts.chain([whole]) {
                let (schema, _) = resolved(schema);
                let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
                for key in schema["properties"].as_object().into_iter().flat_map(serde_json::Map::keys) {
                    checked += 1;
                    if !required.iter().any(|own| own == key) {
                        lacking.push(format!("{method} {path}: {key}"));
                    }
                }
            }
        }
    }
    assert!(lacking.is_empty() && checked > 300, "{checked} keys, not required: {lacking:#?}");
    let problem = DOCUMENT["components"]["schemas"]["Problem"]["required"].as_array().unwrap();
    assert!(!problem.is_empty() && !problem.iter().any(|key| key == "errors"), "{problem:?}");
}

/// An address of a path whose parts do not exist.
fn address(path: &str) -> String {
    let part = |part: &str| {
        match part {
            "{name}" => "nothing",
            part if part.starts_with('{') => "999999",
            other => other,
        }
        .to_owned()
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn the_router_answers_what_the_document_has_for_every_scope() {
    let stage = Stage::sqlite().await;
    let router = router(ApiState { gate: Gate::public(), ..stage.state.clone() });
    let mut tokens = Vec::new();
    for scope in Scope::ALL {
        tokens.push((scope, token(&stage, &[scope], None).await));
    }
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for method in METHODS {
            let operation = item.get(method.to_lowercase());
            for (scope, token) in &tokens {
                let request =
                    Request::builder().method(method).uri(address(path)).header("host", "localhost");
                let request = request.header("authorization", format!("Bearer {token}"));
                let reply = send(&router, request.body(Body::empty()).unwrap()).await;
                let kind = reply.text.contains("urn:syncline:problem:unknown-route");
                assert!(!kind, "{method} {path} is not there");
                assert_eq!(reply.status == 405, operation.is_none(), "{method} {path}: {}", reply.text);
                let Some(operation) = operation else { continue };
                let may = *scope == Scope::Admin || operation["x-scope"] == scope.as_str();
                assert_eq!(reply.status == 403, !may, "{scope}: {method} {path}: {}", reply.text);
            }
        }
    }
}

#[tokio::test]
async fn the_document_is_for_everyone_here_and_for_readers_elsewhere() {
    let stage = Stage::sqlite().await;
    let read = token(&stage, &[Scope::Read], None).await;
    let local = stage.get("/openapi.json").await;
    assert_eq!((local.status.as_u16(), local.header("content-type")), (200, "application/json"));
    assert_eq!(&local.json(), &*DOCUMENT);
    let router = router(ApiState { gate: Gate::public(), ..stage.state.clone() });
    let ask = |token: Option<&str>| {
        let request = Request::get("/openapi.json").header("host", "localhost");
        let request = token
            .iter()
            .fold(request, |request, token| request.header("authorization", format!("Bearer {token}")));
        request.body(Body::empty()).unwrap()
    };
    send(&router, ask(None)).await.problem(401, "unauthenticated");
    assert_eq!(send(&router, ask(Some(&read))).await.status, 200);
}

#[tokio::test]
async fn the_pages_load_nothing_from_elsewhere() {
    let stage = Stage::sqlite().await;
    let page = stage.get("/docs/").await;
    let policy = page.header("content-security-policy").to_owned();
    for part in ["default-src 'none'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe-eval") && page.headers.get("set-cookie").is_none());
    assert!(!page.text.contains("http:") && !page.text.contains("https:"), "{}", page.text);
    assert_eq!(stage.get("/docs").await.header("location"), "docs/");
    let own = page.text.split('"').filter(|part| part.ends_with(".js") || part.ends_with(".css"));
    for part in own {
        let request = Request::get(format!("/docs/{part}")).header("host", "localhost");
        let reply =
            tower::ServiceExt::oneshot(stage.router.clone(), request.body(Body::empty()).unwrap()).await;
        let reply = reply.unwrap();
        assert_eq!(reply.status(), 200, "{part}");
        assert!(reply.headers()["content-type"].to_str().unwrap().starts_with("text/"), "{part}");
    }
    for part in ["index.html", "swagger-initializer.js", "oauth2-redirect.html", "..%2fembed.rs"] {
        stage.get(&format!("/docs/{part}")).await.problem(404, "unknown-route");
    }
    let off = router(ApiState { docs: false, ..stage.state.clone() });
    let ask = |path: &str| Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
    send(&off, ask("/docs/")).await.problem(404, "unknown-route");
    assert_eq!(send(&off, ask("/docs/problems")).await.status, 200);
    assert_eq!(send(&off, ask("/api/v1")).await.json()["docs"], Value::Null);
}
