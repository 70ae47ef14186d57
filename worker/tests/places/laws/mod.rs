//! The laws, and the order in which a pair is held against them.

mod crossing;
mod edit;
mod idle;
mod malformed;
mod once;
mod reads;
mod refused;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::Context as _;
use syncline_engine::{Side, run::Options, side::Pair as Both};

use crate::{
    build::{build, shown},
    draw::Draw,
    faults::{Fault, Flaw},
    frame, generate,
    pair::{Kind, Pair},
    place::Place,
    snapshot::Snapshot,
    stage::{Ran, Stage, Sync},
};

/// What holds for every pair of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Law {
    /// A sync with nothing to do leaves every byte.
    Idle,
    /// One edited cell on one side changes that cell and no other byte on the other.
    Edit,
    /// What crosses, and comes back, is what it was.
    Crossing,
    /// Whatever is refused is named and left alone.
    Refused,
    /// A row is never created twice.
    Once,
    /// A file that is not well-formed never loses, merges or deletes a row.
    Malformed,
    /// What a run wrote, the next run reads.
    Reads,
}

pub(crate) const LAWS: [Law; 7] =
    [Law::Idle, Law::Edit, Law::Crossing, Law::Refused, Law::Once, Law::Malformed, Law::Reads];

/// To how many cases of each law a pair gave rise.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Applied([u64; 7]);

impl Applied {
    pub(crate) fn of(&self, law: Law) -> u64 {
        self.0[law as usize]
    }

    fn note(&mut self, law: Law, cases: usize) {
        self.0[law as usize] += cases as u64;
    }

    pub(crate) fn add(&mut self, other: &Applied) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
    }

    /// The same, counting pairs instead of cases.
    pub(crate) fn pairs(&self) -> Applied {
        Applied(self.0.map(|cases| cases.min(1)))
    }
}

/// Why a pair did not pass.
#[derive(Debug)]
pub(crate) enum Failure {
    Broken(Law, String),
    /// Something that is not the product's.
    Stage(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Stage(error.into())
    }
}

pub(crate) type Checked<T> = Result<T, Failure>;

/// A pair in play.
pub(crate) struct Play<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) pair: &'a Pair,
    pub(crate) places: Both<Place>,
    pub(crate) sync: Sync,
    pub(crate) fault: Arc<Fault>,
    pub(crate) draw: Draw,
    pub(crate) applied: Applied,
}

/// A run, and the places before and after it.
pub(crate) struct Step {
    pub(crate) ran: Ran,
    pub(crate) before: Both<Snapshot>,
    pub(crate) after: Both<Snapshot>,
}

/// The document and the places of a pair, for people.
pub(crate) async fn show(stage: &Stage, seed: u64) -> anyhow::Result<String> {
    let pair = generate::pair(seed);
    let mut text = String::new();
    let mut scopes = Vec::new();
    for side in Side::BOTH {
        let place = stage.place(pair.layouts.get(side), &format!("p{seed}_{side}")).await?;
        scopes.push(place.scope());
        text.push_str(&format!("--- the {side}\n{}\n", shown(&place, &pair, side)));
    }
    let target = scopes.pop().context("the target")?;
    let document =
        pair.document(&format!("p{seed}"), &Both::new(scopes.pop().context("the source")?, target));
    let lost = if pair.answer_lost { "\nThe answer to the first creates is lost." } else { "" };
    Ok(format!("{text}--- the document\n{document:#}{lost}"))
}

/// How many pairs were played.
static PLAYED: AtomicU64 = AtomicU64::new(0);

/// Holds the pair of a seed against every law.
pub(crate) async fn check(stage: &Stage, seed: u64, flaw: Option<Flaw>) -> Checked<Applied> {
    let pair = generate::pair(seed);
    // Tests that run beside each other share a database.
    let name = format!("p{seed}_{}", PLAYED.fetch_add(1, Ordering::Relaxed));
    let places = Both::new(
        stage.place(&pair.layouts.source, &format!("{name}_s")).await?,
        stage.place(&pair.layouts.target, &format!("{name}_t")).await?,
    );
    for side in Side::BOTH {
        build(places.get(side), &pair, side, true).await?;
    }
    let scopes = Both::new(places.source.scope(), places.target.scope());
    let sync =
        stage.sync(&pair.document(&format!("{name}-{}", uuid::Uuid::now_v7().simple()), &scopes)).await?;
    let fault = Fault::of(flaw, pair.answer_lost, &places);
    let draw = Draw::of(seed ^ 0x5eed);
    let mut play = Play { stage, pair: &pair, places, sync, fault, draw, applied: Applied::default() };
    let held = play.all().await;
    for side in Side::BOTH {
        stage.clear(play.places.get(side)).await?;
    }
    held.map(|()| play.applied)
}

