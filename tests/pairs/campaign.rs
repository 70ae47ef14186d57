//! Ten rounds of edits on both sides while the platforms fail and workers are killed. At the end both sides are equal,
//! nothing is there twice, each edit is there or lost to a conflict on record, and two more runs write nothing.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use syncline_support::draw::Draw;

use crate::{
    document::document,
    place::{Place, Record},
    stage::Stage,
    trouble::{Trouble, cause, met, rounds},
};

/// Items of each side; `SYNCLINE_TEST_ROWS` sets another number.
const ITEMS: usize = 1_000;
/// `SYNCLINE_TEST_SEED` sets another.
const SEED: u64 = 20_261_130;
/// Edits of each side in a round.
const EDITS: usize = 25;
/// New items of each side in a round.
const NEW: usize = 3;
const NAME: &str = "issues";

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The value that each side gave a field in this round, by the pair's source id.
type Edits = BTreeMap<(String, &'static str), [Option<String>; 2]>;

struct Campaign<'a> {
    stage: &'a Stage,
    sides: [Place; 2],
    draw: Draw,
    /// Faults that were set and met, kills, and those that found the process at work.
    troubles: [usize; 4],
}

impl Campaign<'_> {
    async fn read(&self) -> Result<[BTreeMap<String, Record>; 2]> {
        let simulator = &self.stage.simulator;
        Ok([self.sides[0].read(simulator).await?, self.sides[1].read(simulator).await?])
    }

    /// So many items on each side, half of which are on both.
    async fn fill(&mut self, items: usize) -> Result<()> {
        for number in 0..items + items / 2 {
            let status = if self.draw.chance(30) { "done" } else { "open" };
            let mut record = Record::from([
                ("title", format!("Item {number} of the backlog")),
                ("body", format!("Open page {number}\n\nand wait")),
                ("status", status.to_owned()),
            ]);
            if self.draw.chance(50) {
                record.insert("labels", ["bug", "triage", "bug,ui"][number % 3].to_owned());
            }
            for (at, side) in self.sides.iter().enumerate() {
                if at == 0 && number < items || at == 1 && number >= items / 2 {
                    side.create(&self.stage.simulator, &record).await?;
                }
            }
        }
        Ok(())
    }

    /// Random edits of both sides, and new items.
    async fn edit(&mut self, round: usize) -> Result<Edits> {
        let pairs: Vec<(String, String)> =
            self.stage.ledger.pairs().await?.into_iter().map(|(target, source)| (source, target)).collect();
        let both = self.read().await?;
        let mut edits = Edits::new();
        // Some items are edited on both sides.
        let shared: Vec<usize> = (0..EDITS / 3).map(|_| self.draw.below(pairs.len())).collect();
        for at in 0..2 {
            for number in 0..EDITS {
                let pair = shared.get(number).copied().unwrap_or_else(|| self.draw.below(pairs.len()));
                let ids = [&pairs[pair].0, &pairs[pair].1];
                let record = both[at].get(ids[at]).context("the item of a link")?;
                let field = *self.draw.pick(&["title", "body", "status", "labels"]);
                let key = (ids[0].clone(), field);
                // Sets are merged element by element, which the other tests look at.
                if edits.get(&key).is_some_and(|edit| edit[at].is_some() || field == "labels") {
                    continue;
                }
                let value = match field {
                    "status" if record["status"] == "open" => "done".to_owned(),
                    "status" => "open".to_owned(),
                    "labels" => format!("bug,round-{round}"),
                    _ => format!("{field} {number} of side {at} in round {round}"),
                };
                self.sides[at].edit(&self.stage.simulator, ids[at], field, &value).await?;
                edits.entry(key).or_default()[at] = Some(value);
            }
            for number in 0..NEW {
                let record = Record::from([
                    ("title", format!("New {number} of side {at} in round {round}")),
                    ("body", "new".to_owned()),
                    ("status", "open".to_owned()),
                ]);
                self.sides[at].create(&self.stage.simulator, &record).await?;
            }
        }
        Ok(edits)
    }

    /// Runs with workers that are killed, and then until all is in step.
    async fn run(&mut self, trouble: &Trouble) -> Result<usize> {
        let simulator = &self.stage.simulator;
        cause(simulator, trouble, self.sides).await?;
        for kill in trouble.kills {
            simulator.forget().await?;
            // Slow answers keep the process at work until it is killed.
            simulator.control("PATCH", "/settings", json!({ "latency_ms": 100 })).await?;
            let mut running = self.stage.program.start(&["sync", NAME])?;
            simulator.wait_for(*kill, &mut running).await?;
            self.troubles[3] += usize::from(!running.has_ended()?);
            running.kill()?;
            simulator.control("PATCH", "/settings", json!({ "latency_ms": 0 })).await?;
        }
        let runs = self.stage.settle(NAME).await?;
        // A run that found everything in step may have come after one that could not tell what its writes became.
        self.stage.sync(NAME)?;
        self.troubles[0] += trouble.count();
        self.troubles[1] += met(simulator).await?;
        self.troubles[2] += trouble.kills.len();
        Ok(runs)
    }

    async fn ensure_in_step(&self, edits: &Edits) -> Result<()> {
        self.stage.ledger.ensure_settled().await?;
        let pairs = self.stage.ledger.pairs().await?;
        let [mut left, right] = self.read().await?;
        let (lefts, rights) = (left.len(), right.len());
        ensure!(
            lefts == pairs.len() && rights == pairs.len(),
            "{lefts} items, {rights} items, {} links",
            pairs.len()
        );
        let conflicts = self.stage.ledger.conflicts().await?;
        for (id, there) in &right {
            let source = pairs.get(id).with_context(|| format!("{id} is in no link: {there:?}"))?;
            let here = left.remove(source).with_context(|| format!("{source} is gone"))?;
            ensure!(here == *there, "{source} is {here:?}, and its counterpart {id} is {there:?}");
            for ((_, field), edit) in edits.range((source.clone(), "")..=(source.clone(), "~")) {
                let Some(now) = here.get(field) else { continue };
                let wanted: Vec<&String> = edit.iter().flatten().collect();
                ensure!(wanted.contains(&now), "{source}.{field} is {now:?}, and people wrote {wanted:?}");
                let lost = wanted.iter().any(|value| *value != now);
                let key = (source.clone(), self.sides[0].field(field).to_owned());
                ensure!(
                    !lost || conflicts.get(&key) == Some(&true),
                    "{key:?}: an edit was lost without a conflict"
                );
            }
        }
        Ok(())
    }
}

