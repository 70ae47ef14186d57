//! Results of searches, and refused queries.

use serde_json::{Value, json};

use crate::common::{Place, document};

/// Creates five issues with different values.
async fn filled() -> Place {
    let place = Place::new().await;
    for issue in [
        json!({ "summary": "Fix the login form", "labels": ["ui"], "priority": "High", "assignee": "bruno" }),
        json!({ "summary": "Fix search results", "labels": ["ui", "back-end"], "status": "In Progress" }),
        json!({ "summary": "Describe the API", "description": "A login is needed", "status": "Done", "priority": "Low" }),
        json!({ "summary": "Rename login to sign-in", "duedate": "2026-12-24", "type": "Bug" }),
        json!({ "summary": "Unrelated", "reporter": "bruno" }),
    ] {
        place.person_creates(issue);
    }
    place
}

#[tokio::test]
async fn queries_select_issues() {
    let place = filled().await;
    let number = json!({ "name": "Points", "kind": "number" });
    let points = place.control("POST", "/jira/fields", number)["id"].as_str().unwrap().to_owned();
    place.control("PATCH", "/jira/issues/SYNC-1", json!({ "Points": 3 }));
    let cf = format!("cf[{}]", points.trim_start_matches("customfield_"));
    for (jql, wanted) in [
        ("project = SYNC and status = Done", "3"),
        ("project = sync and status != \"To Do\" and status in (\"in progress\", done)", "23"),
        ("project = Sync and statusCategory = \"In Progress\"", "2"),
        ("project in (SYNC, TEAM) and labels = ui", "12"),
        ("project = SYNC and labels in (back-end, other)", "2"),
        ("project = SYNC and labels is empty", "345"),
        ("project = SYNC and summary ~ \"login\"", "14"),
        ("project = SYNC and summary ~ \"fix log*\"", "1"),
        ("project = SYNC and summary ~ \"fix login form\"", "1"),
        ("project = SYNC and summary ~ \"\\\"login form\\\"\"", "1"),
        ("project = SYNC and text ~ login", "134"),
        ("project = SYNC and description ~ needed", "3"),
        ("project = SYNC and key in (SYNC-2, SYNC-4)", "24"),
        ("project = SYNC and issuekey != SYNC-2 and not labels = ui", "345"),
        ("project = SYNC and priority >= High", "1"),
        ("project = SYNC and priority < Medium", "3"),
        ("project = SYNC and assignee is not empty", "1"),
        ("project = SYNC and reporter = currentUser()", "1234"),
        ("project = SYNC and resolution = Unresolved", "1245"),
        ("project = SYNC and resolution = Done", "3"),
        ("project = SYNC and (type = Bug or due >= 2026-12-24)", "4"),
        ("project = SYNC and due < \"2026-12-24\"", ""),
        ("project = SYNC and issuetype not in (Bug)", "1235"),
        (&format!("project = SYNC and {cf} >= 3"), "1"),
        ("project = SYNC and Points < 3", ""),
        ("project = SYNC and created >= -1d", "12345"),
    ] {
        let got = place.search(&format!("{jql} ORDER BY key ASC")).await;
        let found: String =
            got.expect(200).keys().iter().map(|key| key.trim_start_matches("SYNC-").to_owned()).collect();
        assert_eq!(found, wanted, "{jql}");
    }
}

#[tokio::test]
async fn results_are_ordered() {
    let place = filled().await;
    for (order, wanted) in [
        ("", "54321"),
        ("order by key", "12345"),
        ("order by created desc", "54321"),
        ("order by priority desc, key asc", "12453"),
        ("order by summary", "32145"),
        ("order by duedate asc, id desc", "45321"),
    ] {
        let got = place.search(&format!("project = SYNC {order}")).await.expect(200);
        let found: String = got.keys().iter().map(|key| key.trim_start_matches("SYNC-").to_owned()).collect();
        assert_eq!(found, wanted, "{order}");
    }
    place.control("POST", "/clock", json!({ "advance": 5 }));
    place.control("PATCH", "/jira/issues/SYNC-2", json!({ "summary": "Edited" }));
    assert_eq!(place.search("project = SYNC order by updated").await.keys().last().unwrap(), "SYNC-2");
    place.control("POST", "/jira/projects/TEAM/issues", json!({ "summary": "T" }));
    let both = place.search("project in (SYNC, TEAM) order by updated desc, key").await.keys();
    assert_eq!(both[..2], ["TEAM-1", "SYNC-2"]);
    let both = place.search("project in (SYNC, TEAM) order by key desc").await.keys();
    assert_eq!((both[0].as_str(), both[5].as_str()), ("TEAM-1", "SYNC-1"));
}

