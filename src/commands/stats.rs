//! `syncline stats`: the statistics of syncs.

mod rebuild;

use std::collections::BTreeMap;

use sea_orm::DatabaseConnection;
use syncline_api::stats::{Numbers, Stats, StatsFilter, Window, stats};
use syncline_service::syncs;

use crate::{
    app,
    cli::{StatsAction, StatsArgs, StatsBy},
    config::Config,
    fault::{Exit, Fault},
    output::Output,
};

/// Computes and prints the statistics.
pub(crate) async fn run(config: &Config, args: &StatsArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    if let Some(StatsAction::Rebuild(args)) = &args.action {
        return rebuild::run(config, &db, args, output).await;
    }
    let stats = collect(&db, args).await?;
    show(&stats, args.by, output);
    Ok(Exit::Done)
}

/// Prints the statistics as JSON or as a table.
pub(crate) fn show(stats: &Stats, by: StatsBy, output: &Output) {
    output.data(stats);
    tell(stats, by, output);
}

/// The statistics for these arguments.
pub(crate) async fn collect(db: &DatabaseConnection, args: &StatsArgs) -> Result<Stats, Fault> {
    let window: Window = args.window.parse().map_err(|error| Fault::usage(format!("--window: {error}")))?;
    let (project, sync) =
        match args.sync.as_deref().map(|name| name.split_once('/').unwrap_or(("default", name))) {
            Some((project, sync)) => (Some(project.to_owned()), Some(sync.to_owned())),
            None => (None, None),
        };
    if let Some(name) = &args.sync {
        // A misspelt name is an error; its numbers would all be zero.
        syncs::find(db, name).await?;
    }
    let filter = StatsFilter {
        sync,
        project,
        platform: args.platform.clone(),
        entity_type: args.entity_type.clone(),
        window,
    };
    Ok(stats(db, &filter).await?)
}

/// Prints the statistics as a table.
pub(crate) fn tell(stats: &Stats, by: StatsBy, output: &Output) {
    let first = match by {
        StatsBy::Sync => "sync",
        StatsBy::Platform => "platform",
        StatsBy::EntityType => "entity type",
    };
    let head = [
        first,
        "links",
        "open conflicts",
        "runs",
        "success",
        "p50/p95/max ms",
        "items synced",
        "created/updated/deleted",
        "API calls",
        "items/s",
    ];
    let grouped = |groups: &BTreeMap<String, Numbers>| -> Vec<Vec<String>> {
        groups.iter().map(|(name, numbers)| row(name, numbers)).collect()
    };
    let mut rows = match by {
        StatsBy::Sync => stats
            .syncs
            .iter()
            .map(|sync| row(&syncs::display_name(&sync.project, &sync.sync), &sync.numbers))
            .collect(),
        StatsBy::Platform => grouped(&stats.by_platform),
        StatsBy::EntityType => grouped(&stats.by_entity_type),
    };
    if rows.len() != 1 {
        rows.push(row("all", &stats.total));
    }
    output.table(&head, rows);
}

fn row(name: &str, numbers: &Numbers) -> Vec<String> {
    let durations = numbers.duration_ms.map(|d| format!("{}/{}/{}", d.p50, d.p95, d.max));
    vec![
        name.to_owned(),
        by_name(&numbers.links),
        numbers.open_conflicts.to_string(),
        by_name(&numbers.runs),
        numbers.success_rate.map(|rate| format!("{:.0} %", rate * 100.0)).unwrap_or_default(),
        durations.unwrap_or_default(),
        numbers.items_synced.to_string(),
        format!("{}/{}/{}", numbers.created, numbers.updated, numbers.deleted),
        numbers.api_calls.to_string(),
        numbers.throughput.map(|rate| format!("{rate:.0}")).unwrap_or_default(),
    ]
}

fn by_name<K: std::fmt::Display>(counts: &BTreeMap<K, i64>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    if parts.is_empty() { "0".to_owned() } else { parts.join(", ") }
}
