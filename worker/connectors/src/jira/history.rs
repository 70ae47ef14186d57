//! Who changed an issue: its changelog.

use syncline_engine::{
    Value,
    ports::{Call, ConnectorError},
    value::{Fields, parse_date},
};

use super::{
    columns::Column,
    draft::Draft,
    issue::{Change, Entry, Issue},
    issues::Issues,
    labels,
    memo::Known,
};

impl Issues {
    /// True if the latest change of a field is by this account.
    pub(super) async fn wrote(&self, id: &str, field: &str, call: &Call<'_>) -> Result<bool, ConnectorError> {
        let columns = self.columns(call).await?;
        let column = columns.iter().find(|column| column.name == field);
        let asked = column.map_or(field, |column| column.id.as_str());
        let issue: Issue = self.api.history(id, call).await?.json()?;
        let changes = changes(&issue, asked);
        let Some(author) = changes.first().and_then(|entry| entry.author()) else { return Ok(false) };
        Ok(author == self.api.reader(call).await?)
    }

    /// What others made of fields between our last reading of an issue and the write that answered with it. Labels are added
    /// and removed one by one, which leaves those of others alone.
    pub(super) async fn overwritten(
        &self,
        draft: &Draft,
        known: &Known,
        issue: Option<&Issue>,
        call: &Call<'_>,
    ) -> Fields {
        let (Some(issue), Some(read)) = (issue, known.updated) else { return Fields::new() };
        let Ok(columns) = self.columns(call).await else { return Fields::new() };
        let one_by_one = known.labels.is_some();
        let mut overwritten = Fields::new();
        for id in draft.written().filter(|id| *id != "labels" || !one_by_one) {
            let [ours, theirs, ..] = changes(issue, id)[..] else { continue };
            if theirs.at().is_none_or(|at| at <= read) {
                continue;
            }
            if let Some(ours) = ours.of(id) {
                let column = columns.iter().find(|column| column.id == id);
                overwritten.insert(draft.name_of(id), before(ours, column));
            }
        }
        overwritten
    }
}

/// The value before a change, as far as the history has it: of rich text the words.
fn before(change: &Change, column: Option<&Column>) -> Value {
    let text = |text: &Option<String>| match text.as_deref() {
        None | Some("") => Value::Null,
        Some(text) => Value::text(text),
    };
    let id = column.map_or("", |column| column.id.as_str());
    let kind = column.and_then(|column| column.schema.as_ref()).map(|schema| schema.kind.as_str());
    match (id, kind) {
        ("assignee" | "reporter", _) | (_, Some("user")) => text(&change.from),
        ("duedate", _) | (_, Some("date")) => {
            change.from.as_deref().and_then(parse_date).map_or(Value::Null, Value::Date)
        }
        ("labels", _) => {
            let labels = change.from_string.as_deref().unwrap_or_default().split_whitespace();
            labels::value(labels.map(labels::decode).collect())
        }
        _ => text(&change.from_string),
    }
}

/// The changes of a field, the latest first. Jira's description promises no order, so they are sorted by their ids.
fn changes<'i>(issue: &'i Issue, id: &str) -> Vec<&'i Entry> {
    let mut changes: Vec<&Entry> =
        issue.changelog.histories.iter().filter(|entry| entry.of(id).is_some()).collect();
    changes.sort_by_key(|entry| std::cmp::Reverse(entry.id.parse::<u64>().unwrap_or_default()));
    changes
}