#[tokio::test]
async fn wrong_queries_are_refused_with_a_reason() {
    let place = filled().await;
    for (jql, reason) in [
        ("", "Unbounded JQL queries are not allowed here."),
        ("order by updated", "Unbounded JQL queries are not allowed here."),
        ("project SYNC", "Error in the JQL Query: Expecting operator but got 'SYNC'."),
        ("project = \"SYNC", "Error in the JQL Query: The quoted string 'SYNC' has not been completed."),
        ("colour = red", "Field 'colour' does not exist or you do not have permission to view it."),
        ("customfield_10001 = 1", "Field 'customfield_10001' does not exist"),
        ("project = NOPE", "The value 'NOPE' does not exist for the field 'project'."),
        ("project = SYNC and status = Nope", "The value 'Nope' does not exist for the field 'status'."),
        ("key = SYNC-99", "An issue with key 'SYNC-99' does not exist for field 'key'."),
        ("id = 99999", "A value with ID '99999' does not exist for the field 'id'."),
        ("summary = x", "The operator '=' is not supported by the 'summary' field."),
        ("updated >= yesterday", "Date value 'yesterday' for field 'updated' is invalid."),
        ("assignee = nobody", "The value 'nobody' does not exist for the field 'assignee'."),
        ("issue.property[syncline].id = 1", "Field 'issue.property[syncline].id' does not exist"),
        ("project = SYNC order by colour", "Not able to sort using field 'colour'."),
    ] {
        let got = place.search(jql).await.expect(400);
        assert!(got.message().starts_with(reason), "{jql}: {}", got.text);
    }
    place.settings(json!({ "refuse_missing": false }));
    assert!(place.search("project = NOPE").await.expect(200).keys().is_empty());
    assert_eq!(place.search("key in (SYNC-99, SYNC-1)").await.expect(200).keys(), ["SYNC-1"]);
}

#[tokio::test]
async fn the_former_search_is_gone() {
    let place = Place::new().await;
    assert!(
        place.get("/search?jql=project=SYNC").await.expect(410).message().contains("/rest/api/3/search/jql")
    );
    place.post("/search", json!({ "jql": "project = SYNC" })).await.expect(410);
}

#[tokio::test]
async fn properties_are_searched_once_an_app_declares_them() {
    let place = filled().await;
    place
        .put("/issue/SYNC-2/properties/syncline", json!({ "link": { "id": "L7", "n": 3 } }))
        .await
        .expect(201);
    place.settings(json!({ "indexed_properties": ["syncline"] }));
    for jql in ["issue.property[syncline].link.id = L7", "issue.property[syncline].link.n in (3, 4)"] {
        assert_eq!(place.search(&format!("project = SYNC and {jql}")).await.expect(200).keys(), ["SYNC-2"]);
    }
    assert!(place.search("issue.property[syncline].link.id = L8").await.expect(200).keys().is_empty());
}

#[tokio::test]
async fn a_new_issue_is_found_after_the_lag_or_on_demand() {
    let place = Place::new().await;
    place.control("POST", "/clock", json!({ "stop": true }));
    place.settings(json!({ "index_lag_ms": 60_000 }));
    let made = place.post("/issue", crate::common::draft(json!({}))).await.expect(201);
    assert!(place.search("project = SYNC").await.expect(200).keys().is_empty());
    let id: u64 = made.body["id"].as_str().unwrap().parse().unwrap();
    let body = json!({ "jql": "project = SYNC", "fields": ["summary"], "reconcileIssues": [id] });
    assert_eq!(place.post("/search/jql", body).await.expect(200).keys(), ["SYNC-1"]);
    place.creates(json!({})).await;
    place.control("POST", "/clock", json!({ "advance": 59 }));
    assert_eq!(place.search("project = SYNC").await.keys().len(), 1);
    place.control("POST", "/clock", json!({ "advance": 1 }));
    assert_eq!(place.search("project = SYNC").await.keys().len(), 2);
    let many: Vec<u64> = (0..51).collect();
    place.post("/search/jql", json!({ "jql": "project = SYNC", "reconcileIssues": many })).await.expect(400);
}

#[tokio::test]
async fn an_edited_issue_is_old_or_missing_until_the_lag_is_over() {
    let place = Place::new().await;
    place.control("POST", "/clock", json!({ "stop": true }));
    let key = place.creates(json!({ "summary": "Old" })).await;
    place.settings(json!({ "index_lag_ms": 10_000 }));
    place.control("POST", "/clock", json!({ "advance": 5 }));
    place.edit(&key, json!({ "summary": "New" })).await.expect(204);
    assert_eq!(place.search("project = SYNC").await.body["issues"][0]["fields"]["summary"], "Old");
    assert_eq!(place.field(&key, "summary").await, "New", "reading by key does not lag");
    place.control("POST", "/clock", json!({ "advance": 10 }));
    assert_eq!(place.search("project = SYNC").await.body["issues"][0]["fields"]["summary"], "New");
    place.settings(json!({ "lagging_edit": "missing" }));
    place.edit(&key, json!({ "summary": "Newer" })).await.expect(204);
    assert!(place.search("project = SYNC").await.keys().is_empty());
    place.control("POST", "/clock", json!({ "advance": 10 }));
    assert_eq!(place.search("summary ~ newer").await.keys(), [key.as_str()]);
    assert!(place.search("summary ~ new").await.keys().is_empty(), "old words are forgotten");
    place.control("POST", &format!("/jira/issues/{key}/index"), json!({ "hide_ms": 3_000 }));
    assert!(place.search("project = SYNC").await.keys().is_empty());
    place.control("POST", "/clock", json!({ "advance": 3 }));
    assert_eq!(place.search("project = SYNC").await.keys(), [key.as_str()]);
    // The lag can be set for one change.
    place.control("PATCH", &format!("/jira/issues/{key}"), json!({ "summary": "Slow", "lag_ms": 0 }));
    assert_eq!(place.search("summary ~ slow").await.keys(), [key.as_str()]);
}

