//! Jobs of a server.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use syncline_runs::listing::Standing;
use uuid::Uuid;

use super::{Client, client::Query, dead, refused::refused, sync_query};
use crate::{
    cli::{JobsAction, JobsArgs, JobsListArgs, PageArgs, WhichArgs},
    commands::jobs as told,
    fault::{Exit, Fault},
    ids,
    output::{Output, bare, text},
};

/// The largest page of jobs.
const PAGE: u64 = 1_000;

pub(super) async fn run(client: &Client, args: &JobsArgs, output: &Output) -> Result<Exit, Fault> {
    match &args.action {
        Some(JobsAction::Dead(args)) => dead::run(client, args, output).await,
        Some(JobsAction::Show(args)) => show(client, id(client, &args.id).await?, output).await,
        Some(JobsAction::Cancel(args)) => cancel(client, &args.ids, output).await,
        Some(JobsAction::List(args)) => list(client, args, output).await,
        None => list(client, &args.list, output).await,
    }
}

async fn list(client: &Client, args: &JobsListArgs, output: &Output) -> Result<Exit, Fault> {
    let (status, cursor) = match args.page.after.as_deref() {
        None => (args.status, None),
        Some(after) => {
            let wrong = || Fault::usage(format!("--after {after:?} is not a cursor that a list has shown"));
            let (status, cursor) = after.split_once('/').ok_or_else(wrong)?;
            (Some(status.parse().map_err(|_| wrong())?), Some(cursor.to_owned()))
        }
    };
    let statuses = told::statuses(status, args.status, args.page.after.is_some());
    let mut cursor = cursor.filter(|cursor| !cursor.is_empty());
    let limit = usize::from(args.page.limit);
    let (mut jobs, mut next) = (Vec::new(), None);
    for standing in statuses {
        if jobs.len() >= limit {
            next = Some(format!("{standing}/"));
            break;
        }
        let mut query = which(&args.which);
        query.push(("status", Some(standing.to_string())));
        let (found, more) = page(client, &["jobs"], &query, limit - jobs.len(), cursor.take()).await?;
        jobs.extend(found);
        if let Some(cursor) = more {
            next = Some(format!("{standing}/{cursor}"));
            break;
        }
    }
    told::tell(&json!({ "jobs": jobs, "next_cursor": next }), "no jobs", output);
    Ok(Exit::Done)
}

/// Lists dead letters.
pub(super) async fn dead_letters(
    client: &Client,
    of: &WhichArgs,
    group: Option<&String>,
    paging: &PageArgs,
) -> Result<Value, Fault> {
    let mut query = which(of);
    query.push(("group", group.cloned()));
    let (jobs, next) =
        page(client, &["dead"], &query, usize::from(paging.limit), paging.after.clone()).await?;
    Ok(json!({ "jobs": jobs, "next_cursor": next }))
}

/// The number of dead letters that a filter selects.
pub(super) async fn count_dead(
    client: &Client,
    of: &WhichArgs,
    group: Option<&String>,
) -> Result<u64, Fault> {
    let mut query = which(of);
    query.push(("group", group.cloned()));
    let counted: Value = client.long()?.get(&["dead", "count"], &query).await?;
    Ok(counted["count"].as_u64().unwrap_or(0))
}

/// The filter of a list of jobs.
fn which(args: &WhichArgs) -> Vec<(&'static str, Option<String>)> {
    let mut query = sync_query(args.sync.as_deref()).to_vec();
    query.push(("queue", Some(args.of_queue.clone())));
    query.push(("kind", args.kind.clone()));
    query.push(("key", args.key.clone()));
    query.push(("text", args.text.clone()));
    query.push(("older_than", args.older_than.map(seconds)));
    query.push(("q", args.filter.clone()));
    query
}

pub(super) fn seconds(age: Duration) -> String {
    format!("{}s", age.as_secs())
}

/// At most `limit` jobs, in the shape of the command's JSON, and the cursor of the next page.
async fn page(
    client: &Client,
    path: &[&str],
    query: Query<'_>,
    limit: usize,
    mut cursor: Option<String>,
) -> Result<(Vec<Value>, Option<String>), Fault> {
    let mut jobs = Vec::new();
    loop {
        let left = (limit - jobs.len()) as u64;
        let mut query = query.to_vec();
        query.push(("limit", Some(left.min(PAGE).to_string())));
        query.push(("cursor", cursor));
        let mut answer: Value = client.get(path, &query).await?;
        jobs.extend(answer["jobs"].take().as_array_mut().into_iter().flat_map(std::mem::take).map(bare));
        cursor = answer["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() || jobs.len() >= limit {
            return Ok((jobs, cursor));
        }
    }
}

/// The id of a job from its beginning; a whole one is not looked up.
pub(super) async fn id(client: &Client, prefix: &str) -> Result<Uuid, Fault> {
    let (first, last) = ids::range_of(prefix)?;
    if first == last {
        return Ok(first);
    }
    let mut found = std::collections::BTreeSet::new();
    for standing in ids::EVERY {
        let query = [("status", Some(standing.to_string()))];
        let path: &[&str] = if standing == Standing::Dead { &["dead"] } else { &["jobs"] };
        let query: Query<'_> = if standing == Standing::Dead { &[] } else { &query };
        let (jobs, _) = client.pages(path, query, "jobs", (u64::from(u16::MAX), PAGE)).await?;
        found.extend(jobs.iter().filter_map(|job| text(job, "id").parse::<Uuid>().ok()));
    }
    for run in super::runs::latest(client, super::runs::SEARCHED).await? {
        found.extend(text(&run, "id").parse::<Uuid>());
    }
    found.retain(|id| (first..=last).contains(id));
    let none = || Fault::usage(format!("there is no job whose id begins with {prefix}; write the whole id"));
    ids::one(prefix, found)?.ok_or_else(none)
}

pub(super) async fn show(client: &Client, id: Uuid, output: &Output) -> Result<Exit, Fault> {
    let job: Value = client.get(&["jobs", &id.to_string()], &[]).await?;
    told::tell_one(&bare(job), None, output);
    Ok(Exit::Done)
}

async fn cancel(client: &Client, prefixes: &[String], output: &Output) -> Result<Exit, Fault> {
    let mut told = Vec::new();
    for prefix in prefixes {
        let id = id(client, prefix).await?;
        let path = ["jobs", &id.to_string(), "cancel"];
        let request = client.request(Method::POST, &path, &[])?;
        let word = match client.answer(request).await? {
            Ok(response) if response.status() == StatusCode::ACCEPTED => "asked to stop",
            Ok(_) => "cancelled",
            Err(answer) => match answer.kind() {
                "job-over" => "over already",
                "unknown-job" => "unknown",
                _ => return Err(refused(client.address(), &answer)),
            },
        };
        told.push((id, word));
    }
    Ok(told::tell_cancelled(&told, output))
}
