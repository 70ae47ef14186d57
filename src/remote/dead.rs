//! Dead letters of a server, and operations on them.

use serde_json::{Value, json};

use super::{Client, jobs, parts, places, sync_query};
use crate::{
    cli::{
        DeadAction, DeadArgs, DeadGroupsArgs, DeadListArgs, DeadManyArgs, OperationsAction, OperationsArgs,
        OperationsListArgs,
    },
    commands::{
        dead::{self as told, Selection, What},
        jobs as told_jobs, operations as told_operations, workers,
    },
    fault::{Exit, Fault},
    output::{Output, list as entries, text},
};

pub(super) async fn run(client: &Client, args: &DeadArgs, output: &Output) -> Result<Exit, Fault> {
    match &args.action {
        Some(DeadAction::Show(args)) => jobs::show(client, jobs::id(client, &args.id).await?, output).await,
        Some(DeadAction::Replay(args)) => many(client, args, What::Replay, output).await,
        Some(DeadAction::Discard(args)) => many(client, args, What::Discard, output).await,
        Some(DeadAction::List(args)) => list(client, args, output).await,
        Some(DeadAction::Groups(args)) => {
            told::tell_groups(&groups(client, args).await?, output);
            Ok(Exit::Done)
        }
        None => list(client, &args.list, output).await,
    }
}

async fn list(client: &Client, args: &DeadListArgs, output: &Output) -> Result<Exit, Fault> {
    let document = jobs::dead_letters(client, &args.which, args.group.as_ref(), &args.page).await?;
    told_jobs::tell(&document, "no dead letters", output);
    Ok(Exit::Done)
}

/// Groups of dead letters, as `syncline dead groups --json` shows them.
pub(crate) async fn groups(client: &Client, args: &DeadGroupsArgs) -> Result<Value, Fault> {
    let mut query = sync_query(args.sync.as_deref()).to_vec();
    query.push(("error_kind", args.error_kind.clone()));
    query.push(("text", args.text.clone()));
    query.push(("sort", Some(args.sort.as_str().to_owned())));
    let limit = args.limit.saturating_add(args.skip);
    let (found, _) = client.pages(&["dead", "groups"], &query, "groups", (limit, 200)).await?;
    let skip = usize::try_from(args.skip).unwrap_or(usize::MAX);
    Ok(json!({ "groups": found.into_iter().skip(skip).collect::<Vec<_>>() }))
}

async fn many(client: &Client, args: &DeadManyArgs, what: What, output: &Output) -> Result<Exit, Fault> {
    let verb = what.verb();
    let body = match Selection::of(args, verb)? {
        Selection::Ids => {
            let mut ids = Vec::new();
            for prefix in &args.ids {
                ids.push(jobs::id(client, prefix).await?);
            }
            if ids.len() > 1 && !args.yes && !told::confirm(verb, ids.len() as u64)? {
                return Ok(nothing(output));
            }
            json!({ "ids": ids })
        }
        Selection::Filter if args.background => return in_background(client, args, what, output).await,
        Selection::Filter if args.yes => json!({ "filter": filter(args), "confirm": true }),
        Selection::Filter => {
            let count = jobs::count_dead(client, &args.which, args.group.as_ref()).await?;
            if count == 0 {
                return Ok(told::none_match(output));
            }
            if !told::confirm(verb, count)? {
                return Ok(nothing(output));
            }
            // If there are more or fewer of them by then, nothing is done.
            json!({ "filter": filter(args), "count": count })
        }
    };
    let done: Value = client.long()?.post(&["dead", verb], &body).await?;
    if done["count"] == 0 {
        return Ok(told::none_match(output));
    }
    let replayed = entries(&done, "replayed").to_vec();
    let shown =
        json!({ "count": done["count"], "done": done["done"], "left": done["left"], "replayed": replayed });
    Ok(told::tell_done(&shown, what, output))
}

fn nothing(output: &Output) -> Exit {
    output.line("nothing was done");
    Exit::Failed
}

/// The filter of a selection; without any key it is all of the queue.
fn filter(args: &DeadManyArgs) -> Value {
    let which = &args.which;
    let sync = which.sync.as_deref().map(parts);
    json!({
        "queue": which.of_queue, "sync": sync.map(|(_, name)| name), "project": sync.map(|(project, _)| project),
        "kind": which.kind, "key": which.key, "text": which.text, "older_than": which.older_than.map(jobs::seconds),
        "q": which.filter, "group": args.group,
    })
}

async fn in_background(
    client: &Client,
    args: &DeadManyArgs,
    what: What,
    output: &Output,
) -> Result<Exit, Fault> {
    let verb = what.verb();
    let mut filter = filter(args);
    if let Value::Object(filter) = &mut filter {
        for key in ["queue", "key", "older_than"] {
            filter.remove(key);
        }
    }
    let asked = json!({ "action": verb, "filter": filter });
    let preview: Value = client.post(&["operations", "preview"], &asked).await?;
    let total = preview["count"].as_u64().unwrap_or(0);
    if !args.yes && !told::confirm(verb, total)? {
        return Ok(nothing(output));
    }
    let begin = json!({ "token": preview["token"], "reason": args.why });
    let row: Value = client.post(&["operations"], &begin).await?;
    told::tell_begun(&row, verb, total, output);
    if !places::any_worker(client).await? {
        output.line(workers::NONE);
    }
    Ok(Exit::Done)
}

pub(super) async fn operations(
    client: &Client,
    args: &OperationsArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let limit = match &args.action {
        Some(OperationsAction::Show(args)) => {
            let row: Value = client.get(&["operations", &args.id.to_string()], &[]).await?;
            return Ok(told_operations::show(&row, output));
        }
        Some(OperationsAction::Cancel(args)) => {
            let id = args.id.to_string();
            let before: Value = client.get(&["operations", &id], &[]).await?;
            let mut row: Value = client.post(&["operations", &id, "cancel"], &json!({})).await?;
            let changed = before["cancel_requested"] == false && row["cancel_requested"] == true;
            let ended = text(&before, "state") != text(&row, "state");
            row["changed"] = json!(changed || ended);
            told_operations::tell_cancelled(&row, output);
            return Ok(Exit::Done);
        }
        Some(OperationsAction::List(args)) => args.limit,
        None => OperationsListArgs::USUAL,
    };
    let (rows, _) = client.pages(&["operations"], &[], "operations", (limit, 200)).await?;
    told_operations::tell(&json!({ "operations": rows }), output);
    Ok(Exit::Done)
}
