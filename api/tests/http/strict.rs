//! Bodies and addresses that are hostile, or wrong in ways that used to be told badly.

use axum::{body::Body, http::Request};
use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn a_hostile_body_is_refused_with_its_reason() {
    let stage = Stage::sqlite().await;
    stage.sync("own", |_| {}).await;
    let mut one_over = br#"{"sync": "own", "x": ""#.to_vec();
    one_over.resize((1 << 20) - 1, b'a');
    one_over.extend(b"\"}");
    let exact = &one_over[1..];
    assert_eq!(exact.len(), 1 << 20);
    for (body, status, kind) in [
        (format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes(), 400, "nested-too-deep"),
        (one_over.clone(), 413, "body-too-large"),
        (br#"{"sync": "own", "sync": "own"}"#.to_vec(), 400, "duplicate-key"),
        (br#"{"sync": "own", "allow_deletes": 9223372036854775808}"#.to_vec(), 202, ""),
        (br#"{"sync": "own", "allow_deletes": 18446744073709551616}"#.to_vec(), 422, "invalid-body"),
        (br#"{"sync": "own", "delay": NaN}"#.to_vec(), 400, "malformed-json"),
        (b"{\"sync\": \"\xc3\x28\"}".to_vec(), 400, "malformed-json"),
        (br#"{"sync": "o\u0000wn"}"#.to_vec(), 422, "invalid-body"),
        (
            br#"["own", "default", "sync", null, false, false, null, null, 0, null]"#.to_vec(),
            422,
            "invalid-body",
        ),
        (br#"{"sync": "' OR 1=1 --"}"#.to_vec(), 404, "unknown-sync"),
        (br#"{"sync": "own", "project": "%"}"#.to_vec(), 404, "unknown-project"),
        (br#"{"sync": "own", "kind": "return redis.call('FLUSHALL')"}"#.to_vec(), 422, "invalid-body"),
        (br#"{"sync": "own", "id": "x"}"#.to_vec(), 422, "invalid-body"),
        (br#"{"sync": "own", "status": "completed", "sync_config_id": 1}"#.to_vec(), 422, "invalid-body"),
    ] {
        let post = Request::post("/api/v1/jobs").header("host", "localhost");
        let request = post.header("content-type", "application/json").body(Body::from(body.clone())).unwrap();
        let reply = stage.send(request).await;
        let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        if status == 202 {
            assert_eq!(reply.status, 202, "{start}: {}", reply.text);
        } else {
            assert_eq!(reply.status, status, "{start}: {}", reply.text);
            reply.problem(status, kind);
        }
    }
    let gzip = Request::post("/api/v1/jobs").header("host", "localhost").header("content-encoding", "gzip");
    let gzip =
        gzip.header("content-type", "application/json").body(Body::from(&b"\x1f\x8b\x08"[..])).unwrap();
    stage.send(gzip).await.problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn a_hostile_address_is_refused_with_its_reason() {
    let stage = Stage::sqlite().await;
    for (path, status, kind) in [
        ("/api/v1/jobs?limit=-1", 400, "invalid-query"),
        ("/api/v1/jobs?limit=1000000000", 400, "invalid-query"),
        ("/api/v1/jobs?sort=name", 400, "invalid-query"),
        ("/api/v1/jobs?text=%00", 400, "invalid-query"),
        ("/api/v1/jobs?cursor=%27%3B--", 400, "invalid-cursor"),
        ("/api/v1/jobs/../../etc/passwd", 404, "unknown-route"),
        ("/api/v1/jobs/..%2f..%2fetc%2fpasswd", 400, "invalid-id"),
        ("/api/v1/sync/configs/%2e%2e/pause", 405, "wrong-method"),
        ("/api/v1/jobs/%00", 400, "invalid-query"),
    ] {
        let reply = stage.get(path).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text);
        reply.problem(status, kind);
        assert!(!reply.text.contains("number too large"), "{path}: {}", reply.text);
    }
}

#[tokio::test]
async fn a_problem_names_its_request_and_its_page() {
    let stage = Stage::sqlite().await;
    let request = Request::post("/api/v1/jobs").header("host", "localhost").header("x-request-id", "r-1");
    let request = request.header("content-type", "application/json");
    let body = json!({ "ful": true, "priority": 3, "items": { "side": "source", "ids": [1] } });
    let reply = stage.send(request.body(Body::from(body.to_string())).unwrap()).await;
    let problem = reply.problem(422, "invalid-body");
    assert_eq!((&problem["request_id"], reply.header("x-request-id")), (&json!("r-1"), "r-1"));
    let pointers: Vec<_> =
        problem["errors"].as_array().unwrap().iter().filter_map(|error| error["pointer"].as_str()).collect();
    for pointer in ["/ful", "/priority", "/items/ids/0", "/sync"] {
        assert!(pointers.contains(&pointer), "{pointer}: {problem}");
    }
    for time in ["tomorrow", "", "2026-13-01T00:00:00Z", "2026-11-30T12:00:00Z and so on", "2026-11"] {
        let reply = stage.post("/api/v1/jobs", json!({ "sync": "own", "not_before": time })).await;
        let error = reply.problem(422, "invalid-body")["errors"][0].clone();
        let detail = error["detail"].as_str().unwrap();
        assert!(
            error["pointer"] == "/not_before" && detail.contains("2026-11-30T12:00:00Z"),
            "{time}: {error}"
        );
    }
    let (page, anchor) = problem["docs"].as_str().unwrap().split_once('#').unwrap();
    let page = stage.get(page).await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.text.contains(&format!("id=\"{anchor}\"")), "{}", page.text);
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
}

/// Every kind that the code can answer has its paragraph, and every paragraph its kind.
#[test]
fn the_page_of_problems_has_every_kind_of_the_code() {
    let mut code = String::new();
    let mut folders = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => code.push_str(&std::fs::read_to_string(path).unwrap()),
            }
        }
    }
    let mut kinds = std::collections::BTreeSet::new();
    for (at, _) in code.match_indices("StatusCode::") {
        // The status, then the kind: the first text after it, if it is no title.
        let after = &code[at..(at + 160).min(code.len())];
        let Some(kind) = after.split('"').nth(1) else { continue };
        let before = after.split('"').next().unwrap();
        let is_refusal = !before.contains("::OK") && !before.contains("::ACCEPTED");
        let is_next = is_refusal && before.matches(',').count() == 1 && !before.contains([';', '{', '.']);
        if is_next && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') {
            kinds.insert(kind.to_owned());
        }
    }
    assert!(kinds.len() > 40 && kinds.contains("busy") && kinds.contains("duplicate-key"), "{kinds:?}");
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/problems.md")).unwrap();
    let told: std::collections::BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    let missing: Vec<_> = kinds.difference(&told).collect();
    assert!(missing.is_empty(), "docs/problems.md lacks {missing:?}");
    let gone: Vec<_> = told.difference(&kinds).collect();
    assert!(gone.is_empty(), "docs/problems.md tells of {gone:?}, which the code does not have");
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_and_cannot_be_made_up() {
    let stage = Stage::sqlite().await;
    for name in ["a", "b", "c"] {
        stage.sync(name, |_| {}).await;
        stage.post("/api/v1/jobs", json!({ "sync": name })).await;
    }
    let first = stage.get("/api/v1/jobs?limit=1").await.json();
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();
    let second = stage.get(&format!("/api/v1/jobs?limit=2&cursor={cursor}")).await.json();
    assert_eq!(second["jobs"].as_array().unwrap().len(), 2, "{second}");
    for foreign in
        ["/api/v1/dead?", "/api/v1/jobs?kind=sync&", "/api/v1/jobs?state=running&", "/api/v1/jobs?q=sync:a&"]
    {
        stage.get(&format!("{foreign}cursor={cursor}")).await.problem(400, "invalid-cursor");
    }
    let mut forged = 0;
    for place in 0..cursor.len() {
        for letter in ['A', 'b', '7', '_'] {
            let mut other: Vec<char> = cursor.chars().collect();
            if other[place] == letter {
                continue;
            }
            other[place] = letter;
            let other: String = other.into_iter().collect();
            // The last letter may have bits that mean nothing, and a text with other ones is refused as well.
            stage.get(&format!("/api/v1/jobs?limit=2&cursor={other}")).await.problem(400, "invalid-cursor");
            forged += 1;
        }
    }
    assert!(forged > 50, "{forged}");
    let long = "A".repeat(5_000);
    stage.get(&format!("/api/v1/jobs?cursor={long}")).await.problem(400, "invalid-cursor");
}

#[tokio::test]
async fn what_needs_nothing_said_takes_no_body() {
    let stage = Stage::sqlite().await;
    let sync = stage.sync("own", |_| {}).await;
    for path in ["/api/v1/queues/default/pause", &format!("/api/v1/sync/configs/{sync}/pause")] {
        let bare = Request::post(path).header("host", "localhost").body(Body::empty()).unwrap();
        assert_eq!(stage.send(bare).await.json()["changed"], true, "{path}");
        let text = Request::post(path).header("host", "localhost").body(Body::from("moving")).unwrap();
        stage.send(text).await.problem(415, "unsupported-media-type");
        stage.post(path, "[]").await.problem(422, "invalid-body");
    }
    let none = stage.post("/api/v1/dead/discard", json!({ "all": true })).await;
    assert_eq!(
        (none.status.as_u16(), &none.json()["count"]),
        (200, &json!(0)),
        "nothing is dead: {}",
        none.text
    );
}

#[tokio::test]
async fn a_wrong_part_of_a_path_is_told_by_its_name() {
    let stage = Stage::sqlite().await;
    for (path, field, told) in [
        ("operations/x", "id", "\"x\" in the path is not a UUID"),
        ("people/7", "id", "\"7\" in the path is not a UUID"),
        ("sync/configs/own/revisions/x", "revision", "\"x\" in the path is not a whole number below 2^63"),
        ("sync/mappings/9223372036854775808", "id", "is not a whole number below 2^63"),
    ] {
        let problem = stage.get(&format!("/api/v1/{path}")).await.problem(400, "invalid-id");
        assert_eq!(problem["errors"][0]["field"], field, "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(told), "{path}: {problem}");
    }
}

#[tokio::test]
async fn all_that_is_wrong_with_a_query_is_told_at_once() {
    let stage = Stage::sqlite().await;
    for (path, expected) in [
        ("jobs?state=ded&limit=0&older_than=soon&bogus=1", &["bogus", "limit", "older_than", "state"][..]),
        ("sync/history?status=bogus&kind=x&since=now&page=201", &["kind", "page", "since", "status"]),
        ("sync/stats?window=yesterday&limit=0&sync=a&sync=b", &["limit", "sync", "window"]),
        ("sync/stats/series?window=x&step=week", &["step", "window"]),
        ("dead/groups?error_kind=x&sort=x&limit=201", &["error_kind", "limit", "sort"]),
        ("sync/mappings?sync_status=x&config_id=x", &["config_id", "sync_status"]),
        ("audit?limit=1001&who=me", &["limit", "who"]),
        ("people/export?format=xml&bogus=1", &["bogus", "format"]),
        ("schedules?limit=x&page=2", &["limit", "page"]),
    ] {
        let reply = stage.get(&format!("/api/v1/{path}")).await;
        let problem = reply.problem(400, "invalid-query");
        let errors = problem["errors"].as_array().unwrap();
        let mut fields: Vec<&str> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
        fields.sort_unstable();
        assert_eq!(fields, expected, "{path}: {problem}");
        for field in fields {
            assert!(problem["detail"].as_str().unwrap().contains(&format!("{field}: ")), "{path}: {problem}");
        }
        no_word_of_rust(&reply.text);
    }
}

/// Fails if a text has words of the program's language.
#[track_caller]
fn no_word_of_rust(text: &str) {
    for word in
        ["struct", "u16", "u32", "u64", "i64", "target type", "variant", "digit found", "RunStatus", "`"]
    {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

/// Each form of value where another one belongs.
#[tokio::test]
async fn a_wrong_type_is_told_by_its_key_in_plain_words() {
    let stage = Stage::sqlite().await;
    let sync = stage.sync("own", |_| {}).await;
    let wrong =
        [json!(3), json!("10m"), json!([]), json!({}), json!(true), json!(1.5), json!(-1), json!(null)];
    let routes = [
        (
            "/api/v1/jobs".to_owned(),
            &["sync", "kind", "priority", "delay", "full", "items", "allow_deletes"][..],
        ),
        (format!("/api/v1/sync/configs/{sync}/run"), &["priority", "delay", "full", "items", "not_before"]),
        ("/api/v1/dead/replay".to_owned(), &["ids", "filter", "all", "count", "confirm"]),
        ("/api/v1/accounts".to_owned(), &["name", "platform", "base_url", "secret", "limits"]),
        ("/api/v1/tokens".to_owned(), &["name", "scopes"]),
        ("/api/v1/queues/default/pause".to_owned(), &["reason"]),
    ];
    let mut refused = 0;
    for (path, keys) in routes {
        for key in keys {
            for value in &wrong {
                let reply = stage.post(&path, json!({ (*key): value })).await;
                no_word_of_rust(&reply.text);
                if reply.status != 422 {
                    continue;
                }
                refused += 1;
                let problem = reply.problem(422, "invalid-body");
                let errors = problem["errors"].as_array().cloned().unwrap_or_default();
                let names = |error: &serde_json::Value| {
                    error["field"].as_str().unwrap().starts_with(key) && error["code"] == "wrong-type"
                };
                let of_type = errors.iter().any(|error| error["code"] == "wrong-type");
                assert!(!of_type || errors.iter().any(names), "{path} {key} {value}: {problem}");
            }
        }
        stage.post(&path, "[]").await.problem(422, "invalid-body");
    }
    assert!(refused > 100, "{refused}");
    let filter = json!({ "filter": { "older_than": "soon" }, "confirm": true });
    let problem = stage.post("/api/v1/dead/replay", filter).await.problem(422, "invalid-body");
    assert_eq!(problem["errors"][0]["pointer"], "/filter/older_than", "{problem}");
}

/// Also what a type cannot tell.
#[tokio::test]
async fn all_that_is_wrong_with_a_body_is_told_at_once() {
    let stage = Stage::sqlite().await;
    let soon = "2020-01-01T00:00:00Z";
    for (path, body, fields) in [
        ("tokens", json!({ "name": "ci", "scopes": ["nope"], "expires_at": "soon" }), "expires_at scopes"),
        (
            "tokens",
            json!({ "name": " ", "scopes": [], "expires_at": soon, "environment": "A b" }),
            "environment expires_at name scopes",
        ),
        (
            "accounts",
            json!({ "name": "a b", "platform": "nix", "base_url": "ftp://x", "secret": { "env": "" } }),
            "base_url name platform secret.env",
        ),
        ("accounts", json!({ "name": "a", "platform": "csv", "secret": {} }), "platform secret"),
        ("accounts", json!({ "name": "a", "platform": "nix", "secret": {} }), "platform secret"),
        (
            "sync/start",
            json!({ "project_id": [], "sync_type": "both" }),
            "project_id source_platform sync_type",
        ),
        (
            "status",
            json!({ "entityId": "", "entityType": "", "status": "Done", "source": "" }),
            "entityId entityType source",
        ),
    ] {
        let reply = stage.post(&format!("/api/v1/{path}"), &body).await;
        let problem = reply.problem(422, "invalid-body");
        let mut told: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|error| error["field"].as_str())
            .collect();
        told.sort_unstable();
        assert_eq!(told.join(" "), fields, "{path}: {}", reply.text);
    }
}