#[tokio::test]
async fn some_changes_may_lag_and_others_not() {
    let place = Place::new().await;
    place.settings(json!({ "index_lag_ms": 600_000, "lagging_percent": 20 }));
    for _ in 0..100 {
        place.person_creates(json!({ "summary": "A" }));
    }
    let found = place.search("project = SYNC").await.expect(200).keys().len();
    assert!((60..=95).contains(&found), "{found} of 100");
}

#[tokio::test]
async fn dates_are_read_in_the_viewers_zone_and_by_the_minute() {
    let place = Place::new().await;
    let at = "2026-09-21T14:13:20.500Z";
    place.person_creates(json!({ "summary": "A", "created_at": at, "updated_at": at }));
    let found = |place: &Place, jql: &str| {
        let search = place.request("POST", "/search/jql").json(&json!({ "jql": jql, "fields": ["summary"] }));
        async move { crate::common::got(search).await.expect(200).keys().len() }
    };
    let utc = [
        ("updated >= \"2026-09-21 14:13\"", 1),
        ("updated >= \"2026-09-21 14:14\"", 0),
        ("updated <= \"2026-09-21 14:13\"", 0),
        ("updated >= 1790000000500", 1),
        ("updated >= 1790000000501", 0),
        ("updated < \"2026/09/22\"", 1),
    ];
    for (jql, count) in utc {
        assert_eq!(found(&place, jql).await, count, "{jql}");
    }
    // Berlin is two hours ahead: the same text means an earlier time there.
    let place = place.acting("bruno");
    assert_eq!(found(&place, "updated >= \"2026-09-21 16:13\"").await, 1);
    assert_eq!(found(&place, "updated >= \"2026-09-21 16:14\"").await, 0);
    assert_eq!(found(&place, "updated >= 1790000000500").await, 1, "numbers know no zone");
    assert_eq!(place.field("SYNC-1", "updated").await, "2026-09-21T16:13:20.500+0200");
    assert_eq!(place.get("/myself").await.body["timeZone"], "Europe/Berlin");
}

#[tokio::test]
async fn the_number_of_results_is_counted_apart() {
    let place = filled().await;
    let count =
        place.post("/search/approximate-count", json!({ "jql": "project = SYNC and labels = ui" })).await;
    assert_eq!(count.expect(200).body, json!({ "count": 2 }));
    place.post("/search/approximate-count", json!({ "jql": "" })).await.expect(400);
    let page = place.search("project = SYNC").await.body;
    assert!(page.get("total").is_none() && page.get("startAt").is_none());
}

#[tokio::test]
async fn results_have_only_the_requested_fields() {
    let place = Place::new().await;
    place.person_creates(json!({ "summary": "A", "description": "text" }));
    let ask = |body: Value| {
        let request = place.request("POST", "/search/jql").json(&body);
        async move { crate::common::got(request).await }
    };
    let usual = ask(json!({ "jql": "project = SYNC" })).await.expect(200).body["issues"][0].clone();
    assert_eq!(usual.as_object().unwrap().keys().collect::<Vec<_>>(), ["id"]);
    let key = ask(json!({ "jql": "project = SYNC", "fields": ["key"] })).await.body["issues"][0].clone();
    assert!(key["key"] == "SYNC-1" && key.get("fields").is_none());
    let all = ask(json!({ "jql": "project = SYNC", "fields": ["*all"], "expand": "names,schema" }))
        .await
        .expect(200);
    assert_eq!(all.body["issues"][0]["fields"]["description"], document("text"));
    assert_eq!(all.body["names"]["summary"], "Summary");
    let by_get = place.get("/search/jql?jql=project%3DSYNC&fields=summary,labels").await.expect(200);
    assert_eq!(by_get.body["issues"][0]["fields"], json!({ "summary": "A", "labels": [] }));
    for wrong in [
        json!({ "jql": "project = SYNC", "startAt": 0 }),
        json!({ "jql": "project = SYNC", "validateQuery": "none" }),
        json!({ "jql": "project = SYNC", "expand": ["names"] }),
        json!({ "jql": "project = SYNC", "fields": "summary" }),
        json!({ "jql": "project = SYNC", "reconcileIssues": ["10001"] }),
        json!({ "jql": "project = SYNC", "maxResults": "50" }),
        json!({ "jql": "project = SYNC", "maxResults": 5_001 }),
        json!({ "jql": "project = SYNC", "properties": ["1", "2", "3", "4", "5", "6"] }),
    ] {
        ask(wrong).await.expect(400);
    }
}
