//! The statistics of runs, counted from the runs themselves, one by one.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use syncline_api::stats::{Durations, Numbers, StatsFilter, stats};
use syncline_entity::types::{RunKind, RunStatus};

use crate::stage::Stage;

/// A run that is over.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) sync: i64,
    pub(crate) kind: RunKind,
    pub(crate) status: RunStatus,
    pub(crate) completed_at: DateTime<Utc>,
    pub(crate) took: Option<i64>,
    /// synced, failed, skipped, created, updated, deleted, conflicts, calls
    pub(crate) counts: [i64; 8],
}

impl Run {
    /// Some run of a sync, within the last hundred days, often near the edges of hours, days and windows.
    pub(crate) fn random(rng: &mut StdRng, sync: i64) -> Run {
        let now = Utc::now().trunc_subsecs(6);
        let ago = match rng.random_range(0..4) {
            0 => TimeDelta::milliseconds(rng.random_range(0..3 * 3_600_000)),
            1 => TimeDelta::minutes(rng.random_range(0..3 * 24 * 60)),
            2 => {
                TimeDelta::hours(*[1, 24, 168, 336].choose(rng).unwrap())
                    - TimeDelta::milliseconds(rng.random_range(-60_000..60_000))
            }
            _ => TimeDelta::minutes(rng.random_range(0..100 * 24 * 60)),
        };
        let mut completed_at = now - ago;
        if rng.random_ratio(1, 8) {
            completed_at =
                completed_at.trunc_subsecs(0) - TimeDelta::seconds(completed_at.timestamp() % 3_600);
        }
        let kinds = [RunKind::Sync, RunKind::Sync, RunKind::Sync, RunKind::Resolve, RunKind::Plan];
        let statuses = [
            RunStatus::Completed,
            RunStatus::Completed,
            RunStatus::Failed,
            RunStatus::Cancelled,
            RunStatus::Held,
        ];
        let magnitude = rng.random_range(0..24);
        Run {
            sync,
            kind: *kinds.choose(rng).unwrap(),
            status: *statuses.choose(rng).unwrap(),
            completed_at,
            took: Some(rng.random_range(0..=1 << magnitude)),
            counts: std::array::from_fn(
                |_| if rng.random_ratio(1, 2) { 0 } else { rng.random_range(0..1_000) },
            ),
        }
    }

    /// A run that died before it could say anything.
    pub(crate) fn silent(self) -> Run {
        Run { status: RunStatus::Failed, took: None, counts: [0; 8], ..self }
    }

    pub(crate) fn success(&self) -> bool {
        self.status == RunStatus::Completed && self.counts[1] == 0
    }
}

/// What of a run's numbers the answer holds, in the order of [`Run::counts`].
fn counts(numbers: &Numbers) -> [i64; 8] {
    [
        numbers.items_synced,
        numbers.items_failed,
        numbers.items_skipped,
        numbers.created,
        numbers.updated,
        numbers.deleted,
        numbers.conflicts,
        numbers.api_calls,
    ]
}

/// Holds numbers against the runs they are of.
#[track_caller]
pub(crate) fn check(numbers: &Numbers, runs: &[&Run], what: &str) {
    let runs: Vec<&Run> = runs.iter().filter(|run| run.kind != RunKind::Plan).copied().collect();
    let ended = |status| runs.iter().filter(|run| run.status == status).count() as i64;
    for status in [RunStatus::Completed, RunStatus::Failed, RunStatus::Cancelled, RunStatus::Held] {
        assert_eq!(numbers.runs[&status], ended(status), "{status} runs of {what}");
    }
    let sum = |place: usize| runs.iter().map(|run| run.counts[place]).sum::<i64>();
    assert_eq!(counts(numbers), std::array::from_fn(sum), "{what}");
    let (good, all) = (
        runs.iter().filter(|run| run.success()).count(),
        ended(RunStatus::Completed) + ended(RunStatus::Failed),
    );
    assert_eq!(numbers.success_rate, (all > 0).then(|| good as f64 / all as f64), "{what}");
    let mut took: Vec<i64> = runs.iter().filter_map(|run| run.took).collect();
    let time: i64 = took.iter().sum();
    assert_eq!(numbers.throughput, (time > 0).then(|| sum(0) as f64 * 1000.0 / time as f64), "{what}");
    took.sort_unstable();
    let rank = |percent: usize| took[(took.len() * percent).div_ceil(100).max(1) - 1];
    match numbers.duration_ms {
        None => assert!(took.is_empty(), "{what}"),
        Some(Durations { p50, p95, max }) => {
            assert_eq!(max, rank(100), "{what}");
            for (shown, exact) in [(p50, rank(50)), (p95, rank(95))] {
                assert!((shown - exact).abs() * 100 <= exact, "{what}: {shown} is shown for {exact}");
            }
        }
    }
}

/// What a sync is, as filters and groups see it.
pub(crate) struct Known {
    pub(crate) id: i64,
    pub(crate) name: &'static str,
    pub(crate) platforms: [&'static str; 2],
    pub(crate) entity_type: &'static str,
}

/// Asks for the statistics of a filter and holds every number against the runs.
pub(crate) async fn check_all(stage: &Stage, syncs: &[Known], runs: &[Run], filter: &StatsFilter) {
    let stats = stats(&stage.db, filter).await.unwrap();
    let within: Vec<&Run> =
        runs.iter().filter(|run| stats.since.is_none_or(|since| run.completed_at >= since)).collect();
    let chosen: Vec<&Known> = syncs
        .iter()
        .filter(|sync| filter.sync.as_deref().is_none_or(|name| name == sync.name))
        .filter(|sync| filter.platform.as_deref().is_none_or(|platform| sync.platforms.contains(&platform)))
        .filter(|sync| filter.entity_type.as_deref().is_none_or(|of| of == sync.entity_type))
        .collect();
    let names: Vec<&str> = stats.syncs.iter().map(|sync| sync.sync.as_str()).collect();
    assert_eq!(names, chosen.iter().map(|sync| sync.name).collect::<Vec<_>>(), "{filter:?}");
    let of = |which: &dyn Fn(&Known) -> bool| -> Vec<&Run> {
        let ids: Vec<i64> = chosen.iter().filter(|sync| which(sync)).map(|sync| sync.id).collect();
        within.iter().filter(|run| ids.contains(&run.sync)).copied().collect()
    };
    for (shown, sync) in stats.syncs.iter().zip(&chosen) {
        check(&shown.numbers, &of(&|other| other.id == sync.id), &format!("{} in {filter:?}", sync.name));
    }
    check(&stats.total, &of(&|_| true), &format!("all in {filter:?}"));
    let mut platforms: BTreeMap<&str, ()> = BTreeMap::new();
    let mut types: BTreeMap<&str, ()> = BTreeMap::new();
    for sync in &chosen {
        platforms.extend(sync.platforms.map(|platform| (platform, ())));
        types.insert(sync.entity_type, ());
    }
    assert!(stats.by_platform.keys().map(String::as_str).eq(platforms.into_keys()));
    assert!(stats.by_entity_type.keys().map(String::as_str).eq(types.into_keys()));
    for (platform, numbers) in &stats.by_platform {
        let runs = of(&|sync| sync.platforms.contains(&platform.as_str()));
        check(numbers, &runs, &format!("{platform} in {filter:?}"));
    }
    for (entity_type, numbers) in &stats.by_entity_type {
        check(numbers, &of(&|sync| sync.entity_type == entity_type), &format!("{entity_type} in {filter:?}"));
    }
}
