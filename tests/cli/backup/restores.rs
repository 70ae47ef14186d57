//! Histories with a backup at some point, which is put back in the end: nothing is deleted unasked, nothing doubled, no
//! edit lost, and with a person's answers all is in step again.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use rstest::rstest;

use super::stage::{Items, Kind, Stage};
use crate::common::number;

/// Histories per case; `SYNCLINE_TEST_HISTORIES` sets another number.
const HISTORIES: u64 = 2;

/// SplitMix64: the same numbers for the same seed, everywhere.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}

/// What people did, and what ought to come of it.
struct Plot {
    draw: Draw,
    stage: Stage,
    two_way: bool,
    /// What both sides say once all is in step.
    expected: Items,
    /// What only the table has: it is not carried to the file.
    only_there: BTreeSet<String>,
    /// Edits since the last sync: whether in the file, the title, the points.
    fresh: Vec<(bool, String, i64)>,
    /// Each value is written once, and later ones are larger.
    counter: i64,
}

impl Plot {
    async fn step(&mut self) -> Result<()> {
        self.counter += 1;
        let points = self.counter;
        // One edit of an item between two syncs, so that no two meet.
        let untouched = |title: &&String| self.fresh.iter().all(|(_, other, _)| other != *title);
        let old: Vec<String> = self.expected.keys().filter(untouched).cloned().collect();
        let there = |title: &String| self.only_there.contains(title);
        let picked = if old.is_empty() { None } else { Some(old[self.draw.below(old.len())].clone()) };
        let in_file = self.draw.below(2) == 0 && !picked.as_ref().is_some_and(there);
        match (self.draw.below(8), picked) {
            (0..3, Some(title)) => {
                if in_file {
                    self.stage.edit_file(&title, points)?;
                } else {
                    self.stage.edit_table(&title, points).await?;
                }
                self.note(in_file, &title, points);
            }
            (3, Some(title)) => {
                if in_file {
                    self.stage.remove_from_file(&title)?;
                } else {
                    self.stage.remove_from_table(&title).await?;
                }
                self.expected.remove(&title);
                self.only_there.remove(&title);
            }
            _ => {
                let title = format!("item {points}");
                let in_file = self.draw.below(3) > 0;
                if in_file {
                    self.stage.add_to_file(&title, points)?;
                } else {
                    self.stage.add_to_table(&title, points).await?;
                    if !self.two_way {
                        self.only_there.insert(title.clone());
                    }
                }
                self.note(in_file, &title, points);
            }
        }
        Ok(())
    }

    fn note(&mut self, in_file: bool, title: &str, points: i64) {
        self.expected.insert(title.to_owned(), points);
        self.fresh.push((in_file, title.to_owned(), points));
    }

    async fn in_step(&mut self) -> Result<()> {
        for _ in 0..2 {
            self.stage.sync(&["--confirm-deletes"])?;
        }
        self.fresh.clear();
        self.stage.ensure_is(&self.expected, &self.only_there).await.context("before the restore")
    }

    /// What was edited and not yet carried is as its author left it.
    async fn ensure_no_edit_is_lost(&self) -> Result<()> {
        let (file, table) = (self.stage.in_file()?, self.stage.in_table().await?);
        for (in_file, title, points) in &self.fresh {
            if self.expected.get(title) == Some(points) {
                let found = if *in_file { file.get(title) } else { table.get(title) };
                ensure!(found == Some(points), "{title}: {found:?} instead of {points}");
            }
        }
        Ok(())
    }
}

async fn play(seed: u64, server: bool, kind: Kind, two_way: bool) -> Result<()> {
    let stage = Stage::new(server, kind, two_way).await?;
    let (expected, only_there, fresh) = Default::default();
    let mut plot = Plot { draw: Draw(seed), stage, two_way, expected, only_there, fresh, counter: 0 };
    let rounds = 3;
    let taken = plot.draw.below(rounds);
    for round in 0..rounds {
        for _ in 0..4 + plot.draw.below(5) {
            plot.step().await?;
        }
        plot.in_step().await?;
        if round == taken {
            plot.stage.back_up()?;
        }
    }
    for _ in 0..plot.draw.below(5) {
        plot.step().await?;
    }
    let by_copy = plot.draw.below(2) == 0;
    plot.stage.put_back(by_copy)?;
    for _ in 0..2 {
        let run = plot.stage.sync(&[])?;
        ensure!(number(&run, "deleted")? == 0, "{run}");
        plot.ensure_no_edit_is_lost().await?;
    }
    ensure!(plot.stage.in_table().await?.len() >= plot.expected.len());
    let mut rounds = 0;
    while plot.stage.is_held()? {
        rounds += 1;
        ensure!(rounds < 8, "still not in step: {}", plot.stage.program.expect(0, &["conflicts"])?.stdout);
        plot.stage.sync(&["--confirm-deletes", "--allow-deletes", "1000"])?;
        plot.stage.answer(&plot.expected).await?;
    }
    plot.in_step().await?;
    let run = plot.stage.sync(&[])?;
    ensure!(number(&run, "updated")? + number(&run, "created")? + number(&run, "deleted")? == 0, "{run}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn an_older_ledger_comes_to_agree_with_its_places(
    #[values(false, true)] server: bool,
    #[values(Kind::Marker, Kind::MappedKey, Kind::Numbered)] kind: Kind,
    #[values(false, true)] two_way: bool,
) -> Result<()> {
    let histories = std::env::var("SYNCLINE_TEST_HISTORIES").ok().and_then(|text| text.parse().ok());
    for seed in 0..histories.unwrap_or(HISTORIES) {
        play(seed, server, kind, two_way).await.with_context(|| format!("history {seed}"))?;
    }
    Ok(())
}
