//! Permissions, and responses to credentials that do not work.

use serde_json::{Value, json};

use crate::common::{Place, draft};

const FAILED: &str = "x-seraph-loginreason";

#[tokio::test]
async fn a_dead_token_sees_an_empty_site() {
    let place = Place::new().await;
    let key = place.creates(json!({})).await;
    assert!(place.search("project = SYNC").await.expect(200).headers.get(FAILED).is_none());
    place.control("PATCH", &format!("/jira/tokens/{}", place.token), json!({ "revoked": true }));
    let empty = place.search("project = SYNC").await.expect(200);
    assert_eq!((empty.keys().len(), empty.header(FAILED)), (0, "AUTHENTICATED_FAILED"));
    assert_eq!(place.get("/project/search").await.expect(200).body["values"], json!([]));
    place.get(&format!("/issue/{key}")).await.expect(404);
    let fetched = place.post("/issue/bulkfetch", json!({ "issueIdsOrKeys": [key] })).await.expect(200);
    assert_eq!((fetched.keys().len(), &fetched.body["issueErrors"][0]["id"]), (0, &json!(key)));
    assert_eq!(place.get("/myself").await.expect(401).header(FAILED), "AUTHENTICATED_FAILED");
    place.post("/issue", draft(json!({}))).await.expect(401);
    place.edit(&key, json!({ "summary": "B" })).await.expect(404);
    for (mode, status) in [("unauthorized", 401), ("forbidden", 403)] {
        place.settings(json!({ "dead_token": mode }));
        assert_eq!(
            place.search("project = SYNC").await.expect(status).header(FAILED),
            "AUTHENTICATED_FAILED"
        );
    }
}

#[tokio::test]
async fn tokens_expire_and_belong_to_their_address() {
    let place = Place::new().await;
    place.control("PATCH", &format!("/jira/tokens/{}", place.token), json!({ "expires_in": 60 }));
    assert_eq!(place.get("/myself").await.expect(200).body["displayName"], "Ada Quist");
    place.control("POST", "/clock", json!({ "advance": 60 }));
    place.get("/myself").await.expect(401);
    let place = place.acting("ada");
    let place = Place { email: "bruno@acme.example".to_owned(), ..place };
    place.get("/myself").await.expect(401);
    let place = place.anonymous();
    assert!(
        place.search("project = SYNC").await.expect(200).headers.get(FAILED).is_none(),
        "no credentials did not fail"
    );
    // A user that was deactivated.
    let place = place.acting("bruno");
    place.control("PATCH", "/jira/users/bruno", json!({ "active": false }));
    place.get("/myself").await.expect(401);
}

