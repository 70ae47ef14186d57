//! Valid and invalid documents.

use serde_json::{Value, json};

use super::*;

fn doc(content: Value) -> Value {
    json!({ "type": "doc", "version": 1, "content": content })
}

fn paragraph(content: Value) -> Value {
    json!({ "type": "paragraph", "content": content })
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn list(items: Value) -> Value {
    json!({ "type": "bulletList", "content": items })
}

fn item(content: Value) -> Value {
    json!({ "type": "listItem", "content": content })
}

#[test]
fn usual_documents_are_valid() {
    let inline = json!([
        text("a"),
        { "type": "text", "text": "b", "marks": [{ "type": "strong" }, { "type": "em" }, { "type": "link", "attrs": { "href": "https://x" } }] },
        { "type": "text", "text": "c", "marks": [{ "type": "code" }, { "type": "link", "attrs": { "href": "https://x" } }] },
        { "type": "hardBreak" },
        { "type": "mention", "attrs": { "id": "712020:x", "text": "@Ada" } },
        { "type": "emoji", "attrs": { "shortName": ":rocket:" } },
        { "type": "date", "attrs": { "timestamp": "1790000000000" } },
        { "type": "status", "attrs": { "text": "READY", "color": "green" } },
        { "type": "inlineCard", "attrs": { "url": "https://x" } },
    ]);
    let cell = json!({ "type": "tableCell", "attrs": { "colspan": 1 }, "content": [paragraph(json!([]))] });
    let valid = doc(json!([
        paragraph(inline),
        { "type": "heading", "attrs": { "level": 2 }, "content": [text("h")], "marks": [{ "type": "alignment", "attrs": { "align": "center" } }] },
        list(json!([item(json!([paragraph(json!([text("x")])), list(json!([item(json!([paragraph(json!([]))]))]))]))])),
        { "type": "orderedList", "attrs": { "order": 4 }, "content": [item(json!([{ "type": "codeBlock" }]))] },
        { "type": "taskList", "attrs": { "localId": "1" }, "content": [{ "type": "taskItem", "attrs": { "localId": "2", "state": "DONE" }, "content": [text("t")] }] },
        { "type": "blockquote", "content": [paragraph(json!([text("q")]))] },
        { "type": "codeBlock", "attrs": { "language": "rust" }, "content": [text("fn")] },
        { "type": "rule" },
        { "type": "panel", "attrs": { "panelType": "info" }, "content": [paragraph(json!([text("p")]))] },
        { "type": "table", "attrs": { "layout": "default" }, "content": [{ "type": "tableRow", "content": [cell] }] },
        { "type": "mediaSingle", "attrs": { "layout": "center" }, "content": [{ "type": "media", "attrs": { "type": "external", "url": "https://x/y.png" } }] },
        { "type": "expand", "attrs": { "title": "more" }, "content": [paragraph(json!([text("e")]))] },
    ]));
    assert_eq!(check(&valid), Ok(()));
    assert_eq!(check(&doc(json!([]))), Ok(()));
}

#[test]
fn wrong_documents_are_refused() {
    let bold_code =
        json!({ "type": "text", "text": "x", "marks": [{ "type": "strong" }, { "type": "code" }] });
    let cases = [
        json!("text"),
        json!({ "type": "doc", "content": [] }),
        json!({ "type": "doc", "version": 1 }),
        json!({ "type": "doc", "version": 1, "content": [], "extra": 1 }),
        doc(json!([text("at the top")])),
        doc(json!([paragraph(json!([text("")]))])),
        doc(json!([paragraph(json!([bold_code]))])),
        doc(json!([paragraph(json!([paragraph(json!([]))]))])),
        doc(json!([{ "type": "heading", "attrs": { "level": 7 } }])),
        doc(json!([{ "type": "heading", "content": [] }])),
        doc(json!([list(json!([]))])),
        doc(json!([list(json!([item(json!([]))]))])),
        doc(json!([list(json!([item(json!([{ "type": "heading", "attrs": { "level": 1 } }]))]))])),
        doc(json!([list(json!([item(json!([list(json!([item(json!([paragraph(json!([]))]))]))]))]))])),
        doc(
            json!([{ "type": "blockquote", "content": [{ "type": "blockquote", "content": [paragraph(json!([]))] }] }]),
        ),
        doc(
            json!([{ "type": "codeBlock", "content": [{ "type": "text", "text": "x", "marks": [{ "type": "em" }] }] }]),
        ),
        doc(json!([{ "type": "codeBlock", "content": [{ "type": "hardBreak" }] }])),
        doc(
            json!([{ "type": "table", "content": [{ "type": "tableRow", "content": [{ "type": "tableCell", "content": [] }] }] }]),
        ),
        doc(json!([{ "type": "taskList", "content": [] }])),
        doc(
            json!([{ "type": "panel", "attrs": { "panelType": "loud" }, "content": [paragraph(json!([]))] }]),
        ),
        doc(json!([{ "type": "unknown" }])),
        doc(json!([{ "type": "rule", "content": [] }])),
        doc(json!([paragraph(json!([{ "type": "text", "text": "x", "marks": [{ "type": "link" }] }]))])),
        doc(json!([paragraph(
            json!([{ "type": "text", "text": "x", "marks": [{ "type": "link", "attrs": { "url": "x" } }] }])
        )])),
        doc(json!([paragraph(json!([{ "type": "mention", "attrs": { "text": "@x" } }]))])),
        doc(json!([{ "type": "paragraph", "attrs": { "colour": "red" } }])),
        doc(
            json!([{ "type": "blockquote", "content": [{ "type": "paragraph", "marks": [{ "type": "alignment", "attrs": { "align": "end" } }] }] }]),
        ),
    ];
    for case in cases {
        assert!(check(&case).is_err(), "{case}");
    }
}

#[test]
fn nesting_has_an_end() {
    let mut inner = list(json!([item(json!([paragraph(json!([]))]))]));
    for _ in 0..100 {
        inner = list(json!([item(json!([paragraph(json!([])), inner]))]));
    }
    assert!(check(&doc(json!([inner]))).is_err());
}

#[test]
fn the_server_joins_neighbours_and_names_people() {
    let given = doc(json!([{
        "type": "paragraph", "attrs": {},
        "content": [text("a"), { "type": "text", "text": "b", "marks": [] }, { "type": "mention", "attrs": { "id": "1", "text": "@old" } }],
    }]));
    let name = |id: &str| (id == "1").then(|| "New".to_owned());
    let kept = normalised(&given, &name).unwrap();
    assert_eq!(
        kept["content"][0],
        paragraph(json!([text("ab"), { "type": "mention", "attrs": { "id": "1", "text": "@New" } }]))
    );
    assert_eq!(plain(&kept), "ab@New");
    assert_eq!(normalised(&doc(json!([])), &name), None);
    assert_eq!(plain(&document("one\ntwo\n\nthree")), "one\ntwo\nthree");
    assert_eq!(length(&document("äö")), 2);
}