impl Play<'_> {
    async fn all(&mut self) -> Checked<()> {
        let Some(first) = self.first().await? else { return Ok(()) };
        refused::check(self, &first)?;
        crossing::arrives(self, &first)?;
        reads::check(self, &first).await?;
        let last = idle::check(self, first).await?;
        let last = edit::check(self, last).await?;
        malformed::check(self, &last).await?;
        crossing::comes_back(self, &last).await?;
        edit::row_removed(self, &last).await
    }

    /// The first run, or the two that it takes where the answer to the first is lost. None if the pair was refused.
    async fn first(&mut self) -> Checked<Option<Step>> {
        let mut step = self.run(Options::default()).await?;
        if let Err(error) = &step.ran.outcome
            && error.contains("the answer was lost")
        {
            once::check(self, &step.after)?;
            let before = step.before;
            step = self.run(Options::default()).await?;
            // What the first of the two has written is on record under its name.
            step.before = before;
            once::check(self, &step.after)?;
            self.applied.note(Law::Once, 1);
        } else if step.ran.outcome.is_ok() {
            self.hold_frame(&step, Law::Refused)?;
        }
        self.fault.lose_nothing();
        if let Err(error) = step.ran.outcome {
            refused::whole_run(self, &error, &step.before, &step.after)?;
            return Ok(None);
        }
        once::count(self, &step);
        Ok(Some(step))
    }

    /// A run, with the law that holds after each: no row is there twice.
    pub(crate) async fn run(&mut self, options: Options) -> Checked<Step> {
        let before = self.look(Law::Reads).await?;
        self.run_from(before, options).await
    }

    pub(crate) async fn run_from(&mut self, before: Both<Snapshot>, options: Options) -> Checked<Step> {
        self.fault.next_run();
        let ran = self.stage.run(&self.sync, &self.fault, options).await?;
        self.places.source.settle()?;
        self.places.target.settle()?;
        let after = self.look(Law::Reads).await?;
        once::check(self, &after)?;
        Ok(Step { ran, before, after })
    }

    /// Both places as they are; a file that does not split breaks the law.
    pub(crate) async fn look(&self, law: Law) -> Checked<Both<Snapshot>> {
        let mut seen = Vec::new();
        for side in Side::BOTH {
            let place = self.places.get(side);
            let look = place.look().await;
            match (look, place.layout.kind) {
                (Err(error), Kind::Csv) => {
                    return Err(Failure::Broken(law, format!("the file of the {side} is broken: {error}")));
                }
                (look, _) => seen.push(look.with_context(|| format!("the {side}"))?),
            }
        }
        let target = seen.pop().context("the target")?;
        Ok(Both::new(seen.pop().context("the source")?, target))
    }

    /// Each side has changed by what is on record, and by nothing else.
    pub(crate) fn hold_frame(&self, step: &Step, law: Law) -> Checked<()> {
        for side in Side::BOTH {
            let written = frame::written(&step.ran, side);
            frame::check(self.places.get(side), step.before.get(side), step.after.get(side), &written)
                .map_err(|what| Failure::Broken(law, format!("on the {side}: {what}")))?;
        }
        Ok(())
    }

    /// Why a link is not in step, if the product says so.
    pub(crate) fn excuse(
        &self,
        ran: &Ran,
        link: &syncline_entity::sync_metadata::Model,
        field: usize,
    ) -> bool {
        let names: Vec<&str> = Side::BOTH.iter().map(|side| self.pair.field_name(field, *side)).collect();
        let named = |error: &String| {
            names.iter().any(|name| error.contains(*name) || error.contains(&format!("{name:?}")))
        };
        let asked = |conflict: &syncline_entity::sync_conflict::Model| {
            conflict.link_id == link.id && conflict.field.as_deref().is_none_or(|field| names[0] == field)
        };
        link.last_error.as_ref().is_some_and(named) || ran.conflicts.iter().any(asked)
    }
}
