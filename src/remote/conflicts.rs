//! Conflicts of a server: listed and decided.

use reqwest::Method;
use serde_json::{Value, json};
use syncline_engine::conflict::Choice;
use syncline_service::operations::Take;

use super::{Client, begin, places, sync_query, syncs};
use crate::{
    cli::{ConflictsAction, ConflictsArgs, ConflictsListArgs, ResolveArgs},
    commands::{
        conflicts::{
            self as told,
            resolve::{MOST_HERE, background, field_and_choice, one_choice, tell_line, what_stands},
        },
        workers,
    },
    fault::{Exit, Fault},
    output::{Output, list as entries},
};

/// The largest page of conflicts.
const PAGE: u64 = 200;

pub(super) async fn run(client: &Client, args: &ConflictsArgs, output: &Output) -> Result<Exit, Fault> {
    match &args.action {
        Some(ConflictsAction::Resolve(args)) => resolve(client, args, output).await,
        Some(ConflictsAction::Show(args)) => {
            let conflict = get(client, args.id).await?;
            told::tell_one(&conflict, output);
            Ok(Exit::Done)
        }
        Some(ConflictsAction::List(args)) => list(client, args, output).await,
        None => list(client, &args.list, output).await,
    }
}

async fn get(client: &Client, id: i64) -> Result<Value, Fault> {
    client.get(&["sync", "conflicts", &id.to_string()], &[]).await
}

async fn list(client: &Client, args: &ConflictsListArgs, output: &Output) -> Result<Exit, Fault> {
    let found = find(client, args).await?;
    output.data(&json!({ "conflicts": found }));
    told::tell(&found, output);
    Ok(Exit::Done)
}

/// Conflicts, as `syncline conflicts --json` shows them.
async fn find(client: &Client, args: &ConflictsListArgs) -> Result<Vec<Value>, Fault> {
    let sync = match &args.sync {
        Some(name) => Some(syncs::find(client, name).await?["id"].to_string()),
        None => None,
    };
    let resolved = (!args.all).then(|| "false".to_owned());
    let query = [("config_id", sync), ("resolved", resolved), ("q", args.filter.clone())];
    Ok(client.pages(&["sync", "conflicts"], &query, "conflicts", (args.limit, PAGE)).await?.0)
}

async fn resolve(client: &Client, args: &ResolveArgs, output: &Output) -> Result<Exit, Fault> {
    if args.background {
        return in_background(client, args, output).await;
    }
    let one = one_choice(args)?;
    let body = match &one {
        Some(choice) => body_of(choice),
        None => {
            let mut fields = json!({});
            for given in &args.field {
                let (field, choice) = field_and_choice(given)?;
                if !fields[field].is_null() {
                    return Err(Fault::usage(format!("--field {field} is given twice for one item")));
                }
                fields[field] = body_of(&choice);
            }
            json!({ "fields": fields })
        }
    };
    let ids = meant(client, args).await?;
    if args.ids.is_empty() && ids.len() > MOST_HERE {
        return in_background(client, args, output).await;
    }
    let name = one.as_ref().map(Choice::as_str);
    if ids.is_empty() {
        output.data(&json!({ "resolution": name, "conflicts": [] }));
        output.line("no conflicts");
        return Ok(Exit::Done);
    }
    let (mut lines, mut failed) = (Vec::new(), Vec::new());
    for id in ids {
        let path = ["sync", "conflicts", &id.to_string(), "resolve"];
        let mut request = client.request(Method::POST, &path, &[])?;
        if !args.no_wait {
            request = request.header("prefer", begin::WAIT);
        }
        let answer: Value = client.read(request.json(&body)).await?;
        let run = entries(&answer, "runs").first().and_then(Value::as_str).unwrap_or_default().to_owned();
        if args.no_wait {
            let what = name.map_or("each choice".to_owned(), str::to_owned);
            output.line(format!("{what} stands; run {run} carries it out"));
        } else if !run.is_empty() {
            begin::wait(client, &run, output).await?;
        }
        for decided in entries(&answer, "conflicts") {
            let id = decided["id"].as_i64().unwrap_or_default();
            let after = if args.no_wait { decided.clone() } else { get(client, id).await? };
            let mut line = json!({
                "conflict": id, "resolution": decided["resolution"], "value": decided["value"], "run": run,
                "applied": after["resolved"], "open_conflicts": null,
            });
            if args.no_wait {
                lines.push(line);
                continue;
            }
            line["open_conflicts"] = json!(begin::open_conflicts(client, &decided["config_id"]).await?);
            if after["resolved"] == true {
                let whole = decided["field"].is_null();
                let what = what_stands(decided["resolution"].as_str().unwrap_or_default(), whole);
                output.line(format!("conflict {id} is resolved: {what}"));
            } else {
                failed.push(format!(
                    "conflict {id} is not resolved: its values changed since it was listed, or the run failed; see \
                     `syncline conflicts` and `syncline runs {run}`"
                ));
            }
            lines.push(line);
        }
    }
    tell_line(&lines, output);
    if failed.is_empty() { Ok(Exit::Done) } else { Err(Fault::failed(failed.join("\n"))) }
}

/// Starts an operation that workers carry out.
async fn in_background(client: &Client, args: &ResolveArgs, output: &Output) -> Result<Exit, Fault> {
    let mut asked = json!({ "action": "resolve", "filter": { "q": args.filter } });
    for (name, value) in sync_query(args.sync.as_deref()) {
        asked["filter"][name] = json!(value);
    }
    match background::taken(args)? {
        Take::Strategy(strategy) => asked["resolution_strategy"] = json!(strategy),
        side => asked["take"] = json!(side),
    }
    let preview: Value = client.post(&["operations", "preview"], &asked).await?;
    let total = preview["count"].as_u64().unwrap_or(0);
    if let Some(ended) = background::ends_here(total, args, output)? {
        return Ok(ended);
    }
    let row: Value = client.post(&["operations"], &json!({ "token": preview["token"] })).await?;
    background::tell_begun(&row, total, output);
    if !places::any_worker(client).await? {
        output.line(workers::NONE);
    }
    Ok(Exit::Done)
}

fn body_of(choice: &Choice) -> Value {
    match choice {
        Choice::Value(value) => json!({ "take": "value", "value": value.to_json() }),
        other => json!({ "take": other.as_str() }),
    }
}

/// The ids of the conflicts that the arguments select.
async fn meant(client: &Client, args: &ResolveArgs) -> Result<Vec<i64>, Fault> {
    if !args.ids.is_empty() {
        return Ok(args.ids.clone());
    }
    let wanted = ConflictsListArgs {
        sync: args.sync.clone(),
        filter: args.filter.clone(),
        limit: u64::MAX,
        ..ConflictsListArgs::default()
    };
    Ok(find(client, &wanted).await?.iter().filter_map(|conflict| conflict["id"].as_i64()).collect())
}
