//! `syncline plan`: shows what a sync would do.

mod untyped;

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use syncline_engine::{
    guard::Held,
    run::{Counts, Options, Run},
    side::Pair,
    spec::{Severity, SyncSpec},
};
use syncline_entity::types::SyncMethod;
use syncline_limits::Lane;
use syncline_service::{
    accounts,
    syncs::{self, display_name},
};
use syncline_worker::{
    admission::{Accounts, admit},
    gate::Calls,
    handlers::show,
    steps::RunObserver,
    store::{LinkStore, RunIdentity, SyncIdentity},
};

use self::untyped::Untyped;
use super::sync;
use crate::{
    app,
    cli::PlanArgs,
    config::Config,
    document,
    fault::{Exit, Fault},
    output::Output,
    wait,
    words::{count, is_are},
};

/// Shows the plan of a stored sync, or of the syncs in a file.
pub(crate) async fn run(config: &Config, args: &PlanArgs, output: &Output) -> Result<Exit, Fault> {
    match (&args.name, &args.file) {
        (_, Some(file)) => of_file(config, file, args, output).await,
        (Some(name), None) => of_stored(config, name, args, output).await,
        (None, None) => Err(Fault::usage("name a sync or a file: syncline plan NAME, syncline plan -f FILE")),
    }
}

/// Plans in this process: a plan writes nothing, so neither a pause nor another run blocks it.
async fn of_stored(config: &Config, name: &str, args: &PlanArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let stored = syncs::find(&db, name).await?;
    let spec: SyncSpec = serde_json::from_value(stored.config_json.clone()).map_err(|error| {
        Fault::usage(format!("the stored document of {:?} cannot be read: {error}", stored.name))
    })?;
    let preview = preview(config, &db, &spec, args, output).await?;
    output.data(&preview);
    Ok(tell(&preview.for_people(args.limit), args.limit, output))
}

async fn of_file(config: &Config, file: &Path, args: &PlanArgs, output: &Output) -> Result<Exit, Fault> {
    let document = document::read(file)?;
    document.refuse_errors()?;
    for warning in document.told(Severity::Warning) {
        output.note(&format!("warning: {warning}"));
    }
    let db = app::connect_or_imagine(config).await?;
    let mut plans = Vec::new();
    let mut exit = Exit::Done;
    for sync in &document.syncs {
        let preview = preview(config, &db, &sync.spec, args, output).await?;
        if tell(&preview.for_people(args.limit), args.limit, output) == Exit::Failed {
            exit = Exit::Failed;
        }
        plans.push(preview);
    }
    output.data(&json!({ "plans": plans }));
    Ok(exit)
}

