//! GraphQL: errors with a status of 200, about all or about a part.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_connectors::http::{Failed, GraphqlReply, Sent};
use syncline_engine::{
    limits::CallResult,
    ports::{ErrorKind, ErrorScope, Stopped},
};

use crate::{
    server::Server,
    stage::{HOURLY, May, Stage, client},
};

async fn ask(status: u16, body: Json, mutates: bool, stage: &Stage) -> Result<GraphqlReply, Failed> {
    let server = Server::answering(status, &[], &body.to_string()).await;
    let client = client(&server.url());
    let request = match mutates {
        true => client.mutation(&["graphql"], "mutation { a b }", &json!({ "n": 1 })),
        false => client.query(&["graphql"], "{ a b }", &json!({ "n": 1 })),
    };
    let reply = request.cost(&HOURLY, 3.0).send(&stage.call()).await;
    let sent: Json = serde_json::from_str(&server.only().body).unwrap();
    assert_eq!(sent["variables"], json!({ "n": 1 }));
    reply
}

#[tokio::test]
async fn an_answer_without_errors_is_complete() {
    let stage = Stage::new();
    let reply = ask(200, json!({ "data": { "a": 1, "b": null } }), false, &stage).await.unwrap();
    assert_eq!(reply.complete::<Json>().unwrap(), json!({ "a": 1, "b": null }));
    assert_eq!(
        (stage.gate.asked(), stage.gate.ended().0),
        (vec![vec![("hourly".to_owned(), 3.0)]], CallResult::Works)
    );
}

#[tokio::test]
async fn an_error_about_a_part_leaves_the_others() {
    let body = json!({
        "data": { "a": { "id": 1 }, "b": null, "c": null },
        "errors": [{ "message": "no such thing", "path": ["b", 0, "x"], "extensions": { "code": "NOT_FOUND" } }],
    });
    let mut reply = ask(200, body.clone(), true, &Stage::new()).await.unwrap();
    assert_eq!(reply.part::<Json>("a").unwrap(), json!({ "id": 1 }));
    assert_eq!(reply.part::<Option<u8>>("c").unwrap(), None);
    let failed = reply.part::<Json>("b").unwrap_err();
    assert_eq!(
        (failed.error.kind, failed.error.scope, failed.sent),
        (ErrorKind::NotFound, ErrorScope::Item, Sent::Refused)
    );
    assert!(failed.error.message.ends_with("(NOT_FOUND): no such thing"), "{failed}");
    assert_eq!(failed.error.answer.unwrap().code.as_deref(), Some("NOT_FOUND"));
    assert_eq!(reply.errors[0].path, ["b", "0", "x"]);
    let whole = ask(200, body, true, &Stage::new()).await.unwrap().complete::<Json>().unwrap_err();
    assert_eq!(whole.error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_failure_of_the_server_leaves_the_write_of_a_part_unknown() {
    let body = json!({
        "data": { "a": null, "b": {} },
        "errors": [{ "message": "oops", "path": ["a"], "extensions": { "code": "INTERNAL" } }],
    });
    let failed = ask(200, body, true, &Stage::new()).await.unwrap().part::<Json>("a").unwrap_err();
    assert_eq!((failed.error.kind, failed.sent), (ErrorKind::Transient, Sent::Unknown));
}

#[rstest]
#[case(json!({ "errors": [{ "message": "field x is unknown" }] }), ErrorKind::Permanent)]
#[case(json!({ "data": null, "errors": [{ "message": "field x is unknown" }] }), ErrorKind::Permanent)]
#[tokio::test]
async fn an_error_about_all_fails_the_operation(#[case] body: Json, #[case] kind: ErrorKind) {
    let failed = match ask(200, body, true, &Stage::new()).await {
        Ok(reply) => reply.complete::<Json>().unwrap_err(),
        Err(failed) => failed,
    };
    assert_eq!((failed.error.kind, failed.sent), (kind, Sent::Refused));
    assert!(failed.error.message.contains("field x is unknown"), "{failed}");
}

#[rstest]
#[tokio::test]
async fn case_112_a_400_that_is_a_429(#[values(200, 400)] status: u16) {
    let stage = Stage::new();
    let body = json!({
        "data": { "a": 1, "b": null },
        "errors": [{ "message": "slower", "path": ["b"], "extensions": { "code": "LIMITED" } }],
    });
    let failed = ask(status, body, true, &stage).await.unwrap_err();
    assert!(matches!(failed.error.kind, ErrorKind::RateLimited { .. }), "{failed:?}");
    let (result, learned) = stage.gate.ended();
    assert_eq!((result, learned.blocked_for.is_some()), (CallResult::Unknown, true));
}

#[tokio::test]
async fn what_is_no_answer_of_graphql_is_an_error() {
    for mutates in [false, true] {
        let failed = ask(200, json!({ "hello": 1 }), mutates, &Stage::new()).await.unwrap_err();
        assert!(failed.error.message.contains("neither data nor errors"), "{failed}");
        assert_eq!(failed.sent == Sent::Unknown, mutates);
    }
}

#[tokio::test]
async fn a_mutation_needs_leave_and_a_query_does_not() {
    let stage = Stage { leave: May(false), ..Stage::new() };
    let server = Server::answering(200, &[], r#"{"data": {}}"#).await;
    let client = client(&server.url());
    client.query(&["graphql"], "{ a }", &json!({})).send(&stage.call()).await.unwrap();
    let failed =
        client.mutation(&["graphql"], "mutation { a }", &json!({})).send(&stage.call()).await.unwrap_err();
    assert_eq!((failed.sent, failed.error.kind), (Sent::No, ErrorKind::Stopped(Stopped::LeaseLost)));
    assert_eq!(server.seen().len(), 1);
}
