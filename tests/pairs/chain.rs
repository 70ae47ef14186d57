//! Three syncs in a ring: Jira to GitHub, GitHub to Linear, Linear to Jira. An edit at any place arrives at the others once,
//! and comes to rest.

use anyhow::{Context, Result, ensure};
use syncline_support::simulator::SimulatorProcess;

use crate::{
    document::document,
    place::{Place, Record},
    stage::Stage,
};

const RING: [(&str, Place, Place); 3] = [
    ("jira-github", Place::Project, Place::Repository),
    ("github-linear", Place::Repository, Place::Team),
    ("linear-jira", Place::Team, Place::Project),
];
const NAMES: [&str; 3] = [RING[0].0, RING[1].0, RING[2].0];

/// The only item of a place.
async fn only(place: Place, simulator: &SimulatorProcess) -> Result<(String, Record)> {
    let items = place.read(simulator).await?;
    ensure!(items.len() == 1, "{} items in {place:?}: {items:?}", items.len());
    items.into_iter().next().context("one item")
}

/// Rounds of the ring until one of them writes nothing; at most two write.
async fn rest(stage: &Stage) -> Result<()> {
    for _ in 0..3 {
        stage.simulator.forget().await?;
        for name in NAMES {
            stage.sync(name)?;
        }
        if stage.simulator.mutations().await?.is_empty() {
            return Ok(());
        }
    }
    anyhow::bail!("the ring does not come to rest")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_goes_round_once_and_comes_to_rest() -> Result<()> {
    let stage = Stage::new().await?;
    for (name, source, target) in RING {
        stage.apply(&document(name, source, target, ""))?;
    }
    let simulator = &stage.simulator;
    let first = Record::from([
        ("title", "The login hangs".to_owned()),
        ("body", "It hangs for a minute\n\nand then it works".to_owned()),
        ("status", "open".to_owned()),
        ("labels", "bug".to_owned()),
    ]);
    Place::Project.create(simulator, &first).await?;
    rest(&stage).await?;
    let mut wanted = first;
    for place in Place::ALL {
        let (_, found) = only(place, simulator).await?;
        ensure!(found == wanted, "{place:?} has {found:?}");
    }
    for (step, place) in Place::ALL.into_iter().cycle().take(6).enumerate() {
        let (id, _) = only(place, simulator).await?;
        let (field, value) = match step % 4 {
            0 => ("title", format!("The login hangs, seen from {}", place.platform())),
            1 => ("body", format!("Seen from {}\n\nin step {step}", place.platform())),
            2 => ("status", if wanted["status"] == "open" { "done" } else { "open" }.to_owned()),
            _ => ("labels", format!("bug,seen-{step}")),
        };
        place.edit(simulator, &id, field, &value).await?;
        wanted.insert(field, value);
        rest(&stage).await?;
        for other in Place::ALL {
            let (_, found) = only(other, simulator).await?;
            ensure!(found == wanted, "step {step}: {other:?} has {found:?}, and {wanted:?} is wanted");
        }
    }
    stage.ensure_quiet(&NAMES).await?;
    let conflicts = stage.ledger.number("SELECT COUNT(*) FROM sync_conflicts").await?;
    ensure!(conflicts == 0, "{conflicts} conflicts");
    Ok(())
}