#[tokio::test]
async fn hidden_records_are_not_found() {
    let place = Place::new().await;
    place.control("POST", "/jira/projects/SEC/issues", json!({ "summary": "Secret" }));
    place.person_creates(json!({ "summary": "Level" }));
    place.person_creates(json!({ "summary": "Open" }));
    place.control("PATCH", "/jira/issues/SYNC-1", json!({ "visible_to": ["ada"] }));
    assert_eq!(place.search("project in (SYNC, SEC)").await.keys().len(), 3);
    let place = place.acting("bruno");
    place.get("/project/SEC").await.expect(404);
    for key in ["SEC-1", "SYNC-1"] {
        place.get(&format!("/issue/{key}")).await.expect(404);
        place.edit(key, json!({ "summary": "B" })).await.expect(404);
        place.get(&format!("/issue/{key}/properties")).await.expect(404);
    }
    assert!(place.search("project = SEC").await.expect(400).message().contains("does not exist"));
    assert_eq!(place.search("project = SYNC").await.keys(), ["SYNC-2"]);
    let keys: Vec<Value> = place.get("/project/search").await.body["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["key"].clone())
        .collect();
    assert_eq!(keys, ["SYNC", "TEAM"]);
    place.control("PATCH", "/jira/issues/SYNC-1", json!({ "visible_to": null }));
    place.get("/issue/SYNC-1").await.expect(200);
}

#[tokio::test]
async fn permissions_are_checked_for_each_change() {
    let place = Place::new().await.acting("emil");
    place.person_creates(json!({ "summary": "A" }));
    place.get("/issue/SYNC-1").await.expect(200);
    place.edit("SYNC-1", json!({ "summary": "B" })).await.expect(403);
    place.put("/issue/SYNC-1/properties/x", json!(1)).await.expect(403);
    place.send("DELETE", "/issue/SYNC-1", Value::Null).await.expect(403);
    assert!(place.post("/issue", draft(json!({}))).await.expect(400).body["errors"]["project"].is_string());
    let place = place.acting("bruno");
    place.edit("SYNC-1", json!({ "summary": "B" })).await.expect(204);
    place.send("DELETE", "/issue/SYNC-1", Value::Null).await.expect(403);
    let reporter = json!({ "reporter": { "accountId": place.account("ada") } });
    assert!(place.edit("SYNC-1", reporter.clone()).await.expect(400).body["errors"]["reporter"].is_string());
    let place = place.acting("ada");
    place.edit("SYNC-1", reporter).await.expect(204);
    place.control(
        "PUT",
        "/jira/projects/SYNC/members/bruno",
        json!({ "role": ["BROWSE_PROJECTS", "EDIT_ISSUES"] }),
    );
    let place = place.acting("bruno");
    place.edit("SYNC-1", json!({ "summary": "C" })).await.expect(204);
    assert!(
        place.edit("SYNC-1", json!({ "assignee": null })).await.expect(400).body["errors"]["assignee"]
            .is_string()
    );
}

#[tokio::test]
async fn permissions_are_listed() {
    let place = Place::new().await.acting("bruno");
    let path = "/mypermissions?projectKey=SYNC&permissions=EDIT_ISSUES,DELETE_ISSUES,ADMINISTER";
    let told = place.get(path).await.expect(200).body["permissions"].clone();
    assert_eq!(
        (&told["EDIT_ISSUES"]["havePermission"], &told["DELETE_ISSUES"]["havePermission"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(told["ADMINISTER"]["havePermission"], false);
    place.get("/mypermissions").await.expect(400);
    place.get("/mypermissions?permissions=FLY").await.expect(400);
    place.get("/mypermissions?projectKey=SEC&permissions=EDIT_ISSUES").await.expect(404);
}

#[tokio::test]
async fn people_are_named_by_account_id_alone() {
    let place = Place::new().await;
    place.control("PATCH", "/jira/users/bruno", json!({ "shows_email": false }));
    let found = |query: &'static str| {
        let request = place.request("GET", query);
        async move { crate::common::got(request).await.expect(200).body.as_array().unwrap().len() }
    };
    assert_eq!(found("/user/search?query=emil@acme.example").await, 1);
    assert_eq!(found("/user/search?query=bruno@acme.example").await, 0, "a hidden address finds no user");
    assert_eq!(found("/user/search?query=tamm").await, 1);
    assert_eq!(found("/user/assignable/search?project=SYNC&query=").await, 2, "a viewer cannot be assigned");
    for path in [
        "/user/search?username=ada",
        "/user/assignable/search?project=SYNC&username=ada",
        "/user?key=ada",
        "/user/search",
    ] {
        place.get(path).await.expect(400);
    }
    let bruno = place.account("bruno");
    let read = place.get(&format!("/user?accountId={bruno}")).await.expect(200).body;
    assert!(
        read["displayName"] == "Bruno Tamm"
            && read.get("emailAddress").is_none()
            && read.get("name").is_none()
    );
    let bulk = place
        .get(&format!("/user/bulk?accountId={bruno}&accountId={}", place.account("ada")))
        .await
        .expect(200);
    assert_eq!(
        (&bulk.body["total"], &bulk.body["values"][1]["emailAddress"]),
        (&json!(2), &json!("ada@acme.example"))
    );
    let key = place.creates(json!({})).await;
    for wrong in [
        json!({ "name": "bruno" }),
        json!({ "key": "bruno" }),
        json!({ "accountId": "nobody" }),
        json!({ "accountId": place.account("emil") }),
    ] {
        assert!(
            place.edit(&key, json!({ "assignee": wrong })).await.expect(400).body["errors"]["assignee"]
                .is_string()
        );
    }
    let path = format!("/issue/{key}/assignee");
    place.put(&path, json!({ "accountId": bruno })).await.expect(204);
    assert_eq!(place.field(&key, "assignee").await["accountId"], json!(bruno));
    place.put(&path, json!({ "accountId": null })).await.expect(204);
    assert_eq!(place.field(&key, "assignee").await, Value::Null);
    let place = place.acting("bruno");
    assert_eq!(
        place.get("/myself").await.body["emailAddress"],
        "bruno@acme.example",
        "one's own address is shown"
    );
}

#[tokio::test]
async fn every_response_has_an_id() {
    let place = Place::new().await;
    let (one, other) = (place.get("/myself").await, place.get("/nothing").await.expect(404));
    assert!(
        one.header("atl-traceid").len() == 32 && one.header("x-arequestid") != other.header("x-arequestid")
    );
    assert!(other.header("atl-traceid").len() == 32 && !other.message().is_empty());
    place.send("PATCH", "/issue/SYNC-1", json!({})).await.expect(405);
    place.settings(json!({ "body_limit": 100 }));
    place.post("/issue", draft(json!({ "summary": "x".repeat(200) }))).await.expect(413);
}
