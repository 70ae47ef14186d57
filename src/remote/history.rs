//! The changes of one item of a server.

use std::collections::HashMap;

use chrono::{TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Client, runs::trigger, syncs};
use crate::{
    cli::HistoryArgs,
    commands::history as told,
    fault::{Exit, Fault},
    output::{Output, list as entries, moment, text},
};

/// The largest page of links, changes and conflicts.
const PAGE: u64 = 200;

pub(super) async fn run(client: &Client, args: &HistoryArgs, output: &Output) -> Result<Exit, Fault> {
    let item = args.item.as_deref().or(args.named.as_deref()).unwrap_or_default();
    let links = links(client, item, args.sync.as_deref()).await?;
    let mut found = Vec::new();
    for link in &links {
        found.extend(changes(client, link, args.days).await?);
    }
    // Of all of them the oldest, as on a database.
    found.sort_by_key(|change| change["id"].as_i64());
    found.truncate(usize::try_from(args.limit).unwrap_or(usize::MAX));
    let runs = runs(client, &found).await?;
    let resolved = match runs.values().any(|run| run["kind"] == "resolve") {
        true => resolved(client, item).await?,
        false => Vec::new(),
    };
    let links: HashMap<i64, &Value> =
        links.iter().filter_map(|link| Some((link["id"].as_i64()?, link))).collect();
    let shaped = |change: &Value| {
        let link = change["mapping_id"].as_i64().and_then(|id| links.get(&id).copied());
        shaped(change, link.unwrap_or(&Value::Null), runs.get(&text(change, "run")), &resolved)
    };
    told::tell((item, args.days), &found.iter().map(shaped).collect::<Vec<_>>(), output);
    Ok(Exit::Done)
}

/// A term of a filter: the item with this id or key on either side.
fn of_item(item: &str) -> String {
    format!("item:\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The links of an item: by id or key, on either side.
async fn links(client: &Client, item: &str, sync: Option<&str>) -> Result<Vec<Value>, Fault> {
    let id = match sync {
        Some(name) => Some(syncs::find(client, name).await?["id"].to_string()),
        None => None,
    };
    let query = [("config_id", id), ("q", Some(of_item(item)))];
    let (links, more) = client.pages(&["sync", "mappings"], &query, "mappings", (PAGE, PAGE)).await?;
    if links.is_empty() {
        let of = sync.map(|sync| format!(" of sync {sync:?}")).unwrap_or_default();
        return Err(Fault::usage(format!(
            "no item{of} that this token sees has the id or key {item:?}; ids are spelt as the source or the target spells \
             them, in upper and lower case"
        )));
    }
    if more {
        return Err(Fault::usage(format!("more than {PAGE} items have the id {item:?}; add --sync NAME")));
    }
    Ok(links)
}

/// The changes of a link within so many days, the latest first.
async fn changes(client: &Client, link: &Value, days: Option<u32>) -> Result<Vec<Value>, Fault> {
    let since = days.map(|days| Utc::now() - TimeDelta::days(i64::from(days)));
    let is_older =
        |change: &Value| since.is_some_and(|since| moment(change, "at").is_some_and(|at| at < since));
    let id = link["id"].to_string();
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let query = [("limit", Some(PAGE.to_string())), ("cursor", cursor)];
        let answer: Value = client.get(&["sync", "mappings", &id, "history"], &query).await?;
        let page = entries(&answer, "changes");
        found.extend(page.iter().filter(|change| !is_older(change)).cloned());
        cursor = answer["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() || page.last().is_some_and(is_older) {
            return Ok(found);
        }
    }
}

/// The runs of changes by their ids, but for those that were purged.
async fn runs(client: &Client, changes: &[Value]) -> Result<HashMap<String, Value>, Fault> {
    let mut runs = HashMap::new();
    for change in changes {
        let id = text(change, "run");
        if runs.contains_key(&id) {
            continue;
        }
        let request = client.request(Method::GET, &["sync", "history", &id], &[])?;
        let run = match client.answer(request).await? {
            Ok(response) => client.body(response).await?,
            Err(answer) if answer.status == StatusCode::NOT_FOUND => Value::Null,
            Err(answer) => return Err(super::refused::refused(client.address(), &answer)),
        };
        runs.insert(id, run);
    }
    Ok(runs)
}

/// The conflicts of an item that a person resolved.
async fn resolved(client: &Client, item: &str) -> Result<Vec<Value>, Fault> {
    let query = [("resolved", Some("true".to_owned())), ("q", Some(of_item(item)))];
    let (found, _) = client.pages(&["sync", "conflicts"], &query, "conflicts", (u64::MAX, PAGE)).await?;
    Ok(found.into_iter().filter(|conflict| !conflict["resolve_run"].is_null()).collect())
}

/// A change with its sync and who made it.
fn shaped(change: &Value, link: &Value, run: Option<&Value>, resolved: &[Value]) -> Value {
    let carried_out = |conflict: &&Value| {
        conflict["mapping_id"] == change["mapping_id"] && conflict["resolve_run"] == change["run"]
    };
    let person = resolved.iter().find(carried_out).map(|conflict| text(conflict, "resolved_by"));
    let by = person.unwrap_or_else(|| run.filter(|run| run.is_object()).map(trigger).unwrap_or_default());
    let mut shaped = change.clone();
    shaped["sync"] = link["sync"].clone();
    shaped["project"] = link["project"].clone();
    shaped["by"] = json!(by);
    shaped
}
