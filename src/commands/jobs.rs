//! `syncline jobs`: lists, shows and cancels the jobs in the queue.

use chrono::Utc;
use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_api::routes::jobs::{
    list::views,
    show::{letter, view},
};
use syncline_entity::{sync_history, types::RunStatus};
use syncline_runs::{
    RunQueue,
    holding::holding,
    listing::{self, Listed, Listing, Standing},
};
use syncline_service::{Caller, Error, Refusal, Unknown, filter::jobs::of_jobs, runs, syncs};
use uuid::Uuid;

use super::{dead, runs::show::tell_attempts};
use crate::{
    app,
    cli::{JobsAction, JobsArgs, JobsListArgs, PageArgs, WhichArgs},
    config::Config,
    fault::{Exit, Fault},
    ids,
    output::{Output, bare, list as entries, moment, sync_name, text},
    words::{self, since},
};

/// Lists, shows or cancels jobs.
pub(crate) async fn run(config: &Config, args: &JobsArgs, output: &Output) -> Result<Exit, Fault> {
    if let Some(JobsAction::Dead(args)) = &args.action {
        return dead::run(config, args, output).await;
    }
    let db = app::connect(config).await?;
    let queue = app::queue(config, &db)?;
    match &args.action {
        Some(JobsAction::Show(args)) => {
            show(&db, &queue, ids::job(&db, &queue, &args.id).await?, output).await
        }
        Some(JobsAction::Cancel(args)) => {
            cancel(&db, &queue, &config.caller(), &ids::jobs(&db, &queue, &args.ids).await?, output).await
        }
        Some(JobsAction::List(args)) => list(&db, &queue, args, output).await,
        Some(JobsAction::Dead(_)) | None => list(&db, &queue, &args.list, output).await,
    }
}

async fn list(
    db: &DatabaseConnection,
    queue: &RunQueue,
    args: &JobsListArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    // A cursor is valid for one status only, so it includes the status.
    let (status, cursor) = match args.page.after.as_deref() {
        None => (args.status, None),
        Some(after) => {
            let wrong = || Fault::usage(format!("--after {after:?} is not a cursor that a list has shown"));
            let (status, cursor) = after.split_once('/').ok_or_else(wrong)?;
            (Some(status.parse().map_err(|_| wrong())?), Some(cursor.to_owned()))
        }
    };
    let statuses = statuses(status, args.status, args.page.after.is_some());
    let mut asked = listing(db, &args.which, &args.page, Standing::Queued).await?;
    asked.after = cursor.filter(|cursor| !cursor.is_empty());
    let limit = asked.limit;
    let (mut jobs, mut next) = (Vec::new(), None);
    for standing in statuses {
        if jobs.len() >= limit {
            next = Some(format!("{standing}/"));
            break;
        }
        (asked.standing, asked.limit) = (standing, limit - jobs.len());
        let page = listing::list(db, queue, &asked).await?;
        asked.after = None;
        jobs.extend(page.jobs);
        if let Some(cursor) = page.next {
            next = Some(format!("{standing}/{cursor}"));
            break;
        }
    }
    tell(&document(db, jobs, next.as_deref()).await?, "no jobs", output);
    Ok(Exit::Done)
}

/// The statuses to list: `from` is that of the cursor, or of `--status`, which is `asked`. Without `--status` a list goes on
/// with the statuses after the cursor's.
pub(crate) fn statuses(from: Option<Standing>, asked: Option<Standing>, goes_on: bool) -> Vec<Standing> {
    match (from, asked, goes_on) {
        (Some(from), None, true) => LIVE.into_iter().skip_while(|status| *status != from).collect(),
        (Some(status), _, _) => vec![status],
        (None, _, _) => LIVE.to_vec(),
    }
}

/// The statuses that are listed without `--status`.
const LIVE: [Standing; 2] = [Standing::InProgress, Standing::Queued];

/// Converts the arguments of a list to a query.
pub(crate) async fn listing(
    db: &DatabaseConnection,
    which: &WhichArgs,
    page: &PageArgs,
    standing: Standing,
) -> Result<Listing, Fault> {
    let sync = match &which.sync {
        Some(name) => Some(syncs::find(db, name).await?.id),
        None => None,
    };
    let also = match &which.filter {
        Some(filter) => Some(of_jobs(db, filter).await?),
        None => None,
    };
    Ok(Listing {
        also,
        queue: which.of_queue.clone(),
        sync,
        kind: which.kind.clone(),
        key: which.key.clone(),
        text: which.text.clone(),
        older_than: which.older_than,
        limit: usize::from(page.limit),
        after: page.after.clone(),
        ..Listing::new(standing)
    })
}

/// Jobs as JSON.
pub(crate) async fn document(
    db: &DatabaseConnection,
    jobs: Vec<Listed>,
    next: Option<&str>,
) -> Result<Value, Fault> {
    let jobs: Vec<Value> = views(db, "", jobs).await?.into_iter().map(bare).collect();
    Ok(json!({ "jobs": jobs, "next_cursor": next }))
}

/// Prints jobs as a table, or as JSON. `none` is said if there are none.
pub(crate) fn tell(document: &Value, none: &str, output: &Output) {
    output.data(document);
    let jobs = entries(document, "jobs");
    if jobs.is_empty() {
        output.line(none);
    } else if jobs.iter().all(|job| job["status"] == "failed") {
        dead::table(jobs, output);
    } else {
        table(jobs, output);
    }
    if let Some(next) = document["next_cursor"].as_str().filter(|_| !jobs.is_empty()) {
        output.line(format!("there are more: --after {next}"));
    }
}

