//! An issue as an item.

use serde_json::Value as Json;
use syncline_engine::{
    Item, Value,
    value::{Fields, parse_date},
};

use super::{
    columns::{self, Column},
    issue::Issue,
    labels,
};

/// The item of an issue, with the mapped fields.
pub(super) fn item(issue: &Issue, columns: &[Column]) -> Item {
    let url = page(issue);
    let value = |column: &Column| match column.id.as_str() {
        "key" => Value::text(issue.key.as_str()),
        "url" => url.as_deref().map_or(Value::Null, Value::text),
        "labels" => labels::value(issue.labels().into_iter().map(labels::decode).collect()),
        "duedate" => issue.field("duedate").as_str().and_then(parse_date).map_or(Value::Null, Value::Date),
        "created" | "updated" | "resolutiondate" => {
            columns::instant(issue.field(&column.id)).map_or(Value::Null, Value::DateTime)
        }
        "parent" => issue.field("parent")["key"].as_str().map_or(Value::Null, Value::text),
        id => columns::read(issue.field(id)),
    };
    let fields: Fields = columns.iter().map(|column| (column.name.clone(), value(column))).collect();
    Item {
        key: Some(issue.key.clone()),
        modified: columns::instant(issue.field("updated")),
        url: url.clone(),
        ..Item::new(issue.id.as_str(), fields)
    }
}

/// The page of an issue for people: that of its site. Through the gateway of OAuth apps the site is not known.
fn page(issue: &Issue) -> Option<String> {
    let (site, _) = issue.address.as_deref()?.split_once("/rest/api/")?;
    (!site.contains("/ex/jira/")).then(|| format!("{site}/browse/{}", issue.key))
}

/// The text of a summary as Jira takes it: one line.
pub(super) fn line(text: &str) -> String {
    text.split(['\n', '\r']).map(str::trim_end).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// True if Jira shows nothing under a field.
pub(super) fn is_nothing(json: &Json) -> bool {
    json.is_null() || json.as_array().is_some_and(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_issue_becomes_an_item() {
        let issue: Issue = serde_json::from_value(json!({
            "id": "10001", "key": "PROJ-7", "self": "https://acme.atlassian.net/rest/api/3/issue/10001",
            "fields": {
                "summary": "Export", "status": {"id": "3", "name": "Done"}, "labels": ["needs␣triage", "bug"],
                "assignee": {"accountId": "5b10", "displayName": "Ada"}, "priority": null,
                "duedate": "2026-02-28", "updated": "2026-02-01T10:20:30.123+0200",
                "parent": {"id": "10000", "key": "PROJ-1"}, "customfield_10016": 3.0,
            },
        }))
        .unwrap();
        let names = [
            "summary", "status", "labels", "assignee", "priority", "duedate", "updated", "parent", "key",
            "url",
        ];
        let mut columns = columns::of_names(&names.map(str::to_owned));
        columns.push(Column {
            name: "fields.Points".to_owned(),
            id: "customfield_10016".to_owned(),
            schema: None,
        });
        let item = item(&issue, &columns);
        let shown = json!({
            "summary": "Export", "status": "Done", "labels": ["bug", "needs triage"], "assignee": "5b10",
            "priority": null, "duedate": "2026-02-28", "updated": "2026-02-01T08:20:30.123Z", "parent": "PROJ-1",
            "key": "PROJ-7", "url": "https://acme.atlassian.net/browse/PROJ-7", "fields.Points": 3,
        });
        assert_eq!(Value::Object(item.fields.clone()).to_json(), shown);
        assert_eq!((item.id.as_str(), item.key.as_deref()), ("10001", Some("PROJ-7")));
        assert_eq!(item.modified.unwrap().to_text(), "2026-02-01T08:20:30.123Z");
    }
}
