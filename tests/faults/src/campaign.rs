//! Runs scenarios and prints their lines.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::{StreamExt, stream};

use crate::{
    report::{Figures, HEAD, Report},
    scenarios::{self, Scenario},
    stage::{Form, Stage},
    system::Kind,
};

/// Runs what the arguments ask for. False: something did not pass.
pub(crate) async fn run(asked: &crate::Campaign, form: Form) -> Result<bool> {
    let all = scenarios::all();
    if asked.list {
        for scenario in &all {
            println!("{:<18} {}", scenario.name, scenario.about);
        }
        return Ok(true);
    }
    for name in &asked.scenario {
        ensure!(all.iter().any(|one| one.name == name), "there is no scenario {name:?}; --list names them");
    }
    let runs = runs(asked, &all);
    println!("{HEAD}");
    let began = Instant::now();
    let mut reports = stream::iter(runs)
        .map(|(scenario, kind, seed)| tokio::spawn(run_one(scenario, kind, form, seed)))
        .buffered(asked.beside.max(1));
    let (mut passed, mut failed) = (0, 0);
    while let Some(report) = reports.next().await {
        let report = report?;
        println!("{report}");
        if report.passed() { passed += 1 } else { failed += 1 }
    }
    println!("{passed} passed, {failed} failed, in {:.0} s", began.elapsed().as_secs_f64());
    Ok(failed == 0 && passed > 0)
}

/// What the arguments ask for, a seed after the other.
fn runs(asked: &crate::Campaign, all: &[Scenario]) -> Vec<(Scenario, Kind, u64)> {
    let mut runs = Vec::new();
    for (turn, seed) in asked.seed.iter().enumerate() {
        for (nth, scenario) in all.iter().enumerate() {
            if !asked.scenario.is_empty() && !asked.scenario.iter().any(|name| name == scenario.name) {
                continue;
            }
            let wanted = |kind: &&Kind| asked.backend.is_empty() || asked.backend.contains(kind);
            let kinds: Vec<Kind> = scenario.backends.iter().filter(wanted).copied().collect();
            let mine =
                kinds.iter().enumerate().filter(|(at, _)| !asked.spread || (nth + turn) % kinds.len() == *at);
            runs.extend(mine.map(|(_, kind)| (*scenario, *kind, *seed)));
        }
    }
    runs
}

/// Whatever goes wrong is a line of its own.
async fn run_one(scenario: Scenario, kind: Kind, form: Form, seed: u64) -> Report {
    let began = Instant::now();
    let patience = Duration::from_secs(if form == Form::Short { 120 } else { scenario.minutes * 60 });
    let run = async {
        let stage = Stage::set(scenario.name, kind, form, seed).await?;
        (scenario.run)(stage).await
    };
    let error = match tokio::time::timeout(patience, run).await {
        Ok(Ok(report)) => return report,
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => format!("it did not end within {patience:?}"),
    };
    Report {
        scenario: scenario.name,
        backend: kind.to_string(),
        seed,
        took: began.elapsed(),
        figures: Figures::default(),
        notes: Vec::new(),
        faults: vec![error],
    }
}