/// What a sync would do, as JSON. Items are kept as JSON text: as values they take twenty times as much memory.
#[derive(Serialize)]
struct Preview {
    sync: String,
    project: String,
    plan: Planned,
    held: Option<Held>,
    open_conflicts: u64,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Planned {
    counts: Counts,
    items: Vec<Box<RawValue>>,
    /// Items beyond those shown and kept.
    #[serde(skip)]
    more: usize,
}

impl Preview {
    fn for_people(&self, limit: usize) -> Value {
        let texts = self.plan.items.iter().take(limit).map(|item| item.get());
        let items: Vec<Value> = texts.map(|text| serde_json::from_str(text).unwrap_or_default()).collect();
        let more = self.plan.more + self.plan.items.len() - items.len();
        json!({
            "sync": self.sync,
            "project": self.project,
            "plan": { "counts": self.plan.counts, "items": items, "more": more },
            "held": self.held,
            "open_conflicts": self.open_conflicts,
            "warnings": self.warnings,
        })
    }
}

/// Plans a document as it is, with the links of the stored sync of the same name, if there is one. Only reads.
async fn preview(
    config: &Config,
    db: &sea_orm::DatabaseConnection,
    spec: &SyncSpec,
    args: &PlanArgs,
    output: &Output,
) -> Result<Preview, Fault> {
    let project = syncline_entity::project::by_key(db, &spec.project).await?;
    let stored = match &project {
        Some(project) => syncline_entity::sync_config::by_name(db, project.id, &spec.name).await?,
        None => None,
    };
    let open_conflicts = match &stored {
        Some(stored) => sync::open_conflicts(db, stored.id).await?,
        None => 0,
    };
    // A document that differs from the stored one is the next revision: all items are compared anew, as after `apply`.
    let planned = serde_json::to_value(spec).map_err(|error| Fault::failed(error.to_string()))?;
    let revision =
        stored.as_ref().map_or(0, |stored| stored.revision + i64::from(stored.config_json != planned));
    let after_restore = stored.as_ref().is_some_and(|stored| stored.restored_at.is_some());
    let environment = app::environment(config, db.clone())?;
    let accounts = match &project {
        Some(project) => accounts::resolve(db, project.id, spec).await?,
        None => Ok(Pair::default()),
    };
    let accounts = accounts.map_err(|wrong| {
        let wrong: Vec<String> =
            wrong.iter().map(|finding| format!("{}: {}", finding.path, finding.message)).collect();
        Fault::usage(format!("sync {:?}: {}", spec.name, wrong.join("; ")))
    })?;
    let platforms = Pair::new(&*spec.source_platform, &*spec.target_platform);
    let admitted = admit(&environment.limits, Accounts::new(accounts, platforms), Lane::Edit).await;
    let admitted = admitted.map_err(|not_now| Fault::failed(format!("sync {:?}: {not_now}", spec.name)))?;
    let calls = Calls::through(admitted.gates(&environment.clock));
    let context = calls.context(&NoLeave, environment.clock.now());
    let open = environment.opener().open(spec.clone(), revision, &context).await;
    let open = open.map_err(|error| Fault::failed(format!("sync {:?}: {error}", spec.name)))?;
    let observer = Arc::new(RunObserver::default());
    let store = LinkStore {
        db: db.clone(),
        run: RunIdentity { id: uuid::Uuid::nil(), fence: 0, method: SyncMethod::Manual },
        // No sync has this id, so a document that is not stored has no links.
        sync: SyncIdentity {
            project_id: stored.as_ref().map_or(-1, |stored| stored.project_id),
            config_id: stored.map_or(-1, |stored| stored.id),
            entity_type: open.spec.entity_type.clone(),
            direction: syncline_entity::types::SyncDirection::Bidirectional,
            platforms: [open.spec.source_platform.clone(), open.spec.target_platform.clone()],
        },
        intended: Mutex::default(),
        open_intents: Mutex::default(),
        origin: std::sync::OnceLock::new(),
        clock: environment.clock.clone(),
        observer: observer.clone(),
    };
    let asked = wait::manual_args(&args.run);
    let run = Run {
        spec: &open.spec,
        mapping: &open.mapping,
        places: Pair::new(&*open.places.source, &*open.places.target),
        gates: calls.gates(),
        store: &store,
        clock: &*environment.clock,
        leave: &NoLeave,
        meter: &calls.meter,
        observer: &*observer,
        options: Options {
            // As `syncline sync` with the same options.
            full: asked.reads_everything(),
            scope: asked.scope(),
            by_person: true,
            confirm_deletes: args.run.confirm_deletes,
            approved_deletes: args.run.allow_deletes,
            approved_items: args.run.allow_deletes_of.clone(),
            after_restore,
            ..Options::default()
        },
    };
    let kept = if output.is_json() { usize::MAX } else { args.limit };
    let (mut items, mut more, mut untyped) = (Vec::new(), 0, Untyped::default());
    let report = run
        .preview(&mut |plan| {
            untyped.note(plan, &open.mapping);
            match show(plan, &open.spec) {
                Some(item) if items.len() < kept => items.extend(serde_json::value::to_raw_value(&item)),
                Some(_) => more += 1,
                None => {}
            }
        })
        .await;
    let warnings = untyped.warnings(&open.mapping, run.places, &context).await;
    admitted.release().await;
    let failed = |error: &dyn std::fmt::Display| Fault::failed(format!("sync {:?}: {error}", spec.name));
    let report = report.map_err(|error| failed(&error))?;
    let warnings = warnings.map_err(|error| failed(&error))?;
    Ok(Preview {
        sync: spec.name.clone(),
        project: spec.project.clone(),
        plan: Planned { counts: report.counts, items, more },
        held: report.held,
        open_conflicts,
        warnings,
    })
}

/// Refuses every write: a preview makes none.
pub(super) struct NoLeave;

impl syncline_engine::ports::Leave for NoLeave {
    fn check(&self) -> Result<(), syncline_engine::ports::Stopped> {
        Err(syncline_engine::ports::Stopped::Cancelled)
    }

    fn remaining(&self) -> std::time::Duration {
        std::time::Duration::from_secs(30)
    }
}

/// Prints a plan.
pub(crate) fn tell(plan: &Value, limit: usize, output: &Output) -> Exit {
    let counts: Counts = serde_json::from_value(plan["plan"]["counts"].clone()).unwrap_or_default();
    let items = plan["plan"]["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    // Conflicts that are open already are not planned again.
    let asked = counts.conflicts.max(plan["open_conflicts"].as_u64().unwrap_or(0));
    let project = plan["project"].as_str().unwrap_or("default");
    let name = display_name(project, plan["sync"].as_str().unwrap_or_default());
    output.headline(&format!("plan of {name}"));
    output.plan(&items[..items.len().min(limit)]);
    for warning in plan["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        output.note(&format!("warning: {warning}"));
    }
    let more = items.len().saturating_sub(limit) as u64 + plan["plan"]["more"].as_u64().unwrap_or(0);
    if more > 0 {
        output.line(format!("... and {more} more (--limit)"));
    }
    output.line(format!(
        "{} to create, {} to update, {} to delete, {} resolved, {} for a person, {} failing, {} unchanged",
        counts.created,
        counts.updated,
        counts.deleted,
        count(counts.resolved, "conflict", "conflicts"),
        asked,
        counts.failed,
        counts.unchanged
    ));
    if counts.missing > 0 {
        output.line(format!(
            "{} {} missing for the first time (--confirm-deletes plans what follows)",
            count(counts.missing, "item", "items"),
            is_are(counts.missing)
        ));
    }
    let ended = counts.ended.saturating_sub(counts.both_gone);
    if ended > 0 {
        output.line(format!(
            "{}: the item is gone from one side; the item of the other side stays",
            count(ended, "link ends", "links end")
        ));
    }
    if counts.both_gone > 0 {
        output.line(format!("{}: both items are gone", count(counts.both_gone, "link ends", "links end")));
    }
    if counts.unlinked > 0 {
        output.line(format!(
            "{} only in the target (two_way_create is off)",
            count(counts.unlinked, "item stays", "items stay")
        ));
    }
    if let Some(deletes) = plan["held"]["deletes"].as_u64() {
        output.line(format!(
            "a run would be held: {} {} gone, more than delete_guard lets pass; if that is right: syncline sync {name} \
             --allow-deletes {deletes}, or --allow-delete ID for each of them",
            count(deletes, "item", "items"),
            is_are(deletes),
        ));
    }
    if counts.failed > 0 || asked > 0 || !plan["held"].is_null() { Exit::Failed } else { Exit::Done }
}