#[allow(clippy::print_stdout, reason = "cargo shows it with --nocapture, and where the test fails")]
async fn run(source: Place, target: Place) -> Result<()> {
    let stage = Stage::new().await?;
    stage.apply(&document(NAME, source, target, ""))?;
    let (items, seed) = (setting("SYNCLINE_TEST_ROWS", ITEMS as u64), setting("SYNCLINE_TEST_SEED", SEED));
    let pair = format!("{} to {}", source.platform(), target.platform());
    println!("{pair}, seed {seed}: {items} items");
    let mut campaign =
        Campaign { stage: &stage, sides: [source, target], draw: Draw(seed), troubles: [0; 4] };
    campaign.fill(items as usize).await?;
    let began = std::time::Instant::now();
    campaign.run(&Trouble::kills(&[3])).await?;
    campaign.ensure_in_step(&Edits::new()).await?;
    println!("{pair}, first sync: {:?}", began.elapsed());
    for (round, trouble) in rounds().iter().enumerate() {
        let edits = campaign.edit(round).await?;
        let runs = campaign.run(trouble).await.with_context(|| format!("round {round}"))?;
        campaign.ensure_in_step(&edits).await.with_context(|| format!("round {round}"))?;
        println!("{pair}, round {round}: {} edits, {runs} runs, {:?}", edits.len(), began.elapsed());
    }
    let before = campaign.read().await?;
    stage.ensure_quiet(&[NAME]).await?;
    ensure!(before == campaign.read().await?, "the last two runs wrote something");
    let [faults, met, kills, at_work] = campaign.troubles;
    println!(
        "{pair}: {met} of {faults} faults were met, {at_work} of {kills} kills found the process at work"
    );
    ensure!(met * 4 >= faults * 3 && at_work * 2 >= kills, "too little went wrong");
    Ok(())
}

/// The three pairs at once, since each spends much of its time waiting.
#[tokio::test(flavor = "multi_thread")]
async fn each_pair_comes_to_agree_through_faults_and_kills() -> Result<()> {
    let pairs = [
        (Place::Project, Place::Repository),
        (Place::Team, Place::Repository),
        (Place::Team, Place::Project),
    ];
    let runs: Vec<_> = pairs.iter().map(|(source, target)| tokio::spawn(run(*source, *target))).collect();
    for (run, (source, target)) in runs.into_iter().zip(&pairs) {
        run.await?.with_context(|| format!("{} to {}", source.platform(), target.platform()))?;
    }
    Ok(())
}