fn table(jobs: &[Value], output: &Output) {
    let line = |job: &Value| {
        let not_before = || {
            let at = moment(job, "run_at").filter(|at| *at > Utc::now())?;
            Some(format!("not before {}", words::time(at)))
        };
        let not_yet = || (job["dispatched"] == false).then(|| "undispatched".to_owned());
        let progress = Some(&job["progress"]).filter(|progress| !progress.is_null()).map(words::progress);
        vec![
            text(job, "id"),
            text(job, "status"),
            sync_name(job),
            text(job, "kind"),
            text(job, "priority"),
            moment(job, "since").map(since).unwrap_or_default(),
            match (job["attempt"].as_u64(), job["max_attempts"].as_u64()) {
                (Some(attempt), Some(max)) => format!("{attempt} of {max}"),
                _ => String::new(),
            },
            text(job, "worker"),
            progress.or_else(not_before).or_else(not_yet).unwrap_or_default(),
        ]
    };
    output.table(
        &["job", "status", "sync", "kind", "priority", "age", "attempt", "worker", "progress"],
        jobs.iter().map(line).collect(),
    );
}

pub(crate) async fn show(
    db: &DatabaseConnection,
    queue: &RunQueue,
    id: Uuid,
    output: &Output,
) -> Result<Exit, Fault> {
    let unknown = || Fault::usage(format!("there is no job {id}; old ones are removed"));
    let Some(run) = sync_history::by_run(db, id).await? else {
        let job = queue.get(id).await?.ok_or_else(unknown)?;
        tell_one(&bare(letter(job, "")), None, output);
        return Ok(Exit::Done);
    };
    let held = match syncs::by_id(db, run.sync_config_id).await? {
        Some(sync) if run.status == RunStatus::Queued => holding(db, &sync, &sync.to_string()).await?,
        _ => None,
    };
    let job = bare(view(db, Some(queue), run, "").await?);
    tell_one(&job, held.map(|held| held.to_string()), output);
    Ok(Exit::Done)
}

/// Prints one job; `pause` keeps it from beginning.
pub(crate) fn tell_one(job: &Value, pause: Option<String>, output: &Output) {
    output.data(job);
    let of = sync_name(job);
    let of = if of.is_empty() { of } else { format!(" of {of}") };
    output.line(format!("job {}{of}", text(job, "id")));
    for (name, value) in told(job) {
        output.line(format!("{name}: {value}"));
    }
    if let Some(pause) = pause {
        output.line(format!("pause: {pause}"));
    }
    tell_attempts(entries(job, "attempts"), output);
}

/// The fields of a job that are shown to people; `--json` has the others.
fn told(job: &Value) -> Vec<(&'static str, String)> {
    let queue = &job["queue"];
    let word = |value: &Value| value.as_str().map(str::to_owned);
    let at = |key: &str| Some(format!("{} UTC", words::date(moment(job, key)?)));
    let later = moment(job, "not_before").is_some_and(|time| time > Utc::now());
    let attempt = queue["attempt"].as_u64().filter(|attempt| *attempt > 0);
    let asked = queue["cancel_requested"] == true || job["cancel_requested"] == true;
    let reason = word(&job["dead_reason"]).or_else(|| word(&queue["dead_reason"]));
    let progress = Some(&queue["progress"]).filter(|progress| !progress.is_null());
    let lines = [
        ("kind", word(&job["kind"])),
        ("status", word(&job["status"])),
        ("priority", word(&job["priority"])),
        ("queued", at("queued_at")),
        ("not before", at("not_before").filter(|_| later)),
        ("begun", at("started_at")),
        ("ended", at("completed_at")),
        ("attempt", attempt.map(|attempt| format!("{attempt} of {}", queue["max_attempts"]))),
        ("worker", word(&queue["worker"])),
        ("progress", progress.map(words::progress)),
        ("cancelled", (asked && job["completed_at"].is_null()).then(|| "asked to stop".to_owned())),
        ("error", word(&job["error"]).or_else(|| word(&queue["last_error"]))),
        ("reason", reason.as_deref().map(dead::reason)),
    ];
    lines.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Cancels jobs. Exit code 1 if one of them could not be cancelled.
async fn cancel(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    ids: &[Uuid],
    output: &Output,
) -> Result<Exit, Fault> {
    let mut told = Vec::new();
    for id in ids {
        let word = match runs::cancel(db, queue, caller, *id).await {
            Ok(false) => "cancelled",
            Ok(true) => "asked to stop",
            Err(Error::Refused { why: Refusal::JobOver, .. }) => "over already",
            Err(Error::Unknown { what: Unknown::Job, .. }) => "unknown",
            Err(error) => return Err(error.into()),
        };
        told.push((*id, word));
    }
    Ok(tell_cancelled(&told, output))
}

/// Prints what became of the jobs to cancel.
pub(crate) fn tell_cancelled(told: &[(Uuid, &str)], output: &Output) -> Exit {
    let mut exit = Exit::Done;
    for (id, word) in told {
        if matches!(*word, "over already" | "unknown") {
            exit = Exit::Failed;
            let why = if *word == "unknown" { "there is no such job" } else { "is over already" };
            output.error(&format!("{id}: {why}"));
        } else {
            output.line(format!("{id}: {word}"));
        }
    }
    let json = told.iter().map(|(id, word)| json!({ "id": id, "result": word.replace(' ', "_") }));
    output.data(&json!({ "jobs": json.collect::<Vec<_>>() }));
    exit
}
