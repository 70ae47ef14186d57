use rstest::rstest;
use serde_json::json;

use super::*;

fn issue(more: Json) -> Issue {
    let mut json = json!({
        "number": 1, "title": "Title", "state": "open", "body": "text\r\n\r\n<!-- syncline:sl-a -->",
        "labels": [{"name": "bug"}], "assignees": [{"login": "ada"}],
    });
    json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(json).unwrap()
}

fn draft(fields: Json) -> Draft {
    Draft::read(&syncline_engine::value::fields_from_json(&fields)).unwrap()
}

fn update(fields: Json) -> Json {
    Json::Object(draft(fields).update(Some("sl-a".to_owned())))
}

#[test]
fn a_create_carries_its_marker() {
    let request = draft(json!({
        "title": "T", "body": "one\r\ntwo <!-- syncline:sl-copied -->", "labels": ["b", "a"], "assignees": [],
        "type": "Bug", "state": "closed",
    }))
    .create("sl-new");
    assert_eq!(
        Json::Object(request),
        json!({
            "title": "T", "body": "one\ntwo \n\n<!-- syncline:sl-new -->", "labels": ["a", "b"], "type": "Bug",
        })
    );
    let least = draft(json!({"title": "T"})).create("sl-new");
    assert_eq!(Json::Object(least), json!({"title": "T", "body": "<!-- syncline:sl-new -->"}));
}

#[rstest]
#[case(json!({"title": "New"}), json!({"title": "New"}))]
#[case(json!({"body": "new"}), json!({"body": "new\n\n<!-- syncline:sl-a -->"}))]
#[case(json!({"body": null}), json!({"body": "<!-- syncline:sl-a -->"}))]
#[case(json!({"body": "x <!-- syncline:sl-b -->"}), json!({"body": "x \n\n<!-- syncline:sl-a -->"}))]
#[case(json!({"labels": null, "assignees": ["chen", "ada"]}), json!({"labels": [], "assignees": ["ada", "chen"]}))]
#[case(json!({"type": null}), json!({"type": null}))]
#[case(json!({"state": "closed"}), json!({"state": "closed"}))]
#[case(json!({"status": "not_planned"}), json!({"state": "closed", "state_reason": "not_planned"}))]
#[case(json!({"status": "open"}), json!({"state": "open"}))]
#[case(json!({"state": "open", "state_reason": null}), json!({"state": "open"}))]
#[case(json!({"fields.Priority": "High"}), json!({}))]
fn an_update_sends_only_what_is_given(#[case] fields: Json, #[case] request: Json) {
    assert_eq!(update(fields), request);
}

#[test]
fn a_body_without_a_marker_gets_none() {
    assert_eq!(draft(json!({"body": "new"})).update(None)["body"], "new");
}

#[test]
fn what_github_drops_is_left_out() {
    let draft = draft(json!({
        "title": "T", "body": "a long text", "labels": ["bug", "ui"], "assignees": ["ada", "eve"], "type": "Bug",
        "state": "closed", "state_reason": "duplicate",
    }));
    let made = issue(json!({"body": "a long", "state": "closed", "state_reason": "completed"}));
    let left_out: Vec<String> =
        draft.left_out(&made).into_iter().map(|(field, error)| format!("{field}: {error}")).collect();
    let begins = |at: usize, text: &str| assert!(left_out[at].starts_with(text), "{left_out:#?}");
    begins(0, "body: GitHub left it out: of 11 characters it kept 6");
    begins(1, "labels: GitHub left it out: ui; the token needs");
    begins(2, "assignees: GitHub left it out: eve; only people");
    begins(3, "type: GitHub left it out: the type \"Bug\"");
    begins(4, "state_reason: GitHub left it out: it changes the reason only together with the state");
    assert_eq!(left_out.len(), 5);
}

#[test]
fn what_was_taken_is_not_left_out() {
    let draft = draft(
        json!({"title": " T ", "body": "text\n", "labels": ["Bug"], "assignees": ["ADA"], "state": "open"}),
    );
    assert_eq!(draft.left_out(&issue(json!({}))), []);
}

#[rstest]
#[case(json!({"colour": "red"}), "field colour: issues of GitHub have no field \"colour\"")]
#[case(json!({"number": 3}), "field number: GitHub sets it by itself; map it in the other direction only")]
#[case(json!({"state": "open", "status": "completed"}), "field status: contradicts the state written with it; map either status or state")]
fn what_does_not_fit_is_refused_before_sending(#[case] fields: Json, #[case] message: &str) {
    let refused = Draft::read(&syncline_engine::value::fields_from_json(&fields)).unwrap_err();
    assert_eq!(refused.message, message);
}
