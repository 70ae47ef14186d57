//! Stored syncs of a server, their documents and their conflicts.

use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::Value;
use syncline_service::{syncs::display_name, yaml};

use super::{Client, parts, runs::name};
use crate::{
    cli::{ApplyArgs, SyncsAction, SyncsArgs, SyncsDeleteArgs, SyncsDiffArgs, SyncsListArgs},
    commands::{
        apply as told_apply,
        syncs::{self as told, Line},
    },
    document,
    fault::{Exit, Fault},
    output::{Output, bare, list as entries, moment, text},
    words::date,
};

/// The largest page of syncs.
const PAGE: u64 = 200;

/// Finds a sync by the name that commands take.
pub(super) async fn find(client: &Client, wanted: &str) -> Result<Value, Fault> {
    if let Some(sync) = look(client, wanted).await? {
        return Ok(sync);
    }
    let (project, name) = parts(wanted);
    let (all, _) = client.pages(&["sync", "configs"], &[], "syncs", (PAGE, PAGE)).await?;
    let known: Vec<String> = all.iter().map(self::name).collect();
    let hint = match known.is_empty() {
        true => "this token sees none".to_owned(),
        false => {
            let known = known.iter().map(String::as_str);
            syncline_engine::nearest::alternatives(wanted, known, "stored are")
        }
    };
    Err(Fault::usage(format!("there is no sync {:?}; {hint}", display_name(project, name))))
}

/// The sync with this name, if the token sees it.
pub(super) async fn look(client: &Client, wanted: &str) -> Result<Option<Value>, Fault> {
    let (project, name) = parts(wanted);
    let (all, _) = client.pages(&["sync", "configs"], &[], "syncs", (u64::MAX, PAGE)).await?;
    Ok(all.into_iter().find(|sync| sync["name"] == name && sync["project"] == project))
}

pub(super) async fn run(client: &Client, args: &SyncsArgs, output: &Output) -> Result<Exit, Fault> {
    match &args.action {
        None => list(client, &args.list, output).await,
        Some(SyncsAction::List(args)) => list(client, args, output).await,
        Some(SyncsAction::Show(args)) => show(client, &args.name, output).await,
        Some(SyncsAction::Diff(args)) => diff(client, args, output).await,
        Some(SyncsAction::Export(args)) => export(client, &args.names, output).await,
        Some(SyncsAction::Delete(args)) => delete(client, args, output).await,
    }
}

async fn list(client: &Client, args: &SyncsListArgs, output: &Output) -> Result<Exit, Fault> {
    let found = documents(client, args).await?;
    // Lists of the API do not say when a sync runs.
    let schedules: Value = client.get(&["schedules"], &[]).await?;
    let line = |sync: Value| {
        let schedule = entries(&schedules, "schedules").iter().find(|row| row["config_id"] == sync["id"]);
        let runs = match schedule {
            Some(row) if row["kind"] == "interval" => {
                told::in_words(None, text(row, "expression").parse().ok())
            }
            Some(row) => told::in_words(Some(&text(row, "expression")), None),
            None => told::in_words(None, None),
        };
        Line { sync, runs }
    };
    told::tell_list(&found.into_iter().map(line).collect::<Vec<_>>(), args, output);
    Ok(Exit::Done)
}

/// The syncs, as `syncline syncs --json` shows them.
pub(crate) async fn documents(client: &Client, args: &SyncsListArgs) -> Result<Vec<Value>, Fault> {
    let query = [("q", args.filter.clone())];
    let (found, _) = client.pages(&["sync", "configs"], &query, "syncs", (args.limit, PAGE)).await?;
    Ok(found.into_iter().map(bare).collect())
}

async fn show(client: &Client, wanted: &str, output: &Output) -> Result<Exit, Fault> {
    let id = find(client, wanted).await?["id"].to_string();
    let sync: Value = client.get(&["sync", "configs", &id], &[]).await?;
    let number = sync["revision"].to_string();
    let path = ["sync", "configs", &id, "revisions", &number];
    let revision: Option<Value> = client.get(&path, &[]).await.ok();
    let by = revision.map(|row| (text(&row, "by"), moment(&row, "at").map(date).unwrap_or_default()));
    told::tell_one(&bare(sync), by, output);
    Ok(Exit::Done)
}

async fn diff(client: &Client, args: &SyncsDiffArgs, output: &Output) -> Result<Exit, Fault> {
    let sync = find(client, &args.name).await?;
    let number = |number: Option<i64>| number.map(|number| number.to_string());
    let query = [("from", number(args.from)), ("to", number(args.to))];
    let mut diff: Value = client.get(&["sync", "configs", &sync["id"].to_string(), "diff"], &query).await?;
    diff["sync"] = sync["name"].clone();
    diff["project"] = sync["project"].clone();
    told::tell_diff(&diff, output);
    Ok(Exit::Done)
}

async fn export(client: &Client, names: &[String], output: &Output) -> Result<Exit, Fault> {
    let mut ids = Vec::new();
    for name in names {
        ids.push(find(client, name).await?["id"].to_string());
    }
    if names.is_empty() {
        // Not as one YAML text, which lacks the keys that have their default.
        let all = documents(client, &SyncsListArgs { filter: None, limit: u64::MAX }).await?;
        ids = all.iter().map(|sync| sync["id"].to_string()).collect();
    }
    let mut documents = Vec::with_capacity(ids.len());
    for id in ids {
        let mut sync: Value = client.get(&["sync", "configs", &id], &[]).await?;
        documents.push(sync["document"].take());
    }
    told::tell_export(&documents, output);
    Ok(Exit::Done)
}

async fn delete(client: &Client, args: &SyncsDeleteArgs, output: &Output) -> Result<Exit, Fault> {
    let sync = find(client, &args.name).await?;
    told::confirmed(&name(&sync), args)?;
    let id = sync["id"].as_i64().unwrap_or_default();
    client.send(client.request(Method::DELETE, &["sync", "configs", &id.to_string()], &[])?).await?;
    told::tell_deleted(id, &text(&sync, "name"), &text(&sync, "project"), output);
    Ok(Exit::Done)
}

/// Sends the documents of files, which are checked here first. The server stores all of them or none.
pub(super) async fn apply(client: &Client, args: &ApplyArgs, output: &Output) -> Result<Exit, Fault> {
    let documents = document::read_all(&args.files.all())?;
    let mut body = Vec::new();
    for sync in documents.iter().flat_map(|document| &document.syncs) {
        body.push(serde_json::to_value(&sync.spec).map_err(|error| Fault::failed(error.to_string()))?);
    }
    let query = [("dry_run", args.dry_run.then(|| "true".to_owned()))];
    let request = client.request(Method::POST, &["sync", "configs.yaml"], &query)?;
    let request = request.header(CONTENT_TYPE, "application/yaml").body(yaml::write(&body));
    let applied: Value = client.read(request).await?;
    told_apply::tell(&documents, entries(&applied, "syncs").to_vec(), args.dry_run, output);
    Ok(Exit::Done)
}
