//! The documents against Linear's published schema.
//!
//! Without a [checker](contracts::checker) the test says so and passes.

use std::{io::Write, process::Command};

use serde_json::{Value as Json, json};
use syncline_support::contracts;

use super::*;

/// Every document, with variables that fit.
fn documents() -> Vec<(String, Json)> {
    let team = json!({ "key": { "eq": "ENG" } });
    let updated = json!({ "gte": "2026-11-20T10:00:00.000Z", "lte": "2026-11-20T11:00:00.000Z" });
    let filter = json!({ "team": team, "updatedAt": updated, "createdAt": updated, "project": { "name": { "eq": "x" } } });
    let ids = json!({ "id": { "in": ["3f0d4f4e-7c0d-4a3e-9d3e-0d4f4e7c0d4a"] } });
    let keys = json!({ "team": team, "or": [{ "title": { "eq": "x" } }, { "number": { "eq": 12 } }] });
    let labels = json!({ "or": [{ "team": team }, { "team": { "null": true } }] });
    let new = json!({
        "id": "3f0d4f4e-7c0d-4a3e-9d3e-0d4f4e7c0d4a", "teamId": "t", "projectId": "p", "title": "T",
        "description": "D", "priority": 2, "stateId": "s", "estimate": 3, "labelIds": ["l"], "assigneeId": "u",
        "dueDate": "2026-11-20", "parentId": "ENG-1",
    });
    let change = json!({
        "title": "T", "description": null, "priority": 0, "stateId": "s", "estimate": null, "labelIds": [],
        "addedLabelIds": ["l"], "removedLabelIds": ["m"], "assigneeId": null, "dueDate": null, "parentId": null,
    });
    let steps = [Step::Create, Step::Update, Step::Archive, Step::Trash, Step::Label];
    let mut all = vec![
        (ISSUES, json!({ "team": team, "filter": filter, "first": 100, "after": "x", "archived": true, "order": "updatedAt" })),
        (ISSUES, json!({ "team": { "id": { "eq": "t" } }, "filter": {}, "first": 100, "after": null, "archived": false, "order": "createdAt" })),
        (FETCH, json!({ "filter": ids, "first": 1 })),
        (FETCH, json!({ "filter": keys, "first": 20 })),
        (READER, json!({ "team": team })),
        (VIEWER, json!({})),
        (TEAMS, json!({ "first": 100, "after": null })),
        (TEAM, json!({ "team": team, "first": 100 })),
        (LABELS, json!({ "filter": labels, "first": 100 })),
        (LABELS, json!({ "filter": { "id": { "in": ["l"] } }, "first": 100, "after": "x" })),
        (PEOPLE, json!({ "first": 100 })),
        (PROJECTS, json!({ "filter": { "name": { "eq": "x" } } })),
        (CREATE, json!({ "input": { "issues": [new, new] } })),
    ]
    .into_iter()
    .map(|(text, variables)| (text.to_owned(), variables))
    .collect::<Vec<_>>();
    let variables = json!({
        "input0": new, "id1": "x", "input1": change, "id2": "x", "id3": "x",
        "input4": { "name": "l", "teamId": "t" },
    });
    all.push((mutation(&steps), variables));
    all
}

#[test]
#[allow(clippy::print_stdout, reason = "the test says aloud what it did not check")]
fn documents_fit_the_published_schema() {
    let checker = match contracts::checker() {
        Ok(checker) => checker,
        Err(why) => return println!("NOT CHECKED: {why}"),
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for (query, variables) in documents() {
        let exchange = json!({
            "platform": "linear", "method": "POST", "url": "https://api.linear.app/graphql",
            "headers": { "authorization": "***", "content-type": "application/json" }, "body": { "query": query, "variables": variables }, "status": 200, "response_body": { "data": null },
        });
        writeln!(file, "{exchange}").unwrap();
    }
    let checked = Command::new(checker).arg(file.path()).output().unwrap();
    let (told, errors) = (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    assert!(checked.status.success(), "{told}{errors}");
    assert!(told.contains("linear"), "nothing was checked:\n{told}{errors}");
}

/// A list within a list would be paid for once for every entry of the outer one.
#[test]
fn case_113_no_list_is_nested_in_another_one() {
    for (text, _) in documents() {
        let mut lists = 0;
        let mut open = Vec::new();
        for word in text.replace('{', " { ").replace('}', " } ").split_whitespace() {
            match word {
                "{" => open.push(false),
                "}" => lists -= usize::from(open.pop() == Some(true)),
                "nodes" => {
                    lists += 1;
                    *open.last_mut().unwrap() = true;
                    assert_eq!(lists, 1, "{text}");
                }
                _ => {}
            }
        }
    }
}
